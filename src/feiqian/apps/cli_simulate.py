"""``feiqian simulate``: the whole world in one process, with everything going wrong, from a seed."""

import logging
import sys
from collections.abc import Callable

import click
import msgspec

from feiqian.adapters.clock import system_entropy
from feiqian.adapters.logs import configure_logs
from feiqian.apps.output import EXIT_REFUSED, Output, json_option
from feiqian.money.amounts import format_amount
from feiqian.testing.simulation import SimulationError, Story
from feiqian.testing.simulation import simulate as simulate_world

DEFAULT_STEPS = 500
SEED_BYTES = 4
STEPS_PER_WORD = 100
"""How many steps are taken between two words of progress."""


class Failed(msgspec.Struct, frozen=True):
    """What went wrong, and with which seed."""

    ok: bool
    seed: int
    steps: int
    detail: str


@click.command()
@click.option("--seed", type=click.IntRange(min=0), default=None, help="Replay this run.")
@click.option("--steps", type=click.IntRange(min=1), default=DEFAULT_STEPS, show_default=True)
@json_option
def simulate(as_json: bool, seed: int | None, steps: int) -> None:
    """Let wallets, institutions and the platform work and fail; exit code 1 when value is not kept."""
    output = Output(as_json)
    # What dies in a simulation says so in its log; here that is no news.
    configure_logs("simulation", logging.CRITICAL)
    chosen = int.from_bytes(system_entropy(SEED_BYTES), "big") if seed is None else seed
    output.progress(f"Seed {chosen}, {steps} steps ...")
    try:
        story = simulate_world(chosen, steps, _progress(output))
    except SimulationError as wrong:
        output.result(Failed(False, chosen, steps, str(wrong)), str(wrong))
        sys.exit(EXIT_REFUSED)
    document: dict[str, object] = {"ok": True, **msgspec.structs.asdict(story)}
    output.result(document, *_lines(story))


def _progress(output: Output) -> Callable[[int], None]:
    def progress(step: int) -> None:
        if step % STEPS_PER_WORD == 0:
            output.progress(f"{step} steps")

    return progress


def _lines(story: Story) -> list[str]:
    done = ", ".join(f"{name} {count}" for name, count in story.done.items())
    held, accounts = format_amount(story.held_minor), format_amount(story.accounts_minor)
    return [
        f"Seed {story.seed}: {story.steps} steps in {story.virtual_s:.0f} s of the simulated world.",
        f"It happened: {done}.",
        f"Held: {held}, in accounts: {accounts}; facts audited: {story.audited_facts:,}.",
        "Nobody lost, nobody gained.",
    ]
