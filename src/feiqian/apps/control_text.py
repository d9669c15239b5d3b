"""Control orders, proposals and reports in words."""

from collections.abc import Iterator
from datetime import UTC, datetime

from feiqian.central.control_documents import (
    ControlReport,
    OrderStanding,
    ProposalStanding,
    StationStanding,
    WalletReport,
)
from feiqian.central.proposals import ProposalStage
from feiqian.money.amounts import format_amount

MAX_LINES = 12
"""Most wallets named under one order; ``--json`` has more."""


def proposal_text(shown: ProposalStanding) -> str:
    """A proposal in one line."""
    if shown.order is not None:
        return f"Order {shown.order} is issued."
    if shown.decision is ProposalStage.OPEN:
        return f"Proposal {shown.number} waits for another operator: {shown.summary}"
    return f"Proposal {shown.number} is {shown.decision}."


def orders_text(report: ControlReport) -> Iterator[str]:
    """Every order, and what waits for approval."""
    for shown in report.proposals:
        if shown.decision is ProposalStage.OPEN:
            yield f"draft     proposal {shown.number} of {shown.proposed_by}: {shown.summary}"
    for order in report.orders:
        yield from _order_text(order)


def _order_text(order: OrderStanding) -> Iterator[str]:
    addressee = f"{order.scope} {order.addressee}".strip()
    yield f"{order.state:<11} {order.number:>5}  {order.order} for {addressee}"
    for met in order.deliveries[:MAX_LINES]:
        way = f" by {met.way}" if met.way else ""
        yield f"            {met.wallet}: {met.state}{way}"


def station_text(shown: StationStanding) -> str:
    """A ground station in one line."""
    if shown.seen_at_ms is None:
        return f"{shown.name}: not seen yet"
    seen = datetime.fromtimestamp(shown.seen_at_ms / 1000, UTC)
    return f"{shown.name}: seen at {seen:%Y-%m-%d %H:%M:%S} UTC"


def report_text(shown: WalletReport) -> str:
    """A key information set in one line."""
    became = "waits" if shown.judged_at_ms is None else shown.outcome or ""
    found = ", ".join(shown.findings) or "nothing found"
    synchronised = "synchronised" if shown.synchronised else "not synchronised"
    balance = format_amount(shown.balance_minor)
    return f"{shown.wallet} report {shown.number}: {balance}, {became}, {found}, {synchronised}"
