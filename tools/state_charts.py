"""State charts in Mermaid, drawn from tables of transitions."""

from collections.abc import Collection, Mapping
from enum import StrEnum
from typing import TypeVar

S = TypeVar("S", bound=StrEnum)
E = TypeVar("E", bound=StrEnum)

_UNSPEAKABLE = str.maketrans({" ": "_", "'": None})
_IN_LABELS = str.maketrans({":": None})


def chart(table: Mapping[S, Mapping[E, S]], start: S, ends: Collection[S]) -> str:
    """One party's `table` of states, events and what they lead to; `ends` in the order of drawing."""
    lines = ["```mermaid", "stateDiagram-v2", f"    [*] --> {_name(start)}"]
    for state, targets in table.items():
        for target in dict.fromkeys(targets.values()):
            events = ", ".join(event for event, to in targets.items() if to is target)
            label = events.translate(_IN_LABELS)
            lines.append(f"    {_name(state)} --> {_name(target)}: {label}")
    reached = {to for targets in table.values() for to in targets.values()}
    lines += [f"    {_name(end)} --> [*]" for end in ends if end in reached]
    return "\n".join([*lines, "```", ""])


def _name(state: StrEnum) -> str:
    return state.translate(_UNSPEAKABLE)
