"""A pump and a bay at an entity process, by `--equipment`: from request to receipts."""

import asyncio
import json
import time
from pathlib import Path

import pytest

from feiqian.apps.configuration import read_secret
from tests.system.processes import command, run, serving
from tests.system.road_places import PLACE, PURSE_MINOR, entity, road_made, wish

PATIENCE_S = 60
FUEL = """
name = "eight-a-litre"
service = "fueling"
[[volume]]
product = "95"
price_minor = 800
per_ml = 1000
"""
HOURS = """
name = "three-an-hour-begun"
service = "parking"
[time]
per_s = 3600
[[time.bands]]
price_minor = 300
"""


class Controller:
    """A device's controller on the line: it reports, and waits until each report is taken."""

    def __init__(self, reader, writer):
        self._reader, self._writer, self._number, self.key = reader, writer, 0, ""

    @classmethod
    async def connect(cls, folder, name, port):
        """Say hello with the password that the entity made."""
        password = read_secret(folder / "road" / name / "equipment.secret")
        controller = cls(*await asyncio.open_connection("127.0.0.1", port))
        await controller._say({"say": "hello", "name": name, "password": password})
        assert await controller.hear() == {"say": "welcome"}
        return controller

    async def hear(self):
        """The entity's next line."""
        return json.loads(await self._reader.readline())

    async def stand_there(self):
        """Somebody does; then the order to begin."""
        await self._report({"say": "presence", "occupied": True})
        begin = await self.hear()
        assert begin["say"] == "begin"
        self.key = begin["key"]
        return begin

    async def report(self, what, register=0, **more):
        """What happens at the device."""
        at_ms = time.time_ns() // 1_000_000
        line = {"say": what, "key": self.key, "at_ms": at_ms, "register": register}
        await self._report(line | more)

    async def _report(self, line):
        self._number += 1
        await self._say(line | {"number": self._number})
        assert await self.hear() == {"say": "taken", "number": self._number}

    async def _say(self, line):
        self._writer.write(json.dumps(line).encode() + b"\n")
        await self._writer.drain()

    async def close(self):
        """Cut the line."""
        self._writer.close()
        await asyncio.gather(self._writer.wait_closed(), return_exceptions=True)


async def fill(pump):
    """Two and a half litres, by the totaliser."""
    begin = await pump.stand_there()
    assert begin["limits"] == {"95": 50_00 * 1000 // 800}
    await pump.report("began", 7_000, product="95")
    await pump.report("metered", 9_000)
    await pump.report("finished", 9_500)


async def park(bay):
    """Behind the barrier, and out again."""
    await bay.stand_there()
    await bay.report("began")
    await bay.report("finished")


async def visit(folder: Path, service: str, port: int, used) -> None:
    """The vehicle drives up, the device is used, the vehicle pays by itself."""
    controller = await Controller.connect(folder, f"{service}-1", port)
    drive = command(folder, "vehicle", "drive", "--vehicle", "v", "--at", PLACE)
    try:
        async with asyncio.timeout(PATIENCE_S):
            await used(controller)
        out, err = await asyncio.to_thread(drive.communicate, timeout=PATIENCE_S)
        assert drive.returncode == 0, (out, err)
    finally:
        if drive.poll() is None:
            drive.kill()
            drive.communicate()
        await controller.close()


@pytest.mark.feature("V-05", "V-06", "V-11")
@pytest.mark.parametrize(
    ("service", "tariff", "used", "fee_minor"),
    [("fueling", FUEL, fill, 20_00), ("parking", HOURS, park, 3_00)],
)
def test_what_a_device_measured_is_paid_between_processes(
    tmp_path, service, tariff, used, fee_minor
):
    """Litres by the pump's totaliser, time by the bay's reports; each priced by the entity's tariff."""
    (tmp_path / "tariff.toml").write_text(tariff)
    with road_made(tmp_path, service=service, tariff="tariff.toml") as port:
        device = ("--equipment", f"127.0.0.1:{port + 4}")
        with (
            serving(tmp_path, "positions", "serve", "--road", "road"),
            serving(tmp_path, "provider", "serve", "--road", "road"),
            serving(tmp_path, "entity", "serve", *entity(service), *device),
        ):
            run(tmp_path, "vehicle", "request", *wish(service))
            asyncio.run(visit(tmp_path, service, port + 4, used))
        (paid,) = run(tmp_path, "vehicle", "receipts", "--vehicle", "v")["services"]
        held = run(tmp_path, "wallet", "balance", "--wallet", "car")["held_minor"]
    assert (paid["state"], paid["entity"]) == ("paid", f"{service}-1")
    assert paid["amount_minor"] == fee_minor == PURSE_MINOR - held
