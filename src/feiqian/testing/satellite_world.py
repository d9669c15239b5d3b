"""A network with satellites in one process, in virtual time: days pass at once, in one order (W, R rows).

Platform, institutions, ground station, constellation, modules, wallets and their chips are the code
that runs in production; the sentences on the modules' lines are the real ones. A wallet here has a
local clock of its own, wrong and drifting, and a network of its own that can be cut.
"""

import asyncio
import random
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace

from feiqian.adapters.rdss.rdss_module import RdssModule
from feiqian.carrier import Carrier
from feiqian.central.control_documents import (
    NewOperator,
    NewStation,
    OrderName,
    OrderStanding,
    OrderWish,
    ProposalDecision,
    ReportQuery,
    ScopeName,
    WalletReport,
)
from feiqian.central.ground_station import STATIONS_PATH, GroundStation, StationIdentity
from feiqian.outcomes import Outcome, Refusal
from feiqian.ports import Clock
from feiqian.satellite.constellation import (
    ALWAYS,
    NEVER,
    Conditions,
    Constellation,
)
from feiqian.satellite.simulator import Simulator
from feiqian.satellite.sky import (
    BROADCAST_ADDRESS,
    STATION_ADDRESS,
    SkyPlan,
    build_sky,
    terminal_addresses,
)
from feiqian.satellite.terminal import Receiver
from feiqian.tasks import end_tasks
from feiqian.testing import virtual_time
from feiqian.testing.chips import PIN, PUK
from feiqian.testing.network import CENTRAL_URL, RoutingCourier, SimulatedNetwork, key_of
from feiqian.testing.platform_world import START_MS, StandingClock
from feiqian.testing.wallets import Device
from feiqian.timing.fixes import Fix, FixedPlace
from feiqian.timing.moment import Moment
from feiqian.timing.readings import Reading
from feiqian.wallet.channel import register_channel
from feiqian.wallet.institution_time import InstitutionTime
from feiqian.wallet.opening import open_wallet
from feiqian.wallet.overdue import OVERDUE_RULE, OverdueRule
from feiqian.wallet.relay import Relay
from feiqian.wallet.rules import WALLET_RULES
from feiqian.wallet.satellite import MessageEffect, SatelliteDesk
from feiqian.wallet.timekeeping import Timekeeper, bounds_of, recall_clock
from feiqian.wallet.wallet import Wallet
from feiqian.wallet.watching import Air, Sight, Watch
from feiqian.wire.rdss.bds3 import Bds3
from feiqian.wire.rdss.module import Dialect
from feiqian.wire.short_messages import RDSS3_GLOBAL

STATION_NAME = "North"
FIRST_OPERATOR, SECOND_OPERATOR = "first", "second"
EXCHANGE_EVERY_S = 15
RECEIVER_RADIUS_MS = 1_000
MOUNTAINS = FixedPlace(361_000_000, 940_000_000, 5_000)
MINUTE_S = 60


class RunningClock(StandingClock):
    """The true time: it passes as the loop's does, and can be moved on besides."""

    def __init__(self, start_ms: int = START_MS) -> None:
        self._moved_ms = start_ms

    def now(self) -> Moment:
        """The true moment."""
        return Moment(self._moved_ms + round(asyncio.get_running_loop().time() * 1000), 0)

    def advance(self, by_ms: int) -> None:
        """Let time pass at once, without anything happening meanwhile."""
        self._moved_ms += by_ms


@dataclass(slots=True)
class LocalOscillator:
    """A battery clock that shows a wrong time and runs at a wrong speed."""

    clock: Clock
    """The true time."""
    error_ms: int = 0
    drift_ppm: int = 0

    def read(self) -> Reading:
        """What the clock shows; it has no other count."""
        passed_ms = self.clock.now().midpoint_ms - START_MS
        drifted_ms = passed_ms * self.drift_ppm // 1_000_000
        return Reading(START_MS + passed_ms + drifted_ms + self.error_ms)


@dataclass(slots=True)
class SkyView:
    """`ports.FixSource`: the receiver of a terminal in the simulated constellation."""

    constellation: Constellation
    address: str
    oscillator: LocalOscillator
    receiver: Receiver

    async def fix(self) -> Fix:
        """The next second's fix. `Refusal` fix_missing without coverage or place."""
        seen = self.constellation.beams(self.address, loop_ms())
        if not seen or self.receiver.place is None:
            raise Refusal(Outcome.FIX_MISSING, "the receiver sees no satellite")
        await virtual_time.pass_time(1)
        at_ms = self.oscillator.clock.now().midpoint_ms + self.receiver.error_ms
        moment = Moment(at_ms, RECEIVER_RADIUS_MS)
        return Fix(moment, self.oscillator.read(), "gnss:beidou", self.receiver.place)


@dataclass(slots=True)
class SatelliteHolder:
    """A wallet with a module, a receiver and a clock of its own."""

    device: Device
    address: str
    oscillator: LocalOscillator
    sky: SkyView
    courier: RoutingCourier
    wallet: Wallet
    watch: Watch
    carrier: Carrier

    @property
    def air(self) -> Air:
        """The way to the platform."""
        assert self.watch.air is not None
        return self.watch.air

    def cut(self) -> None:
        """No network from now on."""
        self.courier.cut_off.add("http://")

    def reconnect(self) -> None:
        """The network is back."""
        self.courier.cut_off.clear()

    async def live(
        self, minutes: int, *, every_min: int = 5
    ) -> tuple[list[Sight], list[MessageEffect]]:
        """Look every so often and listen in between; what was seen and heard."""
        sights: list[Sight] = []
        heard: list[MessageEffect] = []
        end_ms = loop_ms() + minutes * MINUTE_S * 1000
        while loop_ms() < end_ms:
            sights.append(await self.watch.look())
            heard += await self.watch.listen(min(every_min * MINUTE_S * 1000, end_ms - loop_ms()))
        return sights, heard


@dataclass(slots=True)
class SatelliteWorld:
    """Everything; open it with `satellite_world`."""

    network: SimulatedNetwork
    clock: RunningClock
    simulator: Simulator
    dialect: Dialect
    holders: dict[str, SatelliteHolder] = field(default_factory=dict)
    tasks: list["asyncio.Task[None]"] = field(default_factory=list)
    _keys: int = 0

    def key(self) -> str:
        """An operator's key that was not used."""
        self._keys += 1
        return f"key-{self._keys}"

    async def order(
        self,
        name: OrderName,
        scope: ScopeName = ScopeName.WALLET,
        addressee: str = "",
        **more: object,
    ) -> int:
        """Give an order, with a second person's approval where one is needed; its number."""
        wish = OrderWish(self.key(), scope, addressee, name, **more)  # type: ignore[arg-type]  # a wish's own fields, by name
        known = {each.number for each in (await self.network.desk.report()).orders}
        proposed = await self.network.desk.order(wish, FIRST_OPERATOR)
        if scope is not ScopeName.WALLET:
            decision = ProposalDecision(self.key(), proposed.number)
            await self.network.desk.approve(decision, SECOND_OPERATOR)
        [number] = {each.number for each in (await self.network.desk.report()).orders} - known
        return number

    async def standing(self, number: int) -> OrderStanding:
        """What became of an order."""
        report = await self.network.desk.report()
        return next(each for each in report.orders if each.number == number)

    async def reports(self, wallet: str = "") -> Sequence[WalletReport]:
        """Key information sets, the newest first (W-07)."""
        return (await self.network.desk.wallet_reports(ReportQuery(wallet))).reports

    def cover(self, address: str, *, covered: bool) -> None:
        """Whether a terminal sees the satellites."""
        self.simulator.cover(address, ALWAYS if covered else NEVER)


def loop_ms() -> int:
    """The virtual loop's time."""
    return round(asyncio.get_running_loop().time() * 1000)


@asynccontextmanager
async def satellite_world(
    names: Sequence[str] = ("silent",),
    *,
    dialect: Dialect | None = None,
    conditions: Conditions | None = None,
    rule: OverdueRule = OVERDUE_RULE,
    seed: int = 1,
) -> AsyncIterator[SatelliteWorld]:
    """A world with a wallet of institution A for each name; use it on a loop of virtual time."""
    clock = RunningClock()
    network = await SimulatedNetwork.create(clock=clock, seed=f"satellites {seed}")
    spoken = dialect or Bds3(RDSS3_GLOBAL)
    plan = SkyPlan(
        spoken, len(names), MINUTE_S, conditions=conditions or Conditions(), place=MOUNTAINS
    )
    draw = random.Random(seed).random  # the simulated weather, replayable
    simulator = build_sky(plan, draw, clock)
    world = SatelliteWorld(network, clock, simulator, spoken)
    world.tasks.append(asyncio.create_task(simulator.run()))
    try:
        await _staff(world)
        await _open_station(world)
        await network.follow_lists()
        for name, address in zip(names, terminal_addresses(len(names)), strict=True):
            world.holders[name] = await _holder(world, name, address, rule)
        yield world
    finally:
        await end_tasks(reversed(world.tasks))


async def _staff(world: SatelliteWorld) -> None:
    """Two operators, so that one can approve what the other proposes."""
    desk, suite = world.network.desk, world.network.suite
    for place, name in enumerate((FIRST_OPERATOR, SECOND_OPERATOR)):
        new = NewOperator(world.key(), name, suite.digest(name.encode()).hex())
        proposed = await desk.add_operator(new, "operator")
        if place:
            await desk.approve(ProposalDecision(world.key(), proposed.number), FIRST_OPERATOR)


async def _open_station(world: SatelliteWorld) -> None:
    network = world.network
    key = key_of(network.suite, network.seed, "station")
    station = NewStation(world.key(), STATION_NAME, key.public.hex())
    await network.desk.add_station(station, "operator")
    root = network.institutions["A"].office.trust.root.value.public_key
    identity = StationIdentity(
        STATION_NAME, key, network.suite, root, CENTRAL_URL, BROADCAST_ADDRESS
    )
    network.courier.handlers[f"{CENTRAL_URL}{STATIONS_PATH}"] = network.gateway.exchange
    module = await RdssModule.sign_on(world.simulator.connect(STATION_ADDRESS), world.dialect)
    station_end = GroundStation(identity, module, network.courier, world.clock)
    world.tasks += [
        asyncio.create_task(station_end.carry()),
        asyncio.create_task(station_end.listen()),
        asyncio.create_task(_exchange(world, station_end)),
    ]


async def _exchange(world: SatelliteWorld, station: GroundStation) -> None:
    while True:
        await virtual_time.pass_time(EXCHANGE_EVERY_S)
        await station.exchange()
        await world.network.gateway.forward_reports()


async def _holder(
    world: SatelliteWorld, name: str, address: str, rule: OverdueRule
) -> SatelliteHolder:
    network = world.network
    courier = RoutingCourier(network.courier.handlers, published=network.courier.published)
    device = Device(network, "A", name)
    oscillator = LocalOscillator(world.clock)
    around = device.surroundings(courier=courier, library=courier)
    suite, chip = network.suite, around.chip
    clock = await recall_clock(device.store, oscillator, lambda: bounds_of(suite, chip.status()))
    around = replace(around, clock=clock, rules=replace(WALLET_RULES, overdue=rule))
    wallet = Wallet(await open_wallet(around, "A", device.tier, PIN, PUK))
    wallet.unlock(PIN)
    receiver = Receiver(MOUNTAINS)
    sky = SkyView(world.simulator.constellation, address, oscillator, receiver)
    told = InstitutionTime(around.trust, "A", courier, oscillator, around.entropy)
    timekeeper = Timekeeper(clock, device.store, sky, told)
    module = await RdssModule.sign_on(world.simulator.connect(address), world.dialect)
    carrier = Carrier(module)
    world.tasks.append(asyncio.create_task(carrier.run()))
    channel = await register_channel(wallet.holder)
    desk = SatelliteDesk(wallet.holder, channel, wallet.shelf)
    relay = Relay(carrier, STATION_ADDRESS)
    air = Air(desk, carrier, STATION_ADDRESS, relay, address)
    watch = Watch(wallet, timekeeper, air)
    return SatelliteHolder(device, address, oscillator, sky, courier, wallet, watch, carrier)
