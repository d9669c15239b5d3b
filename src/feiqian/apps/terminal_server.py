"""Simulated modules over TCP: each terminal's line on a port of its own, for any number of hosts.

A port is like a serial device that several programs have open: gpsd reads it, a wallet reads and
writes. A host that does not read loses the oldest sentences; one that sends no line ends is cut off.
"""

import asyncio
from contextlib import suppress
from typing import Self

from feiqian.adapters.rdss.line import StreamLine
from feiqian.outcomes import Outcome, Refusal
from feiqian.satellite.simulator import Simulator, TerminalLine
from feiqian.tasks import end_tasks
from feiqian.wire.rdss.sentences import MAX_SENTENCE_BYTES


class TerminalServer:
    """One terminal's port."""

    def __init__(self, simulator: Simulator, address: str) -> None:
        self._simulator = simulator
        self._address = address
        self._server: asyncio.Server | None = None
        self._hosts: set[asyncio.Task[None]] = set()

    @classmethod
    async def listen(cls, simulator: Simulator, address: str, host: str, port: int) -> Self:
        """Bind; port 0 takes a free one. `Refusal` unavailable when the port is taken."""
        server = cls(simulator, address)
        try:
            server._server = await asyncio.start_server(
                server._serve, host, port, limit=MAX_SENTENCE_BYTES
            )
        except OSError as error:
            detail = f"cannot listen at {host}:{port}: {error}"
            raise Refusal(Outcome.UNAVAILABLE, detail) from None
        return server

    @property
    def port(self) -> int:
        """Where it listens."""
        if self._server is None:
            raise Refusal(Outcome.UNAVAILABLE, "not listening")
        return int(self._server.sockets[0].getsockname()[1])

    async def close(self) -> None:
        """Stop listening, and end every host's connection."""
        if self._server is not None:
            self._server.close()
        await end_tasks(self._hosts)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        if task is not None:
            self._hosts.add(task)
            task.add_done_callback(self._hosts.discard)
        stream = StreamLine(reader, writer)
        with suppress(Refusal, asyncio.CancelledError):
            await self._relay(stream)
        await stream.close()

    async def _relay(self, host: StreamLine) -> None:
        """Both directions, until one ends."""
        module = self._simulator.connect(self._address)
        directions = [
            asyncio.ensure_future(_carry(module, host)),
            asyncio.ensure_future(_carry(host, module)),
        ]
        try:
            await asyncio.wait(directions, return_when=asyncio.FIRST_COMPLETED)
        finally:
            await end_tasks(directions)
            await module.close()


async def _carry(source: StreamLine | TerminalLine, sink: StreamLine | TerminalLine) -> None:
    while True:
        await sink.write(await source.read())
