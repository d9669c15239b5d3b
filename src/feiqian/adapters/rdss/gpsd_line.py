"""A module behind gpsd: one feed carries time, position and short messages.

gpsd passes on every sentence it reads, known to it or not, to whoever asks for them raw. It does not
write to a receiver, so what goes out takes a line of its own to the same module.
"""

import asyncio
from typing import Self

from feiqian.adapters.rdss.line import Line, StreamLine
from feiqian.tasks import end_tasks

_WATCH_SENTENCES = b'?WATCH={"enable":true,"nmea":true};\n'


class GpsdLine:
    """`Line` that reads through gpsd and writes beside it."""

    def __init__(self, feed: StreamLine, outgoing: Line) -> None:
        self._feed = feed
        self._outgoing = outgoing
        self._unread: asyncio.Task[None] | None = None

    @classmethod
    async def open(cls, host: str, port: int, outgoing: Line) -> Self:
        """Watch the gpsd at `host` and `port`. `Refusal` unavailable."""
        feed = await StreamLine.connect(host, port)
        await feed.write(_WATCH_SENTENCES)
        line = cls(feed, outgoing)
        line._unread = asyncio.ensure_future(line._pass_over())
        return line

    async def _pass_over(self) -> None:
        """The module says everything on its own line, too; there it is read by nobody."""
        while True:
            await self._outgoing.read()

    async def read(self) -> bytes:
        """The next sentence; what gpsd says itself is JSON, and passed over."""
        while True:
            line = await self._feed.read()
            if line.startswith(b"$"):
                return line

    async def write(self, sentence: bytes) -> None:
        """Send a sentence beside gpsd."""
        await self._outgoing.write(sentence)

    async def close(self) -> None:
        """End both connections."""
        if self._unread is not None:
            await end_tasks([self._unread])
        await self._feed.close()
        await self._outgoing.close()
