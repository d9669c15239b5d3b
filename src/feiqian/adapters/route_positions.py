"""Positions of a simulated vehicle: a route of places, driven at a speed, with a receiver's errors.

A route is a list of stops: a place, how long to stand there, and how fast to drive on. Errors come from
a seed: they wander, as a receiver's do, and stay within what is stated in 95 of 100 cases. Where the
route says *tunnel*, nothing is heard on the way to the next stop. An *exact* vehicle has no errors. The same seed makes the same
journey; only the moments are the clock's.
"""

import asyncio
import math
import random
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise

from feiqian.outcomes import Outcome, Refusal
from feiqian.ports import Clock
from feiqian.timing.moment import Moment
from feiqian.wire.positions import Position, PositionSourceKind

PERIOD_MS = 1_000
STATED_OVER_DEVIATION = 2.45
"""The radius of 95 in 100 cases, in standard deviations of each direction."""
WANDER = 0.9
"""How much of an error is still there a second later."""
_MM_PER_E7 = 11.132
MOMENT_RADIUS_MS = 5


@dataclass(frozen=True, slots=True)
class RouteStop:
    """A place on the way."""

    latitude_e7: int
    longitude_e7: int
    stand_ms: int = 0
    speed_mm_s: int = 10_000
    """At which the vehicle drives on to the next stop."""
    tunnel: bool = False
    """Nothing is heard from here to the next stop."""


class RoutePositions:
    """The positions along a route, one a second, from the moment of the first (`PositionSource`)."""

    def __init__(
        self,
        stops: Sequence[RouteStop],
        clock: Clock,
        seed: int,
        accuracy_mm: int = 3_000,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        *,
        exact: bool = False,
    ) -> None:
        if not stops:
            raise Refusal(Outcome.MALFORMED, "expected a route of at least one stop")
        self._stops = tuple(stops)
        self._clock = clock
        self._chance = random.Random(seed)  # noqa: S311 -- a journey that can be driven again
        self._accuracy_mm = accuracy_mm
        self._sleep = sleep
        self._exact = exact
        self._began_ms: int | None = None
        self._next_ms = 0
        self._error_mm = (0.0, 0.0)
        self._closed = False

    async def position(self) -> Position:
        """The next position. `Refusal` unavailable at the end of the route, or once closed."""
        while not self._closed:
            now_ms = self._clock.now().midpoint_ms
            if self._began_ms is None:
                self._began_ms = now_ms
            due_ms = self._began_ms + self._next_ms
            if now_ms < due_ms:
                await self._sleep((due_ms - now_ms) / 1000)
                continue
            found = place_at(self._stops, self._next_ms)
            self._next_ms += PERIOD_MS
            if found is not None:
                return self._heard(*found, Moment(due_ms, MOMENT_RADIUS_MS))
        raise Refusal(Outcome.UNAVAILABLE, "the source of positions is closed")

    async def close(self) -> None:
        """End; closing twice is harmless."""
        self._closed = True

    def _heard(
        self, latitude: float, longitude: float, speed_mm_s: int, moment: Moment
    ) -> Position:
        east_mm, north_mm = (0.0, 0.0) if self._exact else self._wander()
        shrink = math.cos(math.radians(latitude / 1e7))
        return Position(
            moment,
            round(latitude + north_mm / _MM_PER_E7),
            round(longitude + east_mm / _MM_PER_E7 / shrink),
            self._accuracy_mm,
            speed_mm_s,
            None,
            PositionSourceKind.SIMULATED,
        )

    def _wander(self) -> tuple[float, float]:
        deviation_mm = self._accuracy_mm / STATED_OVER_DEVIATION
        fresh_mm = deviation_mm * math.sqrt(1 - WANDER**2)
        east_mm, north_mm = self._error_mm
        self._error_mm = (
            WANDER * east_mm + self._chance.gauss(0, fresh_mm),
            WANDER * north_mm + self._chance.gauss(0, fresh_mm),
        )
        return self._error_mm


def place_at(stops: Sequence[RouteStop], passed_ms: int) -> tuple[float, float, int] | None:
    """Latitude, longitude and speed after so long; None in a tunnel. At the end one stands."""
    for stop, following in pairwise(stops):
        if passed_ms < stop.stand_ms:
            return stop.latitude_e7, stop.longitude_e7, 0
        passed_ms -= stop.stand_ms
        way_ms = _way_ms(stop, following)
        if passed_ms < way_ms:
            share = passed_ms / way_ms
            return None if stop.tunnel else _between(stop, following, share)
        passed_ms -= way_ms
    return stops[-1].latitude_e7, stops[-1].longitude_e7, 0


def _way_ms(start: RouteStop, end: RouteStop) -> int:
    north_mm = (end.latitude_e7 - start.latitude_e7) * _MM_PER_E7
    shrink = math.cos(math.radians(start.latitude_e7 / 1e7))
    east_mm = (end.longitude_e7 - start.longitude_e7) * _MM_PER_E7 * shrink
    return max(1, round(math.hypot(north_mm, east_mm) * 1000 / start.speed_mm_s))


def _between(start: RouteStop, end: RouteStop, share: float) -> tuple[float, float, int]:
    latitude = start.latitude_e7 + share * (end.latitude_e7 - start.latitude_e7)
    longitude = start.longitude_e7 + share * (end.longitude_e7 - start.longitude_e7)
    return latitude, longitude, start.speed_mm_s
