"""``feiqian vehicle``: ask for a service, authorise it once, drive; the fee is paid by itself."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import click
import msgspec

from feiqian.adapters.clock import SystemClock, system_entropy
from feiqian.adapters.link_addresses import parse_link
from feiqian.adapters.links import open_to_pay
from feiqian.apps import road as roads
from feiqian.apps.configuration import load
from feiqian.apps.driving import report_from, source_of
from feiqian.apps.output import EXIT_UNDECIDED, Output, command
from feiqian.apps.road_options import road_option
from feiqian.apps.wallet_options import (
    TimeSources,
    opened_wallet,
    pin_option,
    read_pin,
    wallet_option,
)
from feiqian.crypto.suite_names import suite_named
from feiqian.money.amounts import format_amount, parse_amount
from feiqian.outcomes import Outcome, Refusal
from feiqian.ports import Link, Transaction
from feiqian.protocol.service.records import VehicleService
from feiqian.protocol.service.states import ENDS, State
from feiqian.vehicle import service_rows
from feiqian.vehicle.in_vehicle import grants
from feiqian.vehicle.in_vehicle.client import Trusted, VehicleClient, Wish
from feiqian.vehicle.in_vehicle.grants import Standing
from feiqian.vehicle.management.members import Registered, membership
from feiqian.wallet.purse import WalletPurse
from feiqian.wire.authorisation import Grant
from feiqian.wire.service import Member
from feiqian.wire.usage import ServiceClass

HOUR_MS = 3_600_000
YEAR_MS = 365 * 24 * HOUR_MS
REQUEST_PATIENCE_S = 60

vehicle_option = click.option(
    "--vehicle",
    "home",
    metavar="DIR",
    type=click.Path(path_type=Path, file_okay=False),
    required=True,
    envvar="FEIQIAN_VEHICLE",
    help="The vehicle's directory.",
)
service_option = click.option(
    "--service", type=click.Choice([each.value for each in ServiceClass]), required=True
)
ceiling_option = click.option("--ceiling", required=True, help="Most for one use, such as 20.00.")
hours_option = click.option("--hours", type=click.IntRange(1, 8_760), default=24, show_default=True)
provider_option = click.option("--provider", default="provider-1", show_default=True)


class Made(msgspec.Struct, frozen=True):
    """What `init` answers."""

    name: str


class Shown(msgspec.Struct, frozen=True):
    """A service, as the vehicle knows it; amounts in minor units."""

    request: str
    state: State
    service: str
    provider: str
    entity: str
    amount_minor: int
    outcome: Outcome
    detail: str


class Services(msgspec.Struct, frozen=True):
    """What `status` and `receipts` answer, newest first."""

    services: list[Shown]
    standing: list[Standing]


class Allowed(msgspec.Struct, frozen=True):
    """What `allow` and `revoke` answer."""

    number: int
    revoked: bool


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
    async with _client(output, home, read_pin(output, pin)) as client:
        request_id = await client.request(wish)
        output.progress(f"Asking {provider} ...")
        record = await _until(client, request_id, _authorised, REQUEST_PATIENCE_S)
    if record.state is State.REFUSED:
        raise Refusal(record.outcome, record.detail)
    answer = _shown(record)
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
        async with _client(output, home, None, direct) as client:
            services = await report_from(source, client, seconds)
            delivered = await client.delivered()
    finally:
        await source.close()
    _answer(output, services, [])
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
    _answer(output, services, standing)


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
    _answer(output, paid, [])


@vehicle.command()
@vehicle_option
@click.argument("request_text", metavar="REQUEST")
@command
async def cancel(output: Output, home: Path, request_text: str) -> None:
    """Want no more of a service; what was used is still paid."""
    request_id = _request_id(request_text)
    async with _client(output, home, None) as client:
        if await client.cancel(request_id) is None:
            raise Refusal(Outcome.UNKNOWN_NAME, "expected a request of this vehicle")
        record = await _until(client, request_id, _over, REQUEST_PATIENCE_S)
    output.result(_shown(record), f"{record.state}: {record.detail}")


@vehicle.command()
@vehicle_option
@provider_option
@service_option
@ceiling_option
@hours_option
@click.option("--uses", type=click.IntRange(1, 64), default=10, show_default=True)
@pin_option
@command
async def allow(  # noqa: PLR0913, PLR0917 - one for each option
    output: Output,
    home: Path,
    provider: str,
    service: str,
    ceiling: str,
    hours: int,
    uses: int,
    pin: str | None,
) -> None:
    """Authorise any entity of a provider for a kind of service, so often and so long."""
    config = load(home / roads.PARTY_FILE, roads.PartyConfig)
    if provider not in config.providers:
        raise Refusal(Outcome.UNKNOWN_NAME, f"{provider} is not trusted here")
    now = SystemClock().now()
    grant = Grant(
        None,
        bytes.fromhex(config.providers[provider]),
        ServiceClass(service),
        parse_amount(ceiling),
        now.earliest_ms,
        now.midpoint_ms + hours * HOUR_MS,
        uses,
    )
    async with _client(output, home, read_pin(output, pin)) as client:
        number = await client.allow(grant)
    output.result(
        Allowed(number, False),
        f"Authorisation {number}: {uses} times up to {format_amount(grant.ceiling_minor)}",
    )


@vehicle.command()
@vehicle_option
@click.argument("number", type=int)
@command
async def revoke(output: Output, home: Path, number: int) -> None:
    """End an authorisation; the chip pays nothing under it any more. Needs no PIN."""
    async with _client(output, home, None) as client:
        await client.revoke(number)
    output.result(Allowed(number, True), f"Authorisation {number} is revoked")


# What the commands share --------------------------------------------------------------------------
@asynccontextmanager
async def _client(
    output: Output, home: Path, pin: bytes | None, direct: str = ""
) -> AsyncIterator[VehicleClient]:
    """The client of a vehicle, running; its chip is unlocked only while a PIN was given."""
    async with AsyncExitStack() as closing:
        config, office = await closing.enter_async_context(roads.opened(home, output.progress))
        wallet = await closing.enter_async_context(
            opened_wallet(Path(config.wallet), pin, TimeSources())
        )
        trusted = Trusted(
            {name: bytes.fromhex(key) for name, key in config.providers.items()},
            frozenset({config.management}),
            bytes.fromhex(config.membership),
        )

        async def approach(_: str) -> Link:
            return await open_to_pay(parse_link(direct), _unseen)

        client = VehicleClient(
            office, trusted, WalletPurse(wallet), system_entropy, approach if direct else None
        )
        running = asyncio.ensure_future(client.run())
        try:
            yield client
        finally:
            running.cancel()
            await asyncio.gather(running, return_exceptions=True)


def _unseen(_: bytes) -> None:
    """Nobody looks at codes in a vehicle."""


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


def _shown(record: VehicleService) -> Shown:
    return Shown(
        record.request_id.hex(),
        record.state,
        record.service.value,
        record.provider,
        record.entity,
        record.amount_minor,
        record.outcome,
        record.detail,
    )


def _answer(
    output: Output, services: Sequence[VehicleService], standing: Sequence[Standing]
) -> None:
    shown = [_shown(record) for record in services]
    output.result(
        Services(shown, list(standing)),
        *(
            f"{each.request[:8]} {each.service} at {each.entity or each.provider}: {each.state}"
            f" {format_amount(each.amount_minor)}"
            for each in shown
        ),
        *(
            f"Authorisation {each.number}: {each.service}, {each.uses} times up to"
            f" {format_amount(each.ceiling_minor)}{', revoked' if each.revoked else ''}"
            for each in standing
        ),
    )
