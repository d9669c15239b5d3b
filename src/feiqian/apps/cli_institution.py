"""``feiqian institution``: serve an operating institution, and operate it."""

from pathlib import Path

import click
import msgspec

from feiqian.adapters.operator_client import OperatorClient
from feiqian.apps.central_client import new_key
from feiqian.apps.configuration import InstitutionConfig, load, read_secret
from feiqian.apps.institution_server import serve_institution
from feiqian.apps.output import Output, command
from feiqian.institution import documents
from feiqian.institution.tracing import Trace
from feiqian.money.amounts import format_amount, parse_amount

config_option = click.option(
    "--config",
    "config_path",
    type=click.Path(path_type=Path, dir_okay=False),
    default="institution.toml",
    show_default=True,
    help="The institution's configuration file.",
)
key_option = click.option(
    "--key", default="", help="Idempotency key: the same key never does it twice."
)


@click.group()
def institution() -> None:
    """Serve and operate an operating institution."""


@institution.command()
@config_option
@command
async def serve(output: Output, config_path: Path) -> None:
    """Serve until SIGTERM or SIGINT."""
    output.progress(f"Serving {config_path}; logs go to standard error.")
    await serve_institution(config_path)


@institution.command()
@click.option("--wallet", default="", help="Of one wallet, by number.")
@config_option
@command
async def reports(output: Output, wallet: str, config_path: Path) -> None:
    """What wallets' chips reported by satellite, and what the risk check found."""
    query = documents.ReportsQuery(wallet)
    answer = await _client(config_path).post("/api/wallet-reports", query, documents.KeyReports)
    output.result(answer, *map(_report_text, answer.reports))


def _report_text(shown: documents.KeyReport) -> str:
    found = ", ".join(shown.findings) or "nothing found"
    synchronised = "synchronised" if shown.synchronised else "not synchronised"
    balance = format_amount(shown.balance_minor)
    return f"{shown.wallet} report {shown.number}: {balance}, {found}, {synchronised}"


@institution.command()
@config_option
@command
async def report(output: Output, config_path: Path) -> None:
    """The institution at a glance."""
    answer = await _client(config_path).get("/api/report", documents.InstitutionReport)
    lines = [f"  {name:<24}{format_amount(minor):>16}" for name, minor in answer.balances.items()]
    output.result(
        answer,
        f"{answer.code}: {answer.wallets} wallets ({answer.frozen_wallets} frozen),"
        f" {answer.pending_items} items pending, {answer.double_spends} double spends found",
        *lines,
    )


@institution.command()
@click.argument("amount")
@click.option("--return", "give_back", is_flag=True, help="Give issuance back instead.")
@key_option
@config_option
@command
async def issuance(
    output: Output, amount: str, give_back: bool, key: str, config_path: Path
) -> None:
    """Order issuance of AMOUNT from the platform, against reserves."""
    amount_minor = -parse_amount(amount) if give_back else parse_amount(amount)
    body = documents.OrderIssuance(key or new_key(), amount_minor)
    answer = await _client(config_path).post("/api/issuance", body, documents.OrderedIssuance)
    output.result(
        answer,
        f"Order {answer.number}: {format_amount(answer.amount_minor)}; authorised now"
        f" {format_amount(answer.authorised_minor)}",
    )


@institution.command()
@config_option
@command
async def settle(output: Output, config_path: Path) -> None:
    """Claim at the platform what others owe, and book what has been settled."""
    body = documents.Nothing()
    answer = await _client(config_path).post("/api/settlement", body, documents.Settled)
    lines = [
        f"{claim.debtor}: {claim.outcome}, {format_amount(claim.settled_total_minor)} settled of"
        f" {format_amount(claim.claimed_total_minor)}"
        for claim in answer.claims
    ]
    output.result(answer, *(lines or ["Nothing to claim."]))


@institution.command("pay-in")
@click.argument("account")
@click.argument("amount")
@key_option
@config_option
@command
async def pay_in(output: Output, account: str, amount: str, key: str, config_path: Path) -> None:
    """Bank money of AMOUNT into ACCOUNT."""
    body = documents.PayIn(key or new_key(), account, parse_amount(amount))
    answer = await _client(config_path).post("/api/pay-ins", body, documents.AccountBalance)
    output.result(answer, f"{answer.account} holds {format_amount(answer.balance_minor)}")


@institution.command()
@click.argument("wallet")
@click.option("--unfreeze", is_flag=True, help="Unfreeze instead.")
@config_option
@command
async def freeze(output: Output, wallet: str, unfreeze: bool, config_path: Path) -> None:
    """Freeze WALLET: it neither withdraws nor is credited."""
    body = documents.Freeze(wallet, not unfreeze)
    answer = await _client(config_path).post("/api/freeze", body, documents.Freeze)
    output.result(answer, f"{answer.wallet} is {'frozen' if answer.frozen else 'active'}")


@institution.command()
@click.argument("identifier")
@config_option
@command
async def trace(output: Output, identifier: str, config_path: Path) -> None:
    """The history of the currency with this circulation IDENTIFIER or serial (hexadecimal)."""
    body = msgspec.convert({"identifier": identifier}, documents.TraceQuery)
    answer = await _client(config_path).post("/api/trace", body, Trace)
    output.result(
        answer,
        f"Serial {answer.serial}: {format_amount(answer.amount_minor)} issued to"
        f" {answer.issued_to[:16]}",
        *(
            f"  {step.payer[:16]} paid {step.payee[:16]} {format_amount(step.amount_minor)}, kept"
            f" {format_amount(step.change_minor)}"
            for step in answer.transfers
        ),
    )


def _client(config_path: Path) -> OperatorClient:
    config = load(config_path, InstitutionConfig)
    token = read_secret(config_path.parent / config.operator_token_file)
    return OperatorClient(f"http://{config.host}:{config.port}", token)
