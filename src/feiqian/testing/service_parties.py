"""The parties of services in one process: a simulated network, four parties on a bus, sites that obey.

Everything but the transport is the code that runs in production; the chips enforce their rules. Time is
virtual (`virtual_time`), so an hour of standing takes no time. Run what uses it with `virtual_time.run`.
"""

import asyncio
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from functools import cache
from typing import Self

from feiqian.adapters.local_bus import LocalBus
from feiqian.crypto.suites import PrivateKey
from feiqian.outcomes import Outcome, Refusal
from feiqian.ports import Link, MessageBus, Store
from feiqian.tasks import end_tasks
from feiqian.testing.links import linked_pair
from feiqian.testing.loop_clock import LeadingClock
from feiqian.testing.memory_store import MemoryStore
from feiqian.testing.network import SeededEntropy, SimulatedNetwork, key_of
from feiqian.testing.obedient_site import ObedientSite
from feiqian.testing.patchy_bus import PatchyBus
from feiqian.testing.wallets import Device
from feiqian.vehicle.entity.entity import Entity
from feiqian.vehicle.in_vehicle.client import Trusted, VehicleClient
from feiqian.vehicle.management.members import AreaDrawing, Registered
from feiqian.vehicle.management.server import ManagementServer
from feiqian.vehicle.party import Office
from feiqian.vehicle.post import Post
from feiqian.vehicle.provider.provider import OwnEntity, Provider, state
from feiqian.vehicle.schema import MIGRATIONS
from feiqian.vehicle.tariffs.pricing import fee_of
from feiqian.vehicle.tariffs.shelf import TariffShelf, example_shelf, example_tariff
from feiqian.wallet.purse import WalletPurse
from feiqian.wallet.wallet import Wallet
from feiqian.wire.service import Member
from feiqian.wire.usage import Fee, ServiceClass, Usage

YEAR_MS = 365 * 24 * 3600 * 1000
VEHICLE, PROVIDER, MANAGEMENT = "car-1", "provider-1", "management-1"
LATITUDE_E7, LONGITUDE_E7 = 312_304_000, 1_214_737_000
STEP_E7 = 10_000
"""From one entity to the next, northwards: 111 m."""
RADIUS_MM = 15_000
ACCURACY_MM = 3_000
PURSE_MINOR = 200_00


@dataclass
class Place:
    """An entity with all that belongs to it."""

    name: str
    device: Device
    wallet: Wallet
    site: ObedientSite
    store: Store
    number: int
    entity: Entity | None = None

    @property
    def latitude_e7(self) -> int:
        """Of its middle."""
        return LATITUDE_E7 + self.number * STEP_E7


BusWrapper = Callable[[MessageBus], MessageBus]


class ServiceParties:
    """One vehicle, one provider, one management server, some entities."""

    service: ServiceClass
    wallet: Wallet
    management: ManagementServer
    provider: Provider
    vehicle: VehicleClient

    def __init__(self, network: SimulatedNetwork, wrap: BusWrapper | None = None) -> None:
        self.network = network
        self.suite = network.suite
        self.clock = LeadingClock(network.clock)
        self.bus = LocalBus()
        self.notes: list[str] = []
        self.places: dict[str, Place] = {}
        self.vehicle_device = Device(network, "A", "vehicle")
        self.stores: dict[str, Store] = {}
        self.cut_off: set[str] = set()
        """Parties without a network."""
        self.near: str | None = None
        """The entity beside which the vehicle stands, for the direct link."""
        self._wrap = wrap
        self._running: dict[str, asyncio.Task[None]] = {}
        self._buses: dict[str, MessageBus] = {}
        self._runs = 0

    @classmethod
    async def create(
        cls,
        entities: int = 2,
        service: ServiceClass = ServiceClass.PARKING,
        wrap: BusWrapper | None = None,
        purse_minor: int = PURSE_MINOR,
    ) -> Self:
        """Everything founded, registered and running; the vehicle's chip is unlocked."""
        world = cls(await SimulatedNetwork.create(), wrap)
        world.service = service
        await world.network.follow_lists()
        for number in range(entities):
            await world._found_entity(number)
        world.wallet = await world.vehicle_device.start()
        if purse_minor:
            await world.wallet.withdraw(purse_minor)
        await world.wallet.synchronise()
        await world._start_management()
        world.start_provider()
        for name in world.places:
            world.start_entity(name)
        world.start_vehicle()
        return world

    # Founding ------------------------------------------------------------------------------------
    async def _found_entity(self, number: int) -> None:
        name = f"{self.service}-{number}"
        device = Device(self.network, "B", name)
        wallet = await device.start()
        await wallet.synchronise()
        site = ObedientSite(self.clock)
        self.places[name] = Place(name, device, wallet, site, MemoryStore(MIGRATIONS), number)

    def key(self, name: str) -> PrivateKey:
        """A party's key."""
        return key_of(self.suite, "service", name)

    def _office(self, name: str) -> Office:
        member = self.bus.join(name)
        bus: MessageBus = PatchyBus(member, name, self.cut_off)
        if self._wrap is not None:
            bus = self._wrap(bus)
        self._buses[name] = bus
        management_key = self.key(MANAGEMENT).public
        post = Post(name, self.key(name), self.suite, {MANAGEMENT: management_key})
        store = self.stores.setdefault(name, MemoryStore(MIGRATIONS))
        return Office(post, store, self.clock, bus, self.notes.append)

    def own_entities(self) -> list[OwnEntity]:
        """What the provider has."""
        return [
            OwnEntity(
                place.name,
                self.service,
                place.wallet.holder.certificate.fingerprint,
                example_shelf_name(self.service),
                self.clock.now().midpoint_ms + YEAR_MS,
            )
            for place in self.places.values()
        ]

    async def _start_management(self) -> None:
        trust = self.wallet.holder.around.trust
        self.management = ManagementServer(self._office(MANAGEMENT), trust, price)
        ones = [
            Registered(VEHICLE, Member.VEHICLE, self.key(VEHICLE).public),
            Registered(PROVIDER, Member.PROVIDER, self.key(PROVIDER).public),
        ]
        for own in self.own_entities():
            place = self.places[own.name]
            statement = state(self.suite, self.key(PROVIDER), own)
            area = AreaDrawing(place.latitude_e7, LONGITUDE_E7, RADIUS_MM)
            public = self.key(own.name).public
            ones.append(Registered(own.name, Member.ENTITY, public, PROVIDER, statement, area))
        await self.management.register(ones)
        self._go(MANAGEMENT, self.management.run())

    async def restart(self, name: str) -> None:
        """Kill a party, and start it again on what it had stored."""
        if name == MANAGEMENT:
            await self.restart_management()
            return
        await self.stop(name)
        if name == VEHICLE:
            self.start_vehicle()
        elif name == PROVIDER:
            self.start_provider()
        else:
            self.start_entity(name)

    async def restart_management(self) -> None:
        """As after a crash."""
        await self.stop(MANAGEMENT)
        trust = self.wallet.holder.around.trust
        self.management = ManagementServer(self._office(MANAGEMENT), trust, price)
        await self.management.recall()
        self._go(MANAGEMENT, self.management.run())

    def start_provider(self) -> None:
        """Start, or start again."""
        self.provider = Provider(self._office(PROVIDER), MANAGEMENT, self.own_entities())
        self._go(PROVIDER, self.provider.run())

    def start_entity(self, name: str) -> None:
        """Start, or start again."""
        place = self.places[name]
        purse = WalletPurse(place.wallet)
        place.entity = Entity(self._office(name), MANAGEMENT, purse, place.site)
        self._go(name, place.entity.run())

    def start_vehicle(self) -> None:
        """Start, or start again."""
        self._runs += 1
        until_ms = self.clock.now().midpoint_ms + YEAR_MS
        public = self.key(VEHICLE).public
        membership = self.management.membership(VEHICLE, public, Member.VEHICLE, until_ms)
        trusted = Trusted(
            {PROVIDER: self.key(PROVIDER).public}, frozenset({MANAGEMENT}), membership
        )
        self.vehicle = VehicleClient(
            self._office(VEHICLE),
            trusted,
            WalletPurse(self.wallet),
            SeededEntropy(f"vehicle/{self._runs}"),
            self.approach,
        )
        self._go(VEHICLE, self.vehicle.run())

    async def approach(self, name: str) -> Link:
        """A direct link to the entity beside the vehicle."""
        place = self.places[name]
        if self.near != name or place.entity is None:
            raise Refusal(Outcome.UNAVAILABLE, f"{name} is not near")
        ours, theirs = linked_pair()
        place.entity.visited(theirs)
        return ours

    def _go(self, name: str, run: Coroutine[None, None, None]) -> None:
        self._running[name] = asyncio.ensure_future(run)

    async def stop(self, name: str) -> None:
        """Stop a party at once, wherever it is."""
        await end_tasks([self._running.pop(name)])
        await self._buses.pop(name).close()

    async def close(self) -> None:
        """Stop everybody."""
        for name in tuple(self._running):
            await self.stop(name)


@cache
def _shelf() -> TariffShelf:
    return example_shelf()


def price(tariff: str, usage: Usage) -> Fee:
    """By the shipped examples."""
    return fee_of(_shelf().tariff(tariff), usage)


@cache
def example_shelf_name(service: ServiceClass) -> str:
    """The name of the shipped tariff for a service."""
    return example_tariff(service.value).name
