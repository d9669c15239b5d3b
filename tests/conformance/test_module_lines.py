"""Lines to a module: a serial device, and a real gpsd that reads where the wallet writes."""

import asyncio
import os
import random
import tty
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from feiqian.adapters.clock import SystemClock
from feiqian.adapters.gnss import GnssReceiver
from feiqian.adapters.oscillator import SystemOscillator
from feiqian.adapters.rdss.gpsd_line import GpsdLine
from feiqian.adapters.rdss.line import StreamLine
from feiqian.adapters.rdss.rdss_module import RdssModule
from feiqian.adapters.rdss.serial_line import open_serial
from feiqian.apps.terminal_server import TerminalServer
from feiqian.outcomes import Outcome, Refusal
from feiqian.satellite.constellation import Conditions, Constellation, Subscription
from feiqian.satellite.simulator import Simulator
from feiqian.satellite.terminal import Receiver, Terminal
from feiqian.testing.gpsd_process import needs_gpsd, running_gpsd
from feiqian.testing.receiver_feed import HOST, SOMEWHERE
from feiqian.testing.virtual_time import pass_time
from feiqian.wire.rdss.bds2 import Bds2
from feiqian.wire.rdss.bds3 import Bds3
from feiqian.wire.rdss.module import ModuleIdentity
from feiqian.wire.rdss.sentences import MAX_SENTENCE_BYTES
from feiqian.wire.short_messages import MustWait, ShortMessage

STATION, WALLET = "4000001", "4000002"
PATIENCE_S = 60


@asynccontextmanager
async def running_simulator(dialect, tick_ms=200):
    """A station and a wallet under a sky that loses nothing."""
    identities = [
        ModuleIdentity(STATION, "9000001", 1, 3, 1),
        ModuleIdentity(WALLET, "9000001", 1, 3),
    ]
    constellation = Constellation(
        tuple(Subscription(each, dialect.channel.max_bytes) for each in identities),
        Conditions(delay_min_ms=0, delay_max_ms=10),
        random.Random(1).random,
    )
    receiver = Receiver(SOMEWHERE)
    terminals = tuple(Terminal(each, dialect, receiver) for each in (STATION, WALLET))
    simulator = Simulator(constellation, terminals, SystemClock(), tick_ms)
    running = asyncio.ensure_future(simulator.run())
    try:
        yield simulator
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)


@needs_gpsd
@pytest.mark.feature("W-02", "W-06")
@pytest.mark.parametrize("dialect", [Bds2(), Bds3()], ids=["bds2", "bds3"])
def test_one_feed_carries_time_and_messages(dialect):
    """Through a real gpsd a wallet takes its time and hears its messages, of every length, both at once."""

    async def listen():
        async with asyncio.timeout(PATIENCE_S), behind_gpsd(dialect) as (station, wallet, port):
            assert wallet.address == WALLET
            for content in (bytes(range(60)), b"\xa4" * dialect.channel.max_bytes):
                await _send(station, content, WALLET)
                assert await wallet.receive() == ShortMessage(STATION, content)
                await _send(wallet, content, STATION)
                assert await station.receive() == ShortMessage(WALLET, content)
                await _fix(port)

    asyncio.run(listen())


@asynccontextmanager
async def behind_gpsd(dialect):
    """A station's module, a wallet's module that is read through gpsd, and gpsd's port."""
    async with running_simulator(dialect) as simulator:
        server = await TerminalServer.listen(simulator, WALLET, HOST, 0)
        station = await RdssModule.sign_on(simulator.connect(STATION), dialect)
        try:
            async with running_gpsd(f"tcp://{HOST}:{server.port}") as port:
                outgoing = await StreamLine.connect(HOST, server.port)
                line = await GpsdLine.open(HOST, port, outgoing)
                wallet = await RdssModule.sign_on(line, dialect)
                yield station, wallet, port
                await wallet.close()
        finally:
            await station.close()
            await server.close()


async def _send(module, content, to):
    """Send as soon as the module takes it."""
    while True:
        try:
            await module.send(content, to)
        except MustWait as told:
            await pass_time(told.wait_ms / 1000)
        else:
            return


async def _fix(port):
    before_ms = SystemClock().now().midpoint_ms
    fix = await GnssReceiver(HOST, port, SystemOscillator()).fix()
    assert fix.moment.latest_ms >= before_ms - 1_000
    assert fix.moment.radius_ms < 1_000


@asynccontextmanager
async def serial_device():
    """A pseudo terminal: the module's end, and the device that a host opens."""
    ours, theirs = os.openpty()
    tty.setraw(theirs)
    try:
        yield ours, Path(os.ttyname(theirs))
    finally:
        os.close(ours)
        os.close(theirs)


@pytest.mark.feature("W-06")
def test_a_serial_device_is_a_line():
    """Sentences pass over a serial device in both directions, byte for byte."""

    async def talk():
        async with serial_device() as (module, device), asyncio.timeout(PATIENCE_S):
            line = await open_serial(device, 9_600)
            await line.write(b"$CCICA,0,00*7B\r\n")
            assert os.read(module, 100) == b"$CCICA,0,00*7B\r\n"
            os.write(module, b"$BDICI,4207733,0,0,3,60,2,N,22*3A\r\n")
            os.write(module, b"\xff\x00\x03\x11\x13\r\n")
            assert await line.read() == b"$BDICI,4207733,0,0,3,60,2,N,22*3A\r\n"
            assert await line.read() == b"\xff\x00\x03\x11\x13\r\n"
            await line.close()
            await line.close()
            with pytest.raises(Refusal) as refused:
                await line.write(b"$CCICA,0,00*7B\r\n")
            assert refused.value.outcome is Outcome.UNAVAILABLE

    asyncio.run(talk())


@pytest.mark.feature("W-06")
def test_a_module_on_a_serial_device_sends_and_receives():
    """A module on a serial device signs on, sends and receives like one over TCP."""

    async def talk():
        dialect = Bds3()
        async with (
            asyncio.timeout(PATIENCE_S),
            running_simulator(dialect) as simulator,
            serial_device() as (module_end, device),
        ):
            module = simulator.connect(WALLET)
            loop = asyncio.get_running_loop()
            told = asyncio.ensure_future(_tell(module, module_end))
            loop.add_reader(module_end, lambda: _hear(simulator, module_end))
            station = await RdssModule.sign_on(simulator.connect(STATION), dialect)
            wallet = await RdssModule.sign_on(await open_serial(device), dialect)
            await wallet.send(b"over a wire", STATION)
            assert await station.receive() == ShortMessage(WALLET, b"over a wire")
            await station.send(b"and back", WALLET)
            assert await wallet.receive() == ShortMessage(STATION, b"and back")
            loop.remove_reader(module_end)
            told.cancel()
            await asyncio.gather(told, return_exceptions=True)
            await wallet.close()
            await station.close()

    asyncio.run(talk())


async def _tell(module, module_end):
    while True:
        os.write(module_end, await module.read())


def _hear(simulator, module_end):
    simulator.take(WALLET, os.read(module_end, MAX_SENTENCE_BYTES))


def test_a_device_that_is_none_is_unavailable(tmp_path):
    """A missing device, and a file that is no device, are unavailable; an odd speed is malformed."""
    file = tmp_path / "file"
    file.write_bytes(b"")
    attempts = [(tmp_path / "none", 9_600), (file, 9_600), (file, 1_234)]
    outcomes = []
    for device, baud in attempts:
        with pytest.raises(Refusal) as refused:
            asyncio.run(open_serial(device, baud))
        outcomes.append(refused.value.outcome)
    assert outcomes == [Outcome.UNAVAILABLE, Outcome.UNAVAILABLE, Outcome.MALFORMED]


def test_a_line_without_an_end_is_passed_over():
    """A flood without line ends costs no memory, and the sentence after it is read."""

    async def flood():
        async def serve(_reader, writer):
            writer.write(b"x" * (10 * MAX_SENTENCE_BYTES) + b"\r\n$CCICA,0,00*7B\r\n")
            await writer.drain()
            writer.close()

        async with asyncio.timeout(PATIENCE_S):
            server = await asyncio.start_server(serve, HOST, 0)
            line = await StreamLine.connect(HOST, server.sockets[0].getsockname()[1])
            read = b""
            while not read.startswith(b"$"):
                read = await line.read()
                assert len(read) <= MAX_SENTENCE_BYTES + 2
            assert read == b"$CCICA,0,00*7B\r\n"
            with pytest.raises(Refusal) as refused:
                await line.read()
            assert refused.value.outcome is Outcome.UNAVAILABLE
            await line.close()
            server.close()

    asyncio.run(flood())


def test_nobody_at_a_port_is_unavailable():
    """A line to a port where nobody listens is refused by name."""
    with pytest.raises(Refusal) as refused:
        asyncio.run(StreamLine.connect(HOST, 1))
    assert refused.value.outcome is Outcome.UNAVAILABLE
