"""A site with equipment: `Site` for an entity, driven by the machine of each service.

Each step is stored before what it asks for is done, so that a site that starts again goes on where it
stood: commands and news may then come twice, and mean the same. One step at a time;
equipment has its answer to an event once that is stored.
"""

import asyncio
import contextlib
from collections.abc import Callable

import msgspec

from feiqian.outcomes import Outcome, Refusal
from feiqian.ports import Clock, Store, Transaction
from feiqian.protocol.equipment import Begin, Command, Equipment, Event, NotBegun, key_of
from feiqian.vehicle.entity.site import SiteNews, SiteOrder
from feiqian.vehicle.services.machine import Ended, News, Refused, RenderingMachine, Started
from feiqian.vehicle.services.rendered import Rendered, Stage
from feiqian.vehicle.tariffs.shelf import TariffShelf
from feiqian.wire.usage import Usage

MAX_SERVICES = 64
"""At one site at once."""


class EquippedSite:
    """`vehicle.entity.site.Site` over equipment."""

    def __init__(
        self, equipment: Equipment, tariffs: TariffShelf, store: Store, clock: Clock
    ) -> None:
        self._equipment = equipment
        self._tariffs = tariffs
        self._store = store
        self._clock = clock
        self._machines: dict[str, tuple[RenderingMachine, SiteNews]] = {}
        self._commands: asyncio.Queue[Command] = asyncio.Queue()
        self._turn = asyncio.Lock()
        self._stirred = asyncio.Event()

    def occupied(self) -> bool:
        """Whether somebody stands there now."""
        return self._equipment.occupied()

    async def recall(self) -> None:
        """Take up what ran when the process ended, before equipment can say anything of it.

        News wait for the entity, which begins every service of its own again.
        """
        for record in await self._store.read(_running):
            machine = RenderingMachine(record, self._tariffs.tariff(record.tariff))
            self._machines[machine.key] = (machine, _NobodyYet())
            await self._equipment.do(Begin(machine.key, record.transaction))

    async def begin(self, order: SiteOrder, news: SiteNews) -> None:
        """Begin a service, or go on with one. `Refusal`: busy, unknown_identifier (tariff)."""
        async with self._turn:
            machine = await self._machine(order)
            self._machines[machine.key] = (machine, news)
            await self._step(machine, news, machine.begin)

    async def end(self, request_id: bytes) -> None:
        """End it now; a service that is not known here is none of this site's."""
        async with self._turn:
            known = self._machines.get(key_of(request_id))
            if known is not None:
                await self._step(*known, known[0].end)

    async def hear(self, event: Event) -> None:
        """What the equipment says."""
        async with self._turn:
            known = self._machines.get(event.key)
            if known is not None:
                machine, news = known
                await self._step(machine, news, lambda now_ms: machine.hear(event, now_ms))

    async def run(self) -> None:
        """Do what is due, at its time, for as long as the site is open."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._keep_time())
            group.create_task(self._keep_doing())

    async def _keep_time(self) -> None:
        while True:
            await self.pass_time()
            self._stirred.clear()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(self._wait_s()):
                    await self._stirred.wait()

    async def _keep_doing(self) -> None:
        """Commands, apart from the steps: equipment may tell an event before it has answered."""
        while True:
            command = await self._commands.get()
            try:
                await self._equipment.do(command)
            except Refusal as refusal:
                # Equipment that cannot begin does not; for all else the machine's patience decides.
                if isinstance(command, Begin) and not command.transaction:
                    await self.hear(NotBegun(command.key, refusal))
            self._commands.task_done()

    async def pass_time(self) -> None:
        """Do what is due now."""
        async with self._turn:
            for machine, news in tuple(self._machines.values()):
                await self._step(machine, news, machine.pass_time)

    def _wait_s(self) -> float | None:
        timers = [machine.timer_ms for machine, _ in self._machines.values()]
        due = [timer_ms for timer_ms in timers if timer_ms is not None]
        now_ms = self._clock.now().midpoint_ms
        return max(0, min(due) - now_ms) / 1_000 + 0.001 if due else None

    async def _machine(self, order: SiteOrder) -> RenderingMachine:
        """The machine of an order: known, stored, or new."""
        known = self._machines.get(key_of(order.request_id))
        if known is not None:
            return known[0]
        if len(self._machines) >= MAX_SERVICES:
            raise Refusal(Outcome.BUSY, f"expected at most {MAX_SERVICES} services at once")
        tariff = self._tariffs.tariff(order.tariff)
        stored = await self._store.read(lambda tx: _load(tx, order.request_id))
        return RenderingMachine(stored or self._new(order), tariff)

    def _new(self, order: SiteOrder) -> Rendered:
        return Rendered(
            order.request_id,
            order.service,
            order.tariff,
            order.ceiling_minor,
            order.until_ms,
            self._clock.now().midpoint_ms,
        )

    async def _step(
        self, machine: RenderingMachine, news: SiteNews, step: Callable[[int], None]
    ) -> None:
        """One step: change, store, do, tell."""
        before = machine.record
        step(self._clock.now().midpoint_ms)
        if machine.record is not before or machine.commands:
            await self._store.write(lambda tx: _save(tx, machine.record))
            self._stirred.set()
        commands, machine.commands = machine.commands, []
        for command in commands:
            self._commands.put_nowait(command)
        told, machine.news = machine.news, []
        for item in told:
            await _tell(news, machine.record.request_id, item)
        if machine.record.stage is Stage.OVER and told:
            self._machines.pop(machine.key, None)


class _NobodyYet:
    """`SiteNews` while the entity has not asked: whatever it misses is told when it begins again."""

    async def started(self, request_id: bytes) -> None:
        """Told again by `begin`."""

    async def ended(self, request_id: bytes, *, served: bool, usage: Usage) -> None:
        """Told again by `begin`."""

    async def refused(self, request_id: bytes, refusal: Refusal) -> None:
        """Only what waits is refused, and that is not taken up."""


async def _tell(news: SiteNews, request_id: bytes, item: News) -> None:
    match item:
        case Started():
            await news.started(request_id)
        case Ended():
            await news.ended(request_id, served=item.served, usage=item.usage)
        case Refused():
            await news.refused(request_id, item.refusal)


def _load(tx: Transaction, request_id: bytes) -> Rendered | None:
    rows = tx.query("SELECT document FROM rendered_service WHERE request_id = ?", (request_id,))
    return msgspec.json.decode(rows[0][0], type=Rendered) if rows else None


def _running(tx: Transaction) -> list[Rendered]:
    rows = tx.query("SELECT document FROM rendered_service WHERE is_over = 0 ORDER BY request_id")
    records = [msgspec.json.decode(row[0], type=Rendered) for row in rows]
    return [record for record in records if record.stage is not Stage.WAITING]


def _save(tx: Transaction, record: Rendered) -> None:
    tx.execute(
        "INSERT INTO rendered_service (request_id, is_over, document) VALUES (?, ?, ?)"
        " ON CONFLICT (request_id) DO UPDATE SET is_over = excluded.is_over,"
        " document = excluded.document",
        (record.request_id, int(record.stage is Stage.OVER), msgspec.json.encode(record)),
    )
