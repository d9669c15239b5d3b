"""Charging by real OCPP, 1.6 and 2.0.1, over WebSockets on loopback: the entity's site, and a charge point."""

import asyncio
import base64
import json
from collections.abc import Awaitable, Callable

import pytest
from websockets import ConnectionClosed, InvalidStatus, Subprotocol
from websockets.asyncio.client import connect

from feiqian.adapters.ocpp import central_system
from feiqian.adapters.ocpp.central_system import VERSION_16, CentralSystem, ChargePointSetup
from feiqian.outcomes import Outcome, Refusal
from feiqian.protocol.equipment import key_of
from feiqian.testing.charge_point import VERSIONS, SimulatedChargePoint
from feiqian.testing.equipment import Witness
from feiqian.testing.memory_store import MemoryStore
from feiqian.timing.moment import Moment
from feiqian.vehicle.entity.site import SiteOrder
from feiqian.vehicle.services.machine import START_PATIENCE_MS, STOP_PATIENCE_MS
from feiqian.vehicle.services.schema import MIGRATIONS
from feiqian.vehicle.services.site import EquippedSite
from feiqian.vehicle.tariffs.pricing import fee_of
from feiqian.vehicle.tariffs.shelf import example_shelf, example_tariff
from feiqian.wire.usage import ServiceClass

pytestmark = [pytest.mark.feature("V-06"), pytest.mark.parametrize("version", VERSIONS)]

NAME, PASSWORD = "charger-1", "correct horse"
REQUEST = bytes(range(16))
NOON_MS = 1_772_424_000_000
MINUTE_S = 60
PATIENCE_S = 20
SETUPS = {NAME: ChargePointSetup(PASSWORD)}


class TestClock:
    """A clock that a test sets."""

    __test__ = False

    def __init__(self) -> None:
        self.now_ms = NOON_MS

    def now(self) -> Moment:
        return Moment(self.now_ms, 0)


class Place:
    """A charge point, the central system and the entity's site; the clock is the test's."""

    def __init__(self, version: str) -> None:
        self.clock = TestClock()
        self.store = MemoryStore(MIGRATIONS)
        self.point = SimulatedChargePoint(NAME, version, lambda: self.clock.now_ms)
        self.news = Witness()
        self.port = 0

    async def open(self) -> None:
        """Start the entity's side."""
        self.system = await CentralSystem.listen("127.0.0.1", self.port, SETUPS, self.clock)
        self.port = self.system.port
        connector = self.system.connector(NAME)
        self.site = EquippedSite(connector, example_shelf(), self.store, self.clock)
        await self.site.recall()
        connector.report_to(self.site.hear)
        self.running = asyncio.ensure_future(self.site.run())

    async def shut(self) -> None:
        """Stop the entity's side, wherever it is."""
        self.running.cancel()
        await asyncio.gather(self.running, return_exceptions=True)
        await self.system.close()

    async def order(self, ceiling_minor: int = 100_00) -> None:
        """The entity begins the service."""
        until_ms = NOON_MS + 86_400_000
        tariff = example_tariff("charging").name
        order = SiteOrder(REQUEST, "car-1", ServiceClass.CHARGING, tariff, ceiling_minor, until_ms)
        await self.site.begin(order, self.news)

    async def charging(self, ceiling_minor: int = 100_00) -> None:
        """Connected, plugged in, ordered, begun."""
        await self.point.connect(self.port, PASSWORD)
        await self.point.plug_in()
        await self.order(ceiling_minor)
        await self.news.begun.wait()

    async def charge(self, minutes: int, energy_wh: int) -> None:
        """A reading after some time."""
        self.clock.now_ms += minutes * MINUTE_S * 1_000
        await self.point.charge(energy_wh)

    async def pass_time(self, milliseconds: int) -> None:
        """What is due becomes due."""
        self.clock.now_ms += milliseconds
        await self.site.pass_time()


def play(version: str, scene: Callable[[Place], Awaitable[None]]) -> None:
    """Run a scene at a place of its own."""

    async def run() -> None:
        place = Place(version)
        await place.open()
        try:
            async with asyncio.timeout(PATIENCE_S):
                await scene(place)
        finally:
            await place.point.drop()
            await place.shut()

    asyncio.run(run())


def test_a_car_is_charged_from_remote_start_to_unplugging(version):
    """Started from afar, metered in between, ended by the plug: energy and time are the meter's."""

    async def scene(place):
        await place.charging()
        assert place.point.key == key_of(REQUEST)
        for _ in range(4):
            await place.charge(15, 2_500)
        await place.point.unplug()
        await place.news.over.wait()
        ((served, usage),) = place.news.usages
        assert served
        assert (usage.energy_wh, usage.duration_ms) == (10_000, 3_600_000)
        assert [part.energy_wh for part in usage.slices] == [2_500] * 4
        assert fee_of(example_tariff("charging"), usage).amount_minor == 1_180 + 120

    play(version, scene)


@pytest.mark.feature("V-09")
def test_the_ceiling_stops_the_charge_point(version):
    """The charge point is stopped from afar before the fee passes what was authorised."""

    async def scene(place):
        await place.charging(10_00)
        while not place.news.over.is_set() and place.point.key is not None:
            await place.charge(1, 400)
        await place.news.over.wait()
        ((_, usage),) = place.news.usages
        assert 9_00 < fee_of(example_tariff("charging"), usage).amount_minor <= 10_00

    play(version, scene)


def test_the_entity_ends_it(version):
    """A service that the management server stops is stopped at the charge point, and measured."""

    async def scene(place):
        await place.charging()
        await place.charge(10, 1_000)
        await place.site.end(REQUEST)
        await place.news.over.wait()
        assert place.news.usages[0][1].energy_wh == 1_000
        assert place.point.key is None

    play(version, scene)


def test_a_session_survives_a_lost_line(version):
    """What happened while the charge point was offline is told afterwards, with the moments of then."""

    async def scene(place):
        await place.charging()
        await place.charge(15, 1_000)
        await place.point.drop()
        await place.charge(15, 1_000)
        await place.charge(15, 1_000)
        await place.point.unplug()
        place.clock.now_ms += 3_600_000
        assert not place.news.over.is_set()
        await place.point.connect(place.port, PASSWORD)
        await place.news.over.wait()
        ((_, usage),) = place.news.usages
        assert (usage.energy_wh, usage.duration_ms) == (3_000, 45 * 60_000)
        assert [part.energy_wh for part in usage.slices] == [1_000] * 3

    play(version, scene)


def test_everything_said_twice_counts_once(version):
    """A charge point that repeats each message of a transaction is understood all the same."""

    async def scene(place):
        place.point.repeating = True
        await place.charging()
        await place.charge(15, 1_000)
        await place.point.unplug()
        await place.news.over.wait()
        assert [usage.energy_wh for _, usage in place.news.usages] == [1_000]

    play(version, scene)


def test_a_transaction_that_began_offline_is_ours(version):
    """The line is cut after the remote start and before the plug: the session is told later."""

    async def scene(place):
        await place.point.connect(place.port, PASSWORD)
        await place.order()
        await place.point.asked.wait()
        await place.point.drop()
        place.clock.now_ms += 30_000
        await place.point.plug_in()
        await place.charge(15, 700)
        await place.point.unplug()
        await place.point.connect(place.port, PASSWORD)
        await place.news.over.wait()
        ((_, usage),) = place.news.usages
        assert (usage.energy_wh, usage.from_ms) == (700, NOON_MS + 30_000)

    play(version, scene)


def test_an_entity_that_starts_again_goes_on(version):
    """A killed entity and central system take up the session where it stood."""

    async def scene(place):
        await place.charging()
        await place.charge(15, 1_000)
        await place.point.drop()
        await place.shut()
        await place.open()
        place.news = Witness()
        await place.order()
        await place.news.begun.wait()
        await place.point.connect(place.port, PASSWORD)
        await place.charge(15, 1_000)
        await place.point.unplug()
        await place.news.over.wait()
        assert place.news.usages[0][1].energy_wh == 2_000

    play(version, scene)


def test_what_ended_while_the_entity_started_again_is_not_lost(version):
    """A charge point that is back before its entity has looked tells the end, and it counts."""

    async def scene(place):
        await place.charging()
        await place.point.drop()
        await place.charge(15, 1_000)
        await place.point.unplug()
        await place.shut()
        await place.open()
        place.news = Witness()
        await place.point.connect(place.port, PASSWORD)
        await place.order()
        await place.news.over.wait()
        assert [usage.energy_wh for _, usage in place.news.usages] == [1_000]

    play(version, scene)


def test_a_charge_point_out_of_reach_is_not_waited_for(version):
    """A stop that reaches nobody ends with the last reading; what is told later changes nothing."""

    async def scene(place):
        await place.charging()
        await place.charge(15, 1_000)
        await place.point.drop()
        await place.site.end(REQUEST)
        await place.pass_time(STOP_PATIENCE_MS)
        await place.news.over.wait()
        await place.charge(15, 5_000)
        await place.point.unplug()
        await place.point.connect(place.port, PASSWORD)
        assert [usage.energy_wh for _, usage in place.news.usages] == [1_000]

    play(version, scene)


@pytest.mark.parametrize("connected", [True, False])
def test_a_charge_point_that_does_not_begin_is_a_refusal(version, connected):
    """A charge point that says no, or is not there, is a service refused by name."""

    async def scene(place):
        place.point.refusing = True
        if connected:
            await place.point.connect(place.port, PASSWORD)
        await place.order()
        await place.news.over.wait()
        assert [refusal.outcome for refusal in place.news.refusals] == [Outcome.UNAVAILABLE]

    play(version, scene)


def test_a_plug_that_never_comes_is_a_refusal_in_time(version):
    """Nobody plugs in: the service is refused, and a plug that comes later starts nothing of ours."""

    async def scene(place):
        await place.point.connect(place.port, PASSWORD)
        await place.order()
        await place.point.asked.wait()
        await place.pass_time(START_PATIENCE_MS)
        await place.news.over.wait()
        assert [refusal.outcome for refusal in place.news.refusals] == [Outcome.TIMED_OUT]
        await place.site._commands.join()
        await place.point.plug_in()
        assert place.point.invalid == 1
        assert not place.news.begun.is_set()

    play(version, scene)


@pytest.mark.feature("V-07", "V-08")
def test_the_plug_answers_whether_somebody_is_there(version):
    """What the management server asks in doubt is what the charge point says of its plug."""

    async def scene(place):
        connector = place.system.connector(NAME)
        await place.point.connect(place.port, PASSWORD)
        assert not place.site.occupied()
        await place.point.plug_in()
        assert place.site.occupied()
        await place.point.unplug()
        assert not connector.occupied()

    play(version, scene)


@pytest.mark.feature("V-07")
def test_a_card_of_a_stranger_starts_nothing(version):
    """A token that was not given out is not authorised, and its transaction is nobody's."""

    async def scene(place):
        await place.point.connect(place.port, PASSWORD)
        await place.point.plug_in()
        await place.point.present("DEADBEEF")
        await place.point.charge(1_000)
        await place.point.unplug()
        assert place.point.invalid == 1
        assert not place.news.begun.is_set()

    play(version, scene)


def test_a_car_that_takes_nothing_is_idle(version):
    """The time in which the car takes nothing is told apart."""

    async def scene(place):
        await place.charging()
        await place.charge(15, 1_000)
        await place.point.pause(paused=True)
        place.clock.now_ms += 600_000
        await place.point.pause(paused=False)
        await place.charge(15, 1_000)
        await place.point.unplug()
        await place.news.over.wait()
        assert place.news.usages[0][1].idle_ms == 600_000

    play(version, scene)


# Strangers ---------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("path", "user", "password"),
    [
        (NAME, NAME, "wrong"),
        (NAME, NAME, ""),
        ("charger-2", "charger-2", PASSWORD),
        ("charger-2", NAME, PASSWORD),
        (NAME, "charger-2", PASSWORD),
        ("", "", ""),
    ],
)
def test_only_configured_charge_points_get_in(version, path, user, password):
    """Without the name and password that belong together, nobody connects."""

    async def scene(place):
        uri = f"ws://127.0.0.1:{place.port}/{path}"
        credentials = base64.b64encode(f"{user}:{password}".encode()).decode()
        with pytest.raises(InvalidStatus) as info:
            await connect(
                uri,
                subprotocols=[Subprotocol(version)],
                additional_headers={"Authorization": f"Basic {credentials}"},
            )
        assert info.value.response.status_code == 401

    play(version, scene)


NONSENSE = (
    "",
    "[]",
    "{}",
    "null",
    "[2]",
    "[9,1,2,3]",
    '[2,"1","Heartbeat"]',
    '[2,"1","NoSuchAction",{}]',
    '[2,"1","BootNotification",{"surprise":1}]',
    '[2,1,"BootNotification",[]]',
    '[4,"1","InternalError","",{}]',
    "[" * 5_000,
    '[2,"1","StopTransaction",{"meterStop":-1,"timestamp":"yesterday","transactionId":1}]',
    '[2,"1","StartTransaction",{"connectorId":1,"idTag":"a","meterStart":0,"timestamp":"0"}]',
)


def test_nonsense_changes_nothing(version):
    """What is no message of the protocol is answered with an error, or not, and nothing happens."""

    async def scene(place):
        for text in NONSENSE:
            connection = await raw(place, version)
            await connection.send(text)
            await connection.close()
        await place.charging()
        await place.charge(1, 100)
        await place.point.unplug()
        await place.news.over.wait()
        assert place.news.usages[0][1].energy_wh == 100

    play(version, scene)


async def raw(place: Place, version: str):
    """A connection of the charge point, to be misused."""
    uri = f"ws://{NAME}:{PASSWORD}@127.0.0.1:{place.port}/{NAME}"
    return await connect(uri, subprotocols=[Subprotocol(version)])


@pytest.mark.parametrize(
    "frames",
    [
        ["x" * (central_system.MAX_FRAME_BYTES + 1)],
        [b"\x00"],
        [f'[3,"{number}",{{}}]' for number in range(central_system.MAX_ANSWERS_WAITING + 2)],
    ],
    ids=["too long", "binary", "answers nobody asked for"],
)
def test_whoever_floods_is_cut_off(version, frames):
    """Frames that are too long, of bytes, or answers without a question end the connection."""

    async def scene(place):
        connection = await raw(place, version)
        with pytest.raises(ConnectionClosed):
            await flooded(connection, frames)
        await connection.close()

    play(version, scene)


async def flooded(connection, frames):
    """Send them, and listen."""
    for frame in frames:
        await connection.send(frame)
    while True:
        await connection.recv()


def test_a_silent_charge_point_is_not_waited_for(version, monkeypatch):
    """A charge point that answers nothing is a refusal after a bounded time."""
    monkeypatch.setattr(central_system, "RESPONSE_TIMEOUT_S", 0.05)

    async def scene(place):
        connection = await raw(place, version)
        await connection.send('[2,"1","Heartbeat",{}]')
        await connection.recv()
        await place.order()
        await place.news.over.wait()
        assert [refusal.outcome for refusal in place.news.refusals] == [Outcome.TIMED_OUT]
        await connection.close()

    play(version, scene)


ODD_ANSWERS = (
    '[3,"{}",{{"status":"Perhaps"}}]',
    '[3,"{}",{{}}]',
    '[4,"{}","GenericError","",{{}}]',
)


@pytest.mark.parametrize("answer", ODD_ANSWERS)
def test_a_charge_point_that_answers_oddly_is_a_refusal(version, answer):
    """An answer that is none refuses the service by name; the site lives on."""

    async def scene(place):
        connection = await raw(place, version)
        await connection.send('[2,"1","Heartbeat",{}]')
        await connection.recv()
        await place.order()
        question = json.loads(await connection.recv())
        await connection.send(answer.format(question[1]))
        await place.news.over.wait()
        assert [refusal.outcome for refusal in place.news.refusals] == [Outcome.UNAVAILABLE]
        assert not place.running.done()
        await connection.close()

    play(version, scene)


def test_an_unknown_connector_is_refused(version):
    """Equipment that is not configured is no equipment."""

    async def scene(place):
        with pytest.raises(Refusal) as info:
            place.system.connector(NAME, 2)
        assert info.value.outcome is Outcome.UNKNOWN_IDENTIFIER

    play(version, scene)


def test_without_a_common_version_nobody_speaks(version):
    """A charge point that offers no version of ours is closed at once."""

    async def scene(place):
        uri = f"ws://{NAME}:{PASSWORD}@127.0.0.1:{place.port}/{NAME}"
        with pytest.raises((ConnectionClosed, InvalidStatus)):
            async with connect(uri, subprotocols=[Subprotocol("ocpp1.2")]) as connection:
                await connection.recv()

    play(version or VERSION_16, scene)
