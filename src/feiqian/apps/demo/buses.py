"""What carries the messages of the demonstration's road: a real broker, or the bus within the process.

The broker is used when it is installed, and the extra that speaks to it. It is a child whose pid lies
in a file, by which the warden finds and ends it when the demonstration cannot.
"""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from importlib.util import find_spec
from pathlib import Path

from feiqian.adapters import processes
from feiqian.adapters.bus_addresses import BrokerAddress
from feiqian.adapters.local_bus import LocalBus
from feiqian.adapters.mosquitto import Broker, BrokerSetup, find_mosquitto, set_up
from feiqian.apps.road_bus import join_broker
from feiqian.ports import MessageBus
from feiqian.testing.free_ports import HOST, free_ports

MOSQUITTO, WITHIN = "mosquitto", "within the process"
BUS = "bus"
"""The broker's directory within the demonstration's."""
Join = Callable[[str], Awaitable[MessageBus]]


def has_broker() -> bool:
    """Whether a real broker can be used here."""
    return find_mosquitto() is not None and find_spec("paho") is not None


def end_broker(folder: Path) -> None:
    """End a broker that a demonstration in this directory left behind."""
    processes.stop(BrokerSetup(folder / BUS, HOST, 0).pid_file)


@asynccontextmanager
async def open_buses(folder: Path) -> AsyncIterator[tuple[Join, str]]:
    """How to join the bus by name, and which one it is."""
    async with AsyncExitStack() as closing:
        if has_broker():
            yield _by_broker(folder, closing), MOSQUITTO
        else:
            bus = LocalBus()

            async def join(name: str) -> MessageBus:
                return bus.join(name)

            yield join, WITHIN


def _by_broker(folder: Path, closing: AsyncExitStack) -> Join:
    setup = set_up(folder / BUS, HOST, free_ports(1))
    closing.callback(Broker.start(setup).stop)
    address = BrokerAddress(setup.host, setup.port)

    async def join(name: str) -> MessageBus:
        bus = await join_broker(address, setup.member(name), name)
        closing.push_async_callback(bus.close)
        return bus

    return join
