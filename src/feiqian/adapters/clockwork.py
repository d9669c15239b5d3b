"""Doing something again and again while a server runs."""

import asyncio
from collections.abc import Awaitable, Callable


async def repeat(job: Callable[[], Awaitable[None]], interval_s: float) -> None:
    """Run `job` now and then every `interval_s` seconds, until cancelled."""
    while True:
        await job()
        await asyncio.sleep(interval_s)
