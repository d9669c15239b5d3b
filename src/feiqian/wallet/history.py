"""What the holder sees of the past: sessions and errands as one list, newest first."""

from enum import StrEnum

from msgspec import Struct

from feiqian.ports import Transaction

MAX_SHOWN = 1_000


class Kind(StrEnum):
    """What happened to the wallet."""

    PAID = "paid"
    RECEIVED = "received"
    WITHDRAWN = "withdrawn"
    DEPOSITED = "deposited"
    CONVERTED = "converted"


class Entry(Struct, frozen=True):
    """One line."""

    reference: str
    """The nonce in hexadecimal."""
    at_ms: int
    kind: Kind
    amount_minor: int
    counterparty: str
    standing: str
    """done, pending or refused."""
    detail: str


_STANDING = (
    "CASE stage WHEN 'confirmed' THEN 'done' WHEN 'done' THEN 'done'"
    " WHEN 'refused' THEN 'refused' ELSE 'pending' END"
)
_HISTORY = (
    "SELECT nonce, opened_at_ms, CASE role WHEN 'payer' THEN 'paid' ELSE 'received' END,"  # noqa: S608 - constants
    f" amount_minor, peer, {_STANDING}, detail FROM sessions WHERE stage <> 'offered'"
    " UNION ALL SELECT nonce, opened_at_ms, CASE action WHEN 'withdraw' THEN 'withdrawn'"
    f" WHEN 'deposit' THEN 'deposited' ELSE 'converted' END, amount_minor, '', {_STANDING}, detail"
    " FROM errands ORDER BY 2 DESC, 1 LIMIT ?"
)


def entries(tx: Transaction, limit: int = MAX_SHOWN) -> list[Entry]:
    """The newest `limit` entries."""
    rows = tx.query(_HISTORY, (min(limit, MAX_SHOWN),))
    return [
        Entry(nonce.hex(), at_ms, Kind(kind), amount_minor, peer, standing, detail)
        for nonce, at_ms, kind, amount_minor, peer, standing, detail in rows
    ]
