"""How a circle lies to a figure on the plane: apart, touching, or wholly inside; exact, in integers.

Coordinates are micrometres east and north of a corner. Squares of distances are compared, never
distances, and a division is avoided by multiplying the other side: so there is no rounding, and a
circle that touches in one point touches on every machine.
"""

from dataclasses import dataclass
from enum import Enum
from typing import NamedTuple


class Relation(Enum):
    """How a circle lies to a figure."""

    APART = "apart"
    TOUCHES = "touches"
    """They share points, but the circle is not wholly inside."""
    INSIDE = "inside"


APART, TOUCHES, INSIDE = Relation


@dataclass(frozen=True, slots=True)
class Round:
    """A disc around a centre."""

    x_um: int
    y_um: int
    radius_um: int

    def relation(self, x_um: int, y_um: int, radius_um: int) -> Relation:
        """How the circle of `radius_um` around a point lies to this disc."""
        east_um, north_um = x_um - self.x_um, y_um - self.y_um
        square = east_um * east_um + north_um * north_um
        reach_um = self.radius_um + radius_um
        if square > reach_um * reach_um:
            return APART
        depth_um = self.radius_um - radius_um
        return INSIDE if depth_um >= 0 and square < depth_um * depth_um else TOUCHES


class Edge(NamedTuple):
    """From a corner of a polygon to the next, with what every question needs."""

    x_um: int
    y_um: int
    end_x_um: int
    end_y_um: int
    east_um: int
    north_um: int
    square: int
    """Of its length."""


@dataclass(frozen=True, slots=True)
class Ring:
    """A simple polygon, by its edges."""

    edges: tuple[Edge, ...]

    def relation(self, x_um: int, y_um: int, radius_um: int) -> Relation:
        """How the circle of `radius_um` around a point lies to this polygon."""
        reach = radius_um * radius_um
        inside = False
        for from_x, from_y, to_x, to_y, east, north, square in self.edges:
            point_east, point_north = x_um - from_x, y_um - from_y
            along = point_east * east + point_north * north
            across = point_north * east - point_east * north
            if along <= 0:
                near = point_east * point_east + point_north * point_north <= reach
            elif along >= square:
                near = (x_um - to_x) ** 2 + (y_um - to_y) ** 2 <= reach
            else:
                near = across * across <= reach * square
            if near:
                return TOUCHES
            if (from_y > y_um) is not (to_y > y_um) and (across > 0) is (north > 0):
                inside = not inside
        return INSIDE if inside else APART


def ring(corners: tuple[tuple[int, int], ...]) -> Ring:
    """The polygon with these corners (east and north, in micrometres), in their order."""
    following = (*corners[1:], corners[0])
    return Ring(tuple(_edge(*start, *end) for start, end in zip(corners, following, strict=True)))


def _edge(x_um: int, y_um: int, end_x_um: int, end_y_um: int) -> Edge:
    east_um, north_um = end_x_um - x_um, end_y_um - y_um
    square = east_um * east_um + north_um * north_um
    return Edge(x_um, y_um, end_x_um, end_y_um, east_um, north_um, square)
