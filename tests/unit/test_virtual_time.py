"""Virtual time: timers in order without waiting, and a name for waiting for ever."""

import asyncio

import pytest

from feiqian.testing.virtual_time import StuckError, pass_time, run

HOUR_S = 3_600.0


@pytest.mark.timeout(5)
def test_an_hour_passes_at_once_and_in_order():
    """Whoever waits less comes first, and nobody waits in earnest."""
    order = []

    async def wait(name, hours):
        await pass_time(hours * HOUR_S)
        order.append((name, asyncio.get_running_loop().time()))

    async def main():
        await asyncio.gather(wait("late", 3), wait("soon", 1), wait("later", 3))

    run(main())
    assert order == [("soon", HOUR_S), ("late", 3 * HOUR_S), ("later", 3 * HOUR_S)]


def test_timeouts_expire_in_virtual_time():
    """A deadline that passes while nothing else happens is a deadline."""

    async def main():
        async with asyncio.timeout(HOUR_S):
            await pass_time(2 * HOUR_S)

    with pytest.raises(TimeoutError):
        run(main())


def test_waiting_for_ever_is_an_error():
    """When nothing can happen any more, the run ends instead of hanging."""

    async def main():
        await asyncio.Event().wait()

    with pytest.raises(StuckError):
        run(main())
