"""Until when a vehicle that has left is charged."""

import pytest

from feiqian.protocol.service.departures import used_until_left
from feiqian.timing.moment import Moment
from feiqian.wire.usage import MeterSlice, Usage

PARKED = Usage(1_000, 90_000)
CHARGED = Usage(1_000, 90_000, 10, 0, 30_000, "", (MeterSlice(1_000, 60_000, 10, 0),))


@pytest.mark.feature("V-10")
@pytest.mark.parametrize(
    ("usage", "left", "until_ms", "idle_ms"),
    [
        (PARKED, None, 90_000, 0),
        (PARKED, Moment(50_000, 300), 49_700, 0),
        (PARKED, Moment(100_000, 300), 90_000, 0),
        (PARKED, Moment(500, 300), 1_000, 0),
        (CHARGED, Moment(80_000, 0), 80_000, 20_000),
        (CHARGED, Moment(50_000, 0), 60_000, 0),
    ],
)
def test_time_ends_with_the_departure_and_what_flowed_counts(usage, left, until_ms, idle_ms):
    """The earliest moment of the departure ends a usage, but not before the meter saw something flow."""
    cut = used_until_left(usage, left)
    assert (cut.from_ms, cut.until_ms, cut.idle_ms) == (usage.from_ms, until_ms, idle_ms)
    assert (cut.energy_wh, cut.slices) == (usage.energy_wh, usage.slices)
