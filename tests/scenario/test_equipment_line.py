"""The line to a pump's controller, over a real socket: what it may say, and what comes of it."""

import asyncio
import json

import pytest

from feiqian.adapters.equipment.line import EquipmentLine
from feiqian.outcomes import Outcome
from feiqian.protocol.equipment import key_of
from feiqian.testing.equipment import Witness
from feiqian.testing.memory_store import MemoryStore
from feiqian.timing.moment import Moment
from feiqian.vehicle.entity.site import SiteOrder
from feiqian.vehicle.services.schema import MIGRATIONS
from feiqian.vehicle.services.site import EquippedSite
from feiqian.vehicle.tariffs.shelf import example_shelf
from feiqian.wire.usage import ServiceClass

pytestmark = pytest.mark.feature("V-06")

NOON_MS = 1_772_424_000_000
REQUEST = bytes(range(16))
KEY = key_of(REQUEST)
HELLO = {"say": "hello", "name": "pump-1", "password": "secret"}


class NoonClock:
    """A clock that stands."""

    def now(self):
        return Moment(NOON_MS, 0)


class Controller:
    """A connection that says and hears lines."""

    def __init__(self, reader, writer):
        self._reader, self.writer = reader, writer

    async def hear(self):
        return json.loads(await self._reader.readline() or "null")

    async def ask(self, line):
        self.writer.write(json.dumps(line).encode() + b"\n")
        return await self.hear()


def play(scene):
    """Run a scene with a pump's site that is open, and a way to connect to it."""

    async def run():
        line, news = EquipmentLine("pump-1", "secret"), Witness()
        site = EquippedSite(line, example_shelf(), MemoryStore(MIGRATIONS), NoonClock())
        line.report_to(site.hear)
        await line.open("127.0.0.1", 0)
        running = asyncio.ensure_future(site.run())
        opened = []

        async def connect():
            reader, writer = await asyncio.open_connection("127.0.0.1", line.port)
            opened.append(writer)
            return Controller(reader, writer)

        try:
            async with asyncio.timeout(20):
                await scene(line, site, news, connect)
        finally:
            running.cancel()
            await asyncio.gather(running, return_exceptions=True)
            await line.close()
            for writer in opened:
                writer.close()
                await asyncio.gather(writer.wait_closed(), return_exceptions=True)

    asyncio.run(run())


def said(what, number, register, **more):
    """A report of the service."""
    return {
        "say": what,
        "number": number,
        "key": KEY,
        "at_ms": NOON_MS,
        "register": register,
    } | more


async def ordered(site, news):
    """The entity begins."""
    until_ms = NOON_MS + 86_400_000
    order = SiteOrder(REQUEST, "car-1", ServiceClass.FUELING, "fueling-station", 100_00, until_ms)
    await site.begin(order, news)


def test_a_pump_is_released_measures_and_ends():
    """The pump gets its limits, every report is acknowledged, and what flowed is the usage."""

    async def scene(line, site, news, connect):
        pump = await connect()
        assert await pump.ask(HELLO) == {"say": "welcome"}
        await ordered(site, news)
        begin = await pump.hear()
        assert (begin["say"], begin["key"], begin["limits"]["95"]) == ("begin", KEY, 11_830)
        began = said("began", 1, 7_000, product="95")
        assert await pump.ask(began) == {"say": "taken", "number": 1}
        assert await pump.ask(said("metered", 2, 9_000)) == {"say": "taken", "number": 2}
        await site.end(REQUEST)
        assert await pump.hear() == {"say": "stop", "key": KEY}
        assert await pump.ask(said("finished", 3, 9_500)) == {"say": "taken", "number": 3}
        assert [usage.volume_ml for _, usage in news.usages] == [2_500]

    play(scene)


def test_a_controller_that_comes_back_is_told_what_runs():
    """A new connection hears what is begun; a report said twice counts once."""

    async def scene(line, site, news, connect):
        pump = await connect()
        await pump.ask(HELLO)
        await ordered(site, news)
        await pump.hear()
        began = said("began", 1, 7_000, product="95")
        await pump.ask(began)
        pump = await connect()
        await pump.ask(HELLO)
        again = await pump.hear()
        assert (again["say"], again["key"], again["began"]) == ("begin", KEY, True)
        await pump.ask(began)
        await pump.ask(said("finished", 2, 8_000))
        assert [usage.volume_ml for _, usage in news.usages] == [1_000]

    play(scene)


def test_without_a_controller_a_service_is_refused():
    """A service at a pump whose controller is away is refused at once, by name."""

    async def scene(line, site, news, connect):
        await ordered(site, news)
        await news.over.wait()
        assert [refusal.outcome for refusal in news.refusals] == [Outcome.UNAVAILABLE]

    play(scene)


def test_a_product_without_a_price_is_not_sold():
    """A pump that begins with something else is stopped, and the service refused."""

    async def scene(line, site, news, connect):
        pump = await connect()
        await pump.ask(HELLO)
        await ordered(site, news)
        await pump.hear()
        await pump.ask(said("began", 1, 7_000, product="kerosene"))
        assert [refusal.outcome for refusal in news.refusals] == [Outcome.UNKNOWN_IDENTIFIER]
        assert await pump.hear() == {"say": "stop", "key": KEY}

    play(scene)


@pytest.mark.parametrize(
    ("line_said", "outcome"),
    [
        (HELLO | {"password": "guess"}, Outcome.NOT_AUTHORISED),
        (HELLO | {"name": "pump-2"}, Outcome.NOT_AUTHORISED),
        (said("metered", 1, 5), Outcome.MALFORMED),
        ({"say": "open sesame"}, Outcome.MALFORMED),
        (HELLO | {"name": "x" * 5_000}, Outcome.TOO_LARGE),
    ],
)
def test_whoever_does_not_say_who_it_is_is_sent_away(line_said, outcome):
    """A stranger's line ends its connection by name, and nothing is heard of it."""

    async def scene(line, site, news, connect):
        stranger = await connect()
        answer = await stranger.ask(line_said)
        assert (answer["say"], answer["outcome"]) == ("sent-away", outcome)
        assert await stranger.hear() is None
        assert not line.occupied()

    play(scene)
