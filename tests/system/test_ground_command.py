"""Control by satellite with every party as a process: platform, institution, station, constellation."""

import asyncio
import json
import signal
import sys
import tomllib
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from click.testing import CliRunner

from feiqian.adapters.rdss.module_addresses import open_module
from feiqian.apps.cli import main
from feiqian.apps.wallet_home import open_home
from feiqian.carrier import Carrier
from feiqian.testing.free_ports import free_ports
from feiqian.wallet.channel import register_channel
from feiqian.wallet.listing import ListShelf
from feiqian.wallet.satellite import SatelliteDesk

PIN = "4711"
PATIENCE_S = 90
LIFETIME_MS = 3_600_000


def command(*arguments, code=0, **secrets):
    """The JSON object of one command."""
    codes = {f"FEIQIAN_{name.upper()}": value for name, value in secrets.items()}
    done = CliRunner().invoke(main, [*arguments, "--json"], env=codes)
    assert done.exit_code == code, (arguments, done.output)
    return json.loads(done.stdout)


@pytest.fixture(scope="module")
def network(tmp_path_factory):
    """A running network of A with one wallet."""
    folder = tmp_path_factory.mktemp("satellite")
    ports = str(free_ports(2))
    command("network", "init", str(folder / "net"), "--institutions", "A", "--base-port", ports)
    try:
        command("network", "up", str(folder / "net"))
        opening = ("--wallet", str(folder / "w"), "--network", str(folder / "net"))
        command("wallet", "open", *opening, "--institution", "A", pin=PIN)
        yield folder
    finally:
        command("network", "down", str(folder / "net"))


@asynccontextmanager
async def process(folder, *arguments):
    """A process, until it ends cleanly by SIGTERM."""
    pipe = asyncio.subprocess.PIPE
    running = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "feiqian", *arguments, cwd=folder, stdout=pipe, stderr=pipe
    )
    try:
        yield running
    finally:
        running.send_signal(signal.SIGTERM)
        said = await running.communicate()
        assert running.returncode == 0, said


def central(folder, *arguments, who=None, code=0):
    """An operator's command at the platform."""
    config = next(Path(folder, "net").rglob("central.toml"))
    named = ("--as", str(config.parent / f"{who}.token")) if who else ()
    return command("central", *arguments, "--config", str(config), *named, code=code)


@pytest.mark.feature("R-01", "R-06", "R-07", "W-06", "W-07", "W-10")
def test_wallet_is_judged_and_frozen_by_satellite(network):
    """A wallet reports and is frozen over a simulated BeiDou, the platform as a process of its own."""

    async def scenario():
        async with asyncio.timeout(PATIENCE_S):
            sky = ("--port", str(free_ports(2)), "--period", "1", "--json", "--delay", "10", "50")
            async with process(network, "satellite", "simulate", *sky) as constellation:
                started = json.loads(await constellation.stdout.readline())
                await asyncio.to_thread(_found_station, network, started)
                ground = ("ground", "serve", "--config", "north/ground.toml")
                async with process(network, *ground), open_home(Path(network, "w")) as home:
                    await _report_and_freeze(network, home, started)

    asyncio.run(scenario())
    [order] = central(network, "control", "orders")["orders"]
    assert (order["state"], order["deliveries"][0]["way"]) == ("executed", "satellite")
    [report] = central(network, "reports")["reports"]
    assert report["synchronised"]
    institution = next(Path(network, "net").rglob("institution.toml"))
    judged = command("institution", "reports", "--config", str(institution))
    assert [each["findings"] for each in judged["reports"]] == [report["findings"]]


def _found_station(folder, started):
    config = next(Path(folder, "net").rglob("central.toml"))
    settings = tomllib.loads(config.read_text())
    url = f"http://{settings['host']}:{settings['port']}"
    root = str(config.parent / settings["root_file"])
    station = ("--name", "North", "--central", url, "--root", root)
    sky = ("--module", started["station"]["module"], "--broadcast", started["broadcast"])
    made = command("ground", "init", str(folder / "north"), *station, *sky)
    central(folder, "station", "add", "North", made["public_key"])


async def _report_and_freeze(folder, home, started):
    wallet = home.wallet
    wallet.unlock(PIN.encode())
    holder = wallet.holder
    module = await open_module(started["terminals"][0]["module"])
    channel = await register_channel(holder, module.address)
    desk = SatelliteDesk(holder, channel, ListShelf(holder.around.trust, holder.around.store))
    carrier = Carrier(module)
    running = asyncio.ensure_future(carrier.run())
    try:
        station = started["station"]["address"]
        report = carrier.send((await desk.report()).content, station, LIFETIME_MS)
        heard = await desk.take((await carrier.receive()).content)
        carrier.settle(report)
        assert heard.synchronised
        arguments = ("control", "freeze", "--wallet", wallet.number)
        await asyncio.to_thread(central, folder, *arguments)
        await desk.take((await carrier.receive()).content)
        assert holder.around.chip.status().frozen
        receipts = await desk.receipts()
        assert receipts is not None
        carrier.send(receipts.content, station, LIFETIME_MS)
        await desk.take((await carrier.receive()).content)
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
        await module.close()


@pytest.mark.feature("R-06")
def test_what_reaches_all_takes_two_operators(network):
    """On the command line, too, an order to all waits until somebody else approves it."""
    for name in ("first", "second"):
        added = central(network, "operator", "add", name)
        if name == "second":
            central(network, "control", "approve", str(added["number"]), who="first")
    proposed = central(network, "control", "notify", "Good morning", "--all", who="first")
    number = str(proposed["number"])
    refused = central(network, "control", "approve", number, who="first", code=1)
    assert refused["outcome"] == "second_person_required"
    approved = central(network, "control", "approve", number, who="second")
    assert approved["decision"] == "approved"
    path = next(Path(network, "net").rglob("second.token"))
    assert path.stat().st_mode & 0o777 == 0o600
