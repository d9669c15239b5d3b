"""``feiqian network``: make a network in a directory, start it, stop it."""

import re
from pathlib import Path

import click

from feiqian.apps import network as networks
from feiqian.apps.output import Output, command
from feiqian.crypto.suite_names import DEFAULT_SUITE, SUITE_NAMES
from feiqian.money.amounts import format_amount, parse_amount
from feiqian.outcomes import Outcome, Refusal

DEFAULT_PORT = 8400
LAST_PORT = 65_535
_CODE = re.compile(r"[A-Z0-9]{1,11}")

folder_argument = click.argument("folder", metavar="DIR", type=click.Path(path_type=Path))


@click.group()
def network() -> None:
    """Make a whole network in a directory, start it and stop it."""


@network.command()
@folder_argument
@click.option("--institutions", default="A,B", show_default=True, help="Codes, with commas.")
@click.option("--suite", type=click.Choice(SUITE_NAMES), default=DEFAULT_SUITE, show_default=True)
@click.option(
    "--base-port",
    type=click.IntRange(1, LAST_PORT),
    default=DEFAULT_PORT,
    show_default=True,
    help="The platform's port; the institutions follow.",
)
@click.option("--issuance", default="1000000.00", show_default=True, help="For each institution.")
@click.option("--opening-balance", default="1000.00", show_default=True, help="Of bank accounts.")
@command
async def init(
    output: Output,
    folder: Path,
    institutions: str,
    suite: str,
    base_port: int,
    issuance: str,
    opening_balance: str,
) -> None:
    """Make keys, certificates and configuration in DIR; each institution orders issuance."""
    plan = networks.Plan(
        codes=_codes(institutions),
        suite=suite,
        base_port=base_port,
        issuance_minor=_amount_or_zero(issuance),
        opening_minor=_amount_or_zero(opening_balance),
    )
    if base_port + len(plan.codes) > LAST_PORT:
        raise Refusal(Outcome.MALFORMED, f"expected a port for each, up to {LAST_PORT}")
    output.progress(f"Making a network of {', '.join(plan.codes)} in {folder} ...")
    config = await networks.make(folder, plan)
    output.result(
        config,
        f"A network of {', '.join(config.institutions)} is in {folder}; each institution may issue"
        f" {format_amount(plan.issuance_minor)}.",
        f"Start it: feiqian network up {folder}",
    )


@network.command()
@folder_argument
@command
async def up(output: Output, folder: Path) -> None:
    """Start the platform and the institutions of DIR as processes."""
    output.progress("Starting ...")
    _show(output, networks.up(folder))


@network.command()
@folder_argument
@command
async def status(output: Output, folder: Path) -> None:
    """Which processes of DIR run, and where they answer."""
    _show(output, networks.servers(folder))


@network.command()
@folder_argument
@command
async def down(output: Output, folder: Path) -> None:
    """Stop the processes of DIR."""
    stopped = networks.down(folder)
    output.result({"stopped": stopped}, f"Stopped: {', '.join(stopped) or 'nothing was running'}.")


def _show(output: Output, servers: list[networks.Server]) -> None:
    lines = [
        f"{server.name:<12}{server.url:<28}{f'pid {server.pid}' if server.pid else 'not running'}"
        for server in servers
    ]
    output.result({"servers": servers}, *lines)


def _amount_or_zero(text: str) -> int:
    return parse_amount(text) if text.strip("0. ") else 0


def _codes(text: str) -> tuple[str, ...]:
    codes = tuple(code.strip() for code in text.split(","))
    if len(set(codes)) != len(codes) or not all(_CODE.fullmatch(code) for code in codes):
        raise Refusal(Outcome.MALFORMED, "expected different codes of capitals and digits: A,B")
    return codes
