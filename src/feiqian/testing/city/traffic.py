"""What the city needs of traffic: vehicles that move second by second, and go where they are sent.

The truth about who stands where is known here, and nowhere else in the city: parties hear positions
only, and sites see who is in front of them.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from feiqian.testing.city.stations import Station


@dataclass(frozen=True, slots=True)
class Whereabouts:
    """Where a vehicle is now, truly."""

    latitude_e7: int
    longitude_e7: int
    speed_mm_s: int


class Traffic(Protocol):
    """A simulation of traffic, one second at a time."""

    stations: Sequence[Station]
    vehicles: Sequence[str]
    """The names of all; some may come later."""
    standing: dict[str, str]
    """By vehicle, the station in one of whose bays it stands."""
    staying: set[str]
    """Vehicles that do not leave the map while they are named here."""

    def step(self) -> Mapping[str, Whereabouts]:
        """Let a second pass; where every vehicle is that is on the map then."""
        ...

    def send(self, vehicle: str, station: str, stay_s: int) -> bool:
        """Have a vehicle go to a station, stand there so long, and leave. Whether it can."""
        ...

    def close(self) -> None:
        """End."""
        ...
