"""Every request has a key that its sender made; under that key one thing happens at most once (P-07).

The first decision on a key is stored with the digest of the request, in the transaction that carries
it out. The same request then gets the same bytes for ever; another request under the key is refused.
"""

from collections.abc import Callable
from dataclasses import dataclass

import msgspec
from msgspec import Struct

from feiqian.crypto.suites import Suite
from feiqian.outcomes import Outcome, Refusal
from feiqian.ports import Transaction


@dataclass(frozen=True, slots=True)
class Key:
    """Who asked, under which key, and the digest of all they asked."""

    sender: str
    request_id: bytes
    digest: bytes


def operator_key(suite: Suite, operator: str, key: str, action: Struct) -> Key:
    """The key of an operator's action; operators do not share keys."""
    said = msgspec.json.encode((type(action).__name__, action))
    return Key(operator, key.encode(), suite.digest(said))


def once(tx: Transaction, key: Key, decide: Callable[[], bytes]) -> bytes:
    """The stored answer, or what `decide` answers now, stored.

    Raises `Refusal` key_reused, and whatever `decide` raises; then nothing is stored.
    """
    known = tx.query(
        "SELECT digest, answer FROM answers WHERE sender = ? AND request_id = ?",
        (key.sender, key.request_id),
    )
    if known:
        return _same(key, known[0])
    answer = decide()
    tx.execute(
        "INSERT INTO answers (sender, request_id, digest, answer) VALUES (?, ?, ?, ?)",
        (key.sender, key.request_id, key.digest, answer),
    )
    return answer


def _same(key: Key, known: tuple[object, ...]) -> bytes:
    digest, answer = known
    if digest != key.digest or not isinstance(answer, bytes):
        raise Refusal(Outcome.KEY_REUSED, "expected a new key for a different request")
    return answer
