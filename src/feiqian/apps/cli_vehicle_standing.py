"""``feiqian vehicle allow`` and ``revoke``: standing authorisations, for any entity of a provider."""

from pathlib import Path

import click
import msgspec

from feiqian.adapters.clock import SystemClock
from feiqian.apps import road as roads
from feiqian.apps.configuration import load
from feiqian.apps.output import Output, command
from feiqian.apps.vehicle_options import (
    HOUR_MS,
    ceiling_option,
    hours_option,
    opened_client,
    provider_option,
    service_option,
    vehicle_option,
)
from feiqian.apps.wallet_options import pin_option, read_pin
from feiqian.money.amounts import format_amount, parse_amount
from feiqian.outcomes import Outcome, Refusal
from feiqian.wire.authorisation import Grant
from feiqian.wire.usage import ServiceClass


class Allowed(msgspec.Struct, frozen=True):
    """What `allow` and `revoke` answer."""

    number: int
    revoked: bool


@click.command()
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
    async with opened_client(output, home, read_pin(output, pin), patient=True) as client:
        number = await client.allow(grant)
    output.result(
        Allowed(number, False),
        f"Authorisation {number}: {uses} times up to {format_amount(grant.ceiling_minor)}",
    )


@click.command()
@vehicle_option
@click.argument("number", type=int)
@command
async def revoke(output: Output, home: Path, number: int) -> None:
    """End an authorisation; the chip pays nothing under it any more. Needs no PIN."""
    async with opened_client(output, home, None, patient=True) as client:
        await client.revoke(number)
    output.result(Allowed(number, True), f"Authorisation {number} is revoked")
