"""A connection for virtual time: frames between two ends of one process, as of a WebSocket."""

import asyncio

from websockets import ConnectionClosed


class VirtualPipe:
    """One end; it can `recv`, `send` and `close`."""

    def __init__(self) -> None:
        self.arrived: asyncio.Queue[str | None] = asyncio.Queue()
        """Frames sent by the other end; None is the end."""
        self._other: VirtualPipe | None = None

    @classmethod
    def pair(cls) -> "tuple[VirtualPipe, VirtualPipe]":
        """Two connected ends."""
        one, other = cls(), cls()
        one._other, other._other = other, one
        return one, other

    async def recv(self) -> str:
        """The next frame."""
        frame = await self.arrived.get()
        if frame is None:
            self.arrived.put_nowait(None)
            raise ConnectionClosed(None, None)
        return frame

    async def send(self, frame: str) -> None:
        """Hand over a frame."""
        assert self._other is not None
        self._other.arrived.put_nowait(frame)

    async def close(self, *_: object) -> None:
        """End both ends."""
        assert self._other is not None
        self.arrived.put_nowait(None)
        self._other.arrived.put_nowait(None)
