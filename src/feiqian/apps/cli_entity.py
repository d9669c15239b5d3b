"""``feiqian entity``: a place that serves what is matched to it, and is paid by fee order."""

from contextlib import AsyncExitStack
from pathlib import Path

import click
import msgspec

from feiqian.adapters.clock import SystemClock
from feiqian.adapters.link_addresses import LinkAddress, parse_link
from feiqian.adapters.links import open_to_receive
from feiqian.apps import cli_provider
from feiqian.apps import road as roads
from feiqian.apps.entity_site import OCPP_VERSIONS, Devices, equipped_site
from feiqian.apps.output import Output, command
from feiqian.apps.places import parse_place
from feiqian.apps.road_options import road_option, run_until_ended
from feiqian.apps.tariff_files import TARIFFS, keep, shelf_of, tariff_at
from feiqian.apps.wallet_care import kept_wallet
from feiqian.apps.wallet_options import opened_wallet, pin_option, wallet_option
from feiqian.crypto.suite_names import suite_named
from feiqian.outcomes import Outcome, Refusal
from feiqian.tasks import running
from feiqian.testing.trial_site import TrialSite
from feiqian.vehicle.entity.entity import Entity
from feiqian.vehicle.entity.site import Site
from feiqian.vehicle.management.members import AreaDrawing, Registered
from feiqian.vehicle.tariffs.shelf import example_tariff
from feiqian.wallet.purse import WalletPurse
from feiqian.wire.service import Member
from feiqian.wire.usage import ServiceClass

YEAR_MS = 365 * 24 * 3600 * 1000

name_option = click.option("--name", required=True, help="The entity's name, such as parking-1.")


class Stands(msgspec.Struct, frozen=True):
    """What `init` answers, and `serve` when it is ready."""

    name: str
    service: str
    wallet: str
    """Its number."""


@click.group()
def entity() -> None:
    """Serve vehicles, and be paid by fee order."""


@entity.command()
@road_option
@name_option
@click.option("--provider", default="provider-1", show_default=True, help="Whose it is.")
@click.option("--service", type=click.Choice([each.value for each in ServiceClass]), required=True)
@click.option("--at", "place", required=True, metavar="LAT,LON", help="Its middle, in degrees.")
@click.option("--radius", "radius_m", type=click.IntRange(1, 500), default=15, show_default=True)
@click.option(
    "--tariff", "tariff_file", type=click.Path(path_type=Path), help="TOML; else the one shipped."
)
@wallet_option
@command
async def init(  # noqa: PLR0913, PLR0917 - one for each option
    output: Output,
    road: Path,
    name: str,
    provider: str,
    service: str,
    place: str,
    radius_m: int,
    tariff_file: Path | None,
    folder: Path,
) -> None:
    """Make an entity with an open wallet, offered by a provider and registered with its place."""
    management, kind = roads.management_of(road), ServiceClass(service)
    latitude_e7, longitude_e7 = parse_place(place)
    async with opened_wallet(folder) as wallet:
        purse = WalletPurse(wallet)
    until_ms = SystemClock().now().midpoint_ms + YEAR_MS
    tariff = _tariff(road, service, tariff_file)
    stated = roads.StatedEntity(name, kind, purse.fingerprint.hex(), tariff, until_ms)
    _, statement = cli_provider.add_entity(road, provider, stated)
    key = suite_named(management.suite).generate()
    area = AreaDrawing(latitude_e7, longitude_e7, radius_m * 1000)
    one = Registered(name, Member.ENTITY, key.public, provider, statement, area)
    config = roads.PartyConfig(
        name,
        Member.ENTITY,
        management.suite,
        management.name,
        management.management_key,
        management.bus,
        wallet=roads.absolute(folder),
    )
    await roads.enrol(road, road / name, config, key, one)
    output.result(Stands(name, service, purse.number), f"{name} is paid into {purse.number}")


@entity.command()
@road_option
@name_option
@click.option("--lasts", "lasts_s", type=float, default=60.0, show_default=True, metavar="SECONDS")
@click.option("--speed", type=click.IntRange(1, 100_000), default=1, show_default=True)
@click.option("--product", default="", help="What a pump sells.")
@click.option("--direct", default="", metavar="LINK", help="Where visitors come without a bus.")
@click.option("--ocpp", default="", metavar="HOST:PORT", help="Where its charge point connects.")
@click.option("--ocpp-version", type=click.Choice(OCPP_VERSIONS), default=None)
@click.option(
    "--equipment", default="", metavar="HOST:PORT", help="Where a bay's or pump's device connects."
)
@click.option("--bay", "is_bay", is_flag=True, help="A bay without any device.")
@click.option(
    "--tariff", "tariff_file", type=click.Path(path_type=Path), help="One more that it knows."
)
@pin_option
@command
async def serve(  # noqa: PLR0913, PLR0917 - one for each option
    output: Output,
    road: Path,
    name: str,
    lasts_s: float,
    speed: int,
    product: str,
    direct: str,
    ocpp: str,
    ocpp_version: str | None,
    equipment: str,
    is_bay: bool,
    tariff_file: Path | None,
    pin: str | None,
) -> None:
    """Serve until SIGTERM or SIGINT: with a charge point, a bay, a pump, or a trial place.

    At a trial place a service ends by itself after SECONDS. With its wallet's PIN it also begins the
    chip's offline limits anew whenever it can.
    """
    devices = Devices(ocpp, ocpp_version, equipment, is_bay)
    devices.check()
    async with AsyncExitStack() as closing:
        config, office = await closing.enter_async_context(
            roads.opened(road / name, output.progress, patient=True)
        )
        secret = None if pin is None else pin.encode()
        wallet = await closing.enter_async_context(
            kept_wallet(Path(config.wallet), secret, output.progress)
        )
        site: Site
        if devices.is_trial:
            site = trial = TrialSite(office.clock, lasts_s, speed, product)
            closing.push_async_callback(trial.close)
        else:
            more = () if tariff_file is None else (tariff_file,)
            shelf = shelf_of(road / roads.MANAGEMENT / TARIFFS, *more)
            site = await closing.enter_async_context(
                equipped_site(road / name, name, devices, shelf, office.clock)
            )
        serving = Entity(office, config.management, WalletPurse(wallet), site)
        if direct:
            visitors = _receive_visitors(serving, parse_link(direct))
            await closing.enter_async_context(running(visitors))
        output.result(Stands(name, "", wallet.number), f"{name} serves")
        await run_until_ended(serving.run())


def _tariff(road: Path, service: str, file: Path | None) -> str:
    """The name of the tariff, which the management server prices by, too. `Refusal` by name."""
    if file is None:
        return example_tariff(service).name
    tariff = tariff_at(file)
    if tariff.service != service:
        raise Refusal(Outcome.MALFORMED, f"{tariff.name} is a tariff for {tariff.service}")
    return keep(road / roads.MANAGEMENT / TARIFFS, file).name


async def _receive_visitors(serving: Entity, address: LinkAddress) -> None:
    """One after the other: each is heard on a link of its own."""
    while True:
        try:
            serving.visited(await open_to_receive(address))
        except Refusal as refusal:
            serving.office.note(f"a visitor: {refusal}")
