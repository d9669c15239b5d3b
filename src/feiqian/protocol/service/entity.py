"""The entity's machine: it serves what the management server matched, and is paid by its orders.

It begins for nobody else, measures, stops when it is told to, and takes a payment only for a fee
order that names it, for a service it has ended, for exactly the amount ordered.
"""

from typing import ClassVar

from feiqian.crypto.suites import Suite
from feiqian.outcomes import SUCCESSES, Outcome, Refusal
from feiqian.protocol.service.departures import used_until_left
from feiqian.protocol.service.facts import (
    FeeSettled,
    Heard,
    Reconciled,
    SiteEnded,
    SiteRefused,
    SiteStarted,
)
from feiqian.protocol.service.fee_side import FeeSide
from feiqian.protocol.service.fees import check_order
from feiqian.protocol.service.machine import require_sender
from feiqian.protocol.service.receipts import ANOMALOUS
from feiqian.protocol.service.records import EntityService
from feiqian.protocol.service.states import Event, State
from feiqian.timing.moment import Moment
from feiqian.wire.fees import FeeOrder, FeeReconciled
from feiqian.wire.service import (
    Matched,
    Member,
    ServiceCancelled,
    ServiceEnded,
    ServiceStarted,
    ServiceStop,
)
from feiqian.wire.usage import Usage, check_usage


class EntityMachine(FeeSide[EntityService]):
    """The entity's side."""

    MEMBER: ClassVar = Member.ENTITY

    def __init__(self, record: EntityService, name: str, management: str, suite: Suite) -> None:
        super().__init__(record, name, suite)
        self._server = management
        self._ended: SiteEnded | None = None
        self._reconciled: Reconciled | None = None

    @property
    def _management(self) -> str:
        return self._server

    # Matched, served -----------------------------------------------------------------------------
    def _on_matched(self, heard: Heard, now: Moment) -> Event:
        matched = heard.message
        require_sender(matched, self._management)
        assert isinstance(matched, Matched)
        if matched.entity != self.name:
            raise Refusal(Outcome.WRONG_ADDRESSEE, f"expected a match with {self.name}")
        if now.certainly_after(matched.valid_until_ms):
            raise Refusal(Outcome.EXPIRED, "expected a match before its authorisation's end")
        if self.record.state is State.START:
            self._set(
                vehicle=matched.vehicle,
                service=matched.service,
                tariff=matched.tariff,
                ceiling_minor=matched.ceiling_minor,
                until_ms=matched.valid_until_ms,
            )
        return Event.MATCHED

    def _on_service_stop(self, heard: Heard, _: Moment) -> Event:
        stop = heard.message
        require_sender(stop, self._management)
        assert isinstance(stop, ServiceStop)
        self._set(left=stop.left)
        return Event.STOP

    def _on_site_started(self, _: SiteStarted, __: Moment) -> Event:
        return Event.STARTED

    def _on_site_ended(self, ended: SiteEnded, _: Moment) -> Event:
        check_usage(ended.usage)
        self._ended = ended
        return Event.SITE_ENDED

    def _on_site_refused(self, refused: SiteRefused, _: Moment) -> Event:
        self._because(refused.refusal.outcome, refused.refusal.detail)
        return Event.SITE_REFUSED

    def _enter_serving(self, now: Moment) -> None:
        self._tell(ServiceStarted, moment=now)

    def _enter_awaiting_order(self, now: Moment) -> None:
        if self._ended is None:  # stopped before anything was matched here
            self._tell(ServiceEnded, served=False, usage=Usage(now.earliest_ms, now.earliest_ms))
        else:
            usage = used_until_left(self._ended.usage, self.record.left)
            self._tell(ServiceEnded, served=self._ended.served, usage=usage)

    def _enter_refused(self, _: Moment) -> None:
        if self.record.order:
            self._tell_reconciled()
        elif self.events[-1] is Event.SITE_REFUSED:
            self._tell_refused()

    def _tell_refused(self) -> None:
        self._tell(ServiceCancelled, outcome=self.record.outcome, detail=self.record.detail)

    # Paid ----------------------------------------------------------------------------------------
    def _on_fee_order(self, heard: Heard, now: Moment) -> Event | None:
        order = heard.message
        require_sender(order, self._management)
        assert isinstance(order, FeeOrder)
        check_order(order, self.record.vehicle, self.name, self.record.ceiling_minor, now)
        if not self.record.order:
            self._set(order=heard.raw, deadline_ms=order.expires_at_ms)
        return Event.ORDER

    def check_payable(self, raw: bytes) -> FeeOrder:
        """The order, if it is the one that this service may be paid by now. `Refusal` by name.

        One that was paid is taken again: the payer's proof may have been lost, and is given anew.
        """
        state = self.record.state
        if state not in _PAYABLE:
            raise Refusal(Outcome.NOT_AUTHORISED, f"nothing is to be paid: {state}")
        if raw != self.record.order:
            raise Refusal(Outcome.KEY_REUSED, "expected the order that this service has")
        return self._order

    def _on_fee_settled(self, fact: FeeSettled, _: Moment) -> Event | None:
        settlement = fact.settlement
        if settlement.outcome not in SUCCESSES:
            self.problems.append(f"payment: {settlement.outcome}: {settlement.detail}")
            return None
        if settlement.amount_minor != self._order.amount_minor:
            raise Refusal(Outcome.AMOUNT_MISMATCH, f"expected {self._order.amount_minor}")
        return self._paid(settlement)

    def _on_reconciled(self, fact: Reconciled, _: Moment) -> Event:
        self._reconciled = fact
        if fact.outcome in SUCCESSES:
            return Event.RECONCILED
        self._because(fact.outcome, ANOMALOUS)
        return Event.ANOMALOUS

    def _enter_paid(self, now: Moment) -> None:
        super()._enter_paid(now)
        self._tell_reconciled()

    def _tell_reconciled(self) -> None:
        if self._reconciled is not None:
            outcome = self._reconciled.outcome
            self._tell(FeeReconciled, order_id=self._order.order_id, outcome=outcome)


_PAYABLE = frozenset({State.AWAITING_PAYMENT, State.UNPAID, State.PAID, State.PAID_OFFLINE})
"""Paid ones, too: the payer's proof may have been lost, and is given again."""
