"""An in-memory pair of links that keeps the port's promises, and breaks when told to.

Faults are a value: which messages to drop, to repeat, and after how many to tear the connection.
What a torn link had taken but not delivered is gone, as on a real one.
"""

import asyncio
from dataclasses import dataclass, field

from feiqian.outcomes import Outcome, Refusal
from feiqian.wire.envelope import MAX_MESSAGE_BYTES

MAX_QUEUED = 64
"""Messages in flight in one direction."""


@dataclass(frozen=True, slots=True)
class Faults:
    """What goes wrong in one direction; messages are counted from 0."""

    drop: frozenset[int] = frozenset()
    repeat: frozenset[int] = frozenset()
    tear_before: int | None = None
    """Lose the link instead of sending this message."""


@dataclass(slots=True)
class _Wire:
    """What both ends share."""

    torn: asyncio.Event = field(default_factory=asyncio.Event)


class MemoryLink:
    """One end of a pair; `ports.Link`."""

    def __init__(
        self,
        wire: _Wire,
        outgoing: "asyncio.Queue[bytes]",
        incoming: "asyncio.Queue[bytes]",
        faults: Faults,
    ) -> None:
        self._wire = wire
        self._outgoing = outgoing
        self._incoming = incoming
        self._faults = faults
        self._count = 0

    async def send(self, message: bytes) -> None:
        """Queue for the other end, or suffer the fault due."""
        if len(message) > MAX_MESSAGE_BYTES:
            raise Refusal(Outcome.TOO_LARGE, f"expected at most {MAX_MESSAGE_BYTES} bytes")
        count, self._count = self._count, self._count + 1
        if count == self._faults.tear_before:
            self._wire.torn.set()
        if self._wire.torn.is_set():
            raise _lost()
        if count in self._faults.drop:
            return
        for _ in range(2 if count in self._faults.repeat else 1):
            await self._outgoing.put(message)

    async def receive(self) -> bytes:
        """The next message; what arrived before the end is still read."""
        if not self._incoming.empty():
            return self._incoming.get_nowait()
        message = asyncio.ensure_future(self._incoming.get())
        torn = asyncio.ensure_future(self._wire.torn.wait())
        try:
            await asyncio.wait({message, torn}, return_when=asyncio.FIRST_COMPLETED)
            if message.done():
                return message.result()
            raise _lost()
        finally:
            message.cancel()
            torn.cancel()

    async def close(self) -> None:
        """End it for both."""
        self._wire.torn.set()


def linked_pair(
    left: Faults | None = None, right: Faults | None = None
) -> tuple[MemoryLink, MemoryLink]:
    """Two ends; faults apply to what each end sends."""
    wire = _Wire()
    rightward: asyncio.Queue[bytes] = asyncio.Queue(MAX_QUEUED)
    leftward: asyncio.Queue[bytes] = asyncio.Queue(MAX_QUEUED)
    return (
        MemoryLink(wire, rightward, leftward, left or Faults()),
        MemoryLink(wire, leftward, rightward, right or Faults()),
    )


def _lost() -> Refusal:
    return Refusal(Outcome.UNAVAILABLE, "the link is lost")
