"""Obligations as the platform knows them: what creditors have shown, and what is settled of it (P-05).

A debtor signs statements of the total it has ever owed a creditor; the creditor presents the newest.
Totals only grow, so the highest one shown is the claim: an older, repeated or lost statement changes
nothing. What is settled is a total of the same kind, and never above the claim.
"""

from dataclasses import dataclass

from feiqian.central.netting import Claim
from feiqian.crypto import cose
from feiqian.crypto.suites import Suite
from feiqian.crypto.trust import TrustStore
from feiqian.outcomes import Outcome, Refusal
from feiqian.ports import Row, Transaction
from feiqian.wire.cashing import OBLIGATION_STATEMENT, ObligationStatement
from feiqian.wire.platform_requests import SettledPair

_SELECT = "SELECT debtor, creditor, claimed_total_minor, settled_total_minor FROM obligations"


@dataclass(frozen=True, slots=True)
class Statement:
    """An obligation statement as read; `verify_statement` says whether it is the debtor's word."""

    signed: cose.Sign1
    value: ObligationStatement


@dataclass(frozen=True, slots=True)
class Obligation:
    """Between one debtor and one creditor: totals since the beginning, in minor units."""

    debtor: str
    creditor: str
    claimed_total_minor: int
    settled_total_minor: int

    @property
    def due_minor(self) -> int:
        """Claimed and not settled yet."""
        return self.claimed_total_minor - self.settled_total_minor


@dataclass(frozen=True, slots=True)
class Unsettled:
    """What an institution owes and is owed, as far as it was claimed; minor units."""

    by_it_minor: int
    to_it_minor: int


def read_statement(suite: Suite, raw: bytes) -> Statement:
    """Judge the bytes alone. `Refusal`: malformed and its kin."""
    signed, value = OBLIGATION_STATEMENT.parse(suite, raw)
    if value.debtor == value.creditor:
        raise Refusal(Outcome.MALFORMED, "expected a debtor other than the creditor")
    return Statement(signed, value)


def verify_statement(trust: TrustStore, creditor: str, statement: Statement) -> None:
    """Check that the debtor signed it, to this creditor.

    When it was signed does not matter: an institution keeps its key, and its word stays good.
    Raises `Refusal`: unknown_issuer, bad_signature, wrong_addressee.
    """
    debtor = trust.institution(statement.value.debtor).value
    OBLIGATION_STATEMENT.verify(trust.suite, debtor.public_key, statement.signed)
    if statement.value.creditor != creditor:
        raise Refusal(Outcome.WRONG_ADDRESSEE, f"expected a statement made to {creditor}")


def record(tx: Transaction, statement: Statement) -> Obligation:
    """Take a statement into account; the obligation as it stands then."""
    value = statement.value
    tx.execute(
        "INSERT INTO obligations "
        "(debtor, creditor, claimed_total_minor, settled_total_minor, statement_raw) "
        "VALUES (?, ?, ?, 0, ?) ON CONFLICT (debtor, creditor) DO UPDATE "
        "SET claimed_total_minor = excluded.claimed_total_minor, "
        "statement_raw = excluded.statement_raw "
        "WHERE excluded.claimed_total_minor > obligations.claimed_total_minor",
        (value.debtor, value.creditor, value.owed_total_minor, statement.signed.raw),
    )
    return obligation(tx, value.debtor, value.creditor)


def obligation(tx: Transaction, debtor: str, creditor: str) -> Obligation:
    """What is claimed and settled between two institutions."""
    rows = tx.query(f"{_SELECT} WHERE debtor = ? AND creditor = ?", (debtor, creditor))
    return _obligation(rows[0]) if rows else Obligation(debtor, creditor, 0, 0)


def obligations(tx: Transaction) -> tuple[Obligation, ...]:
    """All obligations, by debtor and creditor."""
    rows = tx.query(f"{_SELECT} ORDER BY debtor, creditor")
    return tuple(_obligation(row) for row in rows)


def open_claims(tx: Transaction) -> tuple[Claim, ...]:
    """All that is claimed and not settled, by debtor and creditor."""
    return tuple(
        Claim(known.debtor, known.creditor, known.due_minor)
        for known in obligations(tx)
        if known.due_minor
    )


def unsettled_minor(tx: Transaction, code: str) -> Unsettled:
    """What `code` owes and is owed."""
    rows = tx.query(f"{_SELECT} WHERE debtor = ? OR creditor = ?", (code, code))
    mine = [_obligation(row) for row in rows]
    return Unsettled(
        by_it_minor=sum(owed.due_minor for owed in mine if owed.debtor == code),
        to_it_minor=sum(owed.due_minor for owed in mine if owed.creditor == code),
    )


def settled_pairs(tx: Transaction, code: str) -> tuple[SettledPair, ...]:
    """What is settled in all with each institution that `code` owes or is owed by."""
    rows = tx.query(
        f"{_SELECT} WHERE debtor = ? OR creditor = ? ORDER BY debtor, creditor", (code, code)
    )
    found = (_obligation(row) for row in rows)
    return tuple(
        SettledPair(pair.debtor, pair.creditor, pair.settled_total_minor) for pair in found
    )


def advance(tx: Transaction, claim: Claim, cycle: int | None, now_ms: int) -> None:
    """Count `claim` as settled, in a net `cycle` or, without one, gross."""
    [[settled_total]] = tx.query(
        "UPDATE obligations SET settled_total_minor = settled_total_minor + ? "
        "WHERE debtor = ? AND creditor = ? RETURNING settled_total_minor",
        (claim.amount_minor, claim.debtor, claim.creditor),
    )
    [[last]] = tx.query("SELECT COALESCE(MAX(number), 0) FROM settlements")
    tx.execute(
        "INSERT INTO settlements "
        "(number, cycle, debtor, creditor, amount_minor, settled_total_minor, settled_at_ms) "
        "VALUES (?, ?, ?, ?, ?, ?, ?)",
        (
            int(last or 0) + 1,
            cycle,
            claim.debtor,
            claim.creditor,
            claim.amount_minor,
            settled_total,
            now_ms,
        ),
    )


def _obligation(row: Row) -> Obligation:
    debtor, creditor, claimed_total_minor, settled_total_minor = row
    assert isinstance(debtor, str)
    assert isinstance(creditor, str)
    assert isinstance(claimed_total_minor, int)
    assert isinstance(settled_total_minor, int)
    return Obligation(debtor, creditor, claimed_total_minor, settled_total_minor)
