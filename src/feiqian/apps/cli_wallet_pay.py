"""``feiqian wallet pay`` and ``receive``: over a link, with another client at its other end."""

import asyncio
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import click
import msgspec

from feiqian.adapters.link_addresses import FORMS, parse_link
from feiqian.adapters.links import open_to_pay, open_to_receive
from feiqian.adapters.qr_codes import terminal_code
from feiqian.apps.output import Output, command
from feiqian.apps.wallet_options import (
    TimeSources,
    amount_option,
    gnss_option,
    opened_wallet,
    pin_option,
    read_amount,
    read_pin,
    wallet_option,
)
from feiqian.money.amounts import format_amount
from feiqian.outcomes import SUCCESSES, Outcome, Refusal
from feiqian.ports import Link
from feiqian.protocol.payment.effects import Finish
from feiqian.wallet.payments import Intake

BY_IDENTIFIER, OFFLINE = "identifier", "offline"
"""How `pay` pays, if not in the usual way."""
CLEAR_SCREEN = "\x1b[H\x1b[2J"
LINK_HELP = f"{FORMS}; see docs/links.md."


class PaymentEnd(msgspec.Struct, frozen=True):
    """What `pay` and `receive` answer."""

    outcome: Outcome
    detail: str
    amount_minor: int
    peer: str
    loaded: bool


link_option = click.option("--link", "link_text", required=True, help=LINK_HELP)


@click.command()
@wallet_option
@pin_option
@link_option
@amount_option
@gnss_option
@click.option(
    "--identifier-only",
    "manner",
    flag_value=BY_IDENTIFIER,
    help="Send circulation identifiers where enough.",
)
@click.option(
    "--offline", "manner", flag_value=OFFLINE, help="Only to a payee whose chip takes it in."
)
@click.option("--again", default="", metavar="REFERENCE", help="Hand over a pending payment again.")
@command
async def pay(
    output: Output,
    folder: Path,
    pin: str | None,
    link_text: str,
    amount: str | None,
    manner: str | None,
    again: str,
) -> None:
    """Pay over a link: AMOUNT, or what the payee asks."""
    address, wanted_minor, pending = parse_link(link_text), read_amount(amount), _reference(again)
    sources = TimeSources(online=manner != OFFLINE)
    async with opened_wallet(folder, read_pin(output, pin), sources) as opened:
        output.progress(f"Looking for the payee at {link_text} ...")
        link = await open_to_pay(address, _show(output))
        async with _closing(link):
            if pending:
                finish = await opened.present_again(link, pending)
            else:
                finish = await opened.pay(
                    link,
                    wanted_minor,
                    by_identifier=manner == BY_IDENTIFIER,
                    offline=manner == OFFLINE,
                    approve=_approval(output, asked=wanted_minor is None),
                )
    _settled(output, finish, f"Paid {format_amount(finish.amount_minor)} to {finish.peer}")


@click.command()
@wallet_option
@pin_option
@link_option
@amount_option
@gnss_option
@click.option(
    "--chip",
    "intake",
    flag_value=Intake.CHIP.value,
    help="Into the chip: verified by the back end, or without a connection by the list.",
)
@click.option(
    "--offline",
    "intake",
    flag_value=Intake.OFFLINE.value,
    help="Into the chip, and touch no network.",
)
@command
async def receive(
    output: Output,
    folder: Path,
    pin: str | None,
    link_text: str,
    amount: str | None,
    intake: str | None,
) -> None:
    """Be paid over a link: AMOUNT, or what the payer sets. Needs no PIN."""
    address, asked_minor = parse_link(link_text), read_amount(amount)
    sources = TimeSources(online=intake != Intake.OFFLINE)
    async with opened_wallet(folder, None if pin is None else pin.encode(), sources) as opened:
        await opened.check_intake(Intake(intake or Intake.MANAGER))
        link = await open_to_receive(
            address, _show(output), lambda where: output.progress(f"Waiting for a payer at {where}")
        )
        async with _closing(link):
            finish = await opened.receive(link, asked_minor, Intake(intake or Intake.MANAGER))
    how = f"; {finish.detail}" if intake else ""
    sentence = f"Received {format_amount(finish.amount_minor)} from {finish.peer}{how}"
    _settled(output, finish, sentence)


@asynccontextmanager
async def _closing(link: Link) -> AsyncIterator[None]:
    try:
        yield
    finally:
        await link.close()


def _reference(text: str) -> bytes:
    try:
        return bytes.fromhex(text)
    except ValueError:
        raise Refusal(Outcome.MALFORMED, "expected a reference as history shows it") from None


def _approval(output: Output, *, asked: bool) -> Callable[[int, str], Any]:
    """Ask people about an amount that they have not set themselves."""

    async def approve(amount_minor: int, payee: str) -> bool:
        if not asked or output.as_json or not sys.stdin.isatty():
            return True
        question = f"Pay {format_amount(amount_minor)} to {payee}?"
        return await asyncio.to_thread(click.confirm, question, err=True)

    return approve


def _show(output: Output) -> Callable[[bytes], None]:
    """Show QR codes in the terminal, to people at one, each in the place of the one before."""

    def show(data: bytes) -> None:
        if not output.as_json and sys.stderr.isatty():
            click.echo(CLEAR_SCREEN, nl=False, err=True)
            output.progress(terminal_code(data))

    return show


def _settled(output: Output, finish: Finish, sentence: str) -> None:
    if finish.outcome not in SUCCESSES:
        raise Refusal(finish.outcome, finish.detail)
    answer = PaymentEnd(
        finish.outcome, finish.detail, finish.amount_minor, finish.peer, finish.loaded
    )
    later = [] if finish.loaded else ["Load it onto the chip with: feiqian wallet sync"]
    output.result(answer, sentence, *later)
