"""The parties of the city: a network, a management server, a provider, stations and customers.

All of them are the code that runs in production, joined by a bus in this process. Stations can be
without a network: then nobody reaches them but the vehicle in front of them.
"""

import asyncio
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import dataclass, field
from typing import Self

from feiqian.adapters.local_bus import LocalBus
from feiqian.crypto.suites import PrivateKey
from feiqian.outcomes import Outcome, Refusal
from feiqian.ports import Link, MessageBus
from feiqian.tasks import end_tasks
from feiqian.testing.city.receivers import Tunnel, VehicleReceiver
from feiqian.testing.city.sites import CitySite
from feiqian.testing.city.stations import Station
from feiqian.testing.links import linked_pair
from feiqian.testing.loop_clock import LeadingClock
from feiqian.testing.memory_store import MemoryStore
from feiqian.testing.network import SeededEntropy, SimulatedNetwork, key_of
from feiqian.testing.patchy_bus import PatchyBus
from feiqian.testing.wallets import Device
from feiqian.vehicle.entity.entity import Entity
from feiqian.vehicle.in_vehicle.client import Trusted, VehicleClient
from feiqian.vehicle.management.members import Registered
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

MANAGEMENT, PROVIDER = "management", "provider"
YEAR_MS = 365 * 24 * 3_600_000
FULL_AFTER_S = 150
"""How long a charger charges a vehicle in this city."""


@dataclass
class Served:
    """A station with its entity."""

    station: Station
    wallet: Wallet
    site: CitySite
    tariff: str
    entity: Entity


@dataclass
class Customer:
    """A vehicle with a wallet."""

    name: str
    wallet: Wallet
    receiver: VehicleReceiver
    funded_minor: int
    """What its holder has put on the chip."""
    client: VehicleClient


@dataclass
class Town:
    """All parties, running."""

    network: SimulatedNetwork
    clock: LeadingClock
    seed: int
    bus: LocalBus = field(default_factory=LocalBus)
    uncovered: set[str] = field(default_factory=set)
    """Stations without a network."""
    notes: list[str] = field(default_factory=list)
    stations: dict[str, Served] = field(default_factory=dict)
    customers: dict[str, Customer] = field(default_factory=dict)
    beside: Callable[[str], str | None] = lambda _: None
    """By vehicle, the station in one of whose bays it stands."""
    _tariffs: TariffShelf = field(default_factory=example_shelf)
    _tariff_names: dict[ServiceClass, str] = field(default_factory=dict)
    _running: list[asyncio.Task[None]] = field(default_factory=list)
    _buses: list[MessageBus] = field(default_factory=list)
    management: ManagementServer = field(init=False)

    @classmethod
    async def found(cls, stations: Sequence[Station], seed: int) -> Self:
        """Make the network, and open every station."""
        network = await SimulatedNetwork.create(seed=f"city/{seed}")
        town = cls(network, LeadingClock(network.clock), seed)
        wallets = {station.name: await town._wallet("B", station.name) for station in stations}
        own = [town._own(station, wallets[station.name]) for station in stations]
        await town._open_management(stations, own)
        town._go(Provider(town._office(PROVIDER), MANAGEMENT, own).run())
        for station in stations:
            town._open(station, wallets[station.name])
        return town

    async def welcome(self, name: str, purse_minor: int, tunnels: tuple[Tunnel, ...]) -> Customer:
        """Give a vehicle a wallet with so much in it, and let it take part."""
        wallet = await self._wallet("A", name)
        await wallet.withdraw(purse_minor)
        key = self.key(name).public
        await self.management.register([Registered(name, Member.VEHICLE, key)])
        until_ms = self.clock.now().midpoint_ms + YEAR_MS
        membership = self.management.membership(name, key, Member.VEHICLE, until_ms)
        providers = {PROVIDER: self.key(PROVIDER).public}
        client = VehicleClient(
            self._office(name),
            Trusted(providers, frozenset({MANAGEMENT}), membership),
            WalletPurse(wallet),
            SeededEntropy(f"city/{self.seed}/client/{name}"),
            lambda station: self._approach(name, station),
        )
        self._go(client.run())
        receiver = VehicleReceiver(f"{self.seed}/{name}", tunnels)
        self.customers[name] = Customer(name, wallet, receiver, purse_minor, client)
        return self.customers[name]

    def price(self, tariff: str, usage: Usage) -> Fee:
        """By the shipped examples."""
        return fee_of(self._tariffs.tariff(tariff), usage)

    def key(self, name: str) -> PrivateKey:
        """A party's."""
        return key_of(self.network.suite, f"city/{self.seed}", name)

    async def close(self) -> None:
        """Stop everybody; what a party died of is raised here."""
        ended = [task for task in self._running if task.done()]
        await end_tasks(self._running)
        for bus in self._buses:
            await bus.close()
        for task in ended:
            task.result()

    # Founding ------------------------------------------------------------------------------------
    async def _wallet(self, code: str, name: str) -> Wallet:
        wallet = await Device(self.network, code, name).start()
        await wallet.synchronise()
        return wallet

    def _own(self, station: Station, wallet: Wallet) -> OwnEntity:
        tariff = self._tariff(station.service)
        fingerprint = wallet.holder.certificate.fingerprint
        until_ms = self.clock.now().midpoint_ms + YEAR_MS
        return OwnEntity(station.name, station.service, fingerprint, tariff, until_ms)

    def _tariff(self, service: ServiceClass) -> str:
        if service not in self._tariff_names:
            self._tariff_names[service] = example_tariff(service.value).name
        return self._tariff_names[service]

    async def _open_management(self, stations: Sequence[Station], own: Sequence[OwnEntity]) -> None:
        trust = Device(self.network, "A", MANAGEMENT).surroundings().trust
        self.management = ManagementServer(self._office(MANAGEMENT), trust, self.price)
        members = [Registered(PROVIDER, Member.PROVIDER, self.key(PROVIDER).public)]
        for station, entity in zip(stations, own, strict=True):
            statement = state(self.network.suite, self.key(PROVIDER), entity)
            public = self.key(station.name).public
            members.append(
                Registered(station.name, Member.ENTITY, public, PROVIDER, statement, station.area)
            )
        await self.management.register(members)
        self._go(self.management.run())

    def _open(self, station: Station, wallet: Wallet) -> None:
        site = CitySite(
            station.name, station.service, lambda: self.clock.now().midpoint_ms, FULL_AFTER_S
        )
        entity = Entity(self._office(station.name), MANAGEMENT, WalletPurse(wallet), site)
        tariff = self._tariff(station.service)
        self.stations[station.name] = Served(station, wallet, site, tariff, entity)
        self._go(entity.run())

    def _office(self, name: str) -> Office:
        bus = PatchyBus(self.bus.join(name), name, self.uncovered)
        self._buses.append(bus)
        known = {MANAGEMENT: self.key(MANAGEMENT).public}
        post = Post(name, self.key(name), self.network.suite, known)
        return Office(post, MemoryStore(MIGRATIONS), self.clock, bus, self.notes.append)

    def _go(self, run: Coroutine[None, None, None]) -> None:
        self._running.append(asyncio.ensure_future(run))

    async def _approach(self, vehicle: str, station: str) -> Link:
        if self.beside(vehicle) != station:
            raise Refusal(Outcome.UNAVAILABLE, f"{station} is not beside {vehicle}")
        ours, theirs = linked_pair()
        self.stations[station].entity.visited(theirs)
        return ours
