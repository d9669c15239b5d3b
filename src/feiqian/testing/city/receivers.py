"""What vehicles hear of where they are: wandering errors, bad reception between houses, tunnels, lies.

A receiver states the circle that holds the truth in 95 of 100 cases, and keeps to it: its error wanders
with that spread. In a tunnel it hears nothing. A receiver that is spoofed says that it is where the
spoofer wants, as exactly as ever.
"""

import math
import random
from dataclasses import dataclass

from feiqian.testing.city.stations import place_near
from feiqian.testing.city.traffic import Whereabouts
from feiqian.timing.moment import Moment
from feiqian.wire.positions import Position, PositionSourceKind

GOOD_MM, POOR_MM = (2_000, 4_000), (8_000, 30_000)
"""The stated radius in the open, and between houses."""
POOR_SHARE = 0.06
"""Of the seconds in which reception turns poor, and does not get better for a while."""
POOR_LASTS_S = 20
STATED_OVER_DEVIATION = 2.45
WANDER = 0.9
MOMENT_RADIUS_MS = 5


@dataclass(frozen=True, slots=True)
class Tunnel:
    """A stretch of road without satellites."""

    latitude_e7: int
    longitude_e7: int
    radius_e7: int

    def holds(self, place: Whereabouts) -> bool:
        """Whether a vehicle is in it."""
        north, east = place.latitude_e7 - self.latitude_e7, place.longitude_e7 - self.longitude_e7
        return north * north + east * east < self.radius_e7 * self.radius_e7


class VehicleReceiver:
    """One vehicle's."""

    def __init__(self, seed: str, tunnels: tuple[Tunnel, ...]) -> None:
        self._chance = random.Random(seed)
        self._tunnels = tunnels
        self._error = (0.0, 0.0)
        """In standard deviations, east and north."""
        self._poor_s = 0
        self._good_mm = self._chance.randint(*GOOD_MM)
        self.spoofed: Whereabouts | None = None
        """Where a spoofer makes it believe to be."""

    def hear(self, truth: Whereabouts, moment_ms: int) -> Position | None:
        """The position of this second; None in a tunnel."""
        self._wander()
        if self.spoofed is None and any(tunnel.holds(truth) for tunnel in self._tunnels):
            return None
        where, accuracy_mm = self.spoofed or truth, self._accuracy_mm()
        deviation_m = accuracy_mm / STATED_OVER_DEVIATION / 1_000
        east, north = self._error
        latitude_e7, longitude_e7 = place_near(
            where.latitude_e7, where.longitude_e7, east * deviation_m, north * deviation_m
        )
        return Position(
            Moment(moment_ms, MOMENT_RADIUS_MS),
            latitude_e7,
            longitude_e7,
            accuracy_mm,
            where.speed_mm_s,
            None,
            PositionSourceKind.SIMULATED,
        )

    def _accuracy_mm(self) -> int:
        if self._poor_s > 0:
            self._poor_s -= 1
            return self._chance.randint(*POOR_MM)
        if self._chance.random() < POOR_SHARE / POOR_LASTS_S:
            self._poor_s = POOR_LASTS_S
        return self._good_mm

    def _wander(self) -> None:
        fresh = math.sqrt(1 - WANDER**2)
        east, north = self._error
        self._error = (
            WANDER * east + self._chance.gauss(0, fresh),
            WANDER * north + self._chance.gauss(0, fresh),
        )
