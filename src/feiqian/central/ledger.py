"""The reserve ledger: double entry, in which every entry adds up to zero.

Each institution has two accounts. ``reserves:A`` is central bank money that A holds here.
``issuance:A`` is the part of it that A has had turned into digital currency: its balance is what A
is authorised to have issued. The counter account ``outside`` stands for the world the reserves came
from; it alone may be negative, and minus its balance is all that was ever paid in.

    pay in      outside    -> reserves:A       by the operator
    pay out     reserves:A -> outside          by the operator
    issue       reserves:A -> issuance:A       by A's signed request
    return      issuance:A -> reserves:A       by A's signed request
    settle      issuance:A -> issuance:B       A owes B for currency of A that B redeemed

Issue and return alone change the sum of all issuance accounts: settlement only moves it. B redeemed
currency that A had issued, so that A may have as much less in circulation and B has issued as much
instead: the authorisation follows the currency (docs/adr/0003-settle-in-issuance.md).
Balances follow from the postings; they are kept beside them for speed and compared by the audit.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from feiqian.ports import Transaction

OUTSIDE = "outside"
"""The counter account; the only one that may be negative."""


class EntryKind(StrEnum):
    """What an entry is about."""

    PAY_IN = "pay_in"
    PAY_OUT = "pay_out"
    ISSUE = "issue"
    RETURN = "return"
    GROSS = "gross"
    NET = "net"


class LedgerError(Exception):
    """An entry that must never be: a defect of this program, which ends the job it stands in."""


@dataclass(frozen=True, slots=True)
class LedgerEntry:
    """What is booked, why (`reference` names the order, cycle or operator key), and when."""

    kind: EntryKind
    reference: str
    booked_at_ms: int


@dataclass(frozen=True, slots=True)
class Posting:
    """One line of an entry: `account` grows by `amount_minor`, which may be negative."""

    account: str
    amount_minor: int


def reserves(code: str) -> str:
    """The name of an institution's reserve account."""
    return f"reserves:{code}"


def issuance(code: str) -> str:
    """The name of an institution's issuance account."""
    return f"issuance:{code}"


def move(source: str, target: str, amount_minor: int) -> tuple[Posting, Posting]:
    """The postings that carry `amount_minor` from one account to another."""
    return Posting(source, -amount_minor), Posting(target, amount_minor)


def balance_minor(tx: Transaction, account: str) -> int:
    """What an account holds; 0 when nothing was ever posted to it."""
    rows = tx.query("SELECT balance_minor FROM balances WHERE account = ?", (account,))
    return int(rows[0][0] or 0) if rows else 0


def post(tx: Transaction, entry: LedgerEntry, postings: Sequence[Posting]) -> int:
    """Book an entry; the number it got.

    Callers have refused what is not covered before they come here, so an entry that does not add
    up to zero or would overdraw an account raises `LedgerError`, before anything is written.
    """
    _check(tx, postings)
    [[last]] = tx.query("SELECT COALESCE(MAX(number), 0) FROM entries")
    number = int(last or 0) + 1
    tx.execute(
        "INSERT INTO entries (number, kind, reference, booked_at_ms) VALUES (?, ?, ?, ?)",
        (number, entry.kind, entry.reference, entry.booked_at_ms),
    )
    for posting in postings:
        _book(tx, number, posting)
    return number


def _check(tx: Transaction, postings: Sequence[Posting]) -> None:
    if not postings or sum(posting.amount_minor for posting in postings) != 0:
        raise LedgerError("expected postings that add up to zero")
    for posting in postings:
        after_minor = balance_minor(tx, posting.account) + posting.amount_minor
        if after_minor < 0 and posting.account != OUTSIDE:
            raise LedgerError(f"expected {posting.account} to cover {-posting.amount_minor}")


def _book(tx: Transaction, entry: int, posting: Posting) -> None:
    tx.execute(
        "INSERT INTO postings (entry, account, amount_minor) VALUES (?, ?, ?)",
        (entry, posting.account, posting.amount_minor),
    )
    changed = tx.execute(
        "UPDATE balances SET balance_minor = balance_minor + ? WHERE account = ?",
        (posting.amount_minor, posting.account),
    )
    if not changed:
        tx.execute(
            "INSERT INTO balances (account, balance_minor) VALUES (?, ?)",
            (posting.account, posting.amount_minor),
        )
