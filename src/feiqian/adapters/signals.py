"""The end of a program as the operating system wishes it."""

import asyncio
import signal

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
