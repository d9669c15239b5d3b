"""What the four parties of a service share: hear a message, step a machine, store, say, and go on.

A step is one job of the store: the letter is marked as taken in, the machine's record moves, what it
says goes into the outbox, and the log gets its lines, all or nothing. Then the letter is acknowledged
and what is due is sent. What a state has to do outside (`_duties`) is done after the commit, one thing
at a time, and again after a crash. Nothing depends on when a message comes, or how often.
"""

import asyncio
import contextlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar, Generic, TypeVar

from feiqian.outcomes import Outcome, Refusal
from feiqian.ports import Clock, Delivery, Link, MessageBus, Store, Transaction
from feiqian.protocol.service.facts import Fact, Heard, TimePassed
from feiqian.protocol.service.machine import ServiceMachine
from feiqian.protocol.service.records import Service
from feiqian.tasks import until_one_ends
from feiqian.timing.moment import Moment
from feiqian.vehicle import post as posts
from feiqian.vehicle import service_rows
from feiqian.vehicle.bus_link import BusLinks
from feiqian.vehicle.post import Letter, Parcel, Post
from feiqian.wire.service import Said
from feiqian.wire.visit import FRAME_KIND

R = TypeVar("R", bound=Service)

TICK_MS = 1_000
"""How often a party looks at its deadlines, duties and outbox while something waits there."""
IDLE_TICK_MS = 10_000
"""How often when nothing does."""
FORGET_EVERY_MS = 24 * 3600 * 1000
"""How often it drops what is old."""


@dataclass(frozen=True, slots=True)
class Office:
    """What every party works with."""

    post: Post
    store: Store
    clock: Clock
    bus: MessageBus
    note: Callable[[str], None]
    """Hears what was not believed and belongs to no service."""


async def publish(office: Office, parcel: Parcel) -> None:
    """Hand over to the bus, if it takes it."""
    try:
        await office.bus.publish(parcel.recipient, parcel.kind, parcel.raw)
    except Refusal as refusal:
        # It stays in the outbox; an acknowledgement is given again when it is asked for again.
        office.note(f"to {parcel.recipient}: {parcel.kind}: {refusal}")


class Party(Generic[R]):
    """One party; `run` carries it until its bus is closed."""

    RECORD: ClassVar[type[Service]]

    def __init__(self, office: Office) -> None:
        self.office = office
        self.name = office.post.name
        self.links = BusLinks(office.bus.publish, self.visited)
        self._stirred = asyncio.Event()

    # What a role adds ----------------------------------------------------------------------------
    def _machine(self, tx: Transaction, record: R) -> ServiceMachine[R]:
        raise NotImplementedError

    def _new(self, request_id: bytes, message: Said) -> R | None:
        """The record to begin with when a message is of no service known; None: not by this one."""
        raise NotImplementedError

    def _store(self, tx: Transaction, record: R, now_ms: int) -> None:
        service_rows.store(tx, record, now_ms)

    def _hear_plainly(self, tx: Transaction, letter: Letter, now: Moment) -> None:
        """A message that is of no single service."""
        del tx, now
        self.office.note(f"{letter.kind} is not for a {type(self).__name__.lower()}")

    async def _duties(self) -> bool:
        """What states have to do outside; called again and again. Whether anything is left."""
        return False

    def visited(self, link: Link) -> None:
        """Somebody opens a link to us."""
        del link
        raise Refusal(Outcome.UNAVAILABLE, "nobody is visited here")

    # Hearing -------------------------------------------------------------------------------------
    async def hear(self, delivery: Delivery) -> None:
        """Take in what came out of the bus; what is not sound is noted and dropped."""
        try:
            if delivery.kind == FRAME_KIND:
                self.links.take(delivery.sender, delivery.payload)
            else:
                await self.hear_said(delivery.kind, delivery.payload)
        except Refusal as refusal:
            self.office.note(f"from {delivery.sender}: {delivery.kind}: {refusal}")

    async def hear_said(self, kind: str, raw: bytes) -> None:
        """Take in a signed message, whoever brought it. `Refusal` by name."""
        office, now = self.office, self.office.clock.now()
        letter = office.post.open(kind, raw, now)
        if await self._fleeting(letter, now):
            return
        await office.store.write(lambda tx: self._take(tx, letter, now))
        answer = office.post.acknowledgement(letter)
        if answer is not None:
            await self._publish(answer)
        await self.flush()

    async def _fleeting(self, letter: Letter, now: Moment) -> bool:
        """Whether it was a message that is not stored."""
        del letter, now
        return False

    def _take(self, tx: Transaction, letter: Letter, now: Moment) -> None:
        if not self.office.post.take(tx, letter, now.midpoint_ms):
            return
        request_id = getattr(letter.message, "request_id", None)
        if request_id is None:
            self._hear_plainly(tx, letter, now)
        else:
            self._step(tx, request_id, Heard(letter.message, letter.raw), now)

    def _step(self, tx: Transaction, request_id: bytes, fact: Fact, now: Moment) -> R | None:
        """One fact for one service; the record afterwards."""
        shape: type[R] = self.RECORD  # type: ignore[assignment]  # a role names its own record
        record = service_rows.load(tx, request_id, shape)
        if record is None and isinstance(fact, Heard):
            record = self._new(request_id, fact.message)
        if record is None:
            unknown = f"no service {request_id.hex()[:8]} is known here"
            self.office.note(f"{type(fact).__name__}: {Refusal(Outcome.UNKNOWN_NAME, unknown)}")
            return None
        machine = self._machine(tx, record)
        if machine.handle(fact, now):
            self._store(tx, machine.record, now.midpoint_ms)
            self.office.post.say(tx, machine.says, now.midpoint_ms)
            self._stirred.set()
        service_rows.log_step(tx, request_id, machine, now.midpoint_ms)
        return machine.record

    async def tell(self, request_id: bytes, fact: Fact) -> R | None:
        """A fact that is no message; the record afterwards."""
        now = self.office.clock.now()
        record = await self.office.store.write(lambda tx: self._step(tx, request_id, fact, now))
        await self.flush()
        return record

    # Saying --------------------------------------------------------------------------------------
    async def flush(self) -> None:
        """Send what is due."""
        now_ms = self.office.clock.now().midpoint_ms
        for parcel in await self.office.store.write(lambda tx: posts.due(tx, now_ms)):
            await self._publish(parcel)

    async def _publish(self, parcel: Parcel) -> None:
        await publish(self.office, parcel)

    # Going on ------------------------------------------------------------------------------------
    async def tick(self) -> bool:
        """Look at deadlines, duties and the outbox once. Whether to look again soon."""
        now = self.office.clock.now()
        overdue = await self.office.store.read(lambda tx: service_rows.overdue(tx, now.earliest_ms))
        for request_id in overdue:
            await self.tell(request_id, TimePassed())
        busy = await self._duties()
        await self.flush()
        return busy or bool(await self.office.store.read(lambda tx: posts.waiting(tx, 1)))

    async def run(self) -> None:
        """Hear and go on, until the bus is closed."""
        await self.office.store.read(self.office.post.recall)
        await until_one_ends(self._go_on(), self._listen())

    async def _listen(self) -> None:
        while True:
            try:
                delivery = await self.office.bus.receive()
            except Refusal:
                return
            await self.hear(delivery)

    async def _go_on(self) -> None:
        forget_at_ms = 0
        while True:
            if self._now_ms() >= forget_at_ms:
                await self.forget()
                forget_at_ms = self._now_ms() + FORGET_EVERY_MS
            await self._pause(TICK_MS if await self.tick() else IDLE_TICK_MS)

    async def forget(self) -> None:
        """Drop what nothing depends on any more: old post, old services, old lines of the log."""

        def job(tx: Transaction) -> None:
            posts.forget(tx, self._now_ms())
            service_rows.forget(tx, self._now_ms())

        await self.office.store.write(job)

    async def _pause(self, most_ms: int) -> None:
        """Until something has happened, or so long."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(most_ms / 1000):
                await self._stirred.wait()
        self._stirred.clear()

    def _now_ms(self) -> int:
        return self.office.clock.now().midpoint_ms


class Patience:
    """When a duty that did not succeed is tried again: later each time, up to a bound."""

    FIRST_MS = 2_000
    LAST_MS = 60_000

    def __init__(self) -> None:
        self._waits: dict[bytes, tuple[int, int]] = {}

    def may(self, name: bytes, now_ms: int) -> bool:
        """Whether it is time."""
        return now_ms >= self._waits.get(name, (0, 0))[0]

    def failed(self, name: bytes, now_ms: int) -> None:
        """Wait longer than the last time."""
        wait_ms = min(max(self.FIRST_MS, 2 * self._waits.get(name, (0, 0))[1]), self.LAST_MS)
        self._waits[name] = now_ms + wait_ms, wait_ms

    def pause(self, name: bytes, now_ms: int, wait_ms: int) -> None:
        """Wait so long: it succeeded, and is to be done again."""
        self._waits[name] = now_ms + wait_ms, 0

    def done(self, name: bytes) -> None:
        """No more waiting."""
        self._waits.pop(name, None)
