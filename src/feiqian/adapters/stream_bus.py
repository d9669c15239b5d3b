"""`ports.MessageBus` through a hub (`adapters/bus_hub.py`), over TCP.

A member keeps one connection and makes a new one, with growing pauses, whenever it is lost; what it
had not taken is delivered again then. Only the hub's own word (another took over the name, the proof
was wrong) ends it for good. A message counts as taken when the program has received it.
"""

import asyncio
import contextlib
from collections import deque
from typing import Self

from feiqian.adapters.bus_frames import (
    Challenge,
    Deliver,
    Ended,
    FromHub,
    Hello,
    Publish,
    Published,
    Taken,
    Welcome,
    proof_of,
    read_from_hub,
    write_frame,
)
from feiqian.outcomes import Outcome, Refusal
from feiqian.ports import Delivery
from feiqian.tasks import end_tasks
from feiqian.wire.bus_topics import check_kind, check_name
from feiqian.wire.envelope import MAX_MESSAGE_BYTES

CONNECT_TIMEOUT_S = 5.0
FIRST_PAUSE_S, LONGEST_PAUSE_S = 0.05, 5.0
"""Between attempts to reconnect; each pause is twice the one before."""
PUBLISH_TIMEOUT_S = 10.0
CLOSE_TIMEOUT_S = 2.0
MAX_OPEN = 64
"""Publications of one member that the hub has not answered yet."""


class StreamBus:
    """One member of a hub's bus."""

    def __init__(self, host: str, port: int, name: str, token: bytes) -> None:
        self._host = host
        self._port = port
        self.name = check_name(name)
        self._token = token
        self._writer: asyncio.StreamWriter | None = None
        self._connected = asyncio.Event()
        self._arrived: deque[Deliver] = deque()
        self._news = asyncio.Event()
        self._open: dict[int, asyncio.Future[Published]] = {}
        self._last_number = 0
        self._end: Refusal | None = None
        self._keeping: asyncio.Task[None] | None = None

    @classmethod
    async def connect(cls, host: str, port: int, name: str, token: bytes) -> Self:
        """Join as the member called `name`; an earlier one of that name is out.

        Raises `Refusal`: malformed, bad_signature (wrong token), busy, unavailable.
        """
        bus = cls(host, port, name, token)
        reader = await bus._greeted()
        bus._keeping = asyncio.create_task(bus._keep(reader))
        return bus

    async def publish(self, recipient: str, kind: str, payload: bytes) -> None:
        """Hand a message to the hub and wait for its word."""
        check_name(recipient)
        check_kind(kind)
        if len(payload) > MAX_MESSAGE_BYTES:
            raise Refusal(Outcome.TOO_LARGE, f"expected at most {MAX_MESSAGE_BYTES} bytes")
        answer = await self._asked(recipient, kind, payload)
        if answer.outcome != Outcome.ACCEPTED:
            raise Refusal(Outcome(answer.outcome), answer.detail)

    async def receive(self) -> Delivery:
        """The next message of this member's inbox."""
        while not self._arrived:
            self._check()
            self._news.clear()
            await self._news.wait()
        self._check()
        frame = self._arrived.popleft()
        if self._writer is not None:
            write_frame(self._writer, Taken(frame.number))
        return Delivery(frame.sender, frame.kind, frame.payload)

    async def close(self) -> None:
        """Leave; what was not received waits at the hub."""
        self._finish(Refusal(Outcome.UNAVAILABLE, "this member has left the bus"))
        keeping, self._keeping = self._keeping, None
        if keeping is not None:
            writer = self._writer
            await end_tasks([keeping])
            self._lost()
            await _flushed(writer)

    def _check(self) -> None:
        if self._end is not None:
            raise Refusal(self._end.outcome, self._end.detail)

    async def _asked(self, recipient: str, kind: str, payload: bytes) -> Published:
        self._check()
        if len(self._open) >= MAX_OPEN:
            raise Refusal(Outcome.BUSY, f"expected at most {MAX_OPEN} open publications")
        self._last_number += 1
        number = self._last_number
        self._open[number] = asyncio.get_running_loop().create_future()
        try:
            async with asyncio.timeout(PUBLISH_TIMEOUT_S):
                await self._connected.wait()
                self._check()
                if self._writer is not None:
                    write_frame(self._writer, Publish(number, recipient, kind, payload))
                return await self._open[number]
        except TimeoutError as error:
            raise self._unanswered() from error
        finally:
            del self._open[number]

    def _unanswered(self) -> Refusal:
        if self._writer is None:
            return Refusal(Outcome.UNAVAILABLE, f"no hub answers at {self._host}:{self._port}")
        return Refusal(Outcome.TIMED_OUT, "the hub did not say what became of the message")

    async def _keep(self, reader: asyncio.StreamReader) -> None:
        """Read from the hub for as long as this member lives, through lost connections."""
        try:
            while True:
                with contextlib.suppress(Refusal):
                    await self._read(reader)
                self._lost()
                self._check()
                reader = await self._regained()
        except Refusal as refusal:
            self._finish(refusal)

    async def _regained(self) -> asyncio.StreamReader:
        """A new connection, however long it takes. `Refusal`: what the hub has against it."""
        pause_s = FIRST_PAUSE_S
        while True:
            await asyncio.sleep(pause_s)
            pause_s = min(2 * pause_s, LONGEST_PAUSE_S)
            try:
                return await self._greeted()
            except Refusal as refusal:
                if refusal.outcome not in {Outcome.UNAVAILABLE, Outcome.BUSY}:
                    raise

    async def _greeted(self) -> asyncio.StreamReader:
        """Connect and prove the name."""
        writer: asyncio.StreamWriter | None = None
        try:
            async with asyncio.timeout(CONNECT_TIMEOUT_S):
                reader, writer = await asyncio.open_connection(self._host, self._port)
                challenge = await read_from_hub(reader)
                if not isinstance(challenge, Challenge):
                    raise Refusal(Outcome.MALFORMED, "expected the hub's challenge")
                write_frame(writer, Hello(self.name, proof_of(self._token, challenge.challenge)))
                _check_welcome(await read_from_hub(reader))
        except (OSError, TimeoutError) as error:
            _abort(writer)
            detail = f"no hub answers at {self._host}:{self._port}: {type(error).__name__}"
            raise Refusal(Outcome.UNAVAILABLE, detail) from error
        except BaseException:
            _abort(writer)
            raise
        # Whatever arrived before and was not taken is delivered again now.
        self._arrived.clear()
        self._writer = writer
        self._connected.set()
        return reader

    async def _read(self, reader: asyncio.StreamReader) -> None:
        while True:
            frame = await read_from_hub(reader)
            match frame:
                case Deliver():
                    self._arrived.append(frame)
                    self._news.set()
                case Published():
                    self._answered(frame)
                case Ended():
                    self._finish(Refusal(_outcome(frame.outcome), frame.detail))
                    return
                case _:
                    raise Refusal(Outcome.MALFORMED, "expected a delivery or an answer")

    def _answered(self, frame: Published) -> None:
        waiting = self._open.get(frame.number)
        if waiting is not None and not waiting.done():
            waiting.set_result(frame)

    def _lost(self) -> None:
        """The connection is gone: what was not answered is undecided."""
        if self._writer is not None:
            self._writer.close()
        self._writer = None
        if self._end is None:
            self._connected.clear()
        for number, waiting in self._open.items():
            if not waiting.done():
                detail = "the connection was lost before the hub's word"
                waiting.set_result(Published(number, Outcome.TIMED_OUT, detail))

    def _finish(self, refusal: Refusal) -> None:
        """Nothing goes on from here; the first reason stands."""
        if self._end is None:
            self._end = refusal
        self._connected.set()
        self._news.set()


def _check_welcome(frame: FromHub) -> None:
    if isinstance(frame, Ended):
        raise Refusal(_outcome(frame.outcome), frame.detail)
    if not isinstance(frame, Welcome):
        raise Refusal(Outcome.MALFORMED, "expected the hub's welcome")


def _outcome(name: str) -> Outcome:
    """What a hub says, as far as it is on the list."""
    return Outcome(name) if name in set(Outcome) else Outcome.MALFORMED


async def _flushed(writer: asyncio.StreamWriter | None) -> None:
    """Wait until what was written has left, or nobody takes it."""
    if writer is None:
        return
    try:
        async with asyncio.timeout(CLOSE_TIMEOUT_S):
            await writer.wait_closed()
    except (OSError, TimeoutError):
        writer.transport.abort()


def _abort(writer: asyncio.StreamWriter | None) -> None:
    if writer is not None:
        writer.transport.abort()
