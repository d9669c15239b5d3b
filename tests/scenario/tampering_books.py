"""What an institution could change in what it presented, owes, claims and has booked."""

from feiqian.institution import books
from feiqian.testing.audit.checks import Check
from tests.scenario.tampering import order, post


def item_for_more(lived):
    """The redeemer books more than the transfer pays."""
    lived.change("B", "UPDATE presented SET amount_minor = amount_minor + 1 WHERE state = 1")


def item_cashed_on_its_own_word(lived):
    """The redeemer calls cashed what the issuer has not confirmed."""
    lived.change("B", "UPDATE presented SET state = 1 WHERE state = 0")


def response_lost(lived):
    """The issuer's word is gone."""
    lived.change("B", "DELETE FROM cash_responses")


def response_of_another_key(lived):
    """One bit of the issuer's signature is turned."""
    [raw] = lived.one("B", "SELECT raw FROM cash_responses")
    flipped = raw[:-1] + bytes([raw[-1] ^ 1])
    lived.change("B", "UPDATE cash_responses SET raw = ?", flipped)


def statement_raised(lived):
    """The creditor notes more than the debtor has signed."""
    lived.change("B", "UPDATE claims SET stated_total_minor = stated_total_minor + 1")


def order_of_another_key(lived):
    """An order that the platform has not signed."""
    lived.change("A", "UPDATE issuance_orders SET raw = ?", order(lived, "B", 1))


def order_missing_in_the_row(lived):
    """Orders that do not start at the first."""
    lived.change("A", "UPDATE issuance_orders SET number = 2")


def payment_credited_twice(lived):
    """A payment is said to have brought twice what was cashed of it."""
    lived.change("B", "UPDATE payments SET credited_minor = 2 * credited_minor")


def payment_lost(lived):
    """An item is presented for no payment."""
    lived.change("B", "DELETE FROM payments WHERE credited_minor = 0")


def owed_total_lowered(lived):
    """The issuer wants to owe less than it has redeemed."""
    lived.change("A", "UPDATE obligations SET owed_total_minor = owed_total_minor - 1")


def settled_above_what_is_owed(lived):
    """The issuer has settled what it never owed."""
    lived.change("A", "UPDATE obligations SET settled_total_minor = owed_total_minor + 1")


def claimed_total_raised(lived):
    """The redeemer claims more than it has cashed."""
    lived.change("B", "UPDATE claims SET claimed_total_minor = claimed_total_minor + 1")


def balance_altered(lived):
    """A balance that its postings do not make."""
    lived.change(
        "A", "UPDATE balances SET balance_minor = balance_minor + 1 WHERE account = 'headroom'"
    )


def books_that_agree_with_themselves(lived):
    """Books that are right in themselves, and not what the evidence says."""
    post(lived, "circulation", books.HEADROOM, 5_00)


def bank_account_raised(lived):
    """Bank money in an account that came from nowhere."""
    lived.change("A", "UPDATE accounts SET balance_minor = balance_minor + 1")


TAMPERINGS = (
    (item_for_more, Check.PRESENTED),
    (item_cashed_on_its_own_word, Check.CASH_RESPONSE),
    (response_lost, Check.CASH_RESPONSE),
    (response_of_another_key, Check.CASH_RESPONSE),
    (statement_raised, Check.STATEMENT),
    (order_of_another_key, Check.ORDER),
    (order_missing_in_the_row, Check.ORDER),
    (payment_credited_twice, Check.CREDIT),
    (payment_lost, Check.CREDIT),
    (owed_total_lowered, Check.OBLIGATION),
    (settled_above_what_is_owed, Check.OBLIGATION),
    (claimed_total_raised, Check.CLAIM),
    (balance_altered, Check.POSTINGS),
    (books_that_agree_with_themselves, Check.BOOKS),
    (bank_account_raised, Check.BANK_MONEY),
)
