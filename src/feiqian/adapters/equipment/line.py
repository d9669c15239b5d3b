"""The entity's end of the line to a bay or a pump: it listens, and the equipment's controller connects.

The controller says its name and password first; only the one that is configured gets in, and a new
connection replaces the old, because the controller knows better than we when its line was cut. A
report is answered once the site has stored it: until then the controller keeps it, and says it again
on the next connection. What is begun is told again on every connection, so a controller that started
anew learns of it. The line has no secrecy of its own: loopback, or a cable.
"""

import asyncio
import contextlib
import hmac

from feiqian.adapters.equipment.lines import (
    MAX_LINE_BYTES,
    AskedToBegin,
    AskedToStop,
    FromEntity,
    Hello,
    Reported,
    ReportedBegin,
    ReportedEnd,
    ReportedPresence,
    ReportedReading,
    ReportedRefusal,
    SentAway,
    Taken,
    Welcome,
    event_of,
    read_from_controller,
    written,
)
from feiqian.outcomes import Outcome, Refusal
from feiqian.protocol.equipment import Begin, Command, Listener
from feiqian.tasks import end_tasks

HELLO_TIMEOUT_S = 5.0
MAX_CONNECTIONS = 8
"""At once; all but one have not said who they are."""
MAX_BEGUN = 64
"""Services that are remembered; the oldest make room."""


class EquipmentLine:
    """`protocol.equipment.Equipment` of a bay or a pump, whose controller may be away."""

    def __init__(self, name: str, password: str) -> None:
        self._name = name
        self._password = password
        self._listener: Listener | None = None
        self._begun: dict[str, AskedToBegin] = {}
        self._occupied = False
        self._writer: asyncio.StreamWriter | None = None
        """To the controller, once it has said who it is."""
        self._connections: set[asyncio.Task[None]] = set()
        self._server: asyncio.Server | None = None

    def report_to(self, listener: Listener) -> None:
        """Where events go from now on."""
        self._listener = listener

    async def open(self, host: str, port: int) -> None:
        """Bind; port 0 takes a free one. `Refusal` unavailable when the address is taken."""
        try:
            self._server = await asyncio.start_server(
                self._connected, host, port, limit=MAX_LINE_BYTES
            )
        except OSError as error:
            detail = f"cannot listen at {host}:{port}: {error}"
            raise Refusal(Outcome.UNAVAILABLE, detail) from error

    @property
    def port(self) -> int:
        """Where it listens."""
        if self._server is None:
            raise Refusal(Outcome.UNAVAILABLE, "not listening")
        return int(self._server.sockets[0].getsockname()[1])

    async def close(self) -> None:
        """Stop listening, and cut everybody off."""
        if self._server is not None:
            self._server.close()
        await end_tasks(self._connections)

    # What the site asks --------------------------------------------------------------------------
    def occupied(self) -> bool:
        """Whether somebody stands there, as the controller said last; while it is away, nobody."""
        return self._occupied and self._writer is not None

    async def do(self, command: Command) -> None:
        """Pass a command on. `Refusal` unavailable while the controller is away."""
        if isinstance(command, Begin):
            known = self._begun.get(command.key)
            began = bool(command.transaction) or (known is not None and known.began)
            self._remember(AskedToBegin(command.key, began, dict(command.limits)))
            line: FromEntity = self._begun[command.key]
        else:
            self._begun.pop(command.key, None)
            line = AskedToStop(command.key)
        if self._writer is None:
            raise Refusal(Outcome.UNAVAILABLE, "the equipment's controller is not connected")
        self._writer.write(written(line))

    def _remember(self, asked: AskedToBegin) -> None:
        self._begun.pop(asked.key, None)
        self._begun[asked.key] = asked
        while len(self._begun) > MAX_BEGUN:
            del self._begun[next(iter(self._begun))]

    # What the controller says --------------------------------------------------------------------
    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        connection = asyncio.current_task()
        assert connection is not None
        self._connections.add(connection)
        try:
            if len(self._connections) <= MAX_CONNECTIONS:
                await self._converse(reader, writer)
        except (OSError, TimeoutError, asyncio.IncompleteReadError, asyncio.CancelledError):
            pass  # it is gone, or we are; a connection's task has nobody to tell
        finally:
            self._connections.discard(connection)
            if self._writer is writer:
                self._writer = None
            writer.close()

    async def _converse(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            async with asyncio.timeout(HELLO_TIMEOUT_S):
                self._admit(read_from_controller(await _next_line(reader)))
            if self._writer is not None:
                self._writer.close()
            self._writer = writer
            writer.write(written(Welcome()))
            for asked in self._begun.values():
                writer.write(written(asked))
            while True:
                line_read = read_from_controller(await _next_line(reader))
                if isinstance(line_read, Hello):
                    raise Refusal(Outcome.MALFORMED, "expected a report after the first line")
                await self._take(line_read, writer)
        except Refusal as refusal:
            writer.write(written(SentAway(refusal.outcome, refusal.detail[:200])))
            await writer.drain()

    def _admit(self, line: object) -> None:
        if not isinstance(line, Hello):
            raise Refusal(Outcome.MALFORMED, "expected a name and a password first")
        is_named = hmac.compare_digest(line.name.encode(), self._name.encode())
        if not (hmac.compare_digest(line.password.encode(), self._password.encode()) and is_named):
            raise Refusal(Outcome.NOT_AUTHORISED, "expected this entity's name and password")

    async def _take(self, line: Reported, writer: asyncio.StreamWriter) -> None:
        """Tell the site, then answer: what is answered is stored."""
        if isinstance(line, ReportedPresence):
            self._occupied = line.occupied
        else:
            await self._report(line, writer)
        writer.write(written(Taken(line.number)))
        await writer.drain()

    async def _report(
        self,
        line: ReportedBegin | ReportedReading | ReportedEnd | ReportedRefusal,
        writer: asyncio.StreamWriter,
    ) -> None:
        known = self._begun.get(line.key)
        if isinstance(line, ReportedEnd | ReportedRefusal):
            self._begun.pop(line.key, None)
        elif known is None:
            # Nobody asked for it, or not any more: it was stopped while the controller was away.
            writer.write(written(AskedToStop(line.key)))
        else:
            self._begun[line.key] = AskedToBegin(line.key, began=True, limits=known.limits)
        if self._listener is not None:
            await self._listener(event_of(line))


async def _next_line(reader: asyncio.StreamReader) -> bytes:
    """A line; `Refusal` too_large. Raises IncompleteReadError at the end."""
    with contextlib.suppress(asyncio.LimitOverrunError):
        return await reader.readuntil(b"\n")
    raise Refusal(Outcome.TOO_LARGE, f"expected a line of at most {MAX_LINE_BYTES} bytes")
