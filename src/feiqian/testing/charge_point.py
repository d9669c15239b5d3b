"""A charge point that speaks real OCPP, 1.6 or 2.0.1, and does what charge points do.

It charges when it was asked to and a plug is in, counts, and reports. What it has to say about a
transaction it keeps while it is offline and says afterwards, in order, with the moments of then; told
to repeat itself, it says everything twice. Anything with `recv`, `send` and `close` connects it.
"""

import asyncio
import contextlib
from collections import deque
from collections.abc import Callable
from typing import Any

from websockets import ConnectionClosed
from websockets.asyncio.client import connect

from feiqian.adapters.ocpp.central_system import VERSION_16, VERSION_201
from feiqian.tasks import end_tasks
from feiqian.testing.charge_point_talks import Talk16, Talk201

VERSIONS = (VERSION_16, VERSION_201)
MAX_OUTBOX = 10_000
Payload = Callable[[], Any]
"""Makes a message when it is sent: only then its transaction's name is known for certain."""


class SimulatedChargePoint:
    """One charge point with one connector."""

    def __init__(self, name: str, version: str, now_ms: Callable[[], int]) -> None:
        self.name = name
        self.version = version
        self.now_ms = now_ms
        self.register_wh = 1_000_000
        self.plugged = False
        self.refusing = False
        """It answers remote starts with no."""
        self.repeating = False
        self.key: str | None = None
        """Of the transaction that runs."""
        self.transaction: int | str = 0
        self.invalid = 0
        """How often it was told that a token is not to be served."""
        self.asked = asyncio.Event()
        """Set once it was asked to begin."""
        self._awaited: str | None = None
        self._sequence = 0
        self._count = 0
        self._outbox: deque[Payload] = deque(maxlen=MAX_OUTBOX)
        self._talk: Any = None
        self._connection: Any = None
        self._tasks: list[asyncio.Task[None]] = []
        self._sending = asyncio.Lock()

    # Line ----------------------------------------------------------------------------------------
    async def connect(self, port: int, password: str) -> None:
        """Connect to a central system on this machine."""
        uri = f"ws://{self.name}:{password}@127.0.0.1:{port}/{self.name}"
        self.attach(await connect(uri, subprotocols=[self.version]))  # type: ignore[list-item]  # a NewType of str
        await self.boot()

    def attach(self, connection: Any) -> None:  # noqa: ANN401 - has recv, send and close
        """Speak over a connection."""
        shape = Talk16 if self.version == VERSION_16 else Talk201
        self._connection = connection
        self._talk = shape(self, connection)
        self._tasks.append(asyncio.ensure_future(self._listen()))

    async def boot(self) -> None:
        """Introduce itself, and say what it has kept."""
        await self._talk.call(self._talk.booted(), suppress=False)
        await self.say_plug()
        await self.flush()

    async def drop(self) -> None:
        """Lose the connection."""
        connection, self._connection, self._talk = self._connection, None, None
        if connection is not None:
            await connection.close()
        await end_tasks(self._tasks)
        self._tasks.clear()

    async def _listen(self) -> None:
        with contextlib.suppress(ConnectionClosed):
            await self._talk.start()

    # What happens at it --------------------------------------------------------------------------
    async def plug_in(self) -> None:
        """A plug is put in; what was asked for begins."""
        self.plugged = True
        await self.say_plug()
        await self._begin_awaited()

    async def unplug(self) -> None:
        """The plug is pulled; what runs is over."""
        await self.stop()
        self.plugged = False
        await self.say_plug()

    async def say_plug(self) -> None:
        """Report the connector's state, if anybody listens."""
        if self._talk is not None:
            await self._talk.call(self._talk.status())

    async def begin(self, key: str) -> None:
        """A transaction begins."""
        self.key, self._sequence, self._count = key, 0, self._count + 1
        self.transaction = 0 if self.version == VERSION_16 else f"{self.name}-{self._count}"
        await self._say("started", self.now_ms(), self.register_wh, key)

    async def charge(self, energy_wh: int) -> None:
        """Energy flowed; the meter is read."""
        self.register_wh += energy_wh
        await self._say("metered", self.now_ms(), self.register_wh, self.key)

    async def pause(self, *, paused: bool) -> None:
        """The car takes nothing any more, or again."""
        if self._talk is not None:
            await self._talk.call(self._talk.paused(paused=paused))

    async def stop(self) -> None:
        """The transaction ends."""
        key, self.key = self.key, None
        if key is not None:
            await self._say("stopped", self.now_ms(), self.register_wh, key)

    async def present(self, token: str) -> None:
        """Somebody holds a card to the reader, and it begins whatever the answer is."""
        await self._talk.call(self._talk.authorize(token))
        await self.begin(token)

    # Asked from afar -----------------------------------------------------------------------------
    def asked_to_begin(self, key: str) -> bool:
        """Whether it will, once a plug is in."""
        if self.refusing or self.key is not None:
            return False
        self._awaited = key
        self.asked.set()
        self._later(self._begin_awaited())
        return True

    def asked_to_stop(self, transaction: int | str) -> bool:
        """Whether it will."""
        if self.key is None or transaction != self.transaction:
            return False
        self._later(self.stop())
        return True

    async def _begin_awaited(self) -> None:
        if self.plugged and self._awaited is not None:
            key, self._awaited = self._awaited, None
            await self.begin(key)

    def _later(self, doing: Any) -> None:  # noqa: ANN401 - a coroutine
        self._tasks.append(asyncio.ensure_future(doing))

    # Saying --------------------------------------------------------------------------------------
    async def _say(self, what: str, at_ms: int, register_wh: int, key: str | None) -> None:
        sequence, self._sequence = self._sequence, self._sequence + 1
        for _ in range(2 if self.repeating else 1):
            self._outbox.append(
                lambda: getattr(self._talk, what)(at_ms, register_wh, key, sequence)
            )
        await self.flush()

    async def flush(self) -> None:
        """Say what was kept, in order, while anybody listens."""
        async with self._sending:
            while self._outbox and self._talk is not None:
                try:
                    answer = await self._talk.call(self._outbox[0](), suppress=False)
                except (ConnectionClosed, TimeoutError):
                    return
                self._outbox.popleft()
                self._talk.note(answer)
