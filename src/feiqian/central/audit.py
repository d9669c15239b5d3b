"""What must hold in the platform's books at every moment (P-06), checked from the stored rows.

Each check answers with what it found wrong; nothing found means that the invariant holds. A broken
one is a defect, never a business result: the report shows it and nobody repairs it silently.
"""

from collections.abc import Callable

from msgspec import Struct

from feiqian.central.ledger import OUTSIDE
from feiqian.ports import Row, Transaction

MAX_FOUND = 8
"""Most contradictions named for one invariant."""


class Invariant(Struct, frozen=True):
    """A sentence that must be true, and what contradicts it."""

    promise: str
    holds: bool
    found: str


def invariants(tx: Transaction) -> tuple[Invariant, ...]:
    """Check them all, in the order of the table below."""
    found = ((promise, check(tx)) for promise, check in _CHECKS.items())
    return tuple(Invariant(promise, not rows, _sentence(rows)) for promise, rows in found)


def _sentence(rows: list[Row]) -> str:
    return "; ".join(" ".join(map(str, row)) for row in rows[:MAX_FOUND])


def _unbalanced_entries(tx: Transaction) -> list[Row]:
    return tx.query(
        "SELECT entry, CAST(SUM(amount_minor) AS BIGINT) FROM postings "
        "GROUP BY entry HAVING SUM(amount_minor) <> 0"
    )


def _wrong_balances(tx: Transaction) -> list[Row]:
    return tx.query(
        "SELECT balances.account, balance_minor, posted_minor FROM balances JOIN "
        "(SELECT account, CAST(SUM(amount_minor) AS BIGINT) AS posted_minor "
        "FROM postings GROUP BY account) AS posted ON posted.account = balances.account "
        "WHERE balance_minor <> posted_minor "
        "UNION ALL SELECT account, 0, CAST(SUM(amount_minor) AS BIGINT) FROM postings "
        "WHERE account NOT IN (SELECT account FROM balances) GROUP BY account"
    )


def _overdrawn_accounts(tx: Transaction) -> list[Row]:
    return tx.query(
        "SELECT account, balance_minor FROM balances WHERE balance_minor < 0 AND account <> ?",
        (OUTSIDE,),
    )


def _wrong_issuance(tx: Transaction) -> list[Row]:
    """Per institution: its balance against its orders and the settlements it took part in."""
    return tx.query(
        "SELECT code, balance_minor, expected_minor FROM ("
        "SELECT code, "
        "COALESCE((SELECT balance_minor FROM balances WHERE account = 'issuance:' || code), 0) "
        "AS balance_minor, "
        "CAST(COALESCE((SELECT SUM(amount_minor) FROM issuance_orders "
        "WHERE institution = code), 0) "
        "+ COALESCE((SELECT SUM(amount_minor) FROM settlements WHERE creditor = code), 0) "
        "- COALESCE((SELECT SUM(amount_minor) FROM settlements WHERE debtor = code), 0) "
        "AS BIGINT) AS expected_minor FROM institutions) AS compared "
        "WHERE balance_minor <> expected_minor"
    )


def _wrong_total(tx: Transaction) -> list[Row]:
    return tx.query(
        "SELECT issued_minor, ordered_minor FROM ("
        "SELECT CAST(COALESCE((SELECT SUM(balance_minor) FROM balances "
        "WHERE account LIKE 'issuance:%'), 0) AS BIGINT) AS issued_minor, "
        "CAST(COALESCE((SELECT SUM(amount_minor) FROM issuance_orders), 0) AS BIGINT) "
        "AS ordered_minor) AS totals WHERE issued_minor <> ordered_minor"
    )


def _wrong_settlements(tx: Transaction) -> list[Row]:
    return tx.query(
        "SELECT debtor, creditor, settled_total_minor FROM obligations "
        "WHERE settled_total_minor > claimed_total_minor OR settled_total_minor <> "
        "COALESCE((SELECT SUM(amount_minor) FROM settlements WHERE "
        "settlements.debtor = obligations.debtor AND settlements.creditor = obligations.creditor), "
        "0)"
    )


_CHECKS: dict[str, Callable[[Transaction], list[Row]]] = {
    "every ledger entry adds up to zero": _unbalanced_entries,
    "every balance is the sum of its postings": _wrong_balances,
    "no institution's account is overdrawn": _overdrawn_accounts,
    "what an institution may issue is its orders and settlements": _wrong_issuance,
    "all issuance is what was ordered": _wrong_total,
    "nothing is settled twice or above its claim": _wrong_settlements,
}
