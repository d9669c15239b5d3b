"""An event loop whose time passes only when nothing else can happen, and then at once.

Timers fire in their order without anybody waiting, and nothing outside the process is waited for:
so a run is decided by its seed alone, and an hour of waiting takes no time. When nothing is left that
could ever happen the run is stuck, and says so instead of hanging.
"""

import asyncio
import selectors
from collections.abc import Coroutine
from typing import Any, TypeVar

T = TypeVar("T")


class StuckError(Exception):
    """Everybody waits for somebody else."""


class _NoWaiting(selectors.SelectSelector):
    """Lets the loop's time pass instead of waiting."""

    passed_s = 0.0

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        ready = super().select(0)
        if not ready and timeout is None:
            raise StuckError("nothing can happen any more")
        if not ready and timeout:
            self.passed_s += timeout
        return ready


class VirtualTimeLoop(asyncio.SelectorEventLoop):
    """A loop for simulations; use no threads, sockets or processes with it."""

    def __init__(self) -> None:
        self._own_selector = _NoWaiting()
        super().__init__(self._own_selector)

    def time(self) -> float:
        """Seconds that have passed in the simulation."""
        return self._own_selector.passed_s


def run(main: Coroutine[Any, Any, T]) -> T:
    """Run `main` to its end in virtual time. Raises `StuckError` when it cannot end."""
    with asyncio.Runner(loop_factory=VirtualTimeLoop) as runner:
        return runner.run(main)


async def pass_time(duration_s: float) -> None:
    """Let others go first for a while."""
    loop = asyncio.get_running_loop()
    done = loop.create_future()
    timer = loop.call_later(duration_s, _resolve, done)
    try:
        await done
    finally:
        timer.cancel()


def _resolve(future: "asyncio.Future[None]") -> None:
    if not future.done():
        future.set_result(None)
