"""The grid of cells finds what looking at every area finds, by arithmetic of another kind."""

import math
from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from feiqian.outcomes import Refusal
from feiqian.timing.moment import Moment
from feiqian.vehicle.matching.areas import Disc, Polygon, ServiceArea, unrolled
from feiqian.vehicle.matching.index import AreaIndex, Near, plot_of
from feiqian.vehicle.matching.plane import TURN_E7, circle_around
from feiqian.wire.positions import DEGREE_E7, Position, PositionSourceKind

CENTRES = [
    (525_200_000, 134_050_000),
    (0, 0),
    (-178_000_000, 180 * DEGREE_E7 - 20),
    (651_230_000, -180 * DEGREE_E7),
    (839_999_000, 100_005_000),
]
"""A city, the origin of the grid, both sides of the antimeridian, and nearly too far north."""
SPREAD_E7 = 30_000


def turned(longitude_e7):
    """The longitude as it is written: between 180 west and 180 east."""
    return (longitude_e7 + TURN_E7 // 2) % TURN_E7 - TURN_E7 // 2


def offsets(spread_e7=SPREAD_E7):
    """Steps north and east."""
    return st.tuples(st.integers(-spread_e7, spread_e7), st.integers(-spread_e7, spread_e7))


@st.composite
def shapes(draw, centre):
    """A disc, or corners that may or may not make a polygon."""
    latitude_e7, longitude_e7 = centre
    north, east = draw(offsets())
    place = (min(latitude_e7 + north, 839_900_000), turned(longitude_e7 + east))
    if draw(st.booleans()):
        return Disc(*place, draw(st.integers(1_000, 200_000)))
    corners = draw(st.lists(offsets(9_000), min_size=3, max_size=7))
    return Polygon(tuple((place[0] + n, turned(place[1] + e)) for n, e in corners))


@st.composite
def worlds(draw):
    """Some sound areas around a centre, and a position among them."""
    centre = draw(st.sampled_from(CENTRES))
    areas = []
    for number, shape in enumerate(draw(st.lists(shapes(centre), max_size=8))):
        try:
            areas.append(ServiceArea(f"E-{number}", "parking", shape))
        except Refusal:
            continue
    north, east = draw(offsets())
    latitude_e7 = min(centre[0] + north, 840_000_000)
    accuracy_mm = draw(st.integers(0, 120_000))
    return areas, place(latitude_e7, turned(centre[1] + east), accuracy_mm)


def place(latitude_e7, longitude_e7, accuracy_mm):
    """A position there."""
    moment, kind = Moment(1_700_000_000_000), PositionSourceKind.SIMULATED
    return Position(moment, latitude_e7, longitude_e7, accuracy_mm, None, None, kind)


def look_at_all(areas, position):
    """The oracle: rational arithmetic, the nearest point of every edge, a winding number."""
    touched, holding = [], []
    for area in sorted(areas, key=lambda area: area.entity):
        depth = Depth(area, position)
        radius_um = position.accuracy_mm * 1_000
        if depth.inside or depth.square <= radius_um**2:
            touched.append(area.entity)
            if depth.inside and depth.square > radius_um**2:
                holding.append(area.entity)
    return Near(tuple(touched), tuple(holding))


class Depth:
    """Whether a place lies inside an area, and the square of its distance to the border."""

    def __init__(self, area, position):
        plot = plot_of(area)
        east_e7 = (position.longitude_e7 - plot.longitude_e7 + TURN_E7 // 2) % TURN_E7
        self.x = Fraction((east_e7 - TURN_E7 // 2) * plot.scale.east_um)
        self.y = Fraction((position.latitude_e7 - plot.latitude_e7) * plot.scale.north_um)
        if isinstance(area.shape, Disc):
            self.measure_disc(plot)
        else:
            self.measure_polygon(plot, unrolled(area.shape.corners))

    def measure_disc(self, plot):
        # The distance to a circle is irrational; its square is compared by a bound from both sides.
        round_ = plot.figure
        square = (self.x - round_.x_um) ** 2 + (self.y - round_.y_um) ** 2
        self.inside = square <= round_.radius_um**2
        root = math.isqrt(int(square * 4**40)) / Fraction(2**40)
        self.square = (root - round_.radius_um) ** 2

    def measure_polygon(self, plot, corners):
        flat = [
            (
                Fraction((longitude - plot.longitude_e7) * plot.scale.east_um),
                Fraction((latitude - plot.latitude_e7) * plot.scale.north_um),
            )
            for latitude, longitude in corners
        ]
        edges = list(zip(flat, [*flat[1:], flat[0]], strict=True))
        self.square = min(self.from_edge(*edge) for edge in edges)
        self.inside = self.square == 0 or sum(self.winds(*edge) for edge in edges) != 0

    def from_edge(self, start, end):
        east, north = end[0] - start[0], end[1] - start[1]
        share = ((self.x - start[0]) * east + (self.y - start[1]) * north) / (east**2 + north**2)
        share = max(Fraction(0), min(Fraction(1), share))
        return (start[0] + share * east - self.x) ** 2 + (start[1] + share * north - self.y) ** 2

    def winds(self, start, end):
        left = (end[0] - start[0]) * (self.y - start[1]) - (self.x - start[0]) * (end[1] - start[1])
        if start[1] <= self.y < end[1] and left > 0:
            return 1
        return -1 if end[1] <= self.y < start[1] and left < 0 else 0


@pytest.mark.feature("V-04", "V-08")
@settings(max_examples=400, deadline=None)
@given(worlds())
def test_grid_finds_what_looking_at_all_finds(world):
    """No area that a circle touches is missed, and none is said to hold it that does not."""
    areas, position = world
    circle = circle_around(position, position.accuracy_mm)
    assert AreaIndex.build(areas).near("parking", circle) == look_at_all(areas, position)


@pytest.mark.feature("V-08")
@settings(max_examples=100, deadline=None)
@given(worlds(), st.randoms(use_true_random=False))
def test_order_of_areas_does_not_show(world, chance):
    """However areas are listed, the same position gets the same answer."""
    areas, position = world
    shuffled = [*areas]
    chance.shuffle(shuffled)
    circle = circle_around(position, position.accuracy_mm)
    first, second = AreaIndex.build(areas), AreaIndex.build(shuffled)
    assert first.near("parking", circle) == second.near("parking", circle)


def test_services_do_not_see_each_other():
    """A vehicle that wants to charge is not matched to a car park."""
    area = ServiceArea("E-1", "parking", Disc(0, 10, 50_000))
    circle = circle_around(place(0, 10, 1_000), 1_000)
    index = AreaIndex.build([area])
    assert index.near("parking", circle) == (("E-1",), ("E-1",))
    assert index.near("charging", circle) == ((), ())
