"""What wallets and the platform say to people of orders, durations and stations."""

import pytest

from feiqian.apps.control_text import station_text
from feiqian.apps.wallet_text import duration, order_line
from feiqian.central.control_documents import StationStanding
from feiqian.outcomes import Outcome
from feiqian.wallet.orders import Judged
from feiqian.wire.control import OrderKind


@pytest.mark.feature("R-03")
def test_an_order_is_called_as_it_was_given():
    """Freezing and its opposite are one kind in the chip, and two words for people."""
    frozen = Judged(2, OrderKind.FREEZE, Outcome.ACCEPTED, frozen=True)
    freed = Judged(3, OrderKind.FREEZE, Outcome.REPEATED, frozen=False)
    notice = Judged(4, OrderKind.NOTIFY, Outcome.ACCEPTED, "Snow tonight")
    said = [order_line(each) for each in (frozen, freed, notice)]
    assert said == [
        "2 freeze: accepted",
        "3 unfreeze: repeated",
        "4 notify: accepted (Snow tonight)",
    ]


@pytest.mark.parametrize(
    ("length_ms", "said"),
    [
        (0, "0 s"),
        (9_960, "10 s"),
        (3_599_000, "3599 s"),
        (5_400_000, "1.5 h"),
        (259_200_000, "72 h"),
    ],
)
def test_durations_have_the_unit_that_people_would_use(length_ms, said):
    """Below an hour seconds are shown, else hours."""
    assert duration(length_ms) == said


def test_a_station_says_when_it_was_seen():
    """A moment in words, and words for never."""
    assert station_text(StationStanding("North", "02ab", None)) == "North: not seen yet"
    seen = StationStanding("North", "02ab", 0)
    assert station_text(seen) == "North: seen at 1970-01-01 00:00:00 UTC"
