"""``feiqian central list``: the operator's side of the double-spending list and of its evidence."""

from pathlib import Path

import click

from feiqian.apps import central_server, control_operations
from feiqian.apps.central_client import as_option, client, config_option, do, key_option, new_key
from feiqian.apps.control_text import proposal_text
from feiqian.apps.output import Output, command
from feiqian.central.control_documents import ListingWish, ProposalStanding
from feiqian.central.list_documents import (
    EvidenceFound,
    EvidenceQuery,
    ListReport,
    ListRevocation,
    ListRevoked,
)

MAX_SHOWN = 10
"""Most offenders shown to people; ``--json`` has more."""


@click.group(name="list")
def list_group() -> None:
    """The double-spending list: show it, revoke what is wrong, find the evidence."""


@list_group.command()
@config_option
@command
async def show(output: Output, config_path: Path) -> None:
    """Show the newest version and who was listed last."""
    answer = await client(config_path).get(central_server.LIST, ListReport)
    output.result(
        answer,
        f"Version {answer.number}: {answer.identifiers} states spent twice,"
        f" {answer.offenders} offenders, {answer.evidence} pieces of evidence.",
        *(f"{each.wallet} {each.fingerprint}" for each in answer.newest_offenders[:MAX_SHOWN]),
    )


@list_group.command()
@click.argument("subject")
@click.argument("reason")
@key_option
@config_option
@command
async def revoke(output: Output, subject: str, reason: str, key: str, config_path: Path) -> None:
    """Take SUBJECT, an identifier or a wallet number, off the list, for REASON."""
    revocation = ListRevocation(key or new_key(), subject, reason)
    answer = await do(config_path, central_server.REVOCATIONS, revocation, ListRevoked)
    output.result(
        answer,
        f"Version {answer.number} is without {answer.identifiers} states"
        f" and {answer.offenders} offenders.",
    )


@list_group.command(name="wallet")
@click.argument("wallet")
@click.argument("reason")
@click.option("--fingerprint", default="", help="Of its chip, when it has no satellite channel.")
@key_option
@as_option
@config_option
@command
async def list_wallet(
    output: Output,
    wallet: str,
    reason: str,
    fingerprint: str,
    key: str,
    token_path: Path | None,
    config_path: Path,
) -> None:
    """Propose to list the risk WALLET, for REASON; another operator approves it."""
    wish = ListingWish(key or new_key(), wallet, reason, fingerprint)
    path = control_operations.LISTINGS
    answer = await do(config_path, path, wish, ProposalStanding, token_path)
    output.result(answer, proposal_text(answer))


@list_group.command()
@click.argument("subject")
@config_option
@command
async def evidence(output: Output, subject: str, config_path: Path) -> None:
    """Find evidence by SUBJECT: its name, an identifier, a fingerprint, a wallet number."""
    query = EvidenceQuery(subject)
    answer = await client(config_path).post(central_server.EVIDENCE, query, EvidenceFound)
    output.result(
        answer,
        f"{len(answer.found)} found.",
        *(f"{each.identifier} {each.wallet}, from {each.reporter}" for each in answer.found),
    )
