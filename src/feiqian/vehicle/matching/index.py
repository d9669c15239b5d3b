"""All areas by where they are: a grid of cells, so that a look-up costs what is near, not what there is.

A cell is a square of whole degrees' fractions; each area stands in every cell that its bounds touch,
and a look-up visits the cells that the bounds of its circle touch, mostly one. What is found is
judged exactly (`figures`), in the plane of the area's own south-west corner. Answers are sorted by
name: the order in which areas were given cannot be seen in them.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from feiqian.outcomes import Outcome, Refusal
from feiqian.vehicle.matching.areas import Disc, ServiceArea, unrolled
from feiqian.vehicle.matching.figures import APART, INSIDE, Ring, Round, ring
from feiqian.vehicle.matching.plane import TURN_E7, UM_PER_MM, Circle, Scale, scale_at
from feiqian.wire.positions import DEGREE_E7

CELL_E7 = 10_000
"""Side of a cell: 111 m of latitude, and less of longitude."""
MAX_AREAS = 1_000_000

_ROW = 1 << 20
"""More than there are columns: a cell's key is its row and its column in one number."""
_SEAM_E7 = 179 * DEGREE_E7
"""Beyond, either side of the antimeridian, a place is looked up under both of its longitudes."""
_SLACK_SHIFT = 7
"""A circle's bounds grow by this share, more than two neighbouring planes can differ."""


class Near(NamedTuple):
    """The entities whose areas a circle touches, and those that hold all of it; by name."""

    touched: tuple[str, ...]
    holding: tuple[str, ...]


NOTHING_NEAR = Near((), ())


class Plot(NamedTuple):
    """An area on the plane of its south-west corner."""

    latitude_e7: int
    longitude_e7: int
    scale: Scale
    width_um: int
    height_um: int
    figure: Round | Ring
    entity: str


Cells = dict[int, list[Plot]]


@dataclass(frozen=True, slots=True)
class AreaIndex:
    """The areas of every kind of service, each kind in its own grid; made by `build`."""

    grids: dict[str, Cells]
    count: int

    @classmethod
    def build(cls, areas: Iterable[ServiceArea]) -> "AreaIndex":
        """Of all areas. `Refusal` invalid_area when an entity has two, too_large when too many."""
        grids: dict[str, Cells] = {}
        entities: set[str] = set()
        for area in areas:
            if area.entity in entities:
                raise Refusal(Outcome.INVALID_AREA, f"expected one area of {area.entity}")
            entities.add(area.entity)
            if len(entities) > MAX_AREAS:
                raise Refusal(Outcome.TOO_LARGE, f"expected at most {MAX_AREAS} areas")
            _enter(grids.setdefault(area.service, {}), plot_of(area))
        return cls(grids, len(entities))

    def near(self, service: str, circle: Circle) -> Near:
        """What a circle touches among the areas of one kind of service, and what holds it."""
        cells = self.grids.get(service)
        if cells is None:
            return NOTHING_NEAR
        found: dict[str, bool] = {}
        for longitude_e7 in _longitudes(circle.longitude_e7):
            for key in _keys(circle, longitude_e7):
                if key in cells:
                    judge(cells[key], circle, longitude_e7, found)
        if not found:
            return NOTHING_NEAR
        touched = tuple(sorted(found))
        return Near(touched, tuple(entity for entity in touched if found[entity]))


def plot_of(area: ServiceArea) -> Plot:
    """The area on its plane."""
    if isinstance(area.shape, Disc):
        return _disc_plot(area.entity, area.shape)
    corners = unrolled(area.shape.corners)
    latitude_e7 = min(latitude for latitude, _ in corners)
    longitude_e7 = min(longitude for _, longitude in corners)
    scale = scale_at(latitude_e7)
    placed = tuple(
        ((longitude - longitude_e7) * scale.east_um, (latitude - latitude_e7) * scale.north_um)
        for latitude, longitude in corners
    )
    width_um, height_um = max(x for x, _ in placed), max(y for _, y in placed)
    figure = ring(placed)
    return Plot(latitude_e7, longitude_e7, scale, width_um, height_um, figure, area.entity)


def _disc_plot(entity: str, disc: Disc) -> Plot:
    """Its corner is that of the square around it; the centre stays exactly where it is."""
    radius_um = disc.radius_mm * UM_PER_MM
    scale = scale_at(disc.latitude_e7)
    north_e7, east_e7 = radius_um // scale.north_um + 1, radius_um // scale.east_um + 1
    x_um, y_um = east_e7 * scale.east_um, north_e7 * scale.north_um
    return Plot(
        disc.latitude_e7 - north_e7,
        disc.longitude_e7 - east_e7,
        scale,
        2 * x_um,
        2 * y_um,
        Round(x_um, y_um, radius_um),
        entity,
    )


def _enter(cells: Cells, plot: Plot) -> None:
    """Into every cell that its bounds touch."""
    north_e7 = plot.latitude_e7 + plot.height_um // plot.scale.north_um
    east_e7 = plot.longitude_e7 + plot.width_um // plot.scale.east_um
    for row in range(plot.latitude_e7 // CELL_E7, north_e7 // CELL_E7 + 1):
        for column in range(plot.longitude_e7 // CELL_E7, east_e7 // CELL_E7 + 1):
            cells.setdefault(row * _ROW + column, []).append(plot)


def _longitudes(longitude_e7: int) -> tuple[int, ...]:
    """Under what longitudes areas there can be drawn: both, near the antimeridian."""
    if -_SEAM_E7 < longitude_e7 < _SEAM_E7:
        return (longitude_e7,)
    return longitude_e7 - TURN_E7, longitude_e7, longitude_e7 + TURN_E7


def _keys(circle: Circle, longitude_e7: int) -> Sequence[int]:
    """The cells that the bounds of a circle touch, if it stood at that longitude."""
    latitude_e7, _, (east_um, north_um), radius_um = circle
    reach_um = radius_um + (radius_um >> _SLACK_SHIFT)
    east_e7, north_e7 = reach_um // east_um + 1, reach_um // north_um + 1
    south = (latitude_e7 - north_e7) // CELL_E7 * _ROW
    north = (latitude_e7 + north_e7) // CELL_E7 * _ROW
    west = (longitude_e7 - east_e7) // CELL_E7
    east = (longitude_e7 + east_e7) // CELL_E7
    if south == north and west == east:
        return (south + west,)
    rows = range(south, north + 1, _ROW)
    return [row + column for row in rows for column in range(west, east + 1)]


def judge(plots: list[Plot], circle: Circle, longitude_e7: int, found: dict[str, bool]) -> None:
    """Add what the circle touches, and whether it is held whole."""
    latitude_e7, radius_um = circle.latitude_e7, circle.radius_um
    for south_e7, west_e7, scale, width_um, height_um, figure, entity in plots:
        x_um = (longitude_e7 - west_e7) * scale.east_um
        y_um = (latitude_e7 - south_e7) * scale.north_um
        outside = not (
            -radius_um <= x_um <= width_um + radius_um
            and -radius_um <= y_um <= height_um + radius_um
        )
        if outside or entity in found:
            continue
        relation = figure.relation(x_um, y_um, radius_um)
        if relation is not APART:
            found[entity] = relation is INSIDE
