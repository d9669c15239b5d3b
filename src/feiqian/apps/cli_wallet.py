"""``feiqian wallet``: what a holder does, one command at a time, with a software chip in a file.

Here are opening and synchronising; the other commands come from modules of their own.
"""

import secrets
import sys
from pathlib import Path

import click
import msgspec

from feiqian.apps import wallet_home
from feiqian.apps.cli_wallet_bank import convert, deposit, export, withdraw
from feiqian.apps.cli_wallet_codes import change_pin, unblock
from feiqian.apps.cli_wallet_look import balance, history
from feiqian.apps.cli_wallet_pay import pay, receive
from feiqian.apps.cli_wallet_status import status
from feiqian.apps.cli_wallet_watch import carry, report, watch
from feiqian.apps.output import EXIT_UNDECIDED, Output, command
from feiqian.apps.wallet_options import (
    TimeSources,
    gnss_option,
    keep_time,
    pin_option,
    read_pin,
    unlocked,
    wallet_option,
)
from feiqian.apps.wallet_text import order_line
from feiqian.crypto.suite_names import DEFAULT_SUITE, SUITE_NAMES
from feiqian.money.amounts import format_amount
from feiqian.money.limits import DEFAULT_TIER
from feiqian.outcomes import Refusal
from feiqian.wallet import opening

PUK_DIGITS = 8


class Opened(msgspec.Struct, frozen=True, omit_defaults=True):
    """What `open` answers; the PUK only when the chip was new."""

    number: str
    institution: str
    tier: int
    account: str
    root_fingerprint: str
    puk: str = ""


@click.group()
def wallet() -> None:
    """Hold, pay and receive digital currency."""


for each in (
    balance,
    carry,
    change_pin,
    convert,
    deposit,
    export,
    history,
    pay,
    receive,
    report,
    status,
    unblock,
    watch,
    withdraw,
):
    wallet.add_command(each)


@wallet.command("open")
@wallet_option
@click.option("--network", required=True, metavar="DIR|URL", help="A network's directory or URL.")
@click.option("--institution", required=True, metavar="CODE", help="Whose wallet it is to be.")
@click.option("--tier", type=click.IntRange(0, 3), default=DEFAULT_TIER, show_default=True)
@click.option("--suite", type=click.Choice(SUITE_NAMES), default=DEFAULT_SUITE, show_default=True)
@pin_option
@command
async def open_command(
    output: Output,
    folder: Path,
    network: str,
    institution: str,
    tier: int,
    suite: str,
    pin: str | None,
) -> None:
    """Open a wallet at an institution; the PIN given becomes the chip's."""
    secret = read_pin(output, pin, new=True)
    puk = "".join(secrets.choice("0123456789") for _ in range(PUK_DIGITS))
    await wallet_home.prepare(folder, network, suite, institution)
    async with wallet_home.open_home(folder) as home:
        blank = not home.around.chip.status().public_key
        await home.update_directory()
        await keep_time(home, TimeSources())
        output.progress(f"Opening a wallet at {institution} ...")
        holder = await opening.open_wallet(home.around, institution, tier, secret, puk.encode())
        shown = puk if blank else ""
        root = home.around.trust.root.fingerprint.hex()
        tier = holder.certificate.value.tier
        answer = Opened(holder.number, institution, tier, holder.account, root, shown)
    output.result(
        answer,
        f"Wallet {answer.number} is open, tier {tier}; it trusts the root {root[:16]}...",
        *([f"Keep this PUK, it unblocks the PIN: {shown}"] if shown else []),
    )


@wallet.command()
@wallet_option
@pin_option
@gnss_option
@command
async def sync(output: Output, folder: Path, pin: str | None) -> None:
    """Take up everything that a crash or a lost connection left open."""
    secret = read_pin(output, pin)
    async with wallet_home.open_home(folder) as home:
        opened = unlocked(home.wallet, folder, secret)
        output.progress("Synchronising ...")
        try:
            await home.update_directory()
        except Refusal as refusal:
            output.progress(f"Without a newer directory: {refusal.detail}")
        await keep_time(home, TimeSources(anew=True))
        report = await opened.synchronise()
    output.result(
        report,
        f"{report.settled} settled, {report.pending} pending,"
        f" {format_amount(report.loaded_minor)} loaded,"
        f" {format_amount(report.unverified_minor)} not verified yet",
        *(f"Order {order_line(each)}" for each in report.judged),
        *report.problems,
    )
    if report.pending:
        sys.exit(EXIT_UNDECIDED)
