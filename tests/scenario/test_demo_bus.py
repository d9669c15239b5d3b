"""The demonstration's bus: a real broker where there is one, the process itself where there is none."""

import asyncio
from pathlib import Path

import pytest

from feiqian.adapters import processes
from feiqian.adapters.mosquitto import Broker, set_up
from feiqian.apps.demo.buses import BUS, MOSQUITTO, WITHIN, open_buses
from feiqian.apps.demo.warden import Warden
from feiqian.ports import Delivery
from feiqian.testing.broker import require_mosquitto
from feiqian.testing.free_ports import HOST, free_ports

pytestmark = pytest.mark.feature("V-03")


def carried(folder: Path) -> str:
    """Have one member say something to another; what carried it."""

    async def check() -> str:
        async with open_buses(folder) as (join, kind):
            car, pump = await join("car"), await join("pump")
            await car.publish("pump", "note", b"hello")
            assert await pump.receive() == Delivery("car", "note", b"hello")
            return kind

    return asyncio.run(check())


def test_a_real_broker_is_used_and_ended(tmp_path: Path) -> None:
    """Where Mosquitto is installed the road's messages go through it, and it ends with the road."""
    require_mosquitto()
    assert carried(tmp_path) == MOSQUITTO
    assert not list(tmp_path.rglob("broker.pid"))


@pytest.mark.parametrize("missing", ["find_mosquitto", "find_spec"])
def test_without_a_broker_the_process_is_the_bus(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, missing: str
) -> None:
    """Without Mosquitto, or without the extra that speaks to it, the road needs no other process."""
    monkeypatch.setattr(f"feiqian.apps.demo.buses.{missing}", lambda *_: None)
    assert carried(tmp_path) == WITHIN


def test_the_warden_ends_a_broker_that_is_left(tmp_path: Path) -> None:
    """When a demonstration cannot end its broker, its warden does."""
    require_mosquitto()
    warden = Warden(tmp_path, keep=True)
    broker = Broker.start(set_up(tmp_path / BUS, HOST, free_ports(1)))
    try:
        warden.dismiss()
        assert processes.find(broker.setup.pid_file) is None
    finally:
        broker.stop()
