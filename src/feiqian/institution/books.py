"""The institution's own books: double entry, in minor units.

Accounts: ``authorised`` (what the platform lets us issue) and ``claims:X`` (what X owes us) are
assets; ``circulation`` (our currency in people's hands), ``headroom`` (authorised, not issued),
``returning`` (headroom on its way back to the platform), ``obligations:X`` (what we owe X) are
liabilities. Hence, by construction, at every moment
``authorised + claims = circulation + headroom + returning + obligations``. Balances are kept as debit minus
credit for assets and credit minus debit for liabilities, and none may go below zero. Bank money
stands in ``deposits`` against ``bank_cash``.
"""

from enum import StrEnum

from feiqian.outcomes import Outcome, Refusal
from feiqian.ports import Transaction

AUTHORISED = "authorised"
CIRCULATION = "circulation"
HEADROOM = "headroom"
RETURNING = "returning"
BANK_CASH = "bank_cash"
DEPOSITS = "deposits"


class BalanceSide(StrEnum):
    """On which side an account's balance grows."""

    DEBIT = "debit"
    CREDIT = "credit"


_ASSETS = (AUTHORISED, BANK_CASH)


def claims_on(code: str) -> str:
    """The account of what `code` owes us."""
    return f"claims:{code}"


def obligations_to(code: str) -> str:
    """The account of what we owe `code`."""
    return f"obligations:{code}"


def side_of(account: str) -> BalanceSide:
    """Assets grow by debit, liabilities by credit."""
    is_asset = account in _ASSETS or account.startswith("claims:")
    return BalanceSide.DEBIT if is_asset else BalanceSide.CREDIT


def post(
    tx: Transaction, debit: str, credit: str, amount_minor: int, reference: str, now_ms: int
) -> None:
    """One posting of `amount_minor` (zero posts nothing); balances follow.

    Raises `Refusal` quota_exceeded when an account would go below zero, so the job undoes itself.
    """
    if amount_minor == 0:
        return
    tx.execute(
        "INSERT INTO postings (debit, credit, amount_minor, reference, posted_at_ms)"
        " VALUES (?, ?, ?, ?, ?)",
        (debit, credit, amount_minor, reference, now_ms),
    )
    _move(tx, debit, amount_minor if side_of(debit) is BalanceSide.DEBIT else -amount_minor)
    _move(tx, credit, amount_minor if side_of(credit) is BalanceSide.CREDIT else -amount_minor)


def balance(tx: Transaction, account: str) -> int:
    """The balance of `account` in minor units."""
    rows = tx.query("SELECT balance_minor FROM balances WHERE account = ?", (account,))
    return int(rows[0][0]) if rows else 0


def balances(tx: Transaction) -> dict[str, int]:
    """Every account that was ever posted to."""
    rows = tx.query("SELECT account, balance_minor FROM balances ORDER BY account")
    return {str(account): int(amount) for account, amount in rows}


def _move(tx: Transaction, account: str, change_minor: int) -> None:
    rows = tx.query(
        "INSERT INTO balances (account, balance_minor) VALUES (?, ?)"
        " ON CONFLICT (account) DO UPDATE SET"
        " balance_minor = balances.balance_minor + excluded.balance_minor"
        " RETURNING balance_minor",
        (account, change_minor),
    )
    if int(rows[0][0]) < 0:
        raise Refusal(
            Outcome.QUOTA_EXCEEDED, f"expected {account} to cover {-change_minor} minor units"
        )
