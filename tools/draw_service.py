"""Draw docs/service-protocol.md from the table of transitions; its output is that page."""

import sys
from textwrap import dedent

from feiqian.protocol.service import table
from feiqian.protocol.service.states import ENDS, State
from feiqian.protocol.service.table import TRANSITIONS
from feiqian.wire.service import Member
from tools.state_charts import chart

_TITLES = {
    Member.VEHICLE: "The vehicle",
    Member.PROVIDER: "The provider",
    Member.MANAGEMENT: "The management server",
    Member.ENTITY: "The service entity",
}


def page() -> str:
    """The whole document."""
    constitution = dedent(table.__doc__ or "").strip()
    charts = "\n".join(f"## {_TITLES[member]}\n\n{_chart(member)}" for member in Member)
    return (
        "# A service from request to receipts\n\n"
        "Drawn from the table in `src/feiqian/protocol/service/table.py`"
        " by `make docs`; edit the table.\n\n"
        f"{constitution}\n\n{charts}"
    )


def _chart(member: Member) -> str:
    return chart(TRANSITIONS[member], State.START, [end for end in State if end in ENDS])


if __name__ == "__main__":
    sys.stdout.write(page())
