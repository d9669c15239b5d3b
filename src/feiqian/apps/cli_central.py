"""``feiqian central``: found a network, serve its platform, and operate it.

Operating talks to the running server over its JSON API, with the address and the token of the
configuration file. Whatever changes something carries a key: when nothing was decided, the same
command with the key that is named then is safe to repeat.
"""

from pathlib import Path

import click

from feiqian.apps import central_server
from feiqian.apps.central_client import client, config_option, do, key_option, new_key
from feiqian.apps.central_text import cycle_text, report_text
from feiqian.apps.cli_central_control import control_group
from feiqian.apps.cli_central_list import list_group
from feiqian.apps.cli_central_people import operator_group, reports, station_group
from feiqian.apps.founding import ROOT_FILE, found_network
from feiqian.apps.output import Output, command
from feiqian.central.documents import (
    Admission,
    Admitted,
    CycleOrder,
    CycleReport,
    ModeChange,
    ModeChosen,
    PlatformReport,
    ReservesBalance,
    ReservesChange,
)
from feiqian.central.settlement import SettlementMode
from feiqian.crypto.suite_names import DEFAULT_SUITE, SUITE_NAMES
from feiqian.money.amounts import format_amount, parse_amount

DEFAULT_PORT = 8400
BROKEN = 4
"""Exit code of a report in which an invariant does not hold."""


@click.group()
def central() -> None:
    """Found, serve and operate the central platform."""


@central.command()
@click.argument("folder", metavar="DIR", type=click.Path(path_type=Path, file_okay=False))
@click.option("--suite", type=click.Choice(SUITE_NAMES), default=DEFAULT_SUITE, show_default=True)
@click.option("--host", default="127.0.0.1", show_default=True)
@click.option("--port", type=click.IntRange(0, 65_535), default=DEFAULT_PORT, show_default=True)
@command
async def init(output: Output, folder: Path, suite: str, host: str, port: int) -> None:
    """Found a network in DIR: root key and certificate, operator's token, configuration."""
    config_path = found_network(folder, suite, host, port)
    output.result(
        {"config": str(config_path), "root": str(folder / ROOT_FILE)},
        f"{config_path} is written.",
        f"Give {folder / ROOT_FILE} to everybody: it is the root of trust.",
    )


@central.command()
@config_option
@command
async def serve(output: Output, config_path: Path) -> None:
    """Serve until SIGTERM or SIGINT."""
    output.progress(f"Serving {config_path}; logs go to standard error.")
    await central_server.serve_central(config_path)


@central.command()
@config_option
@command
async def report(output: Output, config_path: Path) -> None:
    """Show the books; exit code 4 when an invariant does not hold."""
    answer = await client(config_path).get(central_server.REPORT, PlatformReport)
    output.result(answer, *report_text(answer))
    if not answer.in_order:
        raise click.exceptions.Exit(BROKEN)


@central.command()
@click.argument("code")
@click.argument("public_key")
@click.argument("url")
@key_option
@config_option
@command
async def admit(
    output: Output, code: str, public_key: str, url: str, key: str, config_path: Path
) -> None:
    """Admit the institution CODE with its PUBLIC_KEY (hexadecimal), which answers at URL."""
    admission = Admission(key or new_key(), code, public_key, url)
    answer = await do(config_path, central_server.INSTITUTIONS, admission, Admitted)
    output.result(answer, f"{answer.code} stands in directory {answer.directory_number}.")


@central.group()
def reserves() -> None:
    """Pay the reserves of institutions in or out."""


@reserves.command()
@click.argument("code")
@click.argument("amount")
@key_option
@config_option
@command
async def credit(output: Output, code: str, amount: str, key: str, config_path: Path) -> None:
    """Pay AMOUNT (such as 1000.00) into the reserves of the institution CODE."""
    change = ReservesChange(key or new_key(), code, parse_amount(amount))
    await _change_reserves(output, config_path, change)


@reserves.command()
@click.argument("code")
@click.argument("amount")
@key_option
@config_option
@command
async def debit(output: Output, code: str, amount: str, key: str, config_path: Path) -> None:
    """Pay AMOUNT (such as 1000.00) out of the reserves of the institution CODE."""
    change = ReservesChange(key or new_key(), code, -parse_amount(amount))
    await _change_reserves(output, config_path, change)


async def _change_reserves(output: Output, config_path: Path, change: ReservesChange) -> None:
    answer = await do(config_path, central_server.RESERVES, change, ReservesBalance)
    held = format_amount(answer.reserves_minor)
    output.result(answer, f"{answer.code} has reserves of {held}.")


@central.command()
@click.argument("chosen", type=click.Choice([mode.value for mode in SettlementMode]))
@key_option
@config_option
@command
async def mode(output: Output, chosen: str, key: str, config_path: Path) -> None:
    """Choose when claims settle: gross, as they come, or net, in cycles."""
    change = ModeChange(key or new_key(), SettlementMode(chosen))
    answer = await do(config_path, central_server.MODE, change, ModeChosen)
    output.result(answer, f"Claims settle {answer.mode}.")


@central.command()
@key_option
@config_option
@command
async def settle(output: Output, key: str, config_path: Path) -> None:
    """Run a net cycle over every claim that waits."""
    order = CycleOrder(key or new_key())
    answer = await do(config_path, central_server.CYCLES, order, CycleReport)
    output.result(answer, *cycle_text(answer))


central.add_command(list_group)
central.add_command(control_group)
central.add_command(operator_group)
central.add_command(station_group)
central.add_command(reports)
