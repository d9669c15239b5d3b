"""``feiqian wallet``: what a holder does, one command at a time, with a software chip in a file."""

import asyncio
import secrets
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, TypeVar

import click
import msgspec

from feiqian.adapters.link_addresses import FORMS, parse_link
from feiqian.adapters.links import open_to_pay, open_to_receive
from feiqian.adapters.qr_codes import terminal_code
from feiqian.apps import wallet_home, wallet_text
from feiqian.apps.output import EXIT_UNDECIDED, Output, command
from feiqian.crypto.suite_names import DEFAULT_SUITE, SUITE_NAMES
from feiqian.money.amounts import format_amount, parse_amount
from feiqian.money.limits import DEFAULT_TIER
from feiqian.outcomes import SUCCESSES, Outcome, Refusal
from feiqian.ports import Link
from feiqian.protocol.effects import Finish
from feiqian.wallet import history as histories
from feiqian.wallet import opening
from feiqian.wallet.payments import Intake
from feiqian.wallet.wallet import Wallet

F = TypeVar("F", bound=Callable[..., Any])

PUK_DIGITS = 8
BY_IDENTIFIER, OFFLINE = "identifier", "offline"
"""How `pay` pays, if not in the usual way."""
CLEAR_SCREEN = "\x1b[H\x1b[2J"
LINK_HELP = f"{FORMS}; see docs/links.md."


class Opened(msgspec.Struct, frozen=True, omit_defaults=True):
    """What `open` answers; the PUK only when the chip was new."""

    number: str
    institution: str
    tier: int
    account: str
    root_fingerprint: str
    puk: str = ""


class Moved(msgspec.Struct, frozen=True):
    """What a movement between chip and bank answers; amounts in minor units."""

    outcome: Outcome
    amount_minor: int
    held_minor: int


class Exported(msgspec.Struct, frozen=True):
    """What `export` answers, with the chip's own record."""

    outcome: Outcome
    amount_minor: int
    exported_count: int
    exported_minor: int


class Settled(msgspec.Struct, frozen=True):
    """What `pay` and `receive` answer."""

    outcome: Outcome
    detail: str
    amount_minor: int
    peer: str
    loaded: bool


class Past(msgspec.Struct, frozen=True):
    """What `history` answers, newest first."""

    entries: list[histories.Entry]


wallet_option = click.option(
    "--wallet",
    "folder",
    metavar="PATH",
    type=click.Path(path_type=Path, file_okay=False),
    required=True,
    envvar="FEIQIAN_WALLET",
    help="The wallet's directory.",
)
pin_option = click.option(
    "--pin", envvar="FEIQIAN_PIN", default=None, help="The chip's PIN; else FEIQIAN_PIN, or asked."
)
link_option = click.option("--link", "link_text", required=True, help=LINK_HELP)
amount_option = click.option("--amount", default=None, help="Such as 12.50.")


@click.group()
def wallet() -> None:
    """Hold, pay and receive digital currency."""


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
    secret = _pin(output, pin, new=True)
    puk = "".join(secrets.choice("0123456789") for _ in range(PUK_DIGITS))
    await wallet_home.prepare(folder, network, suite, institution)
    async with wallet_home.open_home(folder) as home:
        blank = not home.around.chip.status().public_key
        await home.update_directory()
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
@command
async def balance(output: Output, folder: Path) -> None:
    """What the chip holds; needs no network."""
    async with _wallet(folder) as opened:
        answer = await opened.balance()
        number = opened.number
    output.result(
        answer,
        f"{number} holds {format_amount(answer.held_minor)} in {answer.piece_count} pieces;"
        f" {format_amount(answer.spendable_minor)} can be spent now",
        *wallet_text.balance_lines(answer),
    )


@wallet.command()
@wallet_option
@pin_option
@click.option("--amount", required=True, help="Such as 12.50.")
@command
async def withdraw(output: Output, folder: Path, pin: str | None, amount: str) -> None:
    """Bank money into the chip."""
    amount_minor = parse_amount(amount)
    async with _wallet(folder, _pin(output, pin)) as opened:
        await opened.withdraw(amount_minor)
        held_minor = (await opened.balance()).held_minor
    _moved(output, "Withdrawn", amount_minor, held_minor)


@wallet.command()
@wallet_option
@pin_option
@amount_option
@command
async def deposit(output: Output, folder: Path, pin: str | None, amount: str | None) -> None:
    """Currency from the chip into the bank account; all that goes at once without --amount."""
    async with _wallet(folder, _pin(output, pin)) as opened:
        moved_minor = await opened.deposit(_amount(amount))
        held_minor = (await opened.balance()).held_minor
    _moved(output, "Deposited", moved_minor, held_minor)


@wallet.command()
@wallet_option
@pin_option
@amount_option
@command
async def export(output: Output, folder: Path, pin: str | None, amount: str | None) -> None:
    """Take currency back from the chip, and show the chip's own record of it."""
    async with _wallet(folder, _pin(output, pin)) as opened:
        moved_minor, totals = await opened.export(_amount(amount))
    answer = Exported(Outcome.ACCEPTED, moved_minor, totals.exported_count, totals.exported_minor)
    output.result(
        answer,
        f"Exported {format_amount(moved_minor)}; the chip has recorded {answer.exported_count}"
        f" exports of {format_amount(answer.exported_minor)} in its life",
    )


@wallet.command()
@wallet_option
@pin_option
@command
async def convert(output: Output, folder: Path, pin: str | None) -> None:
    """Change currencies of other issuers, or several small pieces, into one own currency."""
    async with _wallet(folder, _pin(output, pin)) as opened:
        moved_minor = await opened.convert()
        held_minor = (await opened.balance()).held_minor
    _moved(output, "Converted", moved_minor, held_minor)


@wallet.command()
@wallet_option
@pin_option
@link_option
@amount_option
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
    address, wanted_minor, pending = parse_link(link_text), _amount(amount), _reference(again)
    async with _wallet(folder, _pin(output, pin)) as opened:
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


@wallet.command()
@wallet_option
@pin_option
@link_option
@amount_option
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
    address, asked_minor = parse_link(link_text), _amount(amount)
    async with _wallet(folder, None if pin is None else pin.encode()) as opened:
        link = await open_to_receive(
            address, _show(output), lambda where: output.progress(f"Waiting for a payer at {where}")
        )
        async with _closing(link):
            finish = await opened.receive(link, asked_minor, Intake(intake or Intake.MANAGER))
    how = f"; {finish.detail}" if intake else ""
    sentence = f"Received {format_amount(finish.amount_minor)} from {finish.peer}{how}"
    _settled(output, finish, sentence)


@wallet.command()
@wallet_option
@command
async def history(output: Output, folder: Path) -> None:
    """What happened, newest first."""
    async with _wallet(folder) as opened:
        answer = Past(await opened.history())
    output.result(answer, *map(wallet_text.history_line, answer.entries))


@wallet.command()
@wallet_option
@pin_option
@command
async def sync(output: Output, folder: Path, pin: str | None) -> None:
    """Take up everything that a crash or a lost connection left open."""
    secret = _pin(output, pin)
    async with wallet_home.open_home(folder) as home:
        opened = _opened(home.wallet, folder, secret)
        output.progress("Synchronising ...")
        try:
            await home.update_directory()
        except Refusal as refusal:
            output.progress(f"Without a newer directory: {refusal.detail}")
        report = await opened.synchronise()
    output.result(
        report,
        f"{report.settled} settled, {report.pending} pending,"
        f" {format_amount(report.loaded_minor)} loaded,"
        f" {format_amount(report.unverified_minor)} not verified yet",
        *report.problems,
    )
    if report.pending:
        sys.exit(EXIT_UNDECIDED)


# What the commands share --------------------------------------------------------------------------
@asynccontextmanager
async def _wallet(folder: Path, pin: bytes | None = None) -> AsyncIterator[Wallet]:
    async with wallet_home.open_home(folder) as home:
        yield _opened(home.wallet, folder, pin)


def _opened(opened: Wallet | None, folder: Path, pin: bytes | None) -> Wallet:
    if opened is None:
        raise Refusal(Outcome.UNKNOWN_WALLET, f"the wallet in {folder} is not open yet")
    if pin is not None:
        opened.unlock(pin)
    return opened


@asynccontextmanager
async def _closing(link: Link) -> AsyncIterator[None]:
    try:
        yield
    finally:
        await link.close()


def _pin(output: Output, pin: str | None, *, new: bool = False) -> bytes:
    """The PIN from the option, the environment or the keyboard; never shown."""
    if pin is None and (output.as_json or not sys.stdin.isatty()):
        raise click.UsageError("expected --pin or FEIQIAN_PIN")
    if pin is None:
        pin = click.prompt("PIN", hide_input=True, confirmation_prompt=new, err=True)
    return pin.encode()


def _amount(text: str | None) -> int | None:
    return None if text is None else parse_amount(text)


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


def _moved(output: Output, verb: str, amount_minor: int, held_minor: int) -> None:
    output.result(
        Moved(Outcome.ACCEPTED, amount_minor, held_minor),
        f"{verb} {format_amount(amount_minor)}; the chip holds {format_amount(held_minor)}",
    )


def _settled(output: Output, finish: Finish, sentence: str) -> None:
    if finish.outcome not in SUCCESSES:
        raise Refusal(finish.outcome, finish.detail)
    answer = Settled(finish.outcome, finish.detail, finish.amount_minor, finish.peer, finish.loaded)
    later = [] if finish.loaded else ["Load it onto the chip with: feiqian wallet sync"]
    output.result(answer, sentence, *later)
