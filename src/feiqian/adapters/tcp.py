"""`ports.Link` over TCP: each message in a frame of its length (4 bytes, big endian) and its bytes.

The payee listens for one payer, the payer connects, retrying for a bounded time because people press
their buttons in any order. A frame that announces more than a message may have ends the link before
any of it is read.
"""

import asyncio
from typing import Self

from feiqian.outcomes import Outcome, Refusal
from feiqian.wire.envelope import MAX_MESSAGE_BYTES

HEAD_BYTES = 4
CONNECT_ATTEMPTS = 60
CONNECT_PAUSE_S = 0.5
CONNECT_TIMEOUT_S = 5.0
CLOSE_TIMEOUT_S = 2.0
"""How long closing waits for what was sent to leave."""


class TcpLink:
    """One connected socket."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer
        self.address = _written(writer.get_extra_info("sockname"))
        """Our own end, as HOST:PORT."""
        self.peer_address = _written(writer.get_extra_info("peername"))
        """The other end."""

    @classmethod
    async def connect(cls, host: str, port: int, *, attempts: int = CONNECT_ATTEMPTS) -> Self:
        """Connect to a listening payee. `Refusal` unavailable when nobody listens in time."""
        reason: Exception = OSError("not tried")
        for attempt in range(attempts):
            if attempt:
                await asyncio.sleep(CONNECT_PAUSE_S)
            try:
                async with asyncio.timeout(CONNECT_TIMEOUT_S):
                    return cls(*await asyncio.open_connection(host, port))
            except (OSError, TimeoutError) as error:
                reason = error
        raise Refusal(Outcome.UNAVAILABLE, f"nobody answers at {host}:{port}: {reason}")

    async def send(self, message: bytes) -> None:
        """Hand one frame to the operating system."""
        if len(message) > MAX_MESSAGE_BYTES:
            raise Refusal(Outcome.TOO_LARGE, f"expected at most {MAX_MESSAGE_BYTES} bytes")
        try:
            self._writer.write(len(message).to_bytes(HEAD_BYTES, "big") + message)
            await self._writer.drain()
        except OSError as error:
            raise _lost(error) from error

    async def receive(self) -> bytes:
        """The next whole frame's message."""
        try:
            head = await self._reader.readexactly(HEAD_BYTES)
            length = int.from_bytes(head, "big")
            if length > MAX_MESSAGE_BYTES:
                await self.close()
                raise Refusal(Outcome.TOO_LARGE, f"expected at most {MAX_MESSAGE_BYTES} bytes")
            return await self._reader.readexactly(length)
        except (OSError, asyncio.IncompleteReadError) as error:
            raise _lost(error) from error

    async def close(self) -> None:
        """Flush and end; harmless when it has ended."""
        self._writer.close()
        try:
            async with asyncio.timeout(CLOSE_TIMEOUT_S):
                await self._writer.wait_closed()
        except (OSError, TimeoutError):
            self._writer.transport.abort()


class TcpListener:
    """Waits at an address for payers, one link each; the payee's end."""

    def __init__(self) -> None:
        self._links: asyncio.Queue[TcpLink] = asyncio.Queue(1)
        self._server: asyncio.Server | None = None

    @classmethod
    async def listen(cls, host: str, port: int) -> Self:
        """Bind; port 0 takes a free one. `Refusal` unavailable when the address is taken."""
        listener = cls()
        try:
            listener._server = await asyncio.start_server(listener._take, host, port)
        except OSError as error:
            raise Refusal(
                Outcome.UNAVAILABLE, f"cannot listen at {host}:{port}: {error}"
            ) from error
        return listener

    async def _take(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        link = TcpLink(reader, writer)
        try:
            self._links.put_nowait(link)
        except asyncio.QueueFull:
            await link.close()

    @property
    def port(self) -> int:
        """Where it listens."""
        if self._server is None:
            raise Refusal(Outcome.UNAVAILABLE, "not listening")
        return int(self._server.sockets[0].getsockname()[1])

    async def accept(self) -> TcpLink:
        """The next payer's link; further payers are turned away until it is taken."""
        return await self._links.get()

    async def close(self) -> None:
        """Stop listening; links already taken live on."""
        if self._server is not None:
            self._server.close()
        while not self._links.empty():
            await self._links.get_nowait().close()


def _written(address: tuple[str, int] | None) -> str:
    return f"{address[0]}:{address[1]}" if address else "?"


def _lost(error: BaseException) -> Refusal:
    return Refusal(Outcome.UNAVAILABLE, f"the link is lost: {type(error).__name__}")
