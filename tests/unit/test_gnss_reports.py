"""What gpsd says, read with suspicion."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from feiqian.adapters.gnss import moment_of, place_of, source_of
from feiqian.adapters.gpsd import (
    MAX_SATELLITES,
    Satellite,
    SkyReport,
    TimePositionVelocity,
    parse_gpsd,
    read_report,
)
from feiqian.outcomes import Outcome, Refusal
from feiqian.timing.fixes import FixedPlace
from feiqian.timing.moment import Moment

NOON = "2026-05-28T12:00:00.250Z"
NOON_MS = 1_779_969_600_250


def test_moment_covers_the_way_from_the_receiver():
    """A sentence was true when the satellites were heard: up to a second ago, and its own error."""
    report = TimePositionVelocity(mode=3, time=NOON, ept=0.005)
    assert moment_of(report) == Moment(NOON_MS + 500, 506)
    without_error = TimePositionVelocity(mode=2, time=NOON)
    assert moment_of(without_error) == Moment(NOON_MS + 500, 511)


@pytest.mark.feature("W-11")
@pytest.mark.parametrize(
    "report",
    [
        TimePositionVelocity(),
        TimePositionVelocity(mode=0, time=NOON),
        TimePositionVelocity(mode=1, time=NOON),
        TimePositionVelocity(mode=3),
        TimePositionVelocity(mode=3, time=""),
        TimePositionVelocity(mode=3, time="yesterday"),
        TimePositionVelocity(mode=3, time="2026-05-28T12:00:00"),
        TimePositionVelocity(mode=3, time="1969-12-31T23:59:59Z"),
        TimePositionVelocity(mode=3, time=NOON, ept=-0.1),
        TimePositionVelocity(mode=3, time=NOON, ept=1e300),
    ],
)
def test_no_moment_without_a_fix_and_a_time_that_can_be_meant(report: TimePositionVelocity):
    """Only a position fix with a sound time tells a moment."""
    assert moment_of(report) is None


def test_place_needs_its_uncertainty():
    """A place without its error is no place."""
    assert place_of(TimePositionVelocity(mode=3, lat=39.9042, lon=-116.4074)) is None
    told = place_of(TimePositionVelocity(mode=3, lat=39.9042, lon=-116.4074, eph=19.0))
    assert told == FixedPlace(399_042_000, -1_164_074_000, 19_000)


@pytest.mark.feature("W-12")
@pytest.mark.parametrize(
    ("gnssids", "source"),
    [
        ((), "gnss"),
        ((3, 3, 0), "gnss:beidou"),
        ((0, 0, 3), "gnss:gps"),
        ((6,), "gnss:glonass"),
        ((99,), "gnss"),
        ((None,), "gnss"),
    ],
)
def test_source_is_the_constellation_of_most(gnssids: tuple[int | None, ...], source: str):
    """The constellation of most satellites in use names the source; an unknown one fits as well."""
    satellites = [Satellite(used=True, gnssid=each) for each in gnssids]
    unused = [Satellite(used=False, gnssid=2)] * 5
    assert source_of(SkyReport(satellites + unused)) == source


@pytest.mark.parametrize(
    "line",
    [
        b'{"class":"VERSION"}\n',
        b"$BDTXR,1,0242286,2,,A4\n",
        b'{"class":"TPV","mode":"three"}\n',
        b'{"class":3}\n',
        b"[]\n",
        b"\xff\n",
        b'{"class":"SKY","satellites":[' + b",".join([b"{}"] * (MAX_SATELLITES + 1)) + b"]}\n",
    ],
)
def test_noise_is_passed_over(line: bytes):
    """What is no report that is used here is passed over, whatever it is."""
    assert read_report(line) is None


@given(st.binary(max_size=300))
def test_any_line_is_read_or_passed_over(line: bytes):
    """No line of a receiver or of gpsd makes reading fail."""
    read_report(line)


def test_address_of_a_gpsd():
    """The port is gpsd's own unless another one is given."""
    assert parse_gpsd("gpsd://127.0.0.1") == ("127.0.0.1", 2_947)
    assert parse_gpsd("gpsd://[::1]:5") == ("::1", 5)


@pytest.mark.parametrize(
    "text", ["", "127.0.0.1", "tcp://h:1", "gpsd://", "gpsd://h:x", "gpsd://h/x", "gpsd://h:99999"]
)
def test_other_addresses_are_refused(text: str):
    """An address of another form is refused by name."""
    with pytest.raises(Refusal) as refused:
        parse_gpsd(text)
    assert refused.value.outcome is Outcome.MALFORMED
