"""Draw `docs/matching.svg`: circles on areas, each with what the index and the rule say of it.

The words in the picture come from the code, so that picture and code cannot differ. Run as
``python -m tools.draw_matching``.
"""

from pathlib import Path

from feiqian.timing.moment import Moment
from feiqian.vehicle.matching.areas import Disc, Polygon, ServiceArea
from feiqian.vehicle.matching.index import AreaIndex
from feiqian.vehicle.matching.plane import scale_at
from feiqian.vehicle.matching.policy import USUAL
from feiqian.vehicle.matching.stay import certain_entity
from feiqian.wire.positions import Position, PositionSourceKind

PICTURE = Path(__file__).parent.parent / "docs" / "matching.svg"

LATITUDE_E7, LONGITUDE_E7 = 525_200_000, 134_050_000
SCALE = scale_at(LATITUDE_E7)
WIDTH_M, HEIGHT_M, PIXELS_PER_M = 190, 84, 4
LOTS = {"P-1": (8, 12, 56, 60), "P-2": (64, 12, 44, 60)}
"""West, south, width and height in metres."""
DISC = ("C-3", 150, 36, 16)
VEHICLES = (
    (30, 42, 4, "a"),
    (61, 30, 4, "b"),
    (20, 14, 4, "c"),
    (90, 56, 9, "d"),
    (150, 36, 4, "e"),
    (163, 50, 4, "f"),
    (126, 70, 4, "g"),
)
"""East and north in metres, stated accuracy in metres, letter."""


def main() -> None:
    """Write the picture."""
    PICTURE.write_text(picture(), encoding="utf-8")


def picture() -> str:
    """The whole SVG document."""
    size = f'width="{WIDTH_M * PIXELS_PER_M}" height="{HEIGHT_M * PIXELS_PER_M}"'
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" {size} font-family="sans-serif" font-size="12">',
        '<rect width="100%" height="100%" fill="white"/>',
        *(_lot(name, *where) for name, where in LOTS.items()),
        _circle(DISC[1:], "#dfeaf5", "#2471a3"),
        _text(DISC[1], DISC[2] + DISC[3] + 2, DISC[0], "#2471a3"),
    ]
    for east_m, north_m, accuracy_m, letter in VEHICLES:
        lines += _vehicle(east_m, north_m, accuracy_m, letter)
    return "\n".join([*lines, "</svg>", ""])


def _vehicle(east_m: int, north_m: int, accuracy_m: int, letter: str) -> list[str]:
    wide_m = USUAL.wide_circle(_position(east_m, north_m, accuracy_m)).radius_um // 1_000_000
    said = f"{letter}: {verdict(east_m, north_m, accuracy_m)}"
    return [
        _circle((east_m, north_m, wide_m), "none", "#b03a2e"),
        _circle((east_m, north_m, accuracy_m), "#f2d7d5", "#b03a2e", dashed=True),
        _text(east_m, north_m - wide_m - 4, said, "#7b241c"),
    ]


def verdict(east_m: int, north_m: int, accuracy_m: int) -> str:
    """What is said of a vehicle that stands there long enough."""
    areas = [ServiceArea(name, "parking", _polygon(*where)) for name, where in LOTS.items()]
    name, centre_m, up_m, radius_m = DISC
    areas.append(ServiceArea(name, "parking", Disc(*_place(centre_m, up_m), radius_m * 1_000)))
    circle = USUAL.wide_circle(_position(east_m, north_m, accuracy_m))
    near = AreaIndex.build(areas).near("parking", circle)
    certain = certain_entity(near)
    if certain is not None:
        return f"match {certain}"
    return f"ask {' and '.join(near.touched)}" if near.touched else "no match"


def _place(east_m: int, north_m: int) -> tuple[int, int]:
    north_e7, east_e7 = north_m * 1_000_000 // SCALE.north_um, east_m * 1_000_000 // SCALE.east_um
    return LATITUDE_E7 + north_e7, LONGITUDE_E7 + east_e7


def _polygon(west_m: int, south_m: int, width_m: int, height_m: int) -> Polygon:
    east_m, north_m = west_m + width_m, south_m + height_m
    corners = ((west_m, south_m), (east_m, south_m), (east_m, north_m), (west_m, north_m))
    return Polygon(tuple(_place(*corner) for corner in corners))


def _position(east_m: int, north_m: int, accuracy_m: int) -> Position:
    place, kind = _place(east_m, north_m), PositionSourceKind.SIMULATED
    return Position(Moment(0), *place, accuracy_m * 1_000, None, None, kind)


def _lot(name: str, west_m: int, south_m: int, width_m: int, height_m: int) -> str:
    x, y = west_m * PIXELS_PER_M, (HEIGHT_M - south_m - height_m) * PIXELS_PER_M
    size = f'width="{width_m * PIXELS_PER_M}" height="{height_m * PIXELS_PER_M}"'
    area = f'<rect x="{x}" y="{y}" {size} fill="#dfeaf5" stroke="#2471a3"/>'
    return area + _text(west_m + width_m // 2, south_m + height_m - 4, name, "#2471a3")


def _circle(where: tuple[int, int, int], fill: str, stroke: str, *, dashed: bool = False) -> str:
    east_m, north_m, radius_m = where
    x, y = east_m * PIXELS_PER_M, (HEIGHT_M - north_m) * PIXELS_PER_M
    dashes = ' stroke-dasharray="3 3"' if dashed else ""
    colours = f'fill="{fill}" stroke="{stroke}"{dashes}'
    return f'<circle cx="{x}" cy="{y}" r="{radius_m * PIXELS_PER_M}" {colours}/>'


def _text(east_m: int, north_m: int, text: str, colour: str) -> str:
    x, y = east_m * PIXELS_PER_M, (HEIGHT_M - north_m) * PIXELS_PER_M
    return f'<text x="{x}" y="{y}" text-anchor="middle" fill="{colour}">{text}</text>'


if __name__ == "__main__":
    main()
