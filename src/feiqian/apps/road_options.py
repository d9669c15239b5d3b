"""What the commands of the road's parties share: where the road is, and serving until told to end."""

from collections.abc import Coroutine
from pathlib import Path

import click

from feiqian.adapters.bus_addresses import Endpoint, parse_endpoint
from feiqian.adapters.mosquitto import BrokerSetup
from feiqian.adapters.signals import end_wished
from feiqian.outcomes import Refusal
from feiqian.tasks import until_one_ends

road_option = click.option(
    "--road",
    "road",
    metavar="DIR",
    type=click.Path(path_type=Path, file_okay=False),
    required=True,
    help="The directory of the road's parties.",
)


def _endpoint(_: click.Context, __: click.Parameter, text: str | None) -> Endpoint | None:
    if text is None:
        return None
    try:
        return parse_endpoint(text)
    except Refusal as refusal:
        raise click.BadParameter(refusal.detail) from refusal


listen_option = click.option(
    "--listen",
    metavar="HOST:PORT",
    callback=_endpoint,
    help="Where the broker binds, if that is not where members find it.",
)


def started_with(setup: BrokerSetup | None) -> str:
    """The file a broker is started with; empty when there is none."""
    return "" if setup is None else str(setup.configuration)


def how_to_start(setup: BrokerSetup | None) -> list[str]:
    """The same for people."""
    if setup is None:
        return []
    return [
        f"Start the broker in {setup.broker_folder}, or a copy of it: mosquitto -c mosquitto.conf",
        "Or have it started: feiqian positions serve --with-broker",
    ]


async def run_until_ended(running: Coroutine[None, None, None]) -> None:
    """Run a party until it ends or a signal says so."""
    await until_one_ends(running, end_wished())
