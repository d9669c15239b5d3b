"""Work beside other work, which ends with it: nothing that was started outlives whoever started it.

A task that is cancelled has not ended yet; whoever goes on at once leaves it half done, and what it
raises is told to nobody. So ending means to cancel and to wait.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Iterable
from contextlib import asynccontextmanager
from typing import Any


async def end_tasks(tasks: Iterable[asyncio.Future[Any]]) -> list[Any]:
    """Cancel them all and wait until they have ended; what each returned or raised, in order."""
    ending = list(tasks)
    for task in ending:
        task.cancel()
    return await asyncio.gather(*ending, return_exceptions=True)


@asynccontextmanager
async def running(*work: Awaitable[Any]) -> AsyncIterator[None]:
    """Run this while in the context; how it ends is nobody's concern."""
    tasks = [asyncio.ensure_future(each) for each in work]
    try:
        yield
    finally:
        await end_tasks(tasks)


async def until_one_ends(*work: Awaitable[Any]) -> None:
    """Run all until one ends, raising what it raised; the others are ended."""
    tasks = [asyncio.ensure_future(each) for each in work]
    try:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        results = await end_tasks(tasks)
    for result in results:
        if isinstance(result, Exception):
            raise result
