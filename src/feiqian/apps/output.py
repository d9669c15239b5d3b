"""How every command speaks: to people, or with ``--json`` to machines; and how it ends.

Exit codes: 0 done; 1 refused, with the outcome's name; 2 wrong usage; 3 undecided: ask again, with
the same effect. A refusal is a sentence or a JSON object, never a traceback.
"""

import asyncio
import functools
import sys
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

import click
import msgspec
import uvloop
from rich.console import Console
from rich.text import Text

from feiqian.outcomes import UNDECIDED, Refusal

EXIT_REFUSED = 1
EXIT_UNDECIDED = 3

F = TypeVar("F", bound=Callable[..., Any])


def counted(count: int, one: str, many: str) -> str:
    """As in ``1 piece``, ``2 pieces``."""
    return f"{count} {one if count == 1 else many}"


class Output:
    """Where a command says what it found."""

    def __init__(self, as_json: bool) -> None:
        self.as_json = as_json
        # Without markup: what is shown may be what a stranger wrote.
        self._console = Console(highlight=False, soft_wrap=True, markup=False)
        self._progress = Console(stderr=True, highlight=False, soft_wrap=True, markup=False)

    def progress(self, text: str) -> None:
        """Say what goes on; only to people, on standard error."""
        if not self.as_json:
            self._progress.print(text)

    def story(self, *lines: str | Text) -> None:
        """Tell people what happens while it happens; a part of the result."""
        if not self.as_json:
            for line in lines:
                self._console.print(line)

    def result(self, document: object, *lines: str | Text) -> None:
        """The result: one JSON object, or lines for people."""
        if self.as_json:
            click.echo(msgspec.json.encode(document).decode())
            return
        self.story(*lines)

    def refused(self, refusal: Refusal) -> None:
        """Why not, in the one error shape."""
        if self.as_json:
            document = {"outcome": refusal.outcome, "detail": refusal.detail}
            click.echo(msgspec.json.encode(document).decode())
            return
        self._progress.print(
            Text.assemble((refusal.outcome.value, "bold red"), f": {refusal.detail}")
        )


def json_option(command: F) -> F:
    """Give a command ``--json``; it gets `as_json`."""
    option = click.option(
        "--json", "as_json", is_flag=True, help="One JSON object on standard output."
    )
    return option(command)


def command(function: Callable[..., Coroutine[Any, Any, None]]) -> Callable[..., None]:
    """Run an async command that takes `output` first; end with an honest exit code."""

    @json_option
    @functools.wraps(function)
    def run(*args: object, as_json: bool, **kwargs: object) -> None:
        output = Output(as_json)
        try:
            with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
                runner.run(function(output, *args, **kwargs))
        except Refusal as refusal:
            output.refused(refusal)
            sys.exit(EXIT_UNDECIDED if refusal.outcome in UNDECIDED else EXIT_REFUSED)
        except KeyboardInterrupt:
            sys.exit(130)

    return run
