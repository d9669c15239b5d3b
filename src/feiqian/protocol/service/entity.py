"""The entity's machine: it serves what the management server matched, and is paid by its orders.

It begins for nobody else, measures, stops when it is told to, and takes a payment only for a fee
order that names it, for a service it has ended, for exactly the amount ordered.
"""

from typing import ClassVar

from feiqian.crypto.cbor import VERSION
from feiqian.crypto.certificates import Name
from feiqian.crypto.suites import Suite
from feiqian.outcomes import SUCCESSES, Outcome, Refusal
from feiqian.protocol.service.facts import (
    FeeSettled,
    Heard,
    Reconciled,
    SiteEnded,
    SiteRefused,
    SiteStarted,
)
from feiqian.protocol.service.fees import read_order, receipt_fields
from feiqian.protocol.service.machine import Service, ServiceMachine, require_sender
from feiqian.protocol.service.states import Event, State
from feiqian.timing.moment import Moment
from feiqian.wire.fees import FeeOrder, FeeReceipt, FeeReconciled
from feiqian.wire.service import (
    Matched,
    Member,
    ServiceCancelled,
    ServiceClosed,
    ServiceEnded,
    ServiceStarted,
    ServiceStop,
)
from feiqian.wire.usage import ServiceClass, Usage, check_usage


class EntityService(Service, frozen=True):
    """What an entity stores of a service."""

    vehicle: Name = "-"
    service: ServiceClass = ServiceClass.PARKING
    tariff: str = ""
    ceiling_minor: int = 0
    until_ms: int = 0
    """The authorisation's end."""
    order: bytes = b""
    """The fee order, as signed."""


class EntityMachine(ServiceMachine[EntityService]):
    """The entity's side."""

    MEMBER: ClassVar = Member.ENTITY

    def __init__(self, record: EntityService, name: str, management: str, suite: Suite) -> None:
        super().__init__(record, name)
        self._management = management
        self._suite = suite
        self._ended: SiteEnded | None = None
        self._settled: FeeSettled | None = None
        self._reconciled: Reconciled | None = None

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
        require_sender(heard.message, self._management)
        assert isinstance(heard.message, ServiceStop)
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
            self._tell(ServiceEnded, served=self._ended.served, usage=self._ended.usage)

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
        if (order.entity, order.vehicle) != (self.name, self.record.vehicle):
            raise Refusal(Outcome.WRONG_ADDRESSEE, "expected the order of this service")
        if order.amount_minor > self.record.ceiling_minor:
            raise Refusal(Outcome.OVER_CEILING, f"expected at most {self.record.ceiling_minor}")
        if now.certainly_after(order.expires_at_ms):
            raise Refusal(Outcome.EXPIRED, "expected an order that still stands")
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
        return read_order(self._suite, raw)

    def _on_fee_settled(self, fact: FeeSettled, _: Moment) -> Event | None:
        settlement = fact.settlement
        if settlement.outcome not in SUCCESSES:
            self.problems.append(f"payment: {settlement.outcome}: {settlement.detail}")
            return None
        order = read_order(self._suite, self.record.order)
        if settlement.amount_minor != order.amount_minor:
            raise Refusal(Outcome.AMOUNT_MISMATCH, f"expected {order.amount_minor}")
        self._settled = fact
        return Event.PAID_OFFLINE if settlement.offline else Event.PAID

    def _on_reconciled(self, fact: Reconciled, _: Moment) -> Event:
        self._reconciled = fact
        if fact.outcome in SUCCESSES:
            return Event.RECONCILED
        self._because(fact.outcome, "what was paid offline is anomalous")
        return Event.ANOMALOUS

    def _enter_paid(self, _: Moment) -> None:
        self._receipt()
        self._tell_reconciled()

    def _enter_paid_offline(self, _: Moment) -> None:
        self._receipt()

    def _receipt(self) -> None:
        if self._settled is None:
            return
        order = read_order(self._suite, self.record.order)
        self._tell(FeeReceipt, **receipt_fields(order, self._settled.settlement))

    def _tell_reconciled(self) -> None:
        if self._reconciled is not None:
            order = read_order(self._suite, self.record.order)
            outcome = self._reconciled.outcome
            self._tell(FeeReconciled, order_id=order.order_id, outcome=outcome)

    # Ends ----------------------------------------------------------------------------------------
    def _on_service_closed(self, heard: Heard, _: Moment) -> Event | None:
        closed = heard.message
        require_sender(closed, self._management)
        assert isinstance(closed, ServiceClosed)
        return self._closed(closed)

    def _tell(self, shape: type, **fields: object) -> None:
        self._say(shape, self._management, request_id=self.record.request_id, **fields)


_PAYABLE = frozenset({State.AWAITING_PAYMENT, State.UNPAID, State.PAID, State.PAID_OFFLINE})
"""Paid ones, too: the payer's proof may have been lost, and is given again."""


def new_entity_service(request_id: bytes) -> EntityService:
    """Before the match."""
    return EntityService(VERSION, request_id)
