"""``feiqian ground``: a ground station between a satellite terminal and the platform."""

from pathlib import Path
from typing import Any

import click

from feiqian.apps.configuration import GroundConfig
from feiqian.apps.ground_server import CONFIG_FILE, KEY_FILE, found_station, serve_ground
from feiqian.apps.output import Output, command
from feiqian.crypto.suite_names import DEFAULT_SUITE, SUITE_NAMES


@click.group()
def ground() -> None:
    """Set up and serve a ground station."""


@ground.command()
@click.argument("folder", metavar="DIR", type=click.Path(path_type=Path, file_okay=False))
@click.option("--name", required=True, help="As the platform will know it.")
@click.option("--central", "central_url", required=True, help="The platform, http://HOST:PORT.")
@click.option(
    "--root",
    "root_path",
    required=True,
    type=click.Path(path_type=Path, dir_okay=False, exists=True, resolve_path=True),
    help="The network's root certificate.",
)
@click.option(
    "--module", required=True, help="The terminal: rdss3-regional://HOST:PORT or the like."
)
@click.option("--broadcast", required=True, help="Where the terminal reaches all others.")
@click.option("--suite", type=click.Choice(SUITE_NAMES), default=DEFAULT_SUITE, show_default=True)
@command
async def init(output: Output, folder: Path, **asked: Any) -> None:  # noqa: ANN401 - click's options
    """Make a station's key and configuration in DIR; tell the platform its public key."""
    name = asked["name"]
    config = GroundConfig(
        suite=asked["suite"],
        name=name,
        central_url=asked["central_url"],
        key_file=KEY_FILE,
        root_file=str(asked["root_path"]),
        module=asked["module"],
        broadcast_address=asked["broadcast"],
    )
    public_key = found_station(folder, config)
    output.result(
        {"config": str(folder / CONFIG_FILE), "public_key": public_key},
        f"{folder / CONFIG_FILE} is written.",
        f"Register it: feiqian central station add {name} {public_key}",
    )


@ground.command()
@click.option(
    "--config",
    "config_path",
    type=click.Path(path_type=Path, dir_okay=False),
    default=CONFIG_FILE,
    show_default=True,
)
@command
async def serve(output: Output, config_path: Path) -> None:
    """Serve until SIGTERM or SIGINT."""
    output.progress(f"Serving {config_path}; logs go to standard error.")
    await serve_ground(config_path)
