"""``feiqian list``: fetch the double-spending list into a file, and show what is in it."""

from pathlib import Path

import click
from msgspec import Struct

from feiqian.adapters.clock import SystemClock
from feiqian.adapters.http_client import HttpCourier
from feiqian.apps.list_file import fetch_list, read_list
from feiqian.apps.output import Output, command
from feiqian.apps.roots import trust_in
from feiqian.crypto.suite_names import DEFAULT_SUITE, SUITE_NAMES
from feiqian.wire.double_spending import HeldList

MAX_SHOWN = 10
"""Most offenders shown to people; ``--json`` has them all."""

root_option = click.option(
    "--root",
    type=click.Path(path_type=Path),
    required=True,
    help="The platform's root certificate, or a network directory.",
)
suite_option = click.option(
    "--suite",
    type=click.Choice(SUITE_NAMES),
    default=DEFAULT_SUITE,
    show_default=True,
    help="Of the network; a network directory says itself.",
)
file_argument = click.argument("file", type=click.Path(path_type=Path, dir_okay=False))


class ShownOffender(Struct, frozen=True):
    """Somebody who stands on the list."""

    wallet: str
    fingerprint: str
    since_ms: int


class ShownList(Struct, frozen=True):
    """A list at a glance."""

    number: int
    issued_at_ms: int
    age_ms: int
    identifiers: int
    offenders: int
    digest: str
    listed_offenders: tuple[ShownOffender, ...]


@click.group(name="list")
def list_group() -> None:
    """The double-spending list: fetch it, show it."""


@list_group.command()
@click.argument("url")
@file_argument
@root_option
@suite_option
@command
async def fetch(output: Output, url: str, file: Path, root: Path, suite: str) -> None:
    """Bring FILE to the newest list of the institution, or platform, at URL."""
    trust = trust_in(root, suite)
    courier = HttpCourier()
    try:
        held = await fetch_list(trust, courier, url.rstrip("/"), file)
    finally:
        await courier.close()
    _show(output, held)


@list_group.command()
@file_argument
@root_option
@suite_option
@command
async def show(output: Output, file: Path, root: Path, suite: str) -> None:
    """Verify the list in FILE and show it."""
    _show(output, read_list(trust_in(root, suite), file))


def _show(output: Output, held: HeldList) -> None:
    state, offenders = held.state, held.listed.offenders
    shown = ShownList(
        number=state.number,
        issued_at_ms=state.issued_at_ms,
        age_ms=max(0, SystemClock().now().midpoint_ms - state.issued_at_ms),
        identifiers=state.identifiers,
        offenders=state.offenders,
        digest=state.digest.hex(),
        listed_offenders=tuple(
            ShownOffender(each.wallet, key.hex(), each.since_ms)
            for key, each in sorted(offenders.items())
        ),
    )
    output.result(
        shown,
        f"Version {shown.number}, {shown.age_ms // 1000} s old:"
        f" {shown.identifiers} states spent twice, {shown.offenders} offenders.",
        *(f"{each.wallet} {each.fingerprint}" for each in shown.listed_offenders[:MAX_SHOWN]),
    )
