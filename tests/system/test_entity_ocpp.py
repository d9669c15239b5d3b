"""A charge point at an entity process: real OCPP over a real socket, from request to receipts."""

import asyncio
import time
from pathlib import Path

import pytest

from feiqian.adapters.ocpp.central_system import VERSION_16
from feiqian.apps.configuration import read_secret
from feiqian.testing.charge_point import SimulatedChargePoint
from tests.system.processes import command, run, serving
from tests.system.road_places import PLACE, entity, road_made, wish

PATIENCE_S = 60
TARIFF = """
name = "by-energy-alone"
service = "charging"
[energy]
bands = [{ price_minor = 100 }]
"""


async def _charge(folder: Path, port: int) -> None:
    """Plug in, charge what is asked for, unplug, until the vehicle has paid."""
    password = read_secret(folder / "road" / "charging-1" / "equipment.secret")
    point = SimulatedChargePoint("charging-1", VERSION_16, lambda: time.time_ns() // 1_000_000)
    await point.connect(port, password)
    drive = command(folder, "vehicle", "drive", "--vehicle", "v", "--at", PLACE)
    try:
        await point.plug_in()
        async with asyncio.timeout(PATIENCE_S):
            await point.asked.wait()
            while not point.transaction:
                await asyncio.wait({asyncio.ensure_future(point.flush())}, timeout=0.1)
        await point.charge(5_000)
        await point.unplug()
        out, err = await asyncio.to_thread(drive.communicate, timeout=PATIENCE_S)
        assert drive.returncode == 0, (out, err)
    finally:
        if drive.poll() is None:
            drive.kill()
            drive.communicate()
        await point.drop()


@pytest.mark.feature("V-05", "V-06", "V-11")
def test_charging_by_ocpp_is_paid_between_processes(tmp_path):
    """A charge point that connects to `entity serve --ocpp` charges a car, which pays by the entity's tariff."""
    (tmp_path / "tariff.toml").write_text(TARIFF)
    with road_made(tmp_path, service="charging", tariff="tariff.toml") as port:
        ocpp = ("--ocpp", f"127.0.0.1:{port + 4}", "--ocpp-version", "1.6")
        with (
            serving(tmp_path, "positions", "serve", "--road", "road"),
            serving(tmp_path, "provider", "serve", "--road", "road"),
            serving(tmp_path, "entity", "serve", *entity("charging"), *ocpp),
        ):
            run(tmp_path, "vehicle", "request", *wish("charging"))
            asyncio.run(_charge(tmp_path, port + 4))
            (paid,) = run(tmp_path, "vehicle", "receipts", "--vehicle", "v")["services"]
    assert (paid["entity"], paid["amount_minor"]) == ("charging-1", 5 * 100)
