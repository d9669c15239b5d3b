"""The hub of a message bus between processes of one machine: a small broker without a broker.

It listens on loopback, lets in whoever proves a name (`adapters/bus_frames.py`), and keeps the
inboxes (`adapters/bus_inboxes.py`). A member writes only under its own name and reads only its own
inbox, because the hub takes both from the proof. Every connection has a deadline for its greeting
and for reading what it is sent; a member that misses it is cut off, and its inbox waits for it. The
hub keeps nothing on disk: for what must outlive it, use a broker.
"""

import asyncio
import contextlib
import hmac
import secrets
from typing import Any, Self

from feiqian.adapters.bus_frames import (
    CHALLENGE_BYTES,
    MAX_DETAIL_LENGTH,
    Challenge,
    Deliver,
    Ended,
    Frame,
    Hello,
    Publish,
    Published,
    Taken,
    Welcome,
    member_token,
    proof_of,
    read_from_member,
    write_frame,
)
from feiqian.adapters.bus_inboxes import Inboxes, Presence
from feiqian.outcomes import Outcome, Refusal
from feiqian.ports import Delivery
from feiqian.tasks import end_tasks, until_one_ends

MAX_CONNECTIONS = 512
HELLO_TIMEOUT_S = 5.0
WRITE_TIMEOUT_S = 10.0


class Hub:
    """A listening hub."""

    def __init__(self, secret: bytes) -> None:
        self._secret = secret
        self._inboxes = Inboxes()
        self._serving: set[asyncio.Task[Any]] = set()
        self._server: asyncio.Server | None = None

    @classmethod
    async def listen(cls, host: str, port: int, secret: bytes) -> Self:
        """Bind; port 0 takes a free one. `Refusal` unavailable when the address is taken."""
        hub = cls(secret)
        try:
            hub._server = await asyncio.start_server(hub._accepted, host, port)
        except OSError as error:
            detail = f"cannot listen at {host}:{port}: {error}"
            raise Refusal(Outcome.UNAVAILABLE, detail) from error
        return hub

    @property
    def port(self) -> int:
        """Where it listens."""
        if self._server is None:
            raise Refusal(Outcome.UNAVAILABLE, "not listening")
        return int(self._server.sockets[0].getsockname()[1])

    def token_for(self, name: str) -> bytes:
        """The token to hand to the member called `name`."""
        return member_token(self._secret, name)

    async def close(self) -> None:
        """Stop listening and cut everybody off."""
        if self._server is not None:
            self._server.close()
        await end_tasks(self._serving)

    async def _accepted(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        if task is None or len(self._serving) >= MAX_CONNECTIONS:
            writer.transport.abort()
            return
        self._serving.add(task)
        # Cancelled by `close`: the stream protocol would log that as an unexpected end.
        with contextlib.suppress(asyncio.CancelledError):
            await self._served(_Connection(reader, writer))
        self._serving.discard(task)

    async def _served(self, connection: "_Connection") -> None:
        try:
            presence = await self._admitted(connection)
            try:
                await connection.send(Welcome())
                await until_one_ends(
                    self._listen(connection, presence), self._deliver(connection, presence)
                )
            finally:
                self._inboxes.leave(presence)
        except Refusal as refusal:
            connection.refuse(refusal)
        except (OSError, TimeoutError):
            connection.abort()
        finally:
            connection.close()

    async def _admitted(self, connection: "_Connection") -> Presence:
        """The member behind a connection. `Refusal`: bad_signature, malformed, busy."""
        challenge = secrets.token_bytes(CHALLENGE_BYTES)
        async with asyncio.timeout(HELLO_TIMEOUT_S):
            await connection.send(Challenge(challenge))
            hello = await read_from_member(connection.reader)
        if not isinstance(hello, Hello):
            raise Refusal(Outcome.MALFORMED, "expected a greeting first")
        expected = proof_of(self.token_for(hello.name), challenge)
        if not hmac.compare_digest(hello.proof, expected):
            raise Refusal(Outcome.BAD_SIGNATURE, "expected the proof that belongs to this name")
        return self._inboxes.enter(hello.name)

    async def _listen(self, connection: "_Connection", presence: Presence) -> None:
        while True:
            frame = await read_from_member(connection.reader)
            match frame:
                case Publish():
                    await connection.send(self._published(frame, presence))
                case Taken():
                    presence.taken(frame.number)
                case _:
                    raise Refusal(Outcome.MALFORMED, "expected one greeting")

    def _published(self, frame: Publish, presence: Presence) -> Published:
        try:
            presence.check()
            delivery = Delivery(presence.name, frame.kind, frame.payload)
            self._inboxes.post(frame.recipient, delivery)
        except Refusal as refusal:
            return Published(frame.number, refusal.outcome, refusal.detail[:MAX_DETAIL_LENGTH])
        return Published(frame.number, Outcome.ACCEPTED, "")

    async def _deliver(self, connection: "_Connection", presence: Presence) -> None:
        while True:
            number, delivery = await presence.next()
            await connection.send(Deliver(number, delivery.sender, delivery.kind, delivery.payload))


class _Connection:
    """One member's socket."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self._writer = writer

    async def send(self, frame: Frame) -> None:
        """Write a frame; `TimeoutError` when the member does not read."""
        write_frame(self._writer, frame)
        async with asyncio.timeout(WRITE_TIMEOUT_S):
            await self._writer.drain()

    def refuse(self, refusal: Refusal) -> None:
        """Say why this is the end."""
        if not self._writer.is_closing():
            write_frame(self._writer, Ended(refusal.outcome, refusal.detail[:MAX_DETAIL_LENGTH]))

    def abort(self) -> None:
        """End without a word: nobody reads."""
        self._writer.transport.abort()

    def close(self) -> None:
        """Let what was written leave, and end."""
        self._writer.close()
