"""A charge point at an entity process: real OCPP over a real socket, from request to receipts."""

import asyncio
import time
from pathlib import Path

import pytest

from feiqian.adapters.ocpp.central_system import VERSION_16
from feiqian.apps.configuration import read_secret
from feiqian.testing.charge_point import SimulatedChargePoint
from feiqian.testing.free_ports import free_ports
from tests.system.test_vehicle_commands import PLACE, command, run, serving

PATIENCE_S = 60
TARIFF = """
name = "by-energy-alone"
service = "charging"
[energy]
bands = [{ price_minor = 100 }]
"""


async def _charge(folder: Path, port: int) -> None:
    """Plug in, charge what is asked for, unplug, until the vehicle has paid."""
    password = read_secret(folder / "road" / "charger-1" / "equipment.secret")
    point = SimulatedChargePoint("charger-1", VERSION_16, lambda: time.time_ns() // 1_000_000)
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
    port = free_ports(5)
    url, bus = f"http://127.0.0.1:{port + 1}", f"stream://127.0.0.1:{port + 3}"
    (tmp_path / "tariff.toml").write_text(TARIFF)
    run(tmp_path, "network", "init", "net", "--base-port", str(port))
    try:
        run(tmp_path, "network", "up", "net")
        for wallet, code in (("car", "A"), ("park", "B")):
            opening = ("--wallet", wallet, "--network", "net", "--institution", code)
            run(tmp_path, "wallet", "open", *opening)
        run(tmp_path, "wallet", "withdraw", "--wallet", "car", "--amount", "100.00")
        run(tmp_path, "positions", "init", "--road", "road", "--network", url, "--bus", bus)
        run(tmp_path, "provider", "init", "--road", "road")
        entity = ("--road", "road", "--name", "charger-1")
        place = ("--service", "charging", "--at", PLACE, "--wallet", "park")
        run(tmp_path, "entity", "init", *entity, *place, "--tariff", "tariff.toml")
        run(tmp_path, "vehicle", "init", "--vehicle", "v", "--road", "road", "--wallet", "car")
        ocpp = ("--ocpp", f"127.0.0.1:{port + 4}", "--ocpp-version", "1.6")
        with (
            serving(tmp_path, "positions", "serve", "--road", "road"),
            serving(tmp_path, "provider", "serve", "--road", "road"),
            serving(tmp_path, "entity", "serve", *entity, *ocpp),
        ):
            wish = ("--vehicle", "v", "--service", "charging", "--ceiling", "50.00")
            run(tmp_path, "vehicle", "request", *wish)
            asyncio.run(_charge(tmp_path, port + 4))
            (paid,) = run(tmp_path, "vehicle", "receipts", "--vehicle", "v")["services"]
        assert (paid["entity"], paid["amount_minor"]) == ("charger-1", 5 * 100)
    finally:
        run(tmp_path, "network", "down", "net")
