"""``feiqian wallet withdraw``, ``deposit``, ``export`` and ``convert``: between chip and bank."""

from pathlib import Path

import click
import msgspec

from feiqian.apps.output import Output, command
from feiqian.apps.wallet_options import (
    TimeSources,
    amount_option,
    opened_wallet,
    pin_option,
    read_amount,
    read_pin,
    wallet_option,
)
from feiqian.money.amounts import format_amount, parse_amount
from feiqian.outcomes import Outcome


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


@click.command()
@wallet_option
@pin_option
@click.option("--amount", required=True, help="Such as 12.50.")
@command
async def withdraw(output: Output, folder: Path, pin: str | None, amount: str) -> None:
    """Bank money into the chip."""
    amount_minor = parse_amount(amount)
    async with opened_wallet(folder, read_pin(output, pin), TimeSources()) as opened:
        await opened.withdraw(amount_minor)
        held_minor = (await opened.balance()).held_minor
    _moved(output, "Withdrawn", amount_minor, held_minor)


@click.command()
@wallet_option
@pin_option
@amount_option
@command
async def deposit(output: Output, folder: Path, pin: str | None, amount: str | None) -> None:
    """Currency from the chip into the bank account; all that goes at once without --amount."""
    async with opened_wallet(folder, read_pin(output, pin), TimeSources()) as opened:
        moved_minor = await opened.deposit(read_amount(amount))
        held_minor = (await opened.balance()).held_minor
    _moved(output, "Deposited", moved_minor, held_minor)


@click.command()
@wallet_option
@pin_option
@amount_option
@command
async def export(output: Output, folder: Path, pin: str | None, amount: str | None) -> None:
    """Take currency back from the chip, and show the chip's own record of it."""
    async with opened_wallet(folder, read_pin(output, pin), TimeSources()) as opened:
        moved_minor, totals = await opened.export(read_amount(amount))
    answer = Exported(Outcome.ACCEPTED, moved_minor, totals.exported_count, totals.exported_minor)
    output.result(
        answer,
        f"Exported {format_amount(moved_minor)}; the chip has recorded {answer.exported_count}"
        f" exports of {format_amount(answer.exported_minor)} in its life",
    )


@click.command()
@wallet_option
@pin_option
@command
async def convert(output: Output, folder: Path, pin: str | None) -> None:
    """Change currencies of other issuers, or several small pieces, into one own currency."""
    async with opened_wallet(folder, read_pin(output, pin), TimeSources()) as opened:
        moved_minor = await opened.convert()
        held_minor = (await opened.balance()).held_minor
    _moved(output, "Converted", moved_minor, held_minor)


def _moved(output: Output, verb: str, amount_minor: int, held_minor: int) -> None:
    output.result(
        Moved(Outcome.ACCEPTED, amount_minor, held_minor),
        f"{verb} {format_amount(amount_minor)}; the chip holds {format_amount(held_minor)}",
    )
