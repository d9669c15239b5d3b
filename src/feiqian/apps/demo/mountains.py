"""The mountains: a sky of satellites, a ground station, and a hiker whose clock is a week wrong.

Constellation, modules and ground station run in the demonstration's own process, at a pace of seconds
in place of minutes, and speak the sentences of real modules; the platform and the institution are the
network's processes. The hiker's wallet has no network here but the satellites.
"""

import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace

from feiqian.adapters.clock import SystemClock
from feiqian.adapters.clockwork import repeat
from feiqian.adapters.http_client import HttpCourier
from feiqian.adapters.rdss.rdss_module import RdssModule
from feiqian.apps import network as networks
from feiqian.apps.central_client import new_key
from feiqian.apps.control_operations import CONTROL, STATIONS
from feiqian.apps.demo.opening_acts import PUK
from feiqian.apps.demo.stage import HIKER, PIN, Stage
from feiqian.apps.wallet_home import Home
from feiqian.carrier import Carrier
from feiqian.central.control_documents import (
    ControlReport,
    NewStation,
    OrderName,
    OrderStanding,
    OrderWish,
    ProposalStanding,
    ScopeName,
    StationStanding,
)
from feiqian.central.ground_station import GroundStation, StationIdentity
from feiqian.crypto.suites import PrivateKey
from feiqian.satellite.constellation import Conditions
from feiqian.satellite.simulator import Simulator
from feiqian.satellite.sky import (
    BROADCAST_ADDRESS,
    STATION_ADDRESS,
    SkyPlan,
    build_sky,
    terminal_addresses,
)
from feiqian.satellite.terminal import Receiver
from feiqian.tasks import running
from feiqian.testing.satellite_world import MOUNTAINS, LocalOscillator, SkyView
from feiqian.wallet.channel import register_channel
from feiqian.wallet.institution_time import InstitutionTime
from feiqian.wallet.opening import open_wallet
from feiqian.wallet.overdue import OverdueRule
from feiqian.wallet.rules import WALLET_RULES
from feiqian.wallet.satellite import SatelliteDesk
from feiqian.wallet.timekeeping import Timekeeper, bounds_of, recall_clock
from feiqian.wallet.wallet import Wallet
from feiqian.wallet.watching import Air, Watch
from feiqian.wire.rdss.bds3 import Bds3

STATION_NAME = "North"
PRESET_MS = 2_000
"""Longer offline is overdue: two seconds here, days elsewhere."""
QUICK = Conditions(delay_min_ms=50, delay_max_ms=200)
WEEK_MS = 7 * 24 * 3_600_000
DRIFT_PPM = 50
TICK_MS = 200
EXCHANGED_EVERY_S = 0.3
[HIKERS_ADDRESS] = terminal_addresses(1)


@dataclass(frozen=True, slots=True)
class Mountains:
    """What the hiker and the operator have there."""

    stage: Stage
    simulator: Simulator
    wallet: Wallet
    watch: Watch
    oscillator: LocalOscillator
    """The hiker's own clock, a week wrong."""

    def leave(self) -> None:
        """Into the mountains: no network from here on, not even to ask the time."""
        keeper = self.watch.timekeeper
        self.watch.stays_offline = True
        self.watch.timekeeper = Timekeeper(keeper.clock, keeper.store, keeper.receiver)

    async def order(self, name: OrderName) -> OrderStanding:
        """The operator gives the hiker's wallet an order."""
        wish = OrderWish(new_key(), ScopeName.WALLET, self.wallet.number, name)
        platform = self.stage.operator(networks.CENTRAL)
        await platform.post(CONTROL, wish, ProposalStanding)
        return (await platform.get(CONTROL, ControlReport)).orders[0]

    async def standing(self, number: int) -> OrderStanding:
        """What the platform knows of an order."""
        report = await self.stage.operator(networks.CENTRAL).get(CONTROL, ControlReport)
        return next(each for each in report.orders if each.number == number)


@asynccontextmanager
async def mountains(stage: Stage, station_key: PrivateKey) -> AsyncIterator[Mountains]:
    """The hiker's wallet open, under a sky, with its station."""
    plan = SkyPlan(Bds3(), 1, period_s=1, conditions=QUICK, place=MOUNTAINS, tick_ms=TICK_MS)
    simulator = build_sky(plan, secrets.SystemRandom().random, SystemClock())
    courier = HttpCourier()
    async with stage.home(HIKER) as (home, _), running(simulator.run()):
        station = await RdssModule.sign_on(simulator.connect(STATION_ADDRESS), plan.dialect)
        module = await RdssModule.sign_on(simulator.connect(HIKERS_ADDRESS), plan.dialect)
        identity = _identity(stage, home, station_key)
        ground = GroundStation(identity, station, courier, SystemClock())
        carrier = Carrier(module)
        exchanging = repeat(ground.exchange, EXCHANGED_EVERY_S)
        try:
            async with (
                running(ground.carry()),
                running(ground.listen()),
                running(exchanging),
                running(carrier.run()),
            ):
                yield await _hiker(stage, home, simulator, carrier)
        finally:
            await station.close()
            await module.close()
            await courier.close()


async def found_station(stage: Stage, key: PrivateKey) -> None:
    """The operator registers the ground station's key."""
    new = NewStation(new_key(), STATION_NAME, key.public.hex())
    await stage.operator(networks.CENTRAL).post(STATIONS, new, StationStanding)


async def _hiker(stage: Stage, home: Home, simulator: Simulator, carrier: Carrier) -> Mountains:
    """The wallet with the hiker's clock in place of this computer's."""
    oscillator = LocalOscillator(SystemClock(), error_ms=WEEK_MS, drift_ppm=DRIFT_PPM)
    around, suite = home.around, home.around.trust.suite
    clock = await recall_clock(
        around.store, oscillator, lambda: bounds_of(suite, around.chip.status())
    )
    rules = replace(WALLET_RULES, overdue=OverdueRule(PRESET_MS))
    around = replace(around, clock=clock, rules=rules)
    wallet = Wallet(await open_wallet(around, "A", 2, PIN, PUK))
    told = InstitutionTime(around.trust, "A", around.courier, oscillator, around.entropy)
    sky = SkyView(simulator.constellation, HIKERS_ADDRESS, oscillator, Receiver(MOUNTAINS))
    timekeeper = Timekeeper(clock, around.store, sky, told)
    await timekeeper.update()
    channel = await register_channel(wallet.holder, HIKERS_ADDRESS)
    desk = SatelliteDesk(wallet.holder, channel, wallet.shelf)
    air = Air(desk, carrier, STATION_ADDRESS)
    watch = Watch(wallet, timekeeper, air)
    return Mountains(stage, simulator, wallet, watch, oscillator)


def _identity(stage: Stage, home: Home, key: PrivateKey) -> StationIdentity:
    trust, servers = home.around.trust, networks.servers(stage.network)
    return StationIdentity(
        name=STATION_NAME,
        key=key,
        suite=trust.suite,
        root_public_key=trust.root.value.public_key,
        central_url=next(each.url for each in servers if each.name == networks.CENTRAL),
        broadcast_address=BROADCAST_ADDRESS,
    )
