"""What the holder sees of the past: sessions and errands as one list, newest first."""

from enum import StrEnum

from msgspec import Struct

from feiqian.ports import Transaction
from feiqian.wallet.session_rows import read_judgement

MAX_SHOWN = 1_000


class HistoryKind(StrEnum):
    """What happened to the wallet."""

    PAID = "paid"
    RECEIVED = "received"
    WITHDRAWN = "withdrawn"
    DEPOSITED = "deposited"
    CONVERTED = "converted"


class HistoryLine(Struct, frozen=True):
    """One line."""

    reference: str
    """The nonce in hexadecimal."""
    at_ms: int
    kind: HistoryKind
    amount_minor: int
    counterparty: str
    standing: str
    """done, pending or refused."""
    detail: str
    checked_by: str = ""
    """Received by the chip: ``back end`` or which list."""
    verification: str = ""
    """Received by the chip: unverified, verified, anomalous."""


_STANDING = (
    "CASE WHEN stage IN ('confirmed', 'accepted', 'done') THEN 'done'"
    " WHEN stage = 'refused' THEN 'refused' ELSE 'pending' END"
)
_HISTORY = (
    "SELECT nonce, opened_at_ms, CASE role WHEN 'payer' THEN 'paid' ELSE 'received' END,"  # noqa: S608 - constants
    f" amount_minor, peer, {_STANDING}, detail, judgement, verification FROM sessions WHERE stage <> 'offered'"
    " UNION ALL SELECT nonce, opened_at_ms, CASE action WHEN 'withdraw' THEN 'withdrawn'"
    f" WHEN 'deposit' THEN 'deposited' ELSE 'converted' END, amount_minor, '', {_STANDING}, detail,"
    " NULL, '' FROM errands ORDER BY 2 DESC, 1 LIMIT ?"
)


def entries(tx: Transaction, limit: int = MAX_SHOWN) -> list[HistoryLine]:
    """The newest `limit` entries."""
    rows = tx.query(_HISTORY, (min(limit, MAX_SHOWN),))
    return [
        HistoryLine(
            nonce.hex(),
            at_ms,
            HistoryKind(kind),
            amount_minor,
            peer,
            standing,
            detail,
            _checked_by(judgement),
            verification,
        )
        for nonce, at_ms, kind, amount_minor, peer, standing, detail, judgement, verification in rows
    ]


def _checked_by(raw: bytes | None) -> str:
    judgement = read_judgement(raw)
    return "" if judgement is None else judgement.checked_by
