"""Areas are judged when they are made, so that nothing has to be questioned when money depends on it."""

import pytest

from feiqian.outcomes import Outcome, Refusal
from feiqian.vehicle.matching import areas
from feiqian.vehicle.matching.areas import Disc, Polygon, ServiceArea
from feiqian.vehicle.matching.index import AreaIndex
from feiqian.wire.positions import DEGREE_E7

LATITUDE_E7, LONGITUDE_E7 = 525_200_000, 134_050_000
SQUARE = ((0, 0), (0, 9_000), (9_000, 9_000), (9_000, 0))


def polygon(*offsets, latitude_e7=LATITUDE_E7, longitude_e7=LONGITUDE_E7):
    """Corners by their offsets north and east."""
    return Polygon(tuple((latitude_e7 + north, longitude_e7 + east) for north, east in offsets))


@pytest.mark.parametrize(
    "shape",
    [
        polygon(*SQUARE),
        polygon(*reversed(SQUARE)),
        polygon((0, 0), (0, 4_000), (0, 9_000), (9_000, 9_000)),
        polygon((0, 0), (0, 9_000), (9_000, 9_000), (9_000, 0), (1_000, 4_000)),
        Polygon(((0, 1_799_999_000), (0, -1_799_999_000), (9_000, -1_799_999_000))),
        Disc(LATITUDE_E7, LONGITUDE_E7, areas.MIN_RADIUS_MM),
        Disc(-LATITUDE_E7, -180 * DEGREE_E7, areas.MAX_EXTENT_MM // 2),
    ],
    ids=["square", "clockwise", "corner in line", "hollow side", "antimeridian", "small", "large"],
)
def test_sound_drawings_are_taken(shape):
    """Every simple polygon is an area, drawn either way round, and so is every disc."""
    assert ServiceArea("E-1", "parking", shape).shape == shape


@pytest.mark.feature("V-08")
@pytest.mark.parametrize(
    "shape",
    [
        polygon((0, 0), (9_000, 9_000)),
        polygon(*((n * n, n) for n in range(areas.MAX_CORNERS + 1))),
        polygon(*SQUARE, SQUARE[0]),
        polygon((0, 0), (9_000, 9_000), (0, 9_000), (9_000, 0)),
        polygon((0, 0), (0, 9_000), (0, 4_000)),
        polygon((0, 0), (0, 9_000), (9_000, 9_000), (0, 5_000), (9_000, 0)),
        polygon((0, 0), (0, 9_000), (9_000, 0), (20_000, 0), (5_000, 0)),
        polygon((0, 0), (0, 400_000), (9_000, 0)),
        polygon((0, 0), (400_000, 0), (9_000, 9_000)),
        polygon(*SQUARE, latitude_e7=84 * DEGREE_E7 - 5_000),
        Polygon(((0, 0), (0, 181 * DEGREE_E7), (9_000, 0))),
        Disc(-84 * DEGREE_E7, 0, 10_000),
        Disc(0, 0, areas.MIN_RADIUS_MM - 1),
        Disc(0, 0, areas.MAX_EXTENT_MM // 2 + 1),
    ],
    ids=[
        "two corners",
        "many corners",
        "closed by hand",
        "bow tie",
        "line",
        "touching itself",
        "running back",
        "too wide",
        "too high",
        "polar",
        "no longitude",
        "polar disc",
        "tiny disc",
        "huge disc",
    ],
)
def test_unsound_drawings_are_refused(shape):
    """What is no simple polygon or disc of bounded extent is refused by name."""
    with pytest.raises(Refusal) as refused:
        ServiceArea("E-1", "parking", shape)
    assert refused.value.outcome is Outcome.INVALID_AREA


@pytest.mark.parametrize("entity", ["", "E" * (areas.MAX_ENTITY_NAME + 1)])
def test_entity_needs_a_name(entity):
    """An area without a name of its entity, or with an endless one, is refused."""
    with pytest.raises(Refusal) as refused:
        ServiceArea(entity, "parking", polygon(*SQUARE))
    assert refused.value.outcome is Outcome.INVALID_AREA


def test_entity_has_one_area():
    """Two areas of one entity are refused, or a match would not say where the vehicle is."""
    area = ServiceArea("E-1", "parking", polygon(*SQUARE))
    with pytest.raises(Refusal) as refused:
        AreaIndex.build([area, area])
    assert refused.value.outcome is Outcome.INVALID_AREA
