"""Settling obligations in the reserve ledger (P-05): gross as they are claimed, or net in cycles.

Gross, a claim settles when it is presented, as far as the debtor's issuance covers it; the rest
waits. Net, claims wait for a cycle, which the operator starts. A cycle settles everything that
waits, whatever the mode: so it also frees claims that wait for one another in gross mode. It is one
transaction: positions move, and every bilateral total behind them advances, or nothing does.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum

from feiqian.central import claims
from feiqian.central.claims import Obligation, Statement
from feiqian.central.ledger import (
    EntryKind,
    LedgerEntry,
    Posting,
    balance_minor,
    issuance,
    move,
    post,
)
from feiqian.central.netting import Claim, covered_claims, net_positions
from feiqian.outcomes import Outcome
from feiqian.ports import Transaction
from feiqian.wire.platform_requests import SettledClaim

_MODE = "settlement_mode"
"""The name of the mode among the settings."""


class SettlementMode(StrEnum):
    """When claims settle."""

    GROSS = "gross"
    NET = "net"


@dataclass(frozen=True, slots=True)
class Cycle:
    """What a cycle did: claims settled, those left out, and the position of each institution."""

    number: int
    settled: tuple[Claim, ...]
    left_out: tuple[Claim, ...]
    positions_minor: dict[str, int]


def mode(tx: Transaction) -> SettlementMode:
    """The mode in force; gross until the operator says otherwise."""
    rows = tx.query("SELECT value FROM settings WHERE name = ?", (_MODE,))
    return SettlementMode(str(rows[0][0])) if rows else SettlementMode.GROSS


def choose_mode(tx: Transaction, chosen: SettlementMode) -> None:
    """Change the mode; what waits goes on waiting."""
    tx.execute(
        "INSERT INTO settings (name, value) VALUES (?, ?) "
        "ON CONFLICT (name) DO UPDATE SET value = excluded.value",
        (_MODE, chosen),
    )


def present(tx: Transaction, statement: Statement, now_ms: int) -> SettledClaim:
    """Record a creditor's claim and, in gross mode, settle it as far as it is covered."""
    value = statement.value
    before = claims.obligation(tx, value.debtor, value.creditor)
    after = claims.record(tx, statement)
    if mode(tx) is SettlementMode.GROSS:
        after = _settle_gross(tx, after, now_ms)
    outcome = Outcome.REPEATED if after == before else Outcome.ACCEPTED
    detail = f"{after.due_minor} waits" if after.due_minor else ""
    return SettledClaim(
        value.debtor, outcome, detail, after.claimed_total_minor, after.settled_total_minor
    )


def _settle_gross(tx: Transaction, owed: Obligation, now_ms: int) -> Obligation:
    covered_minor = min(owed.due_minor, balance_minor(tx, issuance(owed.debtor)))
    if not covered_minor:
        return owed
    post(
        tx,
        LedgerEntry(EntryKind.GROSS, f"claim {owed.debtor} {owed.creditor}", now_ms),
        move(issuance(owed.debtor), issuance(owed.creditor), covered_minor),
    )
    claims.advance(tx, Claim(owed.debtor, owed.creditor, covered_minor), None, now_ms)
    return claims.obligation(tx, owed.debtor, owed.creditor)


def run_cycle(tx: Transaction, now_ms: int) -> Cycle:
    """Net all that waits, move the positions, and count the claims behind them as settled."""
    waiting = claims.open_claims(tx)
    settled = covered_claims(waiting, _cover_minor(tx, waiting))
    left_out = tuple(sorted(set(waiting).difference(settled)))
    positions = net_positions(settled)
    number = _book_cycle(tx, settled, positions, now_ms)
    for claim in settled:
        claims.advance(tx, claim, number, now_ms)
    return Cycle(number, settled, left_out, positions)


def _cover_minor(tx: Transaction, waiting: Iterable[Claim]) -> dict[str, int]:
    debtors = {claim.debtor for claim in waiting}
    return {code: balance_minor(tx, issuance(code)) for code in debtors}


def _book_cycle(
    tx: Transaction, settled: Sequence[Claim], positions: dict[str, int], now_ms: int
) -> int:
    [[last]] = tx.query("SELECT COALESCE(MAX(number), 0) FROM cycles")
    number = int(last or 0) + 1
    postings = [
        Posting(issuance(code), position_minor)
        for code, position_minor in sorted(positions.items())
        if position_minor
    ]
    entry = None
    if postings:
        entry = post(tx, LedgerEntry(EntryKind.NET, f"cycle {number}", now_ms), postings)
    settled_minor = sum(claim.amount_minor for claim in settled)
    moved_minor = sum(amount_minor for amount_minor in positions.values() if amount_minor > 0)
    tx.execute(
        "INSERT INTO cycles (number, entry, settled_minor, moved_minor, run_at_ms) "
        "VALUES (?, ?, ?, ?, ?)",
        (number, entry, settled_minor, moved_minor, now_ms),
    )
    return number
