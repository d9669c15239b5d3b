"""A clock that follows the event loop: on a loop of virtual time, the time of the simulated world."""

import asyncio

from feiqian.testing.platform_world import StandingClock
from feiqian.timing.moment import Moment

START_MS = 1_767_225_600_000
"""1 January 2026."""


class LoopClock:
    """`ports.Clock` that began at `start_ms` when the loop's time was 0."""

    def __init__(self, start_ms: int = START_MS, radius_ms: int = 0) -> None:
        self._start_ms = start_ms
        self._radius_ms = radius_ms

    def now(self) -> Moment:
        """The moment of the loop's time."""
        passed_ms = round(asyncio.get_running_loop().time() * 1000)
        return Moment(self._start_ms + passed_ms, self._radius_ms)


class LeadingClock:
    """`ports.Clock` that runs with the loop, and takes the network's clock along."""

    def __init__(self, network_clock: StandingClock, radius_ms: int = 100) -> None:
        self._network_clock = network_clock
        self._base_ms = network_clock.moment.midpoint_ms
        self._began_s = asyncio.get_running_loop().time()
        self._radius_ms = radius_ms

    def now(self) -> Moment:
        """What has passed in the loop, after where the network's clock stood."""
        passed_s = asyncio.get_running_loop().time() - self._began_s
        moment = Moment(self._base_ms + round(passed_s * 1000), self._radius_ms)
        self._network_clock.moment = moment
        return moment
