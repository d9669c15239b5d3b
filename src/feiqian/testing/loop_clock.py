"""A clock that follows the event loop: on a loop of virtual time, the time of the simulated world."""

import asyncio

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
