"""``feiqian evidence``: read evidence of a double spend, and verify it offline, under the root alone.

Exit code of ``verify``: 0 when the evidence proves a double spend; 1 when it does not, with the
outcome's name.
"""

from pathlib import Path

import click
from msgspec import Struct

from feiqian.apps.cli_list import root_option, suite_option
from feiqian.apps.output import Output, command
from feiqian.apps.roots import trust_in
from feiqian.crypto import cbor
from feiqian.crypto.certificates import parse_certificate
from feiqian.crypto.suite_names import suite_named
from feiqian.crypto.suites import Suite
from feiqian.money.amounts import format_amount
from feiqian.money.transfer import parse_transfer
from feiqian.outcomes import Outcome, Refusal
from feiqian.wire.evidence import MAX_EVIDENCE_BYTES, Evidence, verify_evidence

file_argument = click.argument("file", type=click.Path(path_type=Path, dir_okay=False))


class ShownTransfer(Struct, frozen=True):
    """One of the two transfers; identifiers in hexadecimal."""

    transfer: str
    payee: str
    amount_minor: int
    change_minor: int
    counter: int
    moment_ms: int


class ShownEvidence(Struct, frozen=True):
    """What evidence claims; nothing of it is verified."""

    wallet: str
    institution: str
    consumed: str
    transfers: tuple[ShownTransfer, ShownTransfer]


class Proven(Struct, frozen=True):
    """What verified evidence proves."""

    evidence: str
    wallet: str
    institution: str
    offender: str
    consumed: str
    transfers: tuple[str, str]


@click.group()
def evidence() -> None:
    """Evidence of double spends: show it, verify it."""


@evidence.command()
@file_argument
@suite_option
@command
async def show(output: Output, file: Path, suite: str) -> None:
    """Show what the evidence in FILE claims, without verifying it."""
    chosen = suite_named(suite)
    claimed = cbor.decode(_read(file), Evidence, limit=MAX_EVIDENCE_BYTES)
    owner = parse_certificate(chosen, claimed.owner_certificate).value
    shown = ShownEvidence(
        owner.subject,
        owner.issuer,
        claimed.consumed.hex(),
        (_transfer(chosen, claimed.first), _transfer(chosen, claimed.second)),
    )
    output.result(
        shown,
        f"Wallet {shown.wallet} is said to have spent {shown.consumed} twice (not verified):",
        *(
            f"{format_amount(each.amount_minor)} to {each.payee}, transfer {each.transfer}"
            for each in shown.transfers
        ),
    )


@evidence.command()
@file_argument
@root_option
@suite_option
@command
async def verify(output: Output, file: Path, root: Path, suite: str) -> None:
    """Verify the evidence in FILE under the network's root, without a network."""
    accusation = verify_evidence(trust_in(root, suite), _read(file))
    proven = Proven(
        accusation.name.hex(),
        accusation.wallet,
        accusation.institution,
        accusation.offender.hex(),
        accusation.consumed.hex(),
        (accusation.transfers[0].hex(), accusation.transfers[1].hex()),
    )
    output.result(
        proven, f"Proven: wallet {proven.wallet} has signed two transfers of {proven.consumed}."
    )


def _read(file: Path) -> bytes:
    if not file.is_file():
        raise Refusal(Outcome.MALFORMED, f"expected evidence in {file}")
    with file.open("rb") as opened:
        return opened.read(MAX_EVIDENCE_BYTES + 1)


def _transfer(suite: Suite, raw: bytes) -> ShownTransfer:
    transfer = parse_transfer(suite, raw)
    value = transfer.value
    return ShownTransfer(
        transfer.name.hex(),
        value.payee.hex(),
        value.amount_minor,
        value.change_minor,
        value.counter,
        value.moment.midpoint_ms,
    )
