"""``feiqian demo``: everything once, with real processes, told for people or reported for machines."""

import logging
import sys
from collections.abc import Callable, Sequence
from contextlib import aclosing
from pathlib import Path

import click
from rich.text import Text

from feiqian.adapters.logs import configure_logs
from feiqian.apps.demo.acts import Act, Performed
from feiqian.apps.demo.play import ACTS, Played, play
from feiqian.apps.output import EXIT_REFUSED, Output, command

HONESTY = (
    "What is real: the platform and both institutions are processes of their own that speak HTTP",
    "and keep databases; every signature is made and verified; the links are TCP connections and",
    "QR images. What is not: each security chip is a file, not a secure element; bank money is a",
    "number; a directory of images stands for two screens and two cameras; satellites and their",
    "ground station are simulated, at seconds in place of minutes.",
    "",
)


@click.command()
@click.option(
    "--keep",
    metavar="DIR",
    type=click.Path(path_type=Path),
    default=None,
    help="Keep network and wallets in the new directory DIR.",
)
@command
async def demo(output: Output, keep: Path | None) -> None:
    """Run a network, pay in every way, cheat, settle and audit; exit code 0 only if all holds."""
    configure_logs("demonstration", logging.ERROR)
    output.story(*HONESTY)
    acts: list[Performed] = []
    async with aclosing(play(keep, _teller(output), _beginner(output))) as performances:
        async for performed in performances:
            acts.append(performed)
            _judge(output, performed)
    ok = len(acts) == len(ACTS) and all(act.ok for act in acts)
    output.result(Played(ok, acts, "" if keep is None else str(keep)), _ending(acts, ok))
    if not ok:
        sys.exit(EXIT_REFUSED)


def _teller(output: Output) -> Callable[[str], None]:
    return lambda sentence: output.story(f"   {sentence}")


def _beginner(output: Output) -> Callable[[int, Act], None]:
    return lambda number, act: output.story(Text(f"{number:>2}. {act.title}", "bold"))


def _judge(output: Output, performed: Performed) -> None:
    took = f"{performed.duration_ms / 1000:.1f} s"
    if performed.ok:
        output.story(Text(f"   done, {took}", "green"), "")
    else:
        output.story(Text(f"   FAILED after {took}: {performed.detail}", "bold red"), "")


def _ending(acts: Sequence[Performed], ok: bool) -> Text:
    seconds = sum(act.duration_ms for act in acts) / 1000
    if ok:
        return Text(f"All {len(acts)} acts went as they should, in {seconds:.1f} s.", "bold green")
    return Text(f"Act {len(acts)} of {len(ACTS)} failed; what was started is ended.", "bold red")
