"""Where vehicles are served in the city: stations on a flat map, and their areas in degrees.

A station is a service entity with its bays. Car parks are polygons around their bays, chargers are discs
around the one bay that their cable reaches.
"""

from dataclasses import dataclass

from feiqian.vehicle.management.members import AreaDrawing
from feiqian.vehicle.matching.plane import scale_at
from feiqian.wire.usage import ServiceClass

_UM_PER_M = 1_000_000


@dataclass(frozen=True, slots=True)
class Station:
    """A service entity of the city."""

    name: str
    service: ServiceClass
    latitude_e7: int
    longitude_e7: int
    """Of its middle."""
    area: AreaDrawing
    capacity: int
    """Vehicles that it has room for."""


def place_near(
    latitude_e7: int, longitude_e7: int, east_m: float, north_m: float
) -> tuple[int, int]:
    """Latitude and longitude of a place so far away."""
    scale = scale_at(latitude_e7)
    return (
        latitude_e7 + round(north_m * _UM_PER_M / scale.north_um),
        longitude_e7 + round(east_m * _UM_PER_M / scale.east_um),
    )
