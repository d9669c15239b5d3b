"""``feiqian positions``: the management server, which matches positions and orders fees."""

import asyncio
from collections.abc import Coroutine
from functools import cache
from pathlib import Path

import click
import msgspec

from feiqian.adapters.bus_hub import Hub
from feiqian.adapters.http_client import HttpCourier
from feiqian.adapters.signals import end_wished
from feiqian.apps import road as roads
from feiqian.apps.output import Output, command
from feiqian.crypto.suite_names import DEFAULT_SUITE, SUITE_NAMES, suite_named
from feiqian.crypto.trust import TrustStore
from feiqian.vehicle import service_rows
from feiqian.vehicle.management.server import ManagementServer
from feiqian.vehicle.service_rows import LogLine
from feiqian.vehicle.tariffs.pricing import fee_of
from feiqian.vehicle.tariffs.shelf import TariffShelf, example_shelf
from feiqian.wire.usage import Fee, Usage

ROOT_FILE = "root.cose"

road_option = click.option(
    "--road",
    "road",
    metavar="DIR",
    type=click.Path(path_type=Path, file_okay=False),
    required=True,
    help="The directory of the road's parties.",
)


class Founded(msgspec.Struct, frozen=True):
    """What `init` answers."""

    name: str
    bus: str
    public_key: str


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
@click.option("--bus", default="stream://127.0.0.1:8450", show_default=True)
@click.option("--suite", type=click.Choice(SUITE_NAMES), default=DEFAULT_SUITE, show_default=True)
@command
async def init(output: Output, road: Path, name: str, network: str, bus: str, suite: str) -> None:
    """Make a management server with its bus, and pin the network's root."""
    courier, url = HttpCourier(), network.rstrip("/")
    try:
        root_raw = await courier.get(f"{url}/v1/root")
    finally:
        await courier.close()
    TrustStore.pinned(suite_named(suite), root_raw)
    config = roads.found(road, name, suite, bus, url)
    (road / roads.MANAGEMENT / ROOT_FILE).write_bytes(root_raw)
    answer = Founded(name, bus, config.management_key)
    output.result(answer, f"{name} is in {road}; its members meet at {bus}")


@positions.command()
@road_option
@command
async def serve(output: Output, road: Path) -> None:
    """Serve the bus and the management server until SIGTERM or SIGINT."""
    folder = road / roads.MANAGEMENT
    host, port = roads.bus_address(roads.management_of(road).bus)
    hub = await Hub.listen(host, port, roads.hub_secret(folder))
    try:
        async with roads.opened(folder, output.progress) as (config, office):
            trust = TrustStore.pinned(office.post.suite, (folder / ROOT_FILE).read_bytes())
            await _learn_directory(trust, config.network_url)
            server = ManagementServer(office, trust, price)
            await server.recall()
            output.result(
                Founded(config.name, config.bus, config.management_key),
                f"{config.name} serves at {config.bus}",
            )
            await run_until_ended(server.run())
    finally:
        await hub.close()


@positions.command()
@road_option
@click.option("--request", default="", metavar="ID", help="Of one service; else of all.")
@command
async def log(output: Output, road: Path, request: str) -> None:
    """What the management server wrote down, while it does not serve."""
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


async def run_until_ended(running: Coroutine[None, None, None]) -> None:
    """Run a party until it ends or a signal says so."""
    party, wished = asyncio.ensure_future(running), asyncio.ensure_future(end_wished())
    await asyncio.wait({party, wished}, return_when=asyncio.FIRST_COMPLETED)
    for task in (party, wished):
        task.cancel()
    ended = await asyncio.gather(party, wished, return_exceptions=True)
    for what in ended:
        if isinstance(what, Exception):
            raise what


@cache
def _shelf() -> TariffShelf:
    return example_shelf()


def price(tariff: str, usage: Usage) -> Fee:
    """By the tariffs shipped."""
    return fee_of(_shelf().tariff(tariff), usage)
