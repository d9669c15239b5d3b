"""``feiqian central operator``, ``station`` and ``reports``: who may speak, and who has reported."""

from pathlib import Path

import click

from feiqian.adapters.clock import system_entropy
from feiqian.apps import control_operations
from feiqian.apps.central_client import as_option, client, config_option, do, key_option, new_key
from feiqian.apps.configuration import read_secret, write_secret
from feiqian.apps.control_text import proposal_text, report_text, station_text
from feiqian.apps.founding import TOKEN_BYTES
from feiqian.apps.output import Output, command
from feiqian.central.control_documents import (
    NewOperator,
    NewStation,
    OperatorAdded,
    OperatorRemoval,
    ProposalStanding,
    ReportQuery,
    StationReport,
    StationStanding,
    WalletReports,
)


@click.group(name="operator")
def operator_group() -> None:
    """Operators by name: what reaches many takes two of them."""


@operator_group.command()
@click.argument("name")
@click.option("--token", "new_path", type=click.Path(path_type=Path, dir_okay=False), default=None)
@key_option
@as_option
@config_option
@command
async def add(
    output: Output,
    name: str,
    new_path: Path | None,
    key: str,
    token_path: Path | None,
    config_path: Path,
) -> None:
    """Bring in the operator NAME, whose token is written to NAME.token, or kept if it is there."""
    path = new_path or config_path.parent / f"{name}.token"
    if not path.exists():
        write_secret(path, system_entropy(TOKEN_BYTES).hex())
    digest = control_operations.token_digest(read_secret(path)).hex()
    new = NewOperator(key or new_key(), name, digest)
    api = control_operations.OPERATORS
    answer = await do(config_path, api, new, ProposalStanding, token_path)
    output.result(answer, proposal_text(answer), f"The token of {name} is in {path}.")


@operator_group.command()
@click.argument("name")
@key_option
@as_option
@config_option
@command
async def remove(
    output: Output, name: str, key: str, token_path: Path | None, config_path: Path
) -> None:
    """End the token of the operator NAME."""
    removal = OperatorRemoval(key or new_key(), name)
    path = control_operations.REMOVALS
    answer = await do(config_path, path, removal, OperatorAdded, token_path)
    output.result(answer, f"{answer.name} is no operator any more.")


@click.group(name="station")
def station_group() -> None:
    """Ground stations, which carry satellite messages."""


@station_group.command(name="add")
@click.argument("name")
@click.argument("public_key")
@key_option
@as_option
@config_option
@command
async def add_station(
    output: Output,
    name: str,
    public_key: str,
    key: str,
    token_path: Path | None,
    config_path: Path,
) -> None:
    """Register the station NAME with its PUBLIC_KEY (hexadecimal; see `feiqian ground init`)."""
    new = NewStation(key or new_key(), name, public_key)
    path = control_operations.STATIONS
    answer = await do(config_path, path, new, StationStanding, token_path)
    output.result(answer, f"{answer.name} is registered.")


@station_group.command(name="list")
@as_option
@config_option
@command
async def list_stations(output: Output, token_path: Path | None, config_path: Path) -> None:
    """Show the stations, and how much is on the air."""
    api = client(config_path, token_path)
    answer = await api.get(control_operations.STATIONS, StationReport)
    output.result(
        answer,
        f"{answer.channels} channels, {answer.tasks} messages on the air.",
        *map(station_text, answer.stations),
    )


@click.command()
@click.option("--wallet", default="", help="Of one wallet, by number.")
@as_option
@config_option
@command
async def reports(output: Output, wallet: str, token_path: Path | None, config_path: Path) -> None:
    """Show what wallets reported by satellite, and what their institutions found."""
    api = client(config_path, token_path)
    query = ReportQuery(wallet)
    answer = await api.post(control_operations.REPORTS, query, WalletReports)
    output.result(answer, *map(report_text, answer.reports))
