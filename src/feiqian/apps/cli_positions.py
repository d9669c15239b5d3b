"""``feiqian positions``: the management server, which matches positions and orders fees."""

from pathlib import Path

import click
import msgspec

from feiqian.adapters.bus_addresses import Endpoint
from feiqian.adapters.http_client import HttpCourier
from feiqian.apps import road as roads
from feiqian.apps import road_bus
from feiqian.apps.cli_positions_bus import admit, broker
from feiqian.apps.configuration import read_root
from feiqian.apps.output import Output, command
from feiqian.apps.road_options import (
    how_to_start,
    listen_option,
    road_option,
    run_until_ended,
    started_with,
)
from feiqian.apps.tariff_files import TARIFFS, PriceFolder
from feiqian.crypto.suite_names import DEFAULT_SUITE, SUITE_NAMES, suite_named
from feiqian.crypto.trust import TrustStore
from feiqian.tasks import until_one_ends
from feiqian.vehicle import service_rows
from feiqian.vehicle.management.server import ManagementServer
from feiqian.vehicle.service_rows import LogLine
from feiqian.wire.service import Member

ROOT_FILE = "root.cose"


class Founded(msgspec.Struct, frozen=True, omit_defaults=True):
    """What `init` answers, and `serve` when it is ready."""

    name: str
    bus: str
    public_key: str
    broker: str = ""
    """What a broker is started with; empty when the bus is a hub."""


class Shown(msgspec.Struct, frozen=True):
    """What `log` answers."""

    lines: list[LogLine]


@click.group()
def positions() -> None:
    """Match the positions of vehicles, order fees, compare receipts."""


@positions.command()
@road_option
@click.option("--name", default="management-1", show_default=True)
@click.option("--network", required=True, metavar="URL", help="Of the platform or an institution.")
@click.option(
    "--bus",
    default="stream://127.0.0.1:8450",
    show_default=True,
    help="Where members meet: stream://HOST:PORT, or mqtts://HOST:PORT for a broker.",
)
@listen_option
@click.option("--suite", type=click.Choice(SUITE_NAMES), default=DEFAULT_SUITE, show_default=True)
@command
async def init(
    output: Output,
    road: Path,
    name: str,
    network: str,
    bus: str,
    listen: Endpoint | None,
    suite: str,
) -> None:
    """Make a management server with its bus, and pin the network's root."""
    courier, url = HttpCourier(), network.rstrip("/")
    try:
        root_raw = await courier.get(f"{url}/v1/root")
    finally:
        await courier.close()
    TrustStore.pinned(suite_named(suite), root_raw)
    key = suite_named(suite).generate()
    public_key = key.public.hex()
    config = roads.PartyConfig(
        name, Member.MANAGEMENT, suite, name, public_key, bus, network_url=url
    )
    setup = roads.found(road, config, key, listen)
    (road / roads.MANAGEMENT / ROOT_FILE).write_bytes(root_raw)
    answer = Founded(name, bus, public_key, started_with(setup))
    output.result(answer, f"{name} is in {road}; its members meet at {bus}", *how_to_start(setup))


@positions.command()
@road_option
@click.option("--with-broker", is_flag=True, help="Start the broker, and end it with the server.")
@command
async def serve(output: Output, road: Path, with_broker: bool) -> None:
    """Serve the management server, and a bus that is no broker's, until SIGTERM or SIGINT."""
    await run_until_ended(_serve(output, road, with_broker))


async def _serve(output: Output, road: Path, with_broker: bool) -> None:
    folder, bus = road / roads.MANAGEMENT, roads.management_of(road).bus
    async with (
        road_bus.kept_up(folder, bus, with_broker=with_broker) as watch,
        roads.opened(folder, output.progress, patient=True) as (config, office),
    ):
        trust = read_root(folder / ROOT_FILE, office.post.suite)
        await _learn_directory(trust, config.network_url)
        server = ManagementServer(office, trust, PriceFolder(folder / TARIFFS).price)
        await server.recall()
        output.result(
            Founded(config.name, bus, config.management_key), f"{config.name} serves at {bus}"
        )
        await until_one_ends(server.run(), watch())


@positions.command()
@road_option
@click.option("--request", default="", metavar="ID", help="Of one service; else of all.")
@command
async def log(output: Output, road: Path, request: str) -> None:
    """What the management server wrote down, whether it serves or not."""
    store = roads.store_of(road / roads.MANAGEMENT)
    try:
        wanted = bytes.fromhex(request) or None
        lines = await store.read(lambda tx: service_rows.log_lines(tx, wanted))
    finally:
        await store.close()
    output.result(
        Shown(lines),
        *(
            f"{line.request_id[:8]} {line.event or '!'} -> {line.state} {line.detail}"
            for line in lines
        ),
    )


async def _learn_directory(trust: TrustStore, url: str) -> None:
    courier = HttpCourier()
    try:
        trust.learn_directory(await courier.get(f"{url}/v1/directory"))
    finally:
        await courier.close()


positions.add_command(admit)
positions.add_command(broker)
