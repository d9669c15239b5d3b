"""``feiqian satellite simulate`` as a process: modules that a host signs on to, and sends through."""

import asyncio
import json
import signal
import sys

import pytest

from feiqian.adapters.rdss.module_addresses import open_module
from feiqian.outcomes import Outcome, Refusal
from feiqian.testing.free_ports import free_ports
from feiqian.wire.short_messages import ShortMessage

PATIENCE_S = 60


async def _started(*options):
    command = (sys.executable, "-m", "feiqian", "satellite", "simulate", "--json", *options)
    process = await asyncio.create_subprocess_exec(*command, stdout=asyncio.subprocess.PIPE)
    assert process.stdout is not None
    return process, json.loads(await process.stdout.readline())


@pytest.mark.feature("W-06")
def test_a_constellation_runs_as_a_process():
    """Two terminals and a station in another process send to each other; SIGTERM ends it cleanly."""

    async def talk():
        async with asyncio.timeout(PATIENCE_S):
            port = str(free_ports(3))
            process, started = await _started("--port", port, "--terminals", "2", "--seed", "5")
            assert started["seed"] == 5
            first, second = [await open_module(each["module"]) for each in started["terminals"]]
            station = await open_module(started["station"]["module"])
            assert station.address == started["station"]["address"]
            await first.send(b"up", station.address)
            assert await station.receive() == ShortMessage(first.address, b"up")
            await station.send(b"down to all", started["broadcast"])
            for terminal in (first, second):
                assert await terminal.receive() == ShortMessage(station.address, b"down to all")
            process.send_signal(signal.SIGTERM)
            assert await process.wait() == 0
            with pytest.raises(Refusal) as refused:
                await first.receive()
            assert refused.value.outcome is Outcome.UNAVAILABLE
            for module in (first, second, station):
                await module.close()
            await process.communicate()

    asyncio.run(talk())


@pytest.mark.parametrize(
    "options",
    [
        ("--delay", "5", "1"),
        ("--window", "10", "20"),
        ("--place", "north"),
        ("--place", "91,0"),
        ("--port", "65535"),
    ],
)
def test_what_makes_no_sky_is_malformed(options):
    """Options that do not go together are refused by name."""

    async def refuse():
        process, said = await _started(*options)
        await process.communicate()
        return process.returncode, said["outcome"]

    assert asyncio.run(refuse()) == (1, "malformed")
