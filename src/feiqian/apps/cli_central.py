"""``feiqian central``: found a network, serve its platform, and operate it.

Operating talks to the running server over its JSON API, with the address and the token of the
configuration file. Whatever changes something carries a key: when no answer comes, the same command
with the key that was printed is safe to repeat.
"""

import asyncio
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import TypeVar

import click
import msgspec

from feiqian.adapters.clock import system_entropy
from feiqian.adapters.operator_client import OperatorClient
from feiqian.apps import central_server
from feiqian.apps.central_text import cycle_text, report_text
from feiqian.apps.configuration import CentralConfig, load, read_secret
from feiqian.apps.founding import CONFIG_FILE, ROOT_FILE, found_network
from feiqian.central.documents import (
    Admission,
    Admitted,
    CycleOrder,
    CycleReport,
    ModeChange,
    ModeChosen,
    Report,
    ReservesBalance,
    ReservesChange,
)
from feiqian.central.settlement import SettlementMode
from feiqian.crypto.suite_names import DEFAULT_SUITE, SUITE_NAMES
from feiqian.money.amounts import format_amount, parse_amount
from feiqian.outcomes import UNDECIDED, Refusal

DEFAULT_PORT = 8400
KEY_BYTES = 12

A = TypeVar("A", bound=msgspec.Struct)
R = TypeVar("R")
C = TypeVar("C", bound=Callable[..., object])


@click.group()
def central() -> None:
    """Found, serve and operate the central platform."""


def _config_option(command: C) -> C:
    return click.option(
        "--config",
        "config_path",
        type=click.Path(path_type=Path, dir_okay=False, exists=True),
        default=CONFIG_FILE,
        show_default=True,
        help="The platform's configuration file.",
    )(command)


def _json_option(command: C) -> C:
    return click.option("--json", "as_json", is_flag=True, help="Print the answer as JSON.")(
        command
    )


def _key_option(command: C) -> C:
    return click.option("--key", help="Idempotency key; made anew unless given.")(command)


@central.command()
@click.argument("directory", type=click.Path(path_type=Path, file_okay=False))
@click.option("--suite", type=click.Choice(SUITE_NAMES), default=DEFAULT_SUITE, show_default=True)
@click.option("--host", default="127.0.0.1", show_default=True)
@click.option("--port", type=click.IntRange(0, 65_535), default=DEFAULT_PORT, show_default=True)
def init(directory: Path, suite: str, host: str, port: int) -> None:
    """Found a network: make the root key and certificate, a token, and the configuration."""
    try:
        config_path = found_network(directory, suite, host, port)
    except Refusal as refusal:
        raise click.ClickException(refusal.detail) from refusal
    click.echo(
        f"{config_path}\nGive {directory / ROOT_FILE} to everybody: it is the root of trust."
    )


@central.command()
@_config_option
def serve(config_path: Path) -> None:
    """Serve the platform until it is told to stop."""
    _run(central_server.serve_central(config_path))


@central.command()
@_config_option
@_json_option
def report(config_path: Path, as_json: bool) -> None:
    """Show the books; fails when an invariant does not hold."""
    answer = _run(_client(config_path).get(central_server.REPORT, Report))
    _show(answer, as_json, report_text(answer))
    if not answer.in_order:
        raise click.exceptions.Exit(1)


@central.command()
@click.argument("code")
@click.argument("public_key")
@click.argument("url")
@_key_option
@_config_option
@_json_option
def admit(
    code: str, public_key: str, url: str, key: str | None, config_path: Path, as_json: bool
) -> None:
    """Admit the institution CODE with its PUBLIC_KEY (hexadecimal), which answers at URL."""
    admission = Admission(_key(key), code, public_key, url)
    answer = _do(config_path, central_server.INSTITUTIONS, admission, Admitted)
    _show(answer, as_json, f"{answer.code} stands in directory {answer.directory_number}.")


@central.group()
def reserves() -> None:
    """Pay the reserves of institutions in or out."""


@reserves.command()
@click.argument("code")
@click.argument("amount")
@_key_option
@_config_option
@_json_option
def credit(code: str, amount: str, key: str | None, config_path: Path, as_json: bool) -> None:
    """Pay AMOUNT (such as 1000.00) into the reserves of the institution CODE."""
    _change_reserves(config_path, ReservesChange(_key(key), code, _amount(amount)), as_json)


@reserves.command()
@click.argument("code")
@click.argument("amount")
@_key_option
@_config_option
@_json_option
def debit(code: str, amount: str, key: str | None, config_path: Path, as_json: bool) -> None:
    """Pay AMOUNT (such as 1000.00) out of the reserves of the institution CODE."""
    _change_reserves(config_path, ReservesChange(_key(key), code, -_amount(amount)), as_json)


def _change_reserves(config_path: Path, change: ReservesChange, as_json: bool) -> None:
    answer = _do(config_path, central_server.RESERVES, change, ReservesBalance)
    _show(answer, as_json, f"{answer.code} has reserves of {format_amount(answer.reserves_minor)}.")


@central.command()
@click.argument("chosen", type=click.Choice([mode.value for mode in SettlementMode]))
@_key_option
@_config_option
@_json_option
def mode(chosen: str, key: str | None, config_path: Path, as_json: bool) -> None:
    """Choose when claims settle: gross, as they come, or net, in cycles."""
    change = ModeChange(_key(key), SettlementMode(chosen))
    answer = _do(config_path, central_server.MODE, change, ModeChosen)
    _show(answer, as_json, f"Claims settle {answer.mode}.")


@central.command()
@_key_option
@_config_option
@_json_option
def settle(key: str | None, config_path: Path, as_json: bool) -> None:
    """Run a net cycle over every claim that waits."""
    order = CycleOrder(_key(key))
    answer = _do(config_path, central_server.CYCLES, order, CycleReport)
    _show(answer, as_json, cycle_text(answer))


def _key(given: str | None) -> str:
    return given or system_entropy(KEY_BYTES).hex()


def _amount(text: str) -> int:
    try:
        return parse_amount(text)
    except Refusal as refusal:
        raise click.BadParameter(refusal.detail) from refusal


def _client(config_path: Path) -> OperatorClient:
    try:
        config = load(config_path, CentralConfig)
        token = read_secret(config_path.parent / config.operator_token_file)
    except Refusal as refusal:
        raise click.ClickException(refusal.detail) from refusal
    return OperatorClient(f"http://{config.host}:{config.port}", token)


Keyed = Admission | ReservesChange | ModeChange | CycleOrder


def _do(config_path: Path, path: str, body: Keyed, answer: type[A]) -> A:
    """Post `body`; when nothing is decided, say with which key to try again."""
    try:
        return asyncio.run(_client(config_path).post(path, body, answer))
    except Refusal as refusal:
        again = f"; try again with --key {body.key}" if refusal.outcome in UNDECIDED else ""
        raise click.ClickException(f"{refusal}{again}") from refusal


def _run(work: Coroutine[None, None, R]) -> R:
    try:
        return asyncio.run(work)
    except Refusal as refusal:
        raise click.ClickException(str(refusal)) from refusal


def _show(answer: msgspec.Struct, as_json: bool, text: str) -> None:
    click.echo(msgspec.json.encode(answer).decode() if as_json else text)
