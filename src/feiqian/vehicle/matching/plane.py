"""Degrees become micrometres on a flat map, by whole numbers only.

Around every latitude a plane is laid: so many micrometres east and north for each ten-millionth of
a degree. The two factors are whole numbers, found by whole-number arithmetic from the series of the
WGS 84 ellipsoid, one pair for each hundredth of a degree of latitude. So no comparison of distances
anywhere depends on a machine's floating point, and what is equal on one machine is equal on all.
Within the extent of an area the map is true to one part in a thousand. Near the poles there is none.
"""

from functools import cache
from typing import NamedTuple

from feiqian.outcomes import Outcome, Refusal
from feiqian.wire.positions import DEGREE_E7, MAX_LONGITUDE_E7, Position

MAX_MAPPED_LATITUDE_E7 = 84 * DEGREE_E7
"""As far north and south as UTM goes; beyond, a degree of longitude is too short to map."""
TURN_E7 = 2 * MAX_LONGITUDE_E7
UM_PER_MM = 1_000

_BAND_E7 = DEGREE_E7 // 100
_ONE = 10**15
"""Fixed point: what stands for 1 in sines and cosines."""
_PI = 3_141_592_653_589_793
_TERMS = 14
_NORTH_SERIES = ((0, 111_132_954), (2, -559_822), (4, 1_175))
_EAST_SERIES = ((1, 111_412_840), (3, -93_500), (5, 118))
"""Millimetres to a degree at latitude a: the sum of factor times cos(n a), by pairs (n, factor)."""
_MM_PER_DEGREE_IN_UM_PER_E7 = 10_000


class Scale(NamedTuple):
    """Micrometres for each ten-millionth of a degree, at one latitude."""

    east_um: int
    north_um: int


def scale_at(latitude_e7: int) -> Scale:
    """The scale of the plane there; `Refusal` position_out_of_range near the poles."""
    if not -MAX_MAPPED_LATITUDE_E7 <= latitude_e7 <= MAX_MAPPED_LATITUDE_E7:
        raise Refusal(Outcome.POSITION_OUT_OF_RANGE, "expected a latitude between 84 S and 84 N")
    return _scale_of_band(latitude_e7 // _BAND_E7)


class Circle(NamedTuple):
    """Where a vehicle may stand: all within a radius of a place, on the plane of its latitude."""

    latitude_e7: int
    longitude_e7: int
    scale: Scale
    radius_um: int


def circle_around(position: Position, radius_mm: int) -> Circle:
    """The circle around a position; `Refusal` position_out_of_range near the poles."""
    latitude_e7 = position.latitude_e7
    scale = scale_at(latitude_e7)
    return Circle(latitude_e7, position.longitude_e7, scale, radius_mm * UM_PER_MM)


def nearest_turn_e7(longitude_e7: int) -> int:
    """A difference of longitudes the short way round: across the antimeridian if that is shorter."""
    return (longitude_e7 + MAX_LONGITUDE_E7) % TURN_E7 - MAX_LONGITUDE_E7


def within_reach(first: Circle, second: Circle, reach_um: int) -> bool:
    """Whether some place of the one is within `reach_um` of some place of the other.

    Reckoned at the shorter scale of the two, so that what is denied is certainly farther.
    """
    east_um, north_um = min(first.scale, second.scale)
    between_e7 = second.longitude_e7 - first.longitude_e7
    x_um = nearest_turn_e7(between_e7) * east_um
    y_um = (second.latitude_e7 - first.latitude_e7) * north_um
    reach_um += first.radius_um + second.radius_um
    return x_um * x_um + y_um * y_um <= reach_um * reach_um


@cache
def _scale_of_band(band: int) -> Scale:
    middle_e7 = band * _BAND_E7 + _BAND_E7 // 2
    return Scale(_sum(_EAST_SERIES, middle_e7), _sum(_NORTH_SERIES, middle_e7))


def _sum(series: tuple[tuple[int, int], ...], latitude_e7: int) -> int:
    total = sum(factor * _cosine(multiple * latitude_e7) for multiple, factor in series)
    unit = _ONE * _MM_PER_DEGREE_IN_UM_PER_E7
    return (total + unit // 2) // unit


def _cosine(angle_e7: int) -> int:
    """The cosine in fixed point, by its power series on the reduced angle."""
    angle = nearest_turn_e7(angle_e7) * _PI // MAX_LONGITUDE_E7
    square = angle * angle // _ONE
    term = total = _ONE
    for step in range(1, _TERMS + 1):
        term = -term * square // (_ONE * (2 * step - 1) * (2 * step))
        total += term
    return total
