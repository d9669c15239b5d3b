"""The end of a program as the operating system wishes it, and of what runs until something ends."""

import asyncio
import signal
from collections.abc import Coroutine
from typing import Any

_ENDS = (signal.SIGTERM, signal.SIGINT)


async def end_wished() -> None:
    """Return when the process is asked to end, by SIGTERM or SIGINT."""
    loop = asyncio.get_running_loop()
    wished = asyncio.Event()
    for each in _ENDS:
        loop.add_signal_handler(each, wished.set)
    try:
        await wished.wait()
    finally:
        for each in _ENDS:
            loop.remove_signal_handler(each)


async def until_one_ends(*parts: Coroutine[Any, Any, None]) -> None:
    """Run all parts until one ends, raising what it raised; the others are cancelled."""
    tasks = [asyncio.ensure_future(part) for part in parts]
    try:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in tasks:
            task.cancel()
        results = await asyncio.gather(*tasks, return_exceptions=True)
    for result in results:
        if isinstance(result, Exception):
            raise result
