"""Whole numbers reckon distances as the ellipsoid has them, over the antimeridian too, not at poles."""

import math

import pytest

from feiqian.outcomes import Outcome, Refusal
from feiqian.timing.moment import Moment
from feiqian.vehicle.matching.plane import circle_around, nearest_turn_e7, scale_at, within_reach
from feiqian.wire.positions import DEGREE_E7, Position, PositionSourceKind

EQUATOR_M, FLATTENING = 6_378_137, 1 / 298.257_223_563
TRUE_WITHIN = 1e-3


def position(latitude_e7, longitude_e7):
    """A position there."""
    moment = Moment(1_700_000_000_000)
    kind = PositionSourceKind.SIMULATED
    return Position(moment, latitude_e7, longitude_e7, 1_000, None, None, kind)


@pytest.mark.parametrize("latitude", [*range(-84, 85, 4), 52.52, -33.869_99])
def test_scale_is_that_of_the_ellipsoid(latitude):
    """A ten-millionth of a degree has the length that WGS 84 gives it, to a part in a thousand."""
    eccentricity = FLATTENING * (2 - FLATTENING)
    bulge = 1 - eccentricity * math.sin(math.radians(latitude)) ** 2
    east_m = math.radians(EQUATOR_M * math.cos(math.radians(latitude)) / math.sqrt(bulge))
    north_m = math.radians(EQUATOR_M * (1 - eccentricity) / bulge**1.5)
    scale = scale_at(round(latitude * DEGREE_E7))
    assert scale.east_um == pytest.approx(east_m / 10, rel=TRUE_WITHIN)
    assert scale.north_um == pytest.approx(north_m / 10, rel=TRUE_WITHIN)


def test_scale_is_the_same_number_everywhere():
    """The factors of one latitude, which every machine must find, to the last digit."""
    assert scale_at(525_200_000) == (6_787, 11_128)
    assert scale_at(0) == scale_at(-1) == (11_132, 11_057)


@pytest.mark.feature("V-08")
def test_poles_are_refused_by_name():
    """Where a degree of longitude has no length worth the name, no distance is reckoned."""
    for latitude_e7 in (84 * DEGREE_E7 + 1, -90 * DEGREE_E7):
        with pytest.raises(Refusal) as refused:
            circle_around(position(latitude_e7, 0), 1_000)
        assert refused.value.outcome is Outcome.POSITION_OUT_OF_RANGE


def test_short_way_round():
    """Across the antimeridian two places are as near as they are."""
    assert nearest_turn_e7(359 * DEGREE_E7) == -DEGREE_E7
    assert nearest_turn_e7(-181 * DEGREE_E7) == 179 * DEGREE_E7
    west = circle_around(position(0, 1_799_999_999), 1_000)
    east = circle_around(position(0, -1_799_999_999), 1_000)
    apart_um = 2 * scale_at(0).east_um
    assert within_reach(west, east, apart_um - 2_000_000)
    far = circle_around(position(0, 0), 1_000)
    assert not within_reach(west, far, 10**12)


def test_reach_is_exact_to_a_micrometre():
    """A micrometre decides, and both circles count."""
    here, there = position(0, 0), position(0, 1_000)
    first, second = circle_around(here, 1_000), circle_around(there, 2_000)
    between_um = 1_000 * scale_at(0).east_um
    assert within_reach(first, second, between_um - 3_000_000)
    assert not within_reach(first, second, between_um - 3_000_001)
