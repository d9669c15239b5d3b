"""Money is whole minor units; text is for people."""

import pytest

from feiqian.money.amounts import MAX_AMOUNT_MINOR, format_amount, parse_amount
from feiqian.outcomes import Outcome
from tests.golden import outcome_of


@pytest.mark.parametrize(
    ("text", "amount_minor"),
    [
        ("12", 12_00),
        ("12.5", 12_50),
        ("12.50", 12_50),
        (" 0.01 ", 1),
        ("007", 7_00),
        ("10000000000000", MAX_AMOUNT_MINOR),
        ("9999999999999.99", MAX_AMOUNT_MINOR - 1),
    ],
)
def test_amount_as_people_write_it_is_read(text, amount_minor):
    """One or two digits behind the point, or none."""
    assert parse_amount(text) == amount_minor


@pytest.mark.parametrize(
    "text",
    [
        *(
            "",
            "0",
            "0.00",
            "-1",
            "+1",
            "1.",
            ".5",
            "1.234",
            "1,50",
            "1e3",
            "1 000",
            "\u0661",
            "nan",
        ),
        *("10000000000000.01", "99999999999999", "1" * 5_000),
    ],
)
def test_anything_else_is_malformed(text):
    """No sign, no exponent, no third digit, no zero, no other digits, no endless text."""
    assert outcome_of(lambda: parse_amount(text)) is Outcome.MALFORMED


@pytest.mark.parametrize(
    ("amount_minor", "text"),
    [(0, "0.00"), (1, "0.01"), (1250, "12.50"), (-5, "-0.05"), (-100_000, "-1000.00")],
)
def test_amount_is_shown_with_two_digits(amount_minor, text):
    """What people read always shows the minor units."""
    assert format_amount(amount_minor) == text
