"""A satellite receiver for tests, as a TCP server: it speaks like one on a serial line.

What the sky tells is up to the test at every moment: another place, no fix, a spoofer's time, or
silence. Whoever connects hears what is said from then on.
"""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from feiqian.adapters.clockwork import repeat
from feiqian.satellite.receiver import Sky, speak
from feiqian.tasks import running
from feiqian.timing.fixes import FixedPlace

HOST = "127.0.0.1"
PERIOD_S = 0.2
"""Quicker than a real one, which says everything once a second."""
SOMEWHERE = FixedPlace(399_042_000, 1_164_074_000, 5_000)


@dataclass
class ReceiverFeed:
    """A receiver that says what the test wants; change its fields while it runs."""

    moment_ms: Callable[[], int]
    """What time the satellites tell."""
    place: FixedPlace | None = SOMEWHERE
    """None: no fix."""
    sky: Sky = field(default_factory=Sky)
    port: int = 0
    _listeners: set[asyncio.StreamWriter] = field(default_factory=set)

    @asynccontextmanager
    async def running(self) -> AsyncIterator["ReceiverFeed"]:
        """Speak while in this context."""
        server = await asyncio.start_server(self._welcome, HOST, 0)
        self.port = server.sockets[0].getsockname()[1]
        try:
            async with running(repeat(self.speak, PERIOD_S)):
                yield self
        finally:
            await self._dismiss()
            server.close()

    async def speak(self) -> None:
        """Say one round of sentences to whoever listens."""
        said = b"".join(speak(self.sky, self.moment_ms(), self.place))
        for listener in self._listeners:
            listener.write(said)

    async def _welcome(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._listeners.add(writer)
        try:
            while await reader.read(1_024):  # what gpsd asks of a receiver to find out its make
                pass
        except ConnectionError:
            pass
        finally:
            self._listeners.discard(writer)
            writer.close()

    async def _dismiss(self) -> None:
        for listener in tuple(self._listeners):
            listener.transport.abort()
