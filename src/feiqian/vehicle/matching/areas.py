"""The areas in which a vehicle can be served, as operators draw them: polygons, or discs.

An area says where the antenna of a served vehicle may be. It is judged when it is made: a polygon is
simple, it has an area, and its extent is bounded, so that nothing has to be questioned when money
depends on it. An area may cross the antimeridian; none may come near a pole.
"""

from dataclasses import dataclass
from itertools import combinations, pairwise

from feiqian.outcomes import Outcome, Refusal
from feiqian.vehicle.matching.plane import (
    MAX_MAPPED_LATITUDE_E7,
    UM_PER_MM,
    nearest_turn_e7,
    scale_at,
)
from feiqian.wire.positions import MAX_LONGITUDE_E7

MIN_CORNERS = 3
MAX_CORNERS = 64
MAX_EXTENT_MM = 2_000_000
"""Of an area, from west to east and from south to north."""
MIN_RADIUS_MM = 1_000
MAX_ENTITY_NAME = 64

Corner = tuple[int, int]
"""Latitude and longitude, in ten-millionths of a degree."""


@dataclass(frozen=True, slots=True)
class Disc:
    """All within `radius_mm` of a place."""

    latitude_e7: int
    longitude_e7: int
    radius_mm: int


@dataclass(frozen=True, slots=True)
class Polygon:
    """All within straight edges from corner to corner; the last is joined to the first."""

    corners: tuple[Corner, ...]


@dataclass(frozen=True, slots=True)
class ServiceArea:
    """Where one service entity serves. Making one raises `Refusal` invalid_area if it is unfit."""

    entity: str
    service: str
    """The kind of service: vehicles are matched among the areas of one kind."""
    shape: Disc | Polygon

    def __post_init__(self) -> None:
        """Judge the drawing."""
        if not 1 <= len(self.entity) <= MAX_ENTITY_NAME:
            raise _invalid(f"expected an entity's name of at most {MAX_ENTITY_NAME} characters")
        if isinstance(self.shape, Disc):
            _check_disc(self.shape)
        else:
            _check_polygon(self.shape)


def unrolled(corners: tuple[Corner, ...]) -> tuple[Corner, ...]:
    """The corners with longitudes that run on past the antimeridian, near those of the first."""
    _, first_e7 = corners[0]
    return tuple(
        (latitude_e7, first_e7 + nearest_turn_e7(longitude_e7 - first_e7))
        for latitude_e7, longitude_e7 in corners
    )


def _invalid(detail: str) -> Refusal:
    return Refusal(Outcome.INVALID_AREA, detail)


def _check_disc(disc: Disc) -> None:
    _check_place((disc.latitude_e7, disc.longitude_e7))
    if not MIN_RADIUS_MM <= disc.radius_mm <= MAX_EXTENT_MM // 2:
        raise _invalid(f"expected a radius from {MIN_RADIUS_MM} to {MAX_EXTENT_MM // 2} mm")


def _check_polygon(polygon: Polygon) -> None:
    if not MIN_CORNERS <= len(polygon.corners) <= MAX_CORNERS:
        raise _invalid(f"expected {MIN_CORNERS} to {MAX_CORNERS} corners")
    for corner in polygon.corners:
        _check_place(corner)
    corners = unrolled(polygon.corners)
    _check_extent(corners)
    _check_simple(corners)


def _check_place(place: Corner) -> None:
    latitude_e7, longitude_e7 = place
    if abs(latitude_e7) >= MAX_MAPPED_LATITUDE_E7:
        raise _invalid("expected latitudes between 84 S and 84 N")
    if not -MAX_LONGITUDE_E7 <= longitude_e7 <= MAX_LONGITUDE_E7:
        raise _invalid("expected longitudes between 180 W and 180 E")


def _check_extent(corners: tuple[Corner, ...]) -> None:
    latitudes, longitudes = zip(*corners, strict=True)
    scale = scale_at(min(latitudes))
    east_um = (max(longitudes) - min(longitudes)) * scale.east_um
    north_um = (max(latitudes) - min(latitudes)) * scale.north_um
    if max(east_um, north_um) > MAX_EXTENT_MM * UM_PER_MM:
        raise _invalid(f"expected at most {MAX_EXTENT_MM} mm from side to side")


def _check_simple(corners: tuple[Corner, ...]) -> None:
    """No corner twice, no fold, no two edges that meet but at the corner between them."""
    if len(set(corners)) < len(corners):
        raise _invalid("expected every corner once; the last is joined to the first by itself")
    edges = [*pairwise(corners), (corners[-1], corners[0])]
    for (start, corner), (_, end) in pairwise([*edges, edges[0]]):
        if _turn(start, corner, end) == 0 and not _between(start, corner, end):
            raise _invalid("expected no edge that runs back on the one before it")
    for (first, one), (second, other) in combinations(enumerate(edges), 2):
        if 1 < second - first < len(edges) - 1 and _meet(*one, *other):
            raise _invalid("expected edges that do not cross or touch")


def _turn(start: Corner, middle: Corner, end: Corner) -> int:
    """Positive for one side, negative for the other, zero if the three are in line."""
    (a, b), (c, d), (e, f) = start, middle, end
    return (c - a) * (f - b) - (d - b) * (e - a)


def _between(start: Corner, middle: Corner, end: Corner) -> bool:
    """Of three in line: whether `middle` lies between the other two."""
    (a, b), (c, d), (e, f) = start, middle, end
    return min(a, e) <= c <= max(a, e) and min(b, f) <= d <= max(b, f)


def _meet(start: Corner, end: Corner, other_start: Corner, other_end: Corner) -> bool:
    """Whether two edges share a point."""
    turns = (
        _turn(start, end, other_start),
        _turn(start, end, other_end),
        _turn(other_start, other_end, start),
        _turn(other_start, other_end, end),
    )
    ends = (
        (start, other_start, end),
        (start, other_end, end),
        (other_start, start, other_end),
        (other_start, end, other_end),
    )
    if any(turn == 0 and _between(*three) for turn, three in zip(turns, ends, strict=True)):
        return True
    return (turns[0] > 0) != (turns[1] > 0) and (turns[2] > 0) != (turns[3] > 0) and 0 not in turns
