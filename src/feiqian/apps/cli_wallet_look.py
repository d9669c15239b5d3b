"""``feiqian wallet balance`` and ``history``: looking, without PIN or network."""

from pathlib import Path

import click
import msgspec

from feiqian.apps import wallet_text
from feiqian.apps.output import Output, command, counted
from feiqian.apps.wallet_options import opened_wallet, wallet_option
from feiqian.money.amounts import format_amount
from feiqian.wallet import history as histories


class HistoryAnswer(msgspec.Struct, frozen=True):
    """What `history` answers, newest first."""

    entries: list[histories.HistoryLine]


@click.command()
@wallet_option
@command
async def balance(output: Output, folder: Path) -> None:
    """What the chip holds; needs no network."""
    async with opened_wallet(folder) as opened:
        answer = await opened.balance()
        number = opened.number
    output.result(
        answer,
        f"{number} holds {format_amount(answer.held_minor)}"
        f" in {counted(answer.piece_count, 'piece', 'pieces')};"
        f" {format_amount(answer.spendable_minor)} can be spent now",
        *wallet_text.balance_lines(answer),
    )


@click.command()
@wallet_option
@command
async def history(output: Output, folder: Path) -> None:
    """What happened, newest first."""
    async with opened_wallet(folder) as opened:
        answer = HistoryAnswer(await opened.history())
    output.result(answer, *map(wallet_text.history_line, answer.entries))
