"""A ground station between the air and the platform, in virtual time and in any weather."""

import asyncio
import random
from contextlib import asynccontextmanager

import pytest

from feiqian.carrier import Carrier
from feiqian.central.control_documents import OrderName, ScopeName
from feiqian.central.ground_station import GroundStation, StationIdentity
from feiqian.crypto.certificates import parse_certificate
from feiqian.crypto.compact import restore
from feiqian.testing import virtual_time
from feiqian.testing.short_messages import SharedAir
from feiqian.wire.satellite import MessageKind, read_header
from feiqian.wire.short_messages import RDSS2, RDSS3_GLOBAL
from feiqian.wire.stations import AirTask
from tests.scenario.satellite_bench import ADDRESS, Bench

STATION, EVERYBODY = "9", "8"
DAY_S = 86_400


class Weather:
    """A module some of whose messages are lost, or come twice."""

    def __init__(self, module, seed, loss):
        self._module = module
        self._chance = random.Random(seed)
        self._loss = loss

    @property
    def channel(self):
        return self._module.channel

    async def send(self, content, to):
        if self._chance.random() < self._loss:
            to = "nobody"
        await self._module.send(content, to)

    async def receive(self):
        return await self._module.receive()

    async def close(self):
        await self._module.close()


@asynccontextmanager
async def on_air(bench, channel, loss, seed=1, url="http://central"):
    """The station at work, and the wallet's carrier."""
    air, network = SharedAir(channel), bench.network
    root = parse_certificate(network.suite, network.platform.root()).value.public_key
    network.courier.handlers[f"{url}/v1/stations"] = network.gateway.exchange
    identity = StationIdentity("North", bench.station_key, network.suite, root, url, EVERYBODY)
    module = Weather(air.join(STATION), seed, loss)
    station = GroundStation(identity, module, network.courier, network.clock)
    carrier = Carrier(Weather(air.join(ADDRESS), seed + 1, loss))
    tasks = [
        asyncio.ensure_future(each)
        for each in (station.carry(), station.listen(), _again(bench, station), carrier.run())
    ]
    try:
        yield carrier
    finally:
        for each in tasks:
            each.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def _again(bench, station):
    while True:
        bench.network.clock.advance(30_000)
        await station.exchange()
        await bench.network.gateway.forward_reports()
        await virtual_time.pass_time(30)


async def hear(carrier, kind):
    """The next message of this kind."""
    while True:
        arrived = await carrier.receive()
        if read_header(arrived.content).kind is kind:
            return arrived.content


def task(content):
    """Content as the bench's terminal reads it."""
    return AirTask(1, "", b"", content)


@pytest.mark.feature("W-06", "W-07", "W-10", "R-08")
@pytest.mark.parametrize("loss", [0.0, 0.3])
@pytest.mark.parametrize("channel", [RDSS2, RDSS3_GLOBAL], ids=["rdss2", "global"])
def test_report_goes_up_and_its_answer_comes_down(channel, loss):
    """In any weather a report is judged once and its answer synchronises the chip."""

    async def scenario():
        bench = await Bench.open()
        terminal = await bench.terminal()
        async with on_air(bench, channel, loss) as carrier, asyncio.timeout(DAY_S):
            parcel = carrier.send(terminal.report(), STATION, DAY_S * 1_000)
            answer = terminal.answer_in(task(await hear(carrier, MessageKind.ANSWER)))
            carrier.settle(parcel)
        assert terminal.session.synchronise(restore(bench.network.suite, answer.statement))
        [shown] = await bench.reports()
        assert shown.synchronised

    virtual_time.run(scenario())


@pytest.mark.feature("R-01", "R-07", "R-08")
@pytest.mark.parametrize("seed", range(4))
def test_order_is_sent_until_its_receipt_comes(seed):
    """A freeze reaches a wallet through loss; the receipt ends the sending, and all was done once."""

    async def scenario():
        bench = await Bench.open()
        terminal = await bench.terminal()
        issued = await bench.order(OrderName.FREEZE, terminal.number)
        async with on_air(bench, RDSS2, 0.3, seed) as carrier, asyncio.timeout(DAY_S):
            [order] = terminal.orders_in(task(await hear(carrier, MessageKind.ORDERS)))
            message = terminal.receipts(terminal.obey(order))
            parcel = carrier.send(message, STATION, DAY_S * 1_000)
            await hear(carrier, MessageKind.ANSWER)
            carrier.settle(parcel)
            await virtual_time.pass_time(60)
        assert (await bench.standing(issued.order)).state == "executed"
        assert await _orders_on_air(bench) == 0

    virtual_time.run(scenario())


async def _orders_on_air(bench):
    return bench.network.stores["platform"].run(
        lambda tx: tx.query(
            "SELECT COUNT(*) FROM air_tasks WHERE is_open = 1 AND LENGTH(answers) = 0"
        )
    )[0][0]


@pytest.mark.feature("R-06")
def test_broadcast_is_aired_once_by_a_station():
    """An order to all goes out to the broadcast address, and the station does not repeat it at once."""

    async def scenario():
        bench = await Bench.open()
        await bench.terminal()
        await bench.approve(await bench.order(OrderName.FREEZE, "", ScopeName.ALL))
        async with on_air(bench, RDSS2, 0.0):
            await virtual_time.pass_time(3_600)
        [[times]] = bench.network.stores["platform"].run(
            lambda tx: tx.query("SELECT COUNT(*) FROM airings")
        )
        assert times == 1

    virtual_time.run(scenario())


@pytest.mark.feature("R-07")
def test_platform_out_of_reach_costs_time_alone():
    """What a station hears while the platform is silent is shown when it is back."""

    async def scenario():
        bench = await Bench.open()
        terminal = await bench.terminal()
        bench.network.courier.cut_off.add("http://central/v1/stations")
        async with on_air(bench, RDSS2, 0.0) as carrier, asyncio.timeout(DAY_S):
            carrier.send(terminal.report(), STATION, DAY_S * 1_000)
            await virtual_time.pass_time(1_200)
            assert await bench.reports() == ()
            bench.network.courier.cut_off.clear()
            await hear(carrier, MessageKind.ANSWER)
        [shown] = await bench.reports()
        assert shown.synchronised

    virtual_time.run(scenario())
