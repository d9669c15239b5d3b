"""Draw docs/service-protocol.md from the table of transitions; its output is that page."""

import sys
from textwrap import dedent

from feiqian.protocol.service import table
from feiqian.protocol.service.states import ENDS, State
from feiqian.protocol.service.table import TRANSITIONS
from feiqian.wire.service import Member

_TITLES = {
    Member.VEHICLE: "The vehicle",
    Member.PROVIDER: "The provider",
    Member.MANAGEMENT: "The management server",
    Member.ENTITY: "The service entity",
}


def page() -> str:
    """The whole document."""
    constitution = dedent(table.__doc__ or "").strip()
    charts = "\n".join(f"## {_TITLES[member]}\n\n{chart(member)}" for member in Member)
    return (
        "# A service from request to receipts\n\n"
        "Drawn from the table in `src/feiqian/protocol/service/table.py`"
        " by `make docs`; edit the table.\n\n"
        f"{constitution}\n\n{charts}"
    )


def chart(member: Member) -> str:
    """One role as a Mermaid state diagram."""
    lines = ["```mermaid", "stateDiagram-v2", f"    [*] --> {_name(State.START)}"]
    for state, targets in TRANSITIONS[member].items():
        for target in dict.fromkeys(targets.values()):
            events = ", ".join(event for event, to in targets.items() if to is target)
            lines.append(f"    {_name(state)} --> {_name(target)}: {events.replace(':', '')}")
    reached = {to for targets in TRANSITIONS[member].values() for to in targets.values()}
    lines += [f"    {_name(end)} --> [*]" for end in State if end in ENDS & reached]
    return "\n".join([*lines, "```", ""])


def _name(state: State) -> str:
    return state.replace(" ", "_").replace("'", "")


if __name__ == "__main__":
    sys.stdout.write(page())
