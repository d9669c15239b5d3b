"""A TCP proxy that breaks a connection for good after so many bytes towards whoever connected."""

import asyncio
from typing import Self

CHUNK_BYTES = 65_536


class TearingProxy:
    """Stands before one listening port, for one connection."""

    def __init__(self, behind: int, tear_at_byte: int) -> None:
        self._behind = behind
        self._left = tear_at_byte
        self._server: asyncio.Server | None = None

    @classmethod
    async def before(cls, behind: int, tear_at_byte: int) -> Self:
        """Start listening on this machine."""
        proxy = cls(behind, tear_at_byte)
        proxy._server = await asyncio.start_server(proxy._serve, "127.0.0.1", 0)
        return proxy

    @property
    def port(self) -> int:
        """Where it listens."""
        assert self._server is not None
        return int(self._server.sockets[0].getsockname()[1])

    async def _serve(self, _: asyncio.StreamReader, out: asyncio.StreamWriter) -> None:
        assert self._server is not None
        self._server.close()
        source, back = await asyncio.open_connection("127.0.0.1", self._behind)
        while self._left > 0:
            passed = (await source.read(CHUNK_BYTES))[: self._left]
            if not passed:
                break
            self._left -= len(passed)
            out.write(passed)
            await out.drain()
        out.close()  # in order, so that what has passed is delivered
        back.transport.abort()
