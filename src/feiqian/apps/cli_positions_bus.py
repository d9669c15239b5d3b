"""``feiqian positions broker`` and ``admit``: the road's broker, and who is let in to the bus."""

from pathlib import Path

import click
import msgspec

from feiqian.adapters.bus_addresses import Endpoint
from feiqian.apps import road as roads
from feiqian.apps.output import Output, command
from feiqian.apps.road_options import how_to_start, listen_option, road_option, started_with


class BrokerReady(msgspec.Struct, frozen=True):
    """What `broker` answers."""

    bus: str
    broker: str
    """What it is started with; empty when the bus is a hub."""


class Admitted(msgspec.Struct, frozen=True):
    """What `admit` answers."""

    name: str
    bus: str


@click.command()
@road_option
@click.option("--bus", default=None, help="Where members shall meet now: mqtts://HOST:PORT.")
@listen_option
@command
async def broker(output: Output, road: Path, bus: str | None, listen: Endpoint | None) -> None:
    """Write the broker's certificate and files anew; its authority, and so its members, stay.

    With another --bus, every party needs `positions admit`.
    """
    where = bus or roads.management_of(road).bus
    setup = roads.move_bus(road, where, listen)
    output.result(
        BrokerReady(where, started_with(setup)), f"Members meet at {where}", *how_to_start(setup)
    )


@click.command()
@road_option
@click.option(
    "--party",
    "folder",
    metavar="DIR",
    type=click.Path(path_type=Path, file_okay=False),
    required=True,
    help="The party's directory.",
)
@command
async def admit(output: Output, road: Path, folder: Path) -> None:
    """Give a party of this road new access to its bus; a certificate lasts 825 days."""
    config = roads.admit_again(road, folder)
    output.result(Admitted(config.name, config.bus), f"{config.name} is let in at {config.bus}")
