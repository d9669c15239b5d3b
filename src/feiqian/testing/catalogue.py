"""The feature catalogue: what Feiqian promises, row by row, and where each promise comes from.

The rows live in ``catalogue.toml`` beside this module and nowhere else. Tests name them with the
``feature`` mark, ``pytest --features`` counts the proofs, and ``docs/features.md`` is this module's
output: ``python -m feiqian.testing.catalogue > docs/features.md``.
"""

import re
import sys
import tomllib
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Final

SOURCES: Final = {
    "T": "the published text says it",
    "S": "a sibling publication of the same applicant says it",
    "O": "our own design decision",
}

_PREAMBLE: Final = """\
# Feature catalogue

Generated from `src/feiqian/testing/catalogue.toml` by `make docs`; edit that file.

Feiqian implements the systems described in the publications named below, of which only the
abstracts and first paragraphs are public to us. Each row says where its promise comes from:

{legend}

`make features` runs the tests and prints how many of them prove each row.
"""


class CatalogueError(ValueError):
    """The catalogue file breaks its own rules; the message names the row."""


@dataclass(frozen=True, slots=True)
class Feature:
    """One promise: its id (``C-04``), the letters of its sources, and one line of behaviour."""

    id: str
    sources: tuple[str, ...]
    behaviour: str


@dataclass(frozen=True, slots=True)
class Group:
    """The rows that share a letter, with the publications they derive from (none: our own)."""

    letter: str
    title: str
    publications: tuple[str, ...]
    features: tuple[Feature, ...]


@cache
def groups() -> tuple[Group, ...]:
    """Return the shipped catalogue in its order.

    Raises:
        CatalogueError: a row is malformed or out of sequence.
    """
    return parse(files(__package__).joinpath("catalogue.toml").read_text(encoding="utf-8"))


def feature_ids() -> tuple[str, ...]:
    """Return the ids of all rows, in the catalogue's order."""
    return tuple(feature.id for group in groups() for feature in group.features)


def parse(text: str) -> tuple[Group, ...]:
    """Read a catalogue from TOML text and hold every row to the catalogue's form.

    Raises:
        CatalogueError: a row is malformed or out of sequence.
    """
    return tuple(
        Group(
            letter=letter,
            title=table["title"],
            publications=tuple(table["publications"]),
            features=tuple(
                _feature(f"{letter}-{number:02}", *row)
                for number, row in enumerate(table["rows"], start=1)
            ),
        )
        for letter, table in tomllib.loads(text).items()
    )


def _feature(expected_id: str, row_id: str, sources: str, behaviour: str) -> Feature:
    if row_id != expected_id:
        raise CatalogueError(f"row {row_id} stands where {expected_id} belongs")
    letters = tuple(sources.split("/"))
    if not set(letters) <= SOURCES.keys():
        raise CatalogueError(
            f"row {row_id} has sources {sources!r}; known are {', '.join(SOURCES)}"
        )
    if not re.fullmatch(r"[A-Z][^\n|]*[^\n|.]", behaviour):
        raise CatalogueError(f"row {row_id} needs one sentence on one line, without full stop or |")
    return Feature(row_id, letters, behaviour)


def id_ranges() -> str:
    """Return the known ids in short, for error messages: ``C-01..C-25, D-01..D-17, ...``."""
    return ", ".join(f"{group.features[0].id}..{group.features[-1].id}" for group in groups())


def as_markdown() -> str:
    """Return the text of ``docs/features.md``."""
    legend = "\n".join(f"- **{letter}**: {meaning}" for letter, meaning in SOURCES.items())
    return "\n".join([_PREAMBLE.format(legend=legend), *map(_section, groups())])


def _section(group: Group) -> str:
    publications = ", ".join(group.publications) or "none; ours, and needed by all of the above"
    rows = [f"| {f.id} | {f.behaviour} | {'/'.join(f.sources)} |" for f in group.features]
    head = [f"## {group.letter}. {group.title}", "", f"Publications: {publications}.", ""]
    return "\n".join([*head, "| id | behaviour | source |", "|---|---|---|", *rows, ""])


if __name__ == "__main__":
    sys.stdout.write(as_markdown())
