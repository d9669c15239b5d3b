"""A ground station as a process: its terminal on one side, the platform on the other."""

import asyncio
from pathlib import Path

from feiqian.adapters.clock import SystemClock
from feiqian.adapters.clockwork import repeat
from feiqian.adapters.http_client import HttpCourier
from feiqian.adapters.logs import configure_logs
from feiqian.adapters.rdss.module_addresses import open_module
from feiqian.adapters.signals import end_wished
from feiqian.apps.configuration import (
    GroundConfig,
    load,
    read_key,
    read_root,
    write_secret,
    write_toml,
)
from feiqian.central.ground_station import GroundStation, StationIdentity
from feiqian.crypto.suite_names import suite_named
from feiqian.outcomes import Outcome, Refusal

CONFIG_FILE = "ground.toml"
KEY_FILE = "station.key"
EXCHANGED_EVERY_S = 2.0


def found_station(folder: Path, config: GroundConfig) -> str:
    """Make a station's key and configuration; its public key in hexadecimal.

    Raises `Refusal` key_reused when there is a station in the folder.
    """
    if (folder / CONFIG_FILE).exists() or (folder / KEY_FILE).exists():
        raise Refusal(Outcome.KEY_REUSED, f"expected no station in {folder} yet")
    folder.mkdir(parents=True, exist_ok=True)
    key = suite_named(config.suite).generate()
    write_secret(folder / KEY_FILE, key.secret.hex())
    write_toml(folder / CONFIG_FILE, config)
    return key.public.hex()


async def serve_ground(config_path: Path) -> None:
    """Serve until SIGTERM or SIGINT.

    Raises `Refusal`: malformed for the configuration, unavailable when the terminal is lost.
    """
    config = load(config_path, GroundConfig)
    configure_logs(f"ground {config.name}")
    identity = _identity(config, config_path.parent)
    courier = HttpCourier()
    try:
        module = await open_module(config.module)
        try:
            await _run(GroundStation(identity, module, courier, SystemClock()))
        finally:
            await module.close()
    finally:
        await courier.close()


def _identity(config: GroundConfig, folder: Path) -> StationIdentity:
    suite = suite_named(config.suite)
    trust = read_root(folder / config.root_file, suite)
    return StationIdentity(
        name=config.name,
        key=read_key(folder / config.key_file, suite),
        suite=suite,
        root_public_key=trust.root.value.public_key,
        central_url=config.central_url.rstrip("/"),
        broadcast_address=config.broadcast_address,
    )


async def _run(station: GroundStation) -> None:
    """Until a signal comes, or the terminal is lost."""
    carrying = asyncio.ensure_future(station.carry())
    others = [
        asyncio.ensure_future(station.listen()),
        asyncio.ensure_future(repeat(station.exchange, EXCHANGED_EVERY_S)),
    ]
    ending = asyncio.ensure_future(end_wished())
    running = [carrying, *others, ending]
    try:
        done, _ = await asyncio.wait(running, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for each in running:
            each.cancel()
        await asyncio.gather(*running, return_exceptions=True)
    for each in done:
        each.result()
