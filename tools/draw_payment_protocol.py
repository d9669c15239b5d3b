"""Draw docs/payment-protocol.md from the table of transitions; its output is that page."""

import sys
from textwrap import dedent

from feiqian.protocol.payment import table
from feiqian.protocol.payment.states import ENDS, Role, State
from feiqian.protocol.payment.table import TRANSITIONS

_TITLES = {Role.PAYER: "The payer", Role.PAYEE: "The payee"}


def page() -> str:
    """The whole document."""
    constitution = dedent(table.__doc__ or "").strip()
    charts = "\n".join(f"## {_TITLES[role]}\n\n{chart(role)}" for role in Role)
    return (
        "# The payment session\n\n"
        "Drawn from the table in `src/feiqian/protocol/payment/table.py`"
        " by `make docs`; edit the table.\n\n"
        f"{constitution}\n\n{charts}"
    )


def chart(role: Role) -> str:
    """One role as a Mermaid state diagram."""
    lines = ["```mermaid", "stateDiagram-v2", f"    [*] --> {_name(State.START)}"]
    for state, targets in TRANSITIONS[role].items():
        for target in dict.fromkeys(targets.values()):
            events = ", ".join(event for event, to in targets.items() if to is target)
            lines.append(f"    {_name(state)} --> {_name(target)}: {events}")
    reached = {to for targets in TRANSITIONS[role].values() for to in targets.values()}
    lines += [f"    {_name(end)} --> [*]" for end in State if end in ENDS & reached]
    return "\n".join([*lines, "```", ""])


def _name(state: State) -> str:
    return state.replace(" ", "_")


if __name__ == "__main__":
    sys.stdout.write(page())
