"""The reserve ledger refuses to book what must never be, and its audit sees what was tampered with."""

import sqlite3

import pytest

from feiqian.central import audit
from feiqian.central.ledger import (
    OUTSIDE,
    EntryKind,
    LedgerEntry,
    LedgerError,
    Posting,
    balance_minor,
    issuance,
    move,
    post,
    reserves,
)
from feiqian.central.schema import MIGRATIONS
from feiqian.testing.memory_store import MemoryStore

pytestmark = pytest.mark.feature("P-01")

ENTRY = LedgerEntry(EntryKind.PAY_IN, "a test", 1_800_000_000_000)


@pytest.fixture
def store():
    """A ledger in which A has reserves of 100."""
    opened = MemoryStore(MIGRATIONS)
    opened.run(lambda tx: post(tx, ENTRY, move(OUTSIDE, reserves("A"), 100)))
    yield opened
    opened.close()


def _balance(store, account):
    return store.run(lambda tx: balance_minor(tx, account))


def test_an_entry_moves_value_between_accounts(store):
    """What one account loses the other gains, and entries are numbered without gaps."""
    number = store.run(lambda tx: post(tx, ENTRY, move(reserves("A"), issuance("A"), 30)))
    assert number == 2
    assert _balance(store, reserves("A")) == 70
    assert _balance(store, issuance("A")) == 30
    assert _balance(store, OUTSIDE) == -100


@pytest.mark.parametrize(
    "postings",
    [
        (),
        (Posting(reserves("A"), 1),),
        (Posting(reserves("A"), -10), Posting(issuance("A"), 9)),
    ],
)
def test_an_entry_that_does_not_balance_is_never_booked(store, postings):
    """Postings that do not add up to zero raise and leave every balance as it was."""
    with pytest.raises(LedgerError, match="add up to zero"):
        store.run(lambda tx: post(tx, ENTRY, postings))
    assert _balance(store, reserves("A")) == 100
    assert _balance(store, issuance("A")) == 0


def test_no_account_of_an_institution_goes_below_zero(store):
    """An entry that would overdraw an account raises before it has written anything."""

    def overdraw_and_count(tx):
        with pytest.raises(LedgerError, match="reserves:A to cover 101"):
            post(tx, ENTRY, move(reserves("A"), issuance("A"), 101))
        return tx.query("SELECT COUNT(*) FROM entries")

    assert store.run(overdraw_and_count) == [(1,)]


def test_the_database_refuses_a_negative_balance_too(store):
    """Even a statement that goes past the ledger cannot overdraw an account."""
    with pytest.raises(sqlite3.IntegrityError):
        store.run(
            lambda tx: tx.execute("UPDATE balances SET balance_minor = -1 WHERE account LIKE 'r%'")
        )


@pytest.mark.feature("P-06")
def test_untouched_books_are_in_order(store):
    """The audit finds nothing in books that only the ledger has written."""
    assert all(invariant.holds for invariant in store.run(audit.invariants))


@pytest.mark.feature("P-06")
@pytest.mark.parametrize(
    ("tampering", "promise"),
    [
        (
            "UPDATE postings SET amount_minor = 99 WHERE account = 'reserves:A'",
            "every ledger entry adds up to zero",
        ),
        (
            "UPDATE balances SET balance_minor = 101 WHERE account = 'reserves:A'",
            "every balance is the sum of its postings",
        ),
        (
            "DELETE FROM balances WHERE account = 'outside'",
            "every balance is the sum of its postings",
        ),
        (
            "INSERT INTO institutions VALUES ('A', '', '', 0);\nINSERT INTO balances VALUES ('issuance:A', 5)",
            "what an institution may issue is its orders and settlements",
        ),
        ("INSERT INTO balances VALUES ('issuance:Z', 5)", "all issuance is what was ordered"),
        (
            "INSERT INTO obligations VALUES ('A', 'B', 9, 9, '')",
            "nothing is settled twice or above its claim",
        ),
    ],
)
def test_the_audit_names_what_was_tampered_with(store, tampering, promise):
    """Each change behind the ledger's back breaks the invariant that it contradicts."""

    def tamper(tx):
        for statement in tampering.split(";"):
            tx.execute(statement)
        return audit.invariants(tx)

    broken = {found.promise for found in store.run(tamper) if not found.holds}
    assert promise in broken
    assert all(found.found for found in store.run(audit.invariants) if not found.holds)
