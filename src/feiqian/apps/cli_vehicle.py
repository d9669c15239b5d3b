"""``feiqian vehicle``: ask for a service, authorise it once, drive; the fee is paid by itself."""

import asyncio
import contextlib
from collections.abc import Callable
from pathlib import Path

import click
import msgspec

from feiqian.adapters.clock import SystemClock
from feiqian.apps import road as roads
from feiqian.apps.cli_vehicle_standing import allow, revoke
from feiqian.apps.configuration import load
from feiqian.apps.driving import report_from, source_of
from feiqian.apps.output import EXIT_UNDECIDED, Output, command
from feiqian.apps.road_options import road_option
from feiqian.apps.vehicle_options import (
    HOUR_MS,
    YEAR_MS,
    ceiling_option,
    hours_option,
    opened_client,
    provider_option,
    service_option,
    vehicle_option,
)
from feiqian.apps.vehicle_text import show_services, shown_of
from feiqian.apps.wallet_options import pin_option, read_pin, wallet_option
from feiqian.crypto.suite_names import suite_named
from feiqian.money.amounts import parse_amount
from feiqian.outcomes import Outcome, Refusal
from feiqian.ports import Transaction
from feiqian.protocol.service.records import VehicleService
from feiqian.protocol.service.states import ENDS, State
from feiqian.vehicle import service_rows
from feiqian.vehicle.in_vehicle import grants
from feiqian.vehicle.in_vehicle.client import VehicleClient, Wish
from feiqian.vehicle.management.members import Registered, membership
from feiqian.wire.service import Member
from feiqian.wire.usage import ServiceClass

REQUEST_PATIENCE_S = 60


class Made(msgspec.Struct, frozen=True):
    """What `init` answers."""

    name: str


@click.group()
def vehicle() -> None:
    """Be served and pay without a step."""


@vehicle.command()
@vehicle_option
@road_option
@wallet_option
@click.option("--name", default="car-1", show_default=True)
@provider_option
@command
async def init(
    output: Output, home: Path, road: Path, folder: Path, name: str, provider: str
) -> None:
    """Make a vehicle with an open wallet; it is registered and trusts one provider."""
    management = roads.management_of(road)
    suite = suite_named(management.suite)
    key = suite.generate()
    one = Registered(name, Member.VEHICLE, key.public)
    until_ms = SystemClock().now().midpoint_ms + YEAR_MS
    signer = roads.party_key(road / roads.MANAGEMENT, suite)
    word = membership(suite, signer, management.name, one, until_ms)
    load(road / provider / roads.PARTY_FILE, roads.PartyConfig)
    config = roads.PartyConfig(
        name,
        Member.VEHICLE,
        management.suite,
        management.name,
        management.management_key,
        management.bus,
        wallet=roads.absolute(folder),
        membership=word.hex(),
        providers={provider: roads.party_key(road / provider, suite).public.hex()},
    )
    await roads.enrol(road, home, config, key, one)
    output.result(Made(name), f"{name} is in {home}; it trusts {provider}")


@vehicle.command()
@vehicle_option
@provider_option
@service_option
@ceiling_option
@hours_option
@click.option("--entity", default=None, help="The one wished for.")
@pin_option
@command
async def request(  # noqa: PLR0913, PLR0917 - one for each option
    output: Output,
    home: Path,
    provider: str,
    service: str,
    ceiling: str,
    hours: int,
    entity: str | None,
    pin: str | None,
) -> None:
    """Ask for a service, and authorise its fee once; nothing more has to be done by anybody."""
    wish = Wish(provider, ServiceClass(service), parse_amount(ceiling), hours * HOUR_MS, entity)
    async with opened_client(output, home, read_pin(output, pin)) as client:
        request_id = await client.request(wish)
        output.progress(f"Asking {provider} ...")
        record = await _until(client, request_id, _authorised, REQUEST_PATIENCE_S)
    if record.state is State.REFUSED:
        raise Refusal(record.outcome, record.detail)
    answer = shown_of(record)
    output.result(answer, f"{record.entity}: {record.state}, request {answer.request}")
    if not _authorised(record):
        raise click.exceptions.Exit(EXIT_UNDECIDED)


@vehicle.command()
@vehicle_option
@click.option("--at", "place", metavar="LAT,LON", help="Where it stands, in a simulation.")
@click.option("--accuracy", "accuracy_m", type=click.IntRange(1, 1_000), default=3)
@click.option(
    "--positions",
    metavar="SOURCE",
    help="Where it hears its position: gpsd://HOST[:PORT], or cam://HOST:PORT/STATION.",
)
@click.option("--seconds", type=click.IntRange(1, 86_400), default=600, show_default=True)
@click.option("--direct", default="", metavar="LINK", help="A link to the entity beside it.")
@command
async def drive(
    output: Output,
    home: Path,
    place: str | None,
    accuracy_m: int,
    positions: str | None,
    seconds: int,
    direct: str,
) -> None:
    """Report where it is until every service has ended. Needs no PIN."""
    source = await source_of(place, accuracy_m, positions)
    try:
        async with opened_client(output, home, None, direct, patient=True) as client:
            services = await report_from(source, client, seconds)
            delivered = await client.delivered()
    finally:
        await source.close()
    show_services(output, services, [])
    if not delivered or not all(each.state in ENDS for each in services):
        raise click.exceptions.Exit(EXIT_UNDECIDED)


@vehicle.command()
@vehicle_option
@command
async def status(output: Output, home: Path) -> None:
    """Every service and every standing authorisation; asks nobody."""
    suite = suite_named(load(home / roads.PARTY_FILE, roads.PartyConfig).suite)
    store = roads.store_of(home)
    try:
        services = await store.read(_services)
        standing = await store.read(lambda tx: grants.shown(tx, suite))
    finally:
        await store.close()
    show_services(output, services, standing)


@vehicle.command()
@vehicle_option
@command
async def receipts(output: Output, home: Path) -> None:
    """What was paid, to whom; asks nobody."""
    load(home / roads.PARTY_FILE, roads.PartyConfig)
    store = roads.store_of(home)
    try:
        services = await store.read(_services)
    finally:
        await store.close()
    paid = [each for each in services if each.state in (State.PAID, State.PAID_OFFLINE)]
    show_services(output, paid, [])


@vehicle.command()
@vehicle_option
@click.argument("request_text", metavar="REQUEST")
@command
async def cancel(output: Output, home: Path, request_text: str) -> None:
    """Want no more of a service; what was used is still paid."""
    request_id = _request_id(request_text)
    async with opened_client(output, home, None) as client:
        if await client.cancel(request_id) is None:
            raise Refusal(Outcome.UNKNOWN_NAME, "expected a request of this vehicle")
        record = await _until(client, request_id, _over, REQUEST_PATIENCE_S)
    output.result(shown_of(record), f"{record.state}: {record.detail}")


async def _until(
    client: VehicleClient,
    request_id: bytes,
    holds: Callable[[VehicleService], bool],
    patience_s: int,
) -> VehicleService:
    """The service once something holds, or as it is when patience ends."""
    record = await client.service(request_id)
    for _ in range(patience_s * 4):
        if record is None or holds(record):
            break
        await _pass(0.25)
        record = await client.service(request_id)
    if record is None:
        raise Refusal(Outcome.UNKNOWN_NAME, "expected a request of this vehicle")
    return record


async def _pass(seconds: float) -> None:
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            await asyncio.get_running_loop().create_future()


def _authorised(record: VehicleService) -> bool:
    return record.state not in (State.REQUESTING, State.AUTHORISING)


def _over(record: VehicleService) -> bool:
    return record.state in ENDS


def _services(tx: Transaction) -> list[VehicleService]:
    return service_rows.newest(tx, VehicleService)


def _request_id(text: str) -> bytes:
    try:
        return bytes.fromhex(text)
    except ValueError:
        raise Refusal(Outcome.MALFORMED, "expected a request as status shows it") from None


vehicle.add_command(allow)
vehicle.add_command(revoke)
