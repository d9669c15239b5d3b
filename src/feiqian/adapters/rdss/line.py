"""The line to a module: sentences come in one by one, sentences go out.

`Line` is all a module needs; here it is made of a byte stream, whose lines are bounded. A line that is
too long is noise until its end comes, and costs no memory.
"""

import asyncio
from contextlib import suppress
from typing import Protocol, Self

from feiqian.outcomes import Outcome, Refusal
from feiqian.wire.rdss.sentences import MAX_SENTENCE_BYTES

CONNECT_TIMEOUT_S = 5.0
CLOSE_TIMEOUT_S = 2.0


class Line(Protocol):
    """Carries the sentences of one module."""

    async def read(self) -> bytes:
        """The next line, however odd. `Refusal` unavailable when it has ended."""
        ...

    async def write(self, sentence: bytes) -> None:
        """Send a sentence with its line end. `Refusal` unavailable when the line is lost."""
        ...

    async def close(self) -> None:
        """Let go; closing twice is harmless."""
        ...


class StreamLine:
    """A line over anything that asyncio streams: TCP, a serial device."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer

    @classmethod
    async def connect(cls, host: str, port: int) -> Self:
        """Over TCP. `Refusal` unavailable when nobody listens there."""
        try:
            async with asyncio.timeout(CONNECT_TIMEOUT_S):
                return cls(*await asyncio.open_connection(host, port, limit=MAX_SENTENCE_BYTES))
        except (OSError, TimeoutError) as error:
            detail = f"no module at {host}:{port}: {error}"
            raise Refusal(Outcome.UNAVAILABLE, detail) from None

    async def read(self) -> bytes:
        """The next line; one beyond the limit is passed over."""
        while True:
            try:
                return await self._reader.readuntil(b"\n")
            except asyncio.LimitOverrunError as error:
                await self._pass_over(error.consumed)
            except (OSError, asyncio.IncompleteReadError) as error:
                raise _lost(error) from None

    async def _pass_over(self, count: int) -> None:
        try:
            await self._reader.readexactly(max(1, count))
        except (OSError, asyncio.IncompleteReadError) as error:
            raise _lost(error) from None

    async def write(self, sentence: bytes) -> None:
        """Hand a sentence to the operating system."""
        if self._writer.is_closing():
            raise Refusal(Outcome.UNAVAILABLE, "the line to the module is closed")
        try:
            self._writer.write(sentence)
            await self._writer.drain()
        except OSError as error:
            raise _lost(error) from None

    async def close(self) -> None:
        """Flush and end."""
        self._writer.close()
        with suppress(OSError, TimeoutError):
            async with asyncio.timeout(CLOSE_TIMEOUT_S):
                await self._writer.wait_closed()


def _lost(error: BaseException) -> Refusal:
    return Refusal(Outcome.UNAVAILABLE, f"the line to the module is lost: {type(error).__name__}")
