"""Draw docs/payment-protocol.md from the table of transitions; its output is that page."""

import sys
from textwrap import dedent

from feiqian.protocol.payment import table
from feiqian.protocol.payment.states import ENDS, Role, State
from feiqian.protocol.payment.table import TRANSITIONS
from tools.state_charts import chart

_TITLES = {Role.PAYER: "The payer", Role.PAYEE: "The payee"}


def page() -> str:
    """The whole document."""
    constitution = dedent(table.__doc__ or "").strip()
    charts = "\n".join(f"## {_TITLES[role]}\n\n{_chart(role)}" for role in Role)
    return (
        "# The payment session\n\n"
        "Drawn from the table in `src/feiqian/protocol/payment/table.py`"
        " by `make docs`; edit the table.\n\n"
        f"{constitution}\n\n{charts}"
    )


def _chart(role: Role) -> str:
    return chart(TRANSITIONS[role], State.START, [end for end in State if end in ENDS])


if __name__ == "__main__":
    sys.stdout.write(page())
