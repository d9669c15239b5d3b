"""Laws of matching, for every journey: inside or not at all, no leap is rewarded, order never shows."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from feiqian.timing.moment import Moment
from feiqian.vehicle.matching.areas import Disc, Polygon, ServiceArea
from feiqian.vehicle.matching.index import AreaIndex
from feiqian.vehicle.matching.plane import circle_around, within_reach
from feiqian.vehicle.matching.policy import USUAL
from feiqian.vehicle.matching.tracker import Tracker
from feiqian.vehicle.matching.verdicts import Ambiguous, Departed, Match, Refused
from feiqian.wire.positions import Position, PositionSourceKind

START_MS = 1_790_000_000_000
LATITUDE_E7, LONGITUDE_E7 = 525_200_000, 134_050_000
LOT_E7 = 6_000
"""Side of a car park: 67 m by 41 m."""


def lot(name, row, column):
    """A car park in a chequered town where each touches its neighbours."""
    south, west = LATITUDE_E7 + row * LOT_E7, LONGITUDE_E7 + column * LOT_E7
    north, east = south + LOT_E7, west + LOT_E7
    corners = ((south, west), (south, east), (north, east), (north, west))
    return ServiceArea(name, "parking", Polygon(corners))


TOWN = [
    *(lot(f"L-{row}{column}", row, column) for row in range(3) for column in range(3)),
    ServiceArea("D-1", "parking", Disc(LATITUDE_E7 - 8_000, LONGITUDE_E7, 20_000)),
]
LOTS = {area.entity: area for area in TOWN}

steps = st.tuples(
    st.sampled_from([200, 1_000, 1_000, 1_000, 5_000, 12_000]),
    st.integers(-400, 400),
    st.integers(-400, 400),
    st.sampled_from([0, 1_000, 3_000, 5_000, 10_000, 30_000]),
    st.sampled_from([None, None, 0, 500, 4_000]),
)
"""How long after the last, how far north and east of it, how well known, how fast."""
stands = st.tuples(st.just(1_000), st.integers(-60, 60), st.integers(-60, 60), st.just(3_000))


@st.composite
def journeys(draw):
    """Positions in order: stretches of driving about and stretches of standing about."""
    north_e7, east_e7 = draw(st.tuples(st.integers(-12_000, 20_000), st.integers(-4_000, 20_000)))
    moment_ms, journey = START_MS, []
    for stretch in draw(st.lists(st.lists(steps, max_size=3), min_size=1, max_size=4)):
        for wait_ms, north, east, accuracy_mm, speed_mm_s in stretch:
            moment_ms, north_e7, east_e7 = moment_ms + wait_ms, north_e7 + north, east_e7 + east
            journey.append(position(moment_ms, north_e7, east_e7, accuracy_mm, speed_mm_s))
        for wait_ms, north, east, accuracy_mm in draw(st.lists(stands, min_size=14, max_size=20)):
            moment_ms += wait_ms
            journey.append(position(moment_ms, north_e7 + north, east_e7 + east, accuracy_mm, None))
    return journey


def position(moment_ms, north_e7, east_e7, accuracy_mm, speed_mm_s):
    """A position near the town."""
    latitude_e7, longitude_e7 = LATITUDE_E7 + north_e7, LONGITUDE_E7 + east_e7
    moment, kind = Moment(moment_ms, 5), PositionSourceKind.SIMULATED
    return Position(moment, latitude_e7, longitude_e7, accuracy_mm, speed_mm_s, None, kind)


def follow(areas, journey):
    """The verdict on each position of a journey."""
    tracker = Tracker(AreaIndex.build(areas), "parking")
    return [
        tracker.report(number, each, Moment(each.moment.midpoint_ms + 50, 10))
        for number, each in enumerate(journey, start=1)
    ]


@pytest.mark.feature("V-04", "V-08")
@settings(max_examples=150, deadline=None)
@given(journeys())
def test_whoever_is_matched_stands_inside(journey):
    """At the moment of a match the whole wide circle lies in that area, and touches no other."""
    matched = None
    for each, verdict in zip(journey, follow(TOWN, journey), strict=True):
        if isinstance(verdict, Departed):
            matched = None
        if isinstance(verdict, Match) and verdict.entity != matched:
            alone = AreaIndex.build([LOTS[verdict.entity]])
            circle = USUAL.wide_circle(each)
            assert alone.near("parking", circle).holding == (verdict.entity,)
            rest = AreaIndex.build([area for area in TOWN if area.entity != verdict.entity])
            assert rest.near("parking", circle).touched == ()
            matched = verdict.entity


@pytest.mark.feature("V-08")
@settings(max_examples=60, deadline=None)
@given(journeys(), st.permutations(TOWN))
def test_order_of_areas_never_shows(journey, shuffled):
    """The same journey through the same town has the same verdicts, however the town is listed."""
    assert follow(TOWN, journey) == follow(shuffled, journey)


@pytest.mark.feature("V-08")
@settings(max_examples=60, deadline=None)
@given(journeys(), st.integers(0, 60), st.integers(2, 60), st.integers(0, 359))
def test_leaps_are_never_rewarded(journey, leap_at, reach_km, spread):
    """From the leap on, until the way could have been driven, nothing new is matched."""
    leap_at = min(leap_at, len(journey) - 1)
    far = position(0, reach_km * 90_000 + 30_000, 100 * spread, 3_000, None)
    tracker = Tracker(AreaIndex.build([*TOWN, around(far)]), "parking")
    last_believed = None
    for number, each in enumerate(journey, start=1):
        told = leap(each, far) if number > leap_at + 1 else each
        verdict = tracker.report(number, told, Moment(told.moment.midpoint_ms + 50, 10))
        if number <= leap_at + 1:
            last_believed = last_believed if isinstance(verdict, Refused) else each
        elif last_believed is not None and not could_be_driven(last_believed, told):
            assert not isinstance(verdict, Ambiguous)
            assert verdict != Match("FAR")


def leap(each, far):
    """Where the vehicle really is, but far away."""
    moment_ms = each.moment.midpoint_ms
    north_e7, east_e7 = far.latitude_e7 - LATITUDE_E7, far.longitude_e7 - LONGITUDE_E7
    return position(moment_ms, north_e7, east_e7, 3_000, None)


def around(place):
    """An area made for whoever leaps there."""
    return ServiceArea("FAR", "parking", Disc(place.latitude_e7, place.longitude_e7, 40_000))


def could_be_driven(last, told):
    """Whether 70 m/s, and both circles at their widest, were enough."""
    passed_ms = told.moment.latest_ms - last.moment.earliest_ms
    here, there = circle_around(last, 2 * 30_000), circle_around(told, 2 * 30_000)
    return within_reach(here, there, USUAL.most_speed_mm_s * passed_ms)
