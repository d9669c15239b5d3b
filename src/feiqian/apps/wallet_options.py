"""What the commands of a wallet share: its options, how it is opened, and how its PIN is asked for."""

import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import click

from feiqian.apps import wallet_home
from feiqian.apps.output import Output
from feiqian.money.amounts import parse_amount
from feiqian.outcomes import Outcome, Refusal
from feiqian.wallet.wallet import Wallet

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
amount_option = click.option("--amount", default=None, help="Such as 12.50.")


@asynccontextmanager
async def opened_wallet(folder: Path, pin: bytes | None = None) -> AsyncIterator[Wallet]:
    """The wallet in `folder`, unlocked if a PIN is given. `Refusal` unknown_wallet, and by PIN."""
    async with wallet_home.open_home(folder) as home:
        yield unlocked(home.wallet, folder, pin)


def unlocked(opened: Wallet | None, folder: Path, pin: bytes | None) -> Wallet:
    """A wallet that is open, unlocked if a PIN is given; refusals likewise."""
    if opened is None:
        raise Refusal(Outcome.UNKNOWN_WALLET, f"the wallet in {folder} is not open yet")
    if pin is not None:
        opened.unlock(pin)
    return opened


def read_pin(output: Output, pin: str | None, *, new: bool = False) -> bytes:
    """The PIN from the option, the environment or the keyboard; never shown."""
    if pin is None and (output.as_json or not sys.stdin.isatty()):
        raise click.UsageError("expected --pin or FEIQIAN_PIN")
    if pin is None:
        pin = click.prompt("PIN", hide_input=True, confirmation_prompt=new, err=True)
    return pin.encode()


def read_amount(text: str | None) -> int | None:
    """An amount in minor units, if one is given. `Refusal` malformed."""
    return None if text is None else parse_amount(text)
