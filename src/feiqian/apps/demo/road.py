"""The demonstration's road: four parties on a bus, paying with the stage's wallets.

The bus is a real broker where there is one (`buses.py`). Stores are in memory, for the road is gone when the act is over; what was paid stands in the wallets.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from feiqian.adapters.clock import SystemClock, system_entropy
from feiqian.apps.demo.buses import Join, open_buses
from feiqian.crypto.suites import PrivateKey, Suite
from feiqian.protocol.service.states import ENDS, State
from feiqian.tasks import running
from feiqian.testing.memory_store import MemoryStore
from feiqian.testing.trial_site import TrialSite
from feiqian.vehicle.entity.entity import Entity
from feiqian.vehicle.in_vehicle.client import Trusted, VehicleClient
from feiqian.vehicle.management.members import AreaDrawing, Registered
from feiqian.vehicle.management.server import ManagementServer
from feiqian.vehicle.matching.policy import MatchingPolicy
from feiqian.vehicle.party import Office
from feiqian.vehicle.post import Post
from feiqian.vehicle.provider.provider import OwnEntity, Provider, state
from feiqian.vehicle.schema import MIGRATIONS
from feiqian.vehicle.service_rows import LogLine
from feiqian.vehicle.tariffs.pricing import fee_of
from feiqian.vehicle.tariffs.shelf import example_tariff
from feiqian.wallet.purse import WalletPurse
from feiqian.wallet.wallet import Wallet
from feiqian.wire.positions import Position, PositionSourceKind
from feiqian.wire.service import Member
from feiqian.wire.usage import Fee, ServiceClass, Usage

CAR, PROVIDER, SERVER, CHARGER = "car", "provider", "server", "charger"
LATITUDE_E7, LONGITUDE_E7 = 312_304_000, 1_214_737_000
RADIUS_MM, ACCURACY_MM = 15_000, 3_000
IMPATIENT = MatchingPolicy(dwell_ms=2_000)
"""The spectators do not wait for a quarter of a minute."""
LASTS_S, SPEED = 2.0, 900
"""Two seconds of charging that measure as half an hour."""
YEAR_MS = 365 * 24 * 3600 * 1000
PATIENCE_LOOKS, LOOK_EVERY_S = 240, 0.25


@dataclass
class Road:
    """The parties; made by `open_road`."""

    suite: Suite
    join: Join
    keys: dict[str, PrivateKey]
    clock: SystemClock

    async def office(self, name: str) -> Office:
        """What a party works with."""
        managements = {SERVER: self.keys[SERVER].public}
        post = Post(name, self.keys[name], self.suite, managements)
        return Office(post, MemoryStore(MIGRATIONS), self.clock, await self.join(name), _unheard)

    async def server(self, payer: Wallet, charger: OwnEntity) -> ManagementServer:
        """The management server, who knows all the others."""
        trust = payer.holder.around.trust
        server = ManagementServer(await self.office(SERVER), trust, _price, IMPATIENT)
        statement = state(self.suite, self.keys[PROVIDER], charger)
        area = AreaDrawing(LATITUDE_E7, LONGITUDE_E7, RADIUS_MM)
        public = {name: key.public for name, key in self.keys.items()}
        await server.register(
            (
                Registered(CAR, Member.VEHICLE, public[CAR]),
                Registered(PROVIDER, Member.PROVIDER, public[PROVIDER]),
                Registered(CHARGER, Member.ENTITY, public[CHARGER], PROVIDER, statement, area),
            )
        )
        return server

    def until_ms(self) -> int:
        """As long as anything here is to hold."""
        return self.clock.now().midpoint_ms + YEAR_MS


@asynccontextmanager
async def open_road(
    payer: Wallet, payee: Wallet, folder: Path
) -> AsyncIterator[tuple[VehicleClient, ManagementServer, str]]:
    """A car and a charger with these wallets, their provider and the management server, running.

    The last is what carries their messages; a broker lives in `folder`.
    """
    async with (
        open_buses(folder) as (join, kind),
        _parties(payer, payee, join) as (car, server),
    ):
        yield car, server, kind


@asynccontextmanager
async def _parties(
    payer: Wallet, payee: Wallet, join: Join
) -> AsyncIterator[tuple[VehicleClient, ManagementServer]]:
    suite = payer.holder.around.trust.suite
    keys = {name: suite.generate() for name in (CAR, PROVIDER, SERVER, CHARGER)}
    road = Road(suite, join, keys, SystemClock())
    tariff = example_tariff(ServiceClass.CHARGING.value).name
    wallet = payee.holder.certificate.fingerprint
    charger = OwnEntity(CHARGER, ServiceClass.CHARGING, wallet, tariff, road.until_ms())
    server = await road.server(payer, charger)
    word = server.membership(CAR, keys[CAR].public, Member.VEHICLE, road.until_ms())
    trusted = Trusted({PROVIDER: keys[PROVIDER].public}, frozenset({SERVER}), word)
    car = VehicleClient(await road.office(CAR), trusted, WalletPurse(payer), system_entropy)
    site = TrialSite(road.clock, LASTS_S, SPEED)
    entity = Entity(await road.office(CHARGER), SERVER, WalletPurse(payee), site)
    provider = Provider(await road.office(PROVIDER), SERVER, (charger,))
    try:
        async with running(*(each.run() for each in (server, provider, entity, car))):
            yield car, server
    finally:
        await site.close()


async def drive_until(car: VehicleClient, request: bytes, states: frozenset[State]) -> State:
    """Stand at the charger until the service is in one of these states, or patience ends."""
    clock = SystemClock()
    for _ in range(PATIENCE_LOOKS):
        record = await car.service(request)
        if record is not None and record.state in states:
            return record.state
        here = (LATITUDE_E7, LONGITUDE_E7, ACCURACY_MM, 0, None, PositionSourceKind.SIMULATED)
        await car.report(Position(clock.now(), *here))
        await _a_while()
    record = await car.service(request)
    return State.START if record is None else record.state


async def closed_log(server: ManagementServer, request: bytes) -> list[LogLine]:
    """What the server wrote down of a service, once both receipts have come, or patience ends."""
    for _ in range(PATIENCE_LOOKS):
        log = await server.log(request)
        if log and log[-1].state in ENDS:
            return log
        await _a_while()
    return await server.log(request)


async def _a_while() -> None:
    passed = asyncio.Event()
    asyncio.get_running_loop().call_later(LOOK_EVERY_S, passed.set)
    await passed.wait()


def _price(_: str, usage: Usage) -> Fee:
    return fee_of(example_tariff(ServiceClass.CHARGING.value), usage)


def _unheard(_: str) -> None:
    """Nobody in the audience hears what was not believed."""
