"""How a wallet's commands reach the satellites: the module, the carrier beside them, and the desk.

The module is named by option, environment or ``wallet.toml``. While a command uses it, its carrier
runs beside; when the module is lost, the command ends with that refusal.
"""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, TypeVar

import click

from feiqian.adapters.rdss.module_addresses import FORMS, open_module
from feiqian.apps.wallet_home import Home
from feiqian.carrier import Carrier
from feiqian.outcomes import Outcome, Refusal
from feiqian.ports import ShortMessages
from feiqian.wallet.channel import held_channel
from feiqian.wallet.relay import Relay
from feiqian.wallet.satellite import SatelliteDesk
from feiqian.wallet.wallet import Wallet
from feiqian.wallet.watching import Air

F = TypeVar("F", bound=Callable[..., Any])


@dataclass(frozen=True, slots=True)
class ModuleChoice:
    """Which module, where its ground station is, and through which gpsd it is read."""

    module: str
    station: str
    through_gpsd: str

    def given_by(self, home: Home) -> "ModuleChoice":
        """What was not chosen is as configured."""
        config = home.config
        return ModuleChoice(
            self.module or config.messages, self.station or config.station, self.through_gpsd
        )


def air_options(function: F) -> F:
    """Give a command the options of `ModuleChoice`: messages, station, through_gpsd."""
    for option in (
        click.option(
            "--through-gpsd",
            default="",
            metavar="gpsd://HOST[:PORT]",
            help="Read the module through this gpsd; it is still written to directly.",
        ),
        click.option(
            "--station",
            default="",
            metavar="ADDRESS",
            envvar="FEIQIAN_STATION",
            help="The ground station's address; else the configured one.",
        ),
        click.option(
            "--messages",
            default="",
            metavar="MODULE",
            envvar="FEIQIAN_MESSAGES",
            help=f"The short-message module: {FORMS}; else the configured one, if any.",
        ),
    ):
        function = option(function)
    return function


@asynccontextmanager
async def opened_air(
    home: Home, wallet: Wallet, choice: ModuleChoice, told: Callable[[str], None]
) -> AsyncIterator[Air]:
    """The way to the platform by satellite, with its carrier running.

    A module that is lost on the way is opened again, and `told` is told.

    Raises `Refusal`: malformed without module or station, unavailable without a channel, or when
    the module does not answer.
    """
    chosen = choice.given_by(home)
    if not chosen.module or not chosen.station:
        raise Refusal(
            Outcome.MALFORMED, "expected --messages and --station, or both in wallet.toml"
        )
    channel = await held_channel(home.around.store)
    if channel is None:
        raise Refusal(
            Outcome.UNAVAILABLE,
            "expected a satellite channel: run feiqian wallet sync with a network",
        )

    async def opened() -> ShortMessages:
        return await open_module(chosen.module, chosen.through_gpsd or None)

    module = await open_module(chosen.module, chosen.through_gpsd or None)
    carrier = Carrier(module)
    running = asyncio.ensure_future(carrier.run_on(opened, told))
    try:
        desk = SatelliteDesk(wallet.holder, channel, wallet.shelf)
        relay = Relay(carrier, chosen.station)
        yield Air(desk, carrier, chosen.station, relay, module.address)
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
        await carrier.close()
