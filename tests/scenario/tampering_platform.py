"""What the platform could change in its directory, orders, ledger and settlements."""

from feiqian.testing.audit.checks import Check
from tests.scenario.tampering import order


def platform_order_of_another_key(lived):
    """An order in the platform's own files that it has not signed."""
    lived.change(
        "platform",
        "UPDATE issuance_orders SET order_raw = ? WHERE institution = 'A'",
        order(lived, "A", 1),
    )


def platform_order_of_another_amount(lived):
    """An order that was booked for another amount than signed."""
    lived.change("platform", "UPDATE issuance_orders SET amount_minor = amount_minor + 1")


def ledger_entry_unbalanced(lived):
    """A ledger entry that makes money."""
    lived.change(
        "platform",
        "UPDATE postings SET amount_minor = amount_minor + 1"
        " WHERE account = 'reserves:A' AND amount_minor > 0",
    )


def ledger_balance_altered(lived):
    """A ledger balance that its postings do not make."""
    lived.change(
        "platform",
        "UPDATE balances SET balance_minor = balance_minor + 1 WHERE account = 'reserves:A'",
    )


def claim_without_its_statement(lived):
    """The platform notes a higher claim than the debtor signed."""
    lived.change("platform", "UPDATE obligations SET claimed_total_minor = claimed_total_minor + 1")


def settled_twice(lived):
    """The platform forgets what was settled, so that it would settle again."""
    lived.change("platform", "UPDATE obligations SET settled_total_minor = 0")


def settlement_without_a_claim(lived):
    """A settlement that nobody has claimed."""
    lived.change(
        "platform",
        "INSERT INTO settlements (number, cycle, debtor, creditor, amount_minor,"
        " settled_total_minor, settled_at_ms) VALUES (99, NULL, 'B', 'C', 1, 1, 1)",
    )


def issuance_moved_without_settlement(lived):
    """An entry that adds up, with its balances, and no settlement behind it."""
    for sql in (
        "INSERT INTO entries (number, kind, reference, booked_at_ms) VALUES (99, 'gross', '', 1)",
        "INSERT INTO postings (entry, account, amount_minor) VALUES (99, 'issuance:A', -1)",
        "INSERT INTO postings (entry, account, amount_minor) VALUES (99, 'issuance:B', 1)",
        "UPDATE balances SET balance_minor = balance_minor - 1 WHERE account = 'issuance:A'",
        "UPDATE balances SET balance_minor = balance_minor + 1 WHERE account = 'issuance:B'",
    ):
        lived.change("platform", sql)


def institution_not_in_the_directory(lived):
    """The newest directory is gone, so one institution is none."""
    lived.change("platform", "DELETE FROM directories WHERE number > 2")


def directory_of_another_key(lived):
    """One bit of the directory's signature is turned."""
    [raw] = lived.one("platform", "SELECT raw FROM directories ORDER BY number DESC")
    flipped = raw[:-1] + bytes([raw[-1] ^ 1])
    lived.change("platform", "UPDATE directories SET raw = ?", flipped)


TAMPERINGS = (
    (institution_not_in_the_directory, Check.DIRECTORY),
    (directory_of_another_key, Check.DIRECTORY),
    (platform_order_of_another_key, Check.PLATFORM_ORDER),
    (platform_order_of_another_amount, Check.PLATFORM_ORDER),
    (ledger_entry_unbalanced, Check.PLATFORM_ENTRY),
    (ledger_balance_altered, Check.PLATFORM_BALANCE),
    (claim_without_its_statement, Check.PLATFORM_STATEMENT),
    (settled_twice, Check.PLATFORM_SETTLEMENT),
    (settlement_without_a_claim, Check.PLATFORM_SETTLEMENT),
    (issuance_moved_without_settlement, Check.PLATFORM_ISSUANCE),
)
