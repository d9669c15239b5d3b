"""Bank accounts of the institution's customers: bank money in minor units, never below zero."""

from feiqian.institution import books
from feiqian.outcomes import Outcome, Refusal
from feiqian.ports import Transaction

SEED = "opening"


def open_account(tx: Transaction, number: str, opening_minor: int, now_ms: int) -> None:
    """A new account; `opening_minor` is what it starts with."""
    tx.execute("INSERT INTO accounts (number, balance_minor) VALUES (?, 0)", (number,))
    pay_in(tx, number, opening_minor, SEED, now_ms)


def pay_in(tx: Transaction, number: str, amount_minor: int, reference: str, now_ms: int) -> None:
    """Bank money from outside into an account."""
    books.post(tx, books.BANK_CASH, books.DEPOSITS, amount_minor, reference, now_ms)
    _change(tx, number, amount_minor)


def debit(tx: Transaction, number: str, amount_minor: int, reference: str, now_ms: int) -> None:
    """Bank money out of an account. `Refusal`: unknown_wallet, insufficient_funds."""
    if balance_of(tx, number) < amount_minor:
        raise Refusal(
            Outcome.INSUFFICIENT_FUNDS, f"expected {amount_minor} minor units in {number}"
        )
    books.post(tx, books.DEPOSITS, books.BANK_CASH, amount_minor, reference, now_ms)
    _change(tx, number, -amount_minor)


def balance_of(tx: Transaction, number: str) -> int:
    """The balance. `Refusal` unknown_wallet when there is no such account."""
    rows = tx.query("SELECT balance_minor FROM accounts WHERE number = ?", (number,))
    if not rows:
        raise Refusal(Outcome.UNKNOWN_WALLET, "expected a wallet with a bank account")
    return int(rows[0][0])


def _change(tx: Transaction, number: str, change_minor: int) -> None:
    changed = tx.execute(
        "UPDATE accounts SET balance_minor = balance_minor + ? WHERE number = ?",
        (change_minor, number),
    )
    if not changed:
        raise Refusal(Outcome.UNKNOWN_WALLET, f"expected the number of an account, got {number!r}")
