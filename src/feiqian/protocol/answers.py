"""Reading an institution's signed answer to a signed request.

The answer must be signed by the institution asked and name the request it answers; a refusal inside
it is raised by name, so that callers see one kind of failure whether it was signed or not.
"""

from typing import TypeVar

from msgspec import Struct

from feiqian.crypto import cbor
from feiqian.crypto.trust import TrustStore
from feiqian.outcomes import SUCCESSES, Outcome, Refusal
from feiqian.wire.request_envelope import ANSWER, MAX_BODY_BYTES

S = TypeVar("S", bound=Struct)


def read_answer(
    trust: TrustStore, institution: str, raw: bytes, request_id: bytes, shape: type[S]
) -> S:
    """The result in an answer. Raises `Refusal`: malformed and its kin, bad_signature,
    wrong_session when it answers another request, or what the institution refused.
    """
    public = trust.institution(institution).value.public_key
    answer = ANSWER.read(trust.suite, raw, public)
    if answer.request_id != request_id:
        raise Refusal(Outcome.WRONG_SESSION, "expected the answer to this request")
    if answer.outcome not in SUCCESSES:
        raise Refusal(answer.outcome, answer.detail)
    return cbor.decode(answer.result, shape, limit=MAX_BODY_BYTES)
