"""What stands at an entity's place: a charge point, a bay, a pump, or a place for trials that says so.

A device connects to the entity's process, with the entity's name and the password in the entity's
directory, which is made when there is none. Services are stored beside the entity's, and taken up
before any device can connect, so that a process that starts again goes on with them.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from feiqian.adapters.clock import system_entropy
from feiqian.adapters.equipment.line import EquipmentLine
from feiqian.adapters.sqlite import SqliteStore
from feiqian.apps.configuration import read_secret, write_secret
from feiqian.outcomes import Outcome, Refusal
from feiqian.ports import Clock
from feiqian.vehicle.services.bay import BareBay
from feiqian.vehicle.services.schema import MIGRATIONS
from feiqian.vehicle.services.site import EquippedSite
from feiqian.vehicle.tariffs.shelf import TariffShelf

SITE_DATABASE, PASSWORD_FILE = "site.db", "equipment.secret"
PASSWORD_BYTES = 16
MAX_PORT = 65_535
OCPP_VERSIONS = ("1.6", "2.0.1")


@dataclass(frozen=True, slots=True)
class Devices:
    """What a command says of the place; at most one of `ocpp`, `line` and `is_bay`."""

    ocpp: str = ""
    """HOST:PORT where a charge point connects."""
    ocpp_version: str | None = None
    """1.6 or 2.0.1; either when None."""
    line: str = ""
    """HOST:PORT where the controller of a bay or a pump connects."""
    is_bay: bool = False
    """A bay without any device."""

    @property
    def is_trial(self) -> bool:
        """Whether there is nothing at all."""
        return not (self.ocpp or self.line or self.is_bay)

    def check(self) -> None:
        """`Refusal` malformed when they contradict each other."""
        if sum((bool(self.ocpp), bool(self.line), self.is_bay)) > 1:
            raise Refusal(Outcome.MALFORMED, "expected one of --ocpp, --equipment and --bay")
        if self.ocpp_version is not None and not self.ocpp:
            raise Refusal(Outcome.MALFORMED, "expected --ocpp HOST:PORT with --ocpp-version")


@asynccontextmanager
async def equipped_site(
    folder: Path, name: str, devices: Devices, shelf: TariffShelf, clock: Clock
) -> AsyncIterator[EquippedSite]:
    """A site with its devices, running. `Refusal`: malformed, unavailable."""
    async with AsyncExitStack() as closing:
        store = SqliteStore.open(folder / SITE_DATABASE, MIGRATIONS)
        closing.push_async_callback(store.close)
        if devices.is_bay:
            site = EquippedSite(BareBay(), shelf, store, clock)
            await site.recall()
        elif devices.ocpp:
            site = await _with_charge_point(closing, folder, name, devices, shelf, store, clock)
        else:
            line = EquipmentLine(name, password_in(folder))
            site = EquippedSite(line, shelf, store, clock)
            line.report_to(site.hear)
            await site.recall()
            await line.open(*_place(devices.line))
            closing.push_async_callback(line.close)
        running = asyncio.ensure_future(site.run())
        closing.push_async_callback(_ended, running)
        yield site


async def _with_charge_point(
    closing: AsyncExitStack,
    folder: Path,
    name: str,
    devices: Devices,
    shelf: TariffShelf,
    store: SqliteStore,
    clock: Clock,
) -> EquippedSite:
    # The extra `vehicle` is needed by those alone who have a charge point.
    from feiqian.adapters.ocpp.central_system import (  # noqa: PLC0415
        CentralSystem,
        ChargePointSetup,
    )

    system = CentralSystem({name: ChargePointSetup(password_in(folder))}, clock)
    connector = system.connector(name)
    site = EquippedSite(connector, shelf, store, clock)
    connector.report_to(site.hear)
    await site.recall()
    versions = OCPP_VERSIONS if devices.ocpp_version is None else (devices.ocpp_version,)
    host, port = _place(devices.ocpp)
    spoken = [f"ocpp{version}" for version in reversed(versions)]
    await system.open(host, port, versions=spoken)
    closing.push_async_callback(system.close)
    return site


def password_in(folder: Path) -> str:
    """The password of an entity's device; made when there is none."""
    path = folder / PASSWORD_FILE
    if not path.exists():
        write_secret(path, system_entropy(PASSWORD_BYTES).hex())
    return read_secret(path)


def _place(text: str) -> tuple[str, int]:
    host, _, port = text.rpartition(":")
    if not host or not port.isdecimal() or not 0 < int(port) <= MAX_PORT:
        raise Refusal(Outcome.MALFORMED, f"expected HOST:PORT, got {text!r}")
    return host, int(port)


async def _ended(running: asyncio.Task[None]) -> None:
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
