"""A simulated network that the weather can hurt: its servers die and come back on their stores."""

import asyncio
import random
from collections.abc import Awaitable, Coroutine
from dataclasses import dataclass, field
from typing import Any, Self

from feiqian.central.documents import CycleOrder
from feiqian.central.platform import Platform
from feiqian.crypto.suites import Suite
from feiqian.institution import standing
from feiqian.outcomes import UNDECIDED, Refusal
from feiqian.ports import Clock, Courier, Store
from feiqian.testing.bare_wallets import BareWallet
from feiqian.testing.network import (
    CENTRAL_URL,
    DEFAULT_OPENING_MINOR,
    SimulatedNetwork,
    key_of,
    url_of,
)
from feiqian.testing.power import PowerFailed
from feiqian.testing.virtual_time import pass_time
from feiqian.testing.weather import (
    MAX_TRIES,
    MortalStore,
    PatientCourier,
    ServerLife,
    Weather,
    WeatheredCourier,
)

CODES = ("A", "B", "C")
PLATFORM = "platform"
OPPONENTS_EACH = 2
LONGEST_DEATH_S = 2.0
MOST_ORDERED_MINOR = 1_000_00


def _fair_weather() -> Weather:
    weather = Weather(random.Random(0))
    weather.lives[CENTRAL_URL] = ServerLife()
    return weather


@dataclass
class StormyNetwork(SimulatedNetwork):
    """A network whose servers are reached through the weather."""

    weather: Weather = field(default_factory=_fair_weather)
    rng: random.Random = field(default_factory=lambda: random.Random(0))
    _under_way: set[asyncio.Task[None]] = field(default_factory=set)
    _count: int = 0
    """Of orders and cycles."""
    _orders: dict[str, asyncio.Lock] = field(
        default_factory=lambda: {code: asyncio.Lock() for code in CODES}
    )

    @classmethod
    async def found(cls, seed: str, rng: random.Random) -> Self:
        """A network in fair weather."""
        network = await cls.create(CODES, seed=seed)
        network.rng = rng
        network.weather = Weather(rng)
        await network.restart_platform()
        for code in CODES:
            network.restart(code)
        return network

    def ports(self, code: str) -> tuple[Store, Courier]:
        """A new life, through the weather."""
        life = ServerLife()
        self.weather.lives[url_of(code)] = life
        store = MortalStore(self.weather, self.stores[code], life)
        return store, WeatheredCourier(self.weather, self.courier, life)

    async def opponents(self, rng: random.Random) -> list[BareWallet]:
        """Wallets without chips, at every institution, that repeat what is undecided."""
        patient = _Patient(self, PatientCourier(self.weather, self.courier))
        return [
            await BareWallet.open(patient, code, f"opponent {code}{number} {rng.random()}")
            for code in CODES
            for number in range(OPPONENTS_EACH)
        ]

    # Disasters and daily work ---------------------------------------------------------------------
    def disaster(self) -> str:
        """Something happens to the servers, by itself; what it is."""
        code = self.rng.choice(CODES)
        name, happening = self.rng.choice(
            [
                (f"death: {code}", self._die),
                (f"death: {code}", self._die),
                (f"death: {PLATFORM}", self._die_platform),
                (f"order: {code}", self._order),
                (f"keep up: {code}", self._keep_up),
                ("settle: all", self._settle),
            ]
        )
        self._begin(happening(code))
        return name

    async def _die(self, code: str) -> None:
        """An institution dies; a new run finds what is durable, and takes it up."""
        life = self.weather.lives[url_of(code)]
        if life.ended.is_set():
            return
        life.ended.set()
        await pass_time(self.rng.uniform(0, LONGEST_DEATH_S))
        self.restart(code)
        await self._keep_up(code)

    async def _die_platform(self, _: str) -> None:
        life = self.weather.lives[CENTRAL_URL]
        if life.ended.is_set():
            return
        life.ended.set()
        await pass_time(self.rng.uniform(0, LONGEST_DEATH_S))
        await self.restart_platform()

    async def restart_platform(self) -> None:
        """Forget all that the platform had in memory."""
        life, key = ServerLife(), key_of(self.suite, self.seed, "root")
        store = MortalStore(self.weather, self.stores[PLATFORM], life)
        root_raw = self.platform.root()
        self.serve(await Platform.open(self.suite, root_raw, key, store, self.clock))
        self.weather.lives[CENTRAL_URL] = life

    async def _order(self, code: str) -> None:
        """Give issuance back and order it again, one at a time, each until it is decided."""
        amount_minor = self.rng.randint(1, MOST_ORDERED_MINOR)
        async with self._orders[code]:
            self._count += 1
            await self._order_until_decided(code, f"out {self._count}", -amount_minor)
            await self._order_until_decided(code, f"in {self._count}", amount_minor)

    async def _order_until_decided(self, code: str, key: str, amount_minor: int) -> None:
        for _ in range(MAX_TRIES):
            office = self.institutions[code].office
            try:
                await self._live(code, standing.order_issuance(office, key, amount_minor))
            except PowerFailed:
                await self.weather.pause()
            except Refusal as refusal:
                if refusal.outcome not in UNDECIDED:
                    raise
            else:
                return
        raise AssertionError(f"expected order {key!r} to be decided within {MAX_TRIES} tries")

    async def _keep_up(self, code: str) -> None:
        await self._live(code, self.institutions[code].finish_pending())

    async def _live(self, code: str, work: Awaitable[object]) -> None:
        """Work of an institution, as long as its present run lives."""
        await self.weather.lives[url_of(code)].live(work)

    async def _settle(self, _: str) -> None:
        for code in CODES:
            await self._live(code, standing.settle(self.institutions[code].office))
        self._count += 1
        await self.platform.run_cycle(CycleOrder(f"cycle {self._count}"))
        for code in CODES:
            await self._live(code, standing.update_position(self.institutions[code].office))

    def _begin(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.ensure_future(_survive(work))
        self._under_way.add(task)

    # The end --------------------------------------------------------------------------------------
    async def calm(self) -> None:
        """Fair weather; whoever is dead comes back, and finishes what is pending."""
        await self.weather.calm()
        await asyncio.gather(*self._under_way)
        for code in CODES:
            await self._keep_up(code)

    async def settle_all(self) -> None:
        """Until every side has booked everything."""
        await self._settle("")
        await self._settle("")

    def accounts_minor(self) -> int:
        """What is in bank accounts."""
        return self._sum("SELECT COALESCE(SUM(balance_minor), 0) FROM accounts")

    def opened_minor(self) -> int:
        """What bank accounts were opened with."""
        return DEFAULT_OPENING_MINOR * self._sum("SELECT COUNT(*) FROM accounts")

    def _sum(self, sql: str) -> int:
        return sum(self.stores[code].run(lambda tx: int(tx.query(sql)[0][0])) for code in CODES)

    def check_books(self) -> None:
        """Nothing is pending, and what one books as owed to it the other books as owed."""
        pending = self._sum("SELECT COUNT(*) FROM presented WHERE state = 0")
        assert pending == 0, f"expected nothing pending, found {pending} items"
        for creditor in CODES:
            for debtor in CODES:
                claimed = self.balances(creditor).get(f"claims:{debtor}", 0)
                owed = self.balances(debtor).get(f"obligations:{creditor}", 0)
                assert creditor == debtor or claimed == owed, (
                    f"{creditor} claims {claimed} of {debtor}, which owes {owed}"
                )


@dataclass(frozen=True, slots=True)
class _Patient:
    """The network as somebody patient uses it; a `bare_wallets.Network`."""

    network: StormyNetwork
    courier: PatientCourier

    @property
    def seed(self) -> str:
        return self.network.seed

    @property
    def suite(self) -> Suite:
        return self.network.suite

    @property
    def clock(self) -> Clock:
        return self.network.clock

    def url(self, code: str) -> str:
        return self.network.url(code)

    def public_key(self, code: str) -> bytes:
        return self.network.public_key(code)


async def _survive(work: Awaitable[None]) -> None:
    """What an operator began may fail with the servers; it is begun again another time."""
    try:
        await work
    except (Refusal, PowerFailed):
        return
