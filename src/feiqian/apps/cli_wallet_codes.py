"""``feiqian wallet pin`` and ``unblock``: the codes of the chip, which only the chip can judge.

Both need neither network nor institution. A wrong code costs one of its tries, and the answer says how
many are left; after the last wrong PUK the chip can only be replaced.
"""

from pathlib import Path

import click
import msgspec

from feiqian.apps import wallet_home
from feiqian.apps.output import Output, command
from feiqian.apps.wallet_options import pin_option, read_code, read_pin, wallet_option
from feiqian.chip.session import ChipSession
from feiqian.outcomes import Outcome


class TriesLeft(msgspec.Struct, frozen=True):
    """What both answer: tries left of each code."""

    outcome: Outcome
    pin_tries: int
    puk_tries: int


new_pin_option = click.option(
    "--new-pin", envvar="FEIQIAN_NEW_PIN", default=None, help="Else FEIQIAN_NEW_PIN, or asked."
)


@click.command("pin")
@wallet_option
@pin_option
@new_pin_option
@command
async def change_pin(output: Output, folder: Path, pin: str | None, new_pin: str | None) -> None:
    """Change the PIN, knowing it."""
    old, new = read_pin(output, pin), _read_new_pin(output, new_pin)
    async with wallet_home.open_home(folder) as home:
        home.around.chip.change_pin(old, new)
        answer = _codes(home.around.chip)
    output.result(answer, "The PIN is changed.")


@click.command()
@wallet_option
@click.option("--puk", envvar="FEIQIAN_PUK", default=None, help="Else FEIQIAN_PUK, or asked.")
@new_pin_option
@command
async def unblock(output: Output, folder: Path, puk: str | None, new_pin: str | None) -> None:
    """Set a new PIN by the PUK, also after three wrong PINs."""
    code = read_code(output, puk, "PUK", "--puk or FEIQIAN_PUK")
    new = _read_new_pin(output, new_pin)
    async with wallet_home.open_home(folder) as home:
        home.around.chip.unblock_pin(code, new)
        answer = _codes(home.around.chip)
    output.result(answer, "The PIN is set; the chip takes it from now on.")


def _read_new_pin(output: Output, new_pin: str | None) -> bytes:
    return read_code(output, new_pin, "New PIN", "--new-pin or FEIQIAN_NEW_PIN", new=True)


def _codes(chip: ChipSession) -> TriesLeft:
    status = chip.status()
    return TriesLeft(Outcome.ACCEPTED, status.pin_tries, status.puk_tries)
