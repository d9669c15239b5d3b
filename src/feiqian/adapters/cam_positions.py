"""Positions from a vehicle's own awareness messages, as its communication unit hands them on by UDP.

Each datagram is one CAM (the facilities layer's bytes, without transport headers). Messages of other
stations, malformed ones, and those without a position are passed over; what is signed in the air is
checked by the unit, so bind this to an address that only the unit can reach. The newest
`MAX_WAITING` are kept for who reads slowly.
"""

import asyncio
from collections import deque
from typing import Self

from feiqian.adapters.cam import read_cam
from feiqian.outcomes import Outcome, Refusal
from feiqian.ports import Clock
from feiqian.wire.positions import Position

MAX_WAITING = 64


class CamPositions(asyncio.DatagramProtocol):
    """The positions of one station, one by one (`ports.PositionSource`)."""

    def __init__(self, station: int, clock: Clock) -> None:
        self._station = station
        self._clock = clock
        self._waiting: deque[Position] = deque(maxlen=MAX_WAITING)
        self._arrived = asyncio.Event()
        self._last_ms = -1
        self._transport: asyncio.DatagramTransport | None = None
        self.port = 0
        """Where it listens."""

    @classmethod
    async def open(cls, host: str, port: int, station: int, clock: Clock) -> Self:
        """Listen for datagrams. `Refusal` unavailable when the address cannot be had."""
        loop = asyncio.get_running_loop()
        try:
            transport, source = await loop.create_datagram_endpoint(
                lambda: cls(station, clock), local_addr=(host, port)
            )
        except OSError as error:
            raise Refusal(Outcome.UNAVAILABLE, f"cannot listen at {host}:{port}: {error}") from None
        source._transport = transport  # noqa: SLF001 -- its own
        source.port = transport.get_extra_info("sockname")[1]
        return source

    async def position(self) -> Position:
        """The next position. `Refusal` unavailable once closed."""
        while not self._waiting:
            if self._transport is None:
                raise Refusal(Outcome.UNAVAILABLE, "the source of positions is closed")
            self._arrived.clear()
            await self._arrived.wait()
        return self._waiting.popleft()

    async def close(self) -> None:
        """Stop listening; closing twice is harmless."""
        if self._transport is not None:
            self._transport.close()
        self._transport = None
        self._waiting.clear()
        self._arrived.set()

    def datagram_received(self, data: bytes, addr: object) -> None:  # noqa: ARG002 -- asyncio's
        """Take in one message."""
        try:
            heard = read_cam(data, self._clock.now())
        except Refusal:
            return
        position = heard.position
        if heard.station != self._station or position is None:
            return
        if position.moment.midpoint_ms > self._last_ms:
            self._last_ms = position.moment.midpoint_ms
            self._waiting.append(position)
            self._arrived.set()
