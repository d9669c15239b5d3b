"""Double spends that this institution's record has come upon, kept as evidence (D-13).

The transfer that lost is kept with its certificate; the one that won stands in the record. Together
they are evidence, made in the transaction that found the conflict, the same bytes in whichever order
the two arrived. Evidence waits here until the platform has answered the report of it.
"""

from dataclasses import dataclass

from feiqian.crypto.trust import TrustStore
from feiqian.institution.record import DoubleSpend
from feiqian.outcomes import Outcome, Refusal
from feiqian.ports import Transaction
from feiqian.wire.evidence import make_evidence, name_evidence


@dataclass(frozen=True, slots=True)
class Unreported:
    """Evidence that the platform does not have yet."""

    identifier: bytes
    raw: bytes
    recorded: bytes
    """The name of the transfer that the record honours."""


def keep(
    tx: Transaction, trust: TrustStore, conflict: DoubleSpend, presenter: str, now_ms: int
) -> bytes | None:
    """Keep a conflict; the name of its evidence, None when there is no second transfer."""
    transfer, first = conflict.presented, conflict.first
    tx.execute(
        "INSERT INTO conflicts (transfer, consumed, raw, certificate, presenter, found_at_ms)"
        " VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT (transfer) DO NOTHING",
        (
            transfer.name,
            transfer.value.consumed,
            transfer.raw,
            conflict.certificate,
            presenter,
            now_ms,
        ),
    )
    if first is None:
        return None
    consumed = transfer.value.consumed
    name = name_evidence(trust.suite, consumed, (first.name, transfer.name))
    certificates = (first.certificate, conflict.certificate)
    tx.execute(
        "INSERT INTO evidence (identifier, consumed, recorded, raw, found_at_ms, list_number)"
        " VALUES (?, ?, ?, ?, ?, NULL) ON CONFLICT (identifier) DO NOTHING",
        (
            name,
            consumed,
            first.name,
            make_evidence(trust, (first.raw, transfer.raw), certificates),
            now_ms,
        ),
    )
    return name


def find_evidence(tx: Transaction, identifier: bytes) -> bytes:
    """Evidence by its name (encoded). `Refusal` unknown_identifier."""
    rows = tx.query("SELECT raw FROM evidence WHERE identifier = ?", (identifier,))
    if not rows:
        raise Refusal(Outcome.UNKNOWN_IDENTIFIER, "expected the name of evidence kept here")
    return bytes(rows[0][0])


def unreported(tx: Transaction, limit: int) -> list[Unreported]:
    """Evidence that the platform has not answered yet, oldest first."""
    rows = tx.query(
        "SELECT identifier, raw, recorded FROM evidence WHERE list_number IS NULL"
        " ORDER BY found_at_ms, identifier LIMIT ?",
        (limit,),
    )
    return [Unreported(*row) for row in rows]


def mark_reported(tx: Transaction, identifier: bytes, list_number: int) -> None:
    """The platform has answered: the list of this number has it."""
    tx.execute(
        "UPDATE evidence SET list_number = ? WHERE identifier = ?", (list_number, identifier)
    )
