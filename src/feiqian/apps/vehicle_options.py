"""What the commands of a vehicle share: its options, and its client, running."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import click

from feiqian.adapters.clock import system_entropy
from feiqian.adapters.link_addresses import parse_link
from feiqian.adapters.links import open_to_pay
from feiqian.apps import road as roads
from feiqian.apps.output import Output
from feiqian.apps.wallet_care import kept_wallet
from feiqian.apps.wallet_options import TimeSources, opened_wallet
from feiqian.ports import Link
from feiqian.tasks import running
from feiqian.vehicle.in_vehicle.client import Trusted, VehicleClient
from feiqian.wallet.purse import WalletPurse
from feiqian.wire.usage import ServiceClass

HOUR_MS = 3_600_000
YEAR_MS = 365 * 24 * HOUR_MS

vehicle_option = click.option(
    "--vehicle",
    "home",
    metavar="DIR",
    type=click.Path(path_type=Path, file_okay=False),
    required=True,
    envvar="FEIQIAN_VEHICLE",
    help="The vehicle's directory.",
)
service_option = click.option(
    "--service", type=click.Choice([each.value for each in ServiceClass]), required=True
)
ceiling_option = click.option("--ceiling", required=True, help="Most for one use, such as 20.00.")
hours_option = click.option("--hours", type=click.IntRange(1, 8_760), default=24, show_default=True)
provider_option = click.option("--provider", default="provider-1", show_default=True)


@asynccontextmanager
async def opened_client(
    output: Output, home: Path, pin: bytes | None, direct: str = "", *, patient: bool = False
) -> AsyncIterator[VehicleClient]:
    """The client of a vehicle, running; its chip is unlocked only while a PIN was given.

    Who is `patient` needs no bus now, and stays: its wallet is kept ready for being offline.
    """
    async with AsyncExitStack() as closing:
        config, office = await closing.enter_async_context(
            roads.opened(home, output.progress, patient=patient)
        )
        folder = Path(config.wallet)
        wallet = await closing.enter_async_context(
            kept_wallet(folder, pin, output.progress)
            if patient
            else opened_wallet(folder, pin, TimeSources())
        )
        trusted = Trusted(
            {name: bytes.fromhex(key) for name, key in config.providers.items()},
            frozenset({config.management}),
            bytes.fromhex(config.membership),
        )

        async def approach(_: str) -> Link:
            return await open_to_pay(parse_link(direct), _unseen)

        client = VehicleClient(
            office, trusted, WalletPurse(wallet), system_entropy, approach if direct else None
        )
        async with running(client.run()):
            yield client


def _unseen(_: bytes) -> None:
    """Nobody looks at codes in a vehicle."""
