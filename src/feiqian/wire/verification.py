"""Back-end verification of what was received offline (D-04, D-06, D-10, D-12).

The payee's client brings full pieces to its own institution, which asks each issuer. An issuer that
finds no conflict records the history: whoever comes later with another transfer of the same state is
the double spender. Nothing is redeemed; the last output goes on circulating, its owner gets it
renewed, so that its chain is one signature and it can go by identifier alone. Verifying again is
harmless. A verdict is signed by whoever decided. Without one nothing is decided: never acceptance.
"""

from typing import Annotated

from msgspec import Meta, Struct

from feiqian.crypto.certificates import InstitutionCode, UnixMs
from feiqian.crypto.signed import SignedKind
from feiqian.money.identifiers import Identifier
from feiqian.outcomes import Outcome
from feiqian.wire.envelope import message
from feiqian.wire.items import Items, PaymentItem, RawCurrency
from feiqian.wire.payment import Detail
from feiqian.wire.request_envelope import RequestId

VERIFICATIONS_PATH = "/v1/verifications"
"""Where an institution verifies what its wallets receive."""
VERIFY_PATH = "/v1/verify"
"""Where an issuer verifies for another institution."""
MAX_VERDICT_BYTES = 640
MAX_VERIFIED = 64
"""Most items in one request between institutions."""
MAX_VERIFY_BYTES = 1_048_576


@message(6)
class VerificationRequest(Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """Payee's client -> its institution: full pieces that its chip, or any chip, has accepted."""

    items: Items


class Verdict(Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """The payload that the deciding institution signs.

    Outcome: accepted (recorded now), repeated (it was recorded before), double_spent, or what else
    is wrong with the item.
    """

    version: int
    decided_by: InstitutionCode
    """The issuer; the back end itself for what it refuses before asking the issuer."""
    transfer: Identifier
    """The last transfer of the item."""
    outcome: Outcome
    detail: Detail
    evidence: Identifier | None
    """On double_spent: the name of the evidence, to be fetched by it."""
    decided_at_ms: UnixMs


VERDICT = SignedKind(b"feiqian/verdict", Verdict, MAX_VERDICT_BYTES)


class VerifiedItem(Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """What became of one item."""

    verdict: Annotated[bytes, Meta(max_length=MAX_VERDICT_BYTES)] | None
    """Signed; None when the issuer could not be asked: nothing is decided, ask again."""
    renewal: RawCurrency | None
    """The last output re-issued to its owner, as long as it circulates."""


@message(7)
class VerificationResult(Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """One result for each item, in order. Also what an issuer answers another institution."""

    results: Annotated[tuple[VerifiedItem, ...], Meta(max_length=MAX_VERIFIED)]


class VerifyRequest(Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """The payload that an institution signs when it asks an issuer for its wallets."""

    version: int
    request_id: RequestId
    sender: InstitutionCode
    issuer: InstitutionCode
    sent_at_ms: UnixMs
    items: Annotated[tuple[PaymentItem, ...], Meta(min_length=1, max_length=MAX_VERIFIED)]


VERIFY_REQUEST = SignedKind(b"feiqian/verify-request", VerifyRequest, MAX_VERIFY_BYTES)
