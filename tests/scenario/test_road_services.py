"""Charging, fueling and parking from request to receipts, at equipped sites, with real wallets."""

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from feiqian.adapters.ocpp.central_system import CentralSystem, ChargePointSetup
from feiqian.protocol.equipment import Equipment
from feiqian.protocol.service.states import State
from feiqian.testing import virtual_time
from feiqian.testing.charge_point import VERSIONS, SimulatedChargePoint
from feiqian.testing.equipment import Bay, Pump
from feiqian.testing.memory_store import MemoryStore
from feiqian.testing.service_parties import MANAGEMENT, PROVIDER, VEHICLE
from feiqian.testing.service_world import ServiceWorld
from feiqian.testing.virtual_pipe import VirtualPipe
from feiqian.testing.virtual_time import pass_time
from feiqian.vehicle.services.schema import MIGRATIONS
from feiqian.vehicle.services.site import EquippedSite
from feiqian.vehicle.tariffs.shelf import example_shelf
from feiqian.wire.service import Ending
from feiqian.wire.usage import ServiceClass

pytestmark = pytest.mark.feature("V-06")

EVERYBODY = (VEHICLE, PROVIDER, MANAGEMENT)
MINUTE_S = 60


class Road:
    """A world whose first entity has real equipment behind its site."""

    def __init__(self, world: ServiceWorld) -> None:
        self.world = world
        self.name = next(iter(world.places))
        self._running: list[asyncio.Task[None]] = []

    def now_ms(self) -> int:
        return self.world.clock.now().midpoint_ms

    async def equip(self, equipment: Equipment) -> EquippedSite:
        """Put equipment at the entity."""
        site = EquippedSite(equipment, example_shelf(), MemoryStore(MIGRATIONS), self.world.clock)
        await self.world.stop(self.name)
        self.world.places[self.name].site = site  # type: ignore[assignment]  # a site all the same
        self.world.start_entity(self.name)
        self.also(site.run())
        return site

    def also(self, doing) -> None:
        """Something that runs beside the parties."""
        self._running.append(asyncio.ensure_future(doing))

    async def served(self, ceiling_minor: int = 100_00) -> bytes:
        """Requested, authorised once, standing at the entity, being served; the chip is locked."""
        request = await self.world.request(ceiling_minor, self.name)
        await self.in_state(request, State.TRACKING, MANAGEMENT)
        self.world.wallet.holder.around.chip.lock()
        await self.world.stand_at(self.name)
        return request

    async def in_state(self, request: bytes, state: State, name: str) -> None:
        """Wait until a party stands there."""

        async def there() -> bool:
            return (await self.world.states(request)).get(name) == state.value

        await self.world.until(there)

    async def paid_minor(self, request: bytes, before: dict[str, int]) -> int:
        """What the vehicle paid and the entity received, once all agree that it was paid."""
        states = await self.world.ended(request, *EVERYBODY, self.name)
        assert set(states.values()) == {Ending.PAID}, states
        after = self.world.held_minor()
        assert before[VEHICLE] - after[VEHICLE] == after[self.name] - before[self.name]
        return before[VEHICLE] - after[VEHICLE]

    async def close(self) -> None:
        """Stop everything."""
        for task in self._running:
            task.cancel()
        await asyncio.gather(*self._running, return_exceptions=True)
        await self.world.close()


def play(service: ServiceClass, scene: Callable[[Road], Awaitable[None]]) -> None:
    """Run a scene in a world of its own, in virtual time."""

    async def run() -> None:
        road = Road(await ServiceWorld.create(service=service))
        try:
            await scene(road)
        finally:
            await road.close()

    virtual_time.run(run())


@pytest.mark.feature("V-05", "V-11")
def test_parking_is_paid_when_the_car_has_left():
    """A stay of an hour costs what the tariff says; nobody touched anything after the request."""

    async def scene(road):
        bay = Bay()
        site = await road.equip(bay)
        before = road.world.held_minor()
        request = await road.served()
        await road.in_state(request, State.SERVING, road.name)
        assert site.occupied()
        await pass_time(60 * MINUTE_S)
        await site.end(request)
        assert await road.paid_minor(request, before) in {200, 600}
        assert bay.barrier_open

    play(ServiceClass.PARKING, scene)


@pytest.mark.feature("V-09")
def test_parking_beyond_the_ceiling_is_not_charged():
    """A car that stays longer than its ceiling pays for is charged the ceiling at most, and is paid."""

    async def scene(road):
        await road.equip(Bay())
        before = road.world.held_minor()
        request = await road.served(3_00)
        await pass_time(100 * MINUTE_S)
        assert 0 < await road.paid_minor(request, before) <= 3_00

    play(ServiceClass.PARKING, scene)


@pytest.mark.feature("V-05", "V-09", "V-11")
def test_fueling_is_released_up_to_the_ceiling_and_paid():
    """The pump stops at the limit that the authorisation pays for, and that is what is paid."""

    async def scene(road):
        pump = Pump(road.now_ms)
        site = await road.equip(pump)
        pump.listener = site.hear
        before = road.world.held_minor()
        request = await road.served(100_00)
        await road.world.until(lambda: pump.key is not None)
        await pump.lift("95")
        for _ in range(10):
            await pass_time(10)
            await pump.fill(5_000)
        assert pump.volume_ml == 11_830
        await pump.hang_up()
        assert await road.paid_minor(request, before) == 9_995

    play(ServiceClass.FUELING, scene)


@pytest.mark.feature("V-05", "V-11")
@pytest.mark.parametrize("version", VERSIONS)
def test_charging_by_ocpp_is_paid_by_energy_and_time(version, monkeypatch):
    """Remote start on the match, meter values, unplugged: the fee for energy and time is paid."""
    # The library checks messages in threads otherwise, which virtual time cannot have.
    monkeypatch.setattr("ocpp.messages.ASYNC_VALIDATION", False)

    async def scene(road):
        system = CentralSystem({road.name: ChargePointSetup("")}, road.world.clock)
        connector = system.connector(road.name)
        site = await road.equip(connector)
        connector.report_to(site.hear)
        point = SimulatedChargePoint(road.name, version, road.now_ms)
        ours, theirs = VirtualPipe.pair()
        road.also(system.converse(road.name, version, ours))
        point.attach(theirs)
        await point.boot()
        await point.plug_in()
        before = road.world.held_minor()
        request = await road.served()
        await road.in_state(request, State.SERVING, road.name)
        for _ in range(6):
            await pass_time(10 * MINUTE_S)
            await point.charge(2_000)
        await point.unplug()
        paid_minor = await road.paid_minor(request, before)
        assert 12 * 42 + 120 <= paid_minor <= 12 * 118 + 125
        await point.drop()

    play(ServiceClass.CHARGING, scene)
