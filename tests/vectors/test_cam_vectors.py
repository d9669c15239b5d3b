"""Awareness messages made by an independent encoder (pycrate 0.8.1, ITS_CAM_2) are read as it meant."""

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from feiqian.adapters.cam import ITS_EPOCH_MS, LEAP_MS, MAX_CAM_BYTES, read_cam
from feiqian.outcomes import Outcome, Refusal
from feiqian.testing.cam_messages import cam_of
from feiqian.timing.moment import Moment
from feiqian.wire.positions import Position, PositionSourceKind

VECTORS = json.loads((Path(__file__).parents[2] / "vectors" / "foreign" / "cam.json").read_text())
NOW = Moment(1_790_000_000_000, 10)
ROADSIDE = 15
UNKNOWN = {"nothing known", "accuracy out of range", "accuracy unknown"}
ORDINARY = bytes.fromhex(VECTORS["ordinary"]["cam"])


@pytest.mark.feature("V-03")
@pytest.mark.parametrize("name", [name for name in VECTORS if name not in {*UNKNOWN, "roadside"}])
def test_vehicles_are_read(name):
    """Sender, place, accuracy, motion and moment are those that went in."""
    vector = VECTORS[name]
    heard = read_cam(bytes.fromhex(vector["cam"]), NOW)
    position = heard.position
    assert position is not None
    assert heard.station == vector["station"]
    assert (position.latitude_e7, position.longitude_e7) == (
        vector["latitude"],
        vector["longitude"],
    )
    assert position.accuracy_mm == 10 * vector["semi_major_cm"]
    speed, heading = vector["speed"], vector["heading"]
    assert position.speed_mm_s == (None if speed == 16_383 else 10 * speed)
    assert position.heading_cdeg == (None if heading == 3_601 else 10 * heading)
    its_ms = position.moment.midpoint_ms - ITS_EPOCH_MS + LEAP_MS
    assert its_ms % 65_536 == vector["generation_delta_time"]
    assert -2_000 <= NOW.midpoint_ms - position.moment.midpoint_ms < 63_536


@pytest.mark.feature("V-08")
@pytest.mark.parametrize("name", sorted(UNKNOWN))
def test_what_is_not_known_is_no_position(name):
    """A vehicle that does not know where it is, or how well, is heard without a position."""
    assert read_cam(bytes.fromhex(VECTORS[name]["cam"]), NOW).position is None


@pytest.mark.parametrize(
    ("raw", "outcome"),
    [
        (b"", Outcome.MALFORMED),
        (ORDINARY[:29], Outcome.MALFORMED),
        (bytes.fromhex(VECTORS["roadside"]["cam"]), Outcome.MALFORMED),
        (b"\x03" + ORDINARY[1:], Outcome.UNKNOWN_VERSION),
        (b"\x02\x01" + ORDINARY[2:], Outcome.MALFORMED),
        (ORDINARY + bytes(MAX_CAM_BYTES), Outcome.TOO_LARGE),
    ],
    ids=["empty", "cut", "roadside unit", "version", "another message", "long"],
)
def test_others_are_refused(raw, outcome):
    """What is no awareness message of a vehicle is refused by name."""
    with pytest.raises(Refusal) as refused:
        read_cam(raw, NOW)
    assert refused.value.outcome is outcome


@given(st.binary(max_size=60))
def test_no_bytes_do_harm(raw):
    """Whatever arrives is a message or a refusal."""
    for each in (raw, ORDINARY[:6] + raw):
        try:
            read_cam(each, NOW)
        except Refusal:
            continue


@given(
    st.integers(-60_000, 1_000),
    st.integers(-900_000_000, 900_000_000),
    st.integers(-1_800_000_000, 1_800_000_000),
    st.integers(1, 4_093),
)
def test_positions_come_back(passed_ms, latitude_e7, longitude_e7, axis):
    """A position put into a message is read from it, its moment within the minute included."""
    moment, kind = Moment(NOW.midpoint_ms + passed_ms, 50), PositionSourceKind.CAM
    position = Position(moment, latitude_e7, longitude_e7, 10 * axis, None, None, kind)
    assert read_cam(cam_of(7, position), NOW).position == position
