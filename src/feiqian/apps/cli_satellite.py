"""``feiqian satellite``: a constellation with its modules, for those who have none on their desk."""

import functools
import random
from collections.abc import Callable, Coroutine, Sequence
from contextlib import AsyncExitStack
from typing import Any

import click
import msgspec

from feiqian.adapters.clock import SystemClock, system_entropy
from feiqian.adapters.rdss.module_addresses import DIALECTS
from feiqian.adapters.signals import end_wished
from feiqian.apps.output import Output, command
from feiqian.apps.terminal_server import TerminalServer
from feiqian.outcomes import Outcome, Refusal
from feiqian.satellite.constellation import ALWAYS, Conditions, Coverage
from feiqian.satellite.simulator import Simulator
from feiqian.satellite.sky import (
    BROADCAST_ADDRESS,
    MAX_TERMINALS,
    STATION_ADDRESS,
    SkyPlan,
    build_sky,
    terminal_addresses,
)
from feiqian.tasks import running
from feiqian.timing.fixes import FixedPlace
from feiqian.wire.rdss.module import MAX_PERIOD_S
from feiqian.wire.short_messages import RDSS3_REGIONAL

HOST = "127.0.0.1"
DEFAULT_PORT = 8_500
LAST_PORT = 65_535
SEED_BYTES = 4
DEFAULT_PLACE = "29.6500,91.1000"
PLACE_ACCURACY_MM = 5_000

share = click.FloatRange(0, 0.95)


class Module(msgspec.Struct, frozen=True):
    """One module of a running constellation."""

    address: str
    """In the short-message service."""
    module: str
    """For hosts: what ``--module`` takes."""
    feed: str
    """For gpsd."""


class StartedConstellation(msgspec.Struct, frozen=True):
    """A constellation that runs."""

    seed: int
    station: Module
    broadcast: str
    terminals: list[Module]


@click.group()
def satellite() -> None:
    """Simulate what is in the sky."""


class Wishes(msgspec.Struct, frozen=True):
    """What the options say of a sky."""

    terminals: int
    service: str
    loss: float
    repetition: float
    delay_ms: tuple[int, int]
    period_s: int
    window_s: tuple[int, int] | None
    place: str

    def plan(self) -> SkyPlan:
        """The plan. `Refusal` malformed when they do not go together."""
        if not 0 <= self.delay_ms[0] <= self.delay_ms[1]:
            raise Refusal(Outcome.MALFORMED, "expected a delay as LEAST GREATEST")
        return SkyPlan(
            DIALECTS[self.service],
            self.terminals,
            self.period_s,
            conditions=Conditions(self.loss, self.repetition, *self.delay_ms),
            coverage=_coverage(self.window_s),
            place=_place(self.place),
        )


_OPTIONS = (
    click.option(
        "--terminals", type=click.IntRange(1, MAX_TERMINALS), default=1, show_default=True
    ),
    click.option(
        "--service",
        type=click.Choice(list(DIALECTS)),
        default=RDSS3_REGIONAL.name,
        show_default=True,
    ),
    click.option(
        "--loss", type=share, default=0.0, show_default=True, help="Share of copies lost."
    ),
    click.option(
        "--repetition",
        type=share,
        default=0.0,
        show_default=True,
        help="Share of messages that come twice.",
    ),
    click.option(
        "--delay",
        "delay_ms",
        type=(int, int),
        default=(500, 3_000),
        show_default=True,
        help="Least and greatest, in milliseconds.",
    ),
    click.option(
        "--period",
        "period_s",
        type=click.IntRange(1, MAX_PERIOD_S),
        default=60,
        show_default=True,
        help="One message of a terminal in so many seconds.",
    ),
    click.option(
        "--window",
        "window_s",
        type=(int, int),
        default=None,
        metavar="ROUND VISIBLE",
        help="A satellite is seen for VISIBLE of every ROUND seconds; else always.",
    ),
    click.option(
        "--place", default=DEFAULT_PLACE, show_default=True, help="LATITUDE,LONGITUDE, or none."
    ),
)


def sky_options(function: Callable[..., Coroutine[Any, Any, None]]) -> Callable[..., Any]:
    """Give a command all that makes a sky; it gets `plan`."""

    @functools.wraps(function)
    async def planned(output: Output, port: int, seed: int | None, **options: object) -> None:
        await function(output, port, seed, msgspec.convert(options, Wishes).plan())

    for option in reversed(_OPTIONS):
        option(planned)
    return planned


@satellite.command()
@click.option(
    "--port",
    type=click.IntRange(1, LAST_PORT),
    default=DEFAULT_PORT,
    show_default=True,
    help="The ground station's module; the terminals' follow.",
)
@click.option("--seed", type=click.IntRange(min=0), default=None, help="Repeat the same chances.")
@command
@sky_options
async def simulate(output: Output, port: int, seed: int | None, plan: SkyPlan) -> None:
    """Run a constellation until SIGTERM or SIGINT; each module on a TCP port of its own.

    What a module says comes on its port, to everybody connected: the sentences of its short messages,
    and those of a satellite receiver, so that gpsd can read where a wallet writes.
    """
    if port + plan.terminals > LAST_PORT:
        raise Refusal(Outcome.MALFORMED, f"expected a port for each, up to {LAST_PORT}")
    chosen = int.from_bytes(system_entropy(SEED_BYTES), "big") if seed is None else seed
    # The seed makes a run repeatable; nothing here is a secret.
    sky = build_sky(plan, random.Random(chosen).random, SystemClock())  # noqa: S311
    await _run(output, sky, chosen, _modules(plan.dialect.channel.name, port, plan.terminals))


async def _run(output: Output, sky: Simulator, seed: int, modules: Sequence[Module]) -> None:
    async with AsyncExitStack() as stack:
        for module in modules:
            port = int(module.feed.rpartition(":")[2])
            server = await TerminalServer.listen(sky, module.address, HOST, port)
            stack.push_async_callback(server.close)
        station, *others = modules
        started = StartedConstellation(seed, station, BROADCAST_ADDRESS, others)
        async with running(sky.run()):
            output.result(started, *_lines(started))
            await end_wished()
    space = sky.constellation
    output.progress(f"{space.taken} messages taken, {space.lost} copies lost")


def _modules(service: str, port: int, terminals: int) -> list[Module]:
    addresses = (STATION_ADDRESS, *terminal_addresses(terminals))
    return [
        Module(address, f"{service}://{HOST}:{port + place}", f"tcp://{HOST}:{port + place}")
        for place, address in enumerate(addresses)
    ]


def _coverage(window: tuple[int, int] | None) -> Coverage:
    if window is None:
        return ALWAYS
    round_s, visible_s = window
    if not 0 <= visible_s <= round_s:
        raise Refusal(Outcome.MALFORMED, "expected VISIBLE seconds within ROUND seconds")
    return Coverage(round_s * 1000, visible_s * 1000)


def _place(text: str) -> FixedPlace | None:
    if text == "none":
        return None
    try:
        latitude, longitude = (round(float(each) * 10_000_000) for each in text.split(","))
    except (ValueError, OverflowError):
        raise Refusal(Outcome.MALFORMED, "expected a place as LATITUDE,LONGITUDE") from None
    if abs(latitude) > 900_000_000 or abs(longitude) > 1_800_000_000:
        raise Refusal(Outcome.MALFORMED, "expected degrees, up to 90 north and 180 east")
    return FixedPlace(latitude, longitude, PLACE_ACCURACY_MM)


def _lines(started: StartedConstellation) -> list[str]:
    station = started.station
    return [
        f"Seed {started.seed}; whoever listens to all: {started.broadcast}",
        f"Station {station.address} at {station.module}",
        *(
            f"Terminal {each.address} at {each.module}; for gpsd: {each.feed}"
            for each in started.terminals
        ),
    ]
