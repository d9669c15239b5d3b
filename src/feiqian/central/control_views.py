"""Control orders, proposals and reports as operators see them; reading alone."""

from typing import Any

import msgspec

from feiqian.central import air, control, deliveries, proposals, wallet_reports
from feiqian.central.control import Issued
from feiqian.central.control_documents import (
    MAX_DELIVERIES,
    MAX_SHOWN,
    ControlReport,
    DeliveryStanding,
    OrderName,
    OrderStanding,
    OrderWish,
    ProposalStanding,
    ScopeName,
    WalletReport,
    WalletReports,
)
from feiqian.central.deliveries import OrderDelivery, OrderState
from feiqian.central.proposals import Proposal
from feiqian.central.wallet_reports import JudgedReport
from feiqian.crypto.suites import Suite
from feiqian.outcomes import Outcome
from feiqian.ports import Transaction
from feiqian.wire.control import ScopeKind
from feiqian.wire.key_information import KEY_INFORMATION

_NOT_SHOWN = ("key", "token_digest")


def report(tx: Transaction, now_ms: int) -> ControlReport:
    """Proposals and orders; the newest first."""
    return ControlReport(
        tuple(proposal(tx, each) for each in proposals.newest(tx, MAX_SHOWN)),
        tuple(_order(tx, each, now_ms) for each in control.newest(tx, MAX_SHOWN)),
    )


def proposal(tx: Transaction, shown: Proposal) -> ProposalStanding:
    """A proposal, and the order that came of it."""
    return ProposalStanding(
        shown.number,
        shown.action,
        _summary(shown),
        shown.needs_second,
        shown.proposed_by,
        shown.proposed_at_ms,
        shown.decision,
        shown.decided_by,
        control.order_of(tx, shown.number),
    )


def _summary(shown: Proposal) -> str:
    said: dict[str, Any] = msgspec.json.decode(shown.document)
    return ", ".join(
        f"{name} {value}" for name, value in said.items() if value and name not in _NOT_SHOWN
    )


def _order(tx: Transaction, issued: Issued, now_ms: int) -> OrderStanding:
    proposed = proposals.find(tx, issued.proposal)
    met = deliveries.of_order(tx, issued.number, MAX_DELIVERIES)
    wish = msgspec.json.decode(proposed.document, type=OrderWish)
    return OrderStanding(
        issued.number,
        OrderName(wish.order),
        ScopeName(issued.scope.kind.name.lower()),
        issued.scope.name,
        _state(tx, issued, met, now_ms),
        proposed.proposed_by,
        proposed.decided_by,
        issued.issued_at_ms,
        issued.expires_at_ms,
        tuple(_delivery(each, issued.expires_at_ms, now_ms) for each in met),
    )


def _state(tx: Transaction, issued: Issued, met: list[OrderDelivery], now_ms: int) -> OrderState:
    """Of one wallet's order what became of it there; of others whether they were sent."""
    if issued.scope.kind is ScopeKind.WALLET and met:
        return deliveries.state_now(met[0], issued.expires_at_ms, now_ms)
    if now_ms > issued.expires_at_ms:
        return OrderState.EXPIRED
    was_sent = met or air.was_broadcast(tx, issued.number)
    return OrderState.SENT if was_sent else OrderState.ISSUED


def _delivery(shown: OrderDelivery, expires_at_ms: int, now_ms: int) -> DeliveryStanding:
    return DeliveryStanding(
        shown.wallet,
        deliveries.state_now(shown, expires_at_ms, now_ms),
        shown.way,
        shown.sent_at_ms,
        shown.times_sent,
        shown.changed_at_ms,
        shown.outcome,
    )


def wallet_reports_of(tx: Transaction, suite: Suite, wallet: str) -> WalletReports:
    """Key information sets of a wallet, or with an empty name of all; the newest first."""
    kept = wallet_reports.newest(tx, wallet, MAX_SHOWN)
    return WalletReports(tuple(_wallet_report(suite, each) for each in kept))


def _wallet_report(suite: Suite, kept: JudgedReport) -> WalletReport:
    said = KEY_INFORMATION.peek(suite, kept.raw)
    return WalletReport(
        kept.wallet,
        said.number,
        said.counter,
        said.balance_minor,
        said.offline_paid_minor,
        said.offline_received_minor,
        said.list_number,
        kept.received_at_ms,
        kept.judged_at_ms,
        Outcome(kept.outcome) if kept.outcome else None,
        kept.detail,
        tuple(kept.findings.split()),
        kept.statement is not None,
    )
