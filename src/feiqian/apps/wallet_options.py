"""What the commands of a wallet share: its options, how it is opened, and how its PIN is asked for."""

import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
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


_GNSS = f"{__name__}.gnss"
"""Where a command's context keeps the receiver's address, which only `keep_time` needs."""
gnss_option = click.option(
    "--gnss",
    default="",
    metavar="gpsd://HOST[:PORT]",
    envvar="FEIQIAN_GNSS",
    expose_value=False,
    callback=lambda context, _option, text: context.meta.update({_GNSS: text}),
    help="The satellite receiver to take the time from; else the configured one, if any.",
)


@dataclass(frozen=True, slots=True)
class TimeSources:
    """Whom a command may ask for the time, if the wallet does not know it well enough."""

    online: bool = True
    anew: bool = False
    """Even if it does."""


@asynccontextmanager
async def opened_wallet(
    folder: Path, pin: bytes | None = None, sources: TimeSources | None = None
) -> AsyncIterator[Wallet]:
    """The wallet in `folder`, unlocked if a PIN is given. `Refusal` unknown_wallet, and by PIN.

    Without `sources`, the command does not need the time and nobody is asked.
    """
    async with wallet_home.open_home(folder) as home:
        opened = unlocked(home.wallet, folder, pin)
        if sources is not None:
            await keep_time(home, sources)
        yield opened


async def keep_time(home: wallet_home.Home, sources: TimeSources) -> tuple[Refusal, ...]:
    """Ask the sources, and the receiver of ``--gnss``; why some did not help.

    No command need fail for that. `Refusal` malformed for the receiver's address.
    """
    timekeeper = home.timekeeper(receiver_chosen(), online=sources.online)
    return await timekeeper.update(anew=sources.anew)


def receiver_chosen() -> str:
    """What ``--gnss`` says; empty when it was not given."""
    chosen: str = click.get_current_context().meta.get(_GNSS, "")
    return chosen


def unlocked(opened: Wallet | None, folder: Path, pin: bytes | None) -> Wallet:
    """A wallet that is open, unlocked if a PIN is given; refusals likewise."""
    if opened is None:
        raise Refusal(Outcome.UNKNOWN_WALLET, f"the wallet in {folder} is not open yet")
    if pin is not None:
        opened.unlock(pin)
    return opened


def read_pin(output: Output, pin: str | None, *, new: bool = False) -> bytes:
    """The PIN from the option, the environment or the keyboard; never shown."""
    return read_code(output, pin, "PIN", "--pin or FEIQIAN_PIN", new=new)


def read_code(
    output: Output, code: str | None, name: str, options: str, *, new: bool = False
) -> bytes:
    """Any code likewise; a new one is asked for twice."""
    if code is None and (output.as_json or not sys.stdin.isatty()):
        raise click.UsageError(f"expected {options}")
    if code is None:
        code = click.prompt(name, hide_input=True, confirmation_prompt=new, err=True)
    return code.encode()


def read_amount(text: str | None) -> int | None:
    """An amount in minor units, if one is given. `Refusal` malformed."""
    return None if text is None else parse_amount(text)
