"""The vehicle's machine: it asks, has its chip authorise, lets itself be served, and pays by order.

After the authorisation nobody in the vehicle does anything any more. An order is paid if it is the
management server's, for this request, at the authorised entity, within the ceiling; whatever else a
server orders is put aside here, and would be refused by the chip.
"""

from typing import ClassVar

from feiqian.outcomes import SUCCESSES, Outcome, Refusal
from feiqian.protocol.service.facts import (
    CancelAsked,
    ChipAuthorised,
    ChipRefused,
    FeeSettled,
    FundsArrived,
    Heard,
)
from feiqian.protocol.service.fee_side import FeeSide
from feiqian.protocol.service.fees import check_order, order_id_of
from feiqian.protocol.service.grants import read_statement
from feiqian.protocol.service.machine import require_sender
from feiqian.protocol.service.offers import VehicleSetup, covering, grant_for, taken
from feiqian.protocol.service.records import VehicleService
from feiqian.protocol.service.states import Event, State
from feiqian.timing.moment import Moment
from feiqian.wire.authorisation import Grant
from feiqian.wire.fees import FeeOrder, FeeOwed
from feiqian.wire.service import (
    Matched,
    Member,
    RequestDeclined,
    ServiceAuthorised,
    ServiceCancelled,
    ServiceOffer,
    ServiceRequest,
)

REQUEST_PATIENCE_MS = 120_000
"""How long a vehicle waits for an offer."""
GRACE_MS = 300_000
"""How long after the bounds it knows of a vehicle still waits for the management server's word."""
PRESENT_MS = 24 * 3600 * 1000
"""How long an entity that may not know that it was paid is shown so again."""
OWES = frozenset(
    {
        Outcome.INSUFFICIENT_BALANCE,
        Outcome.OVER_OFFLINE_LIMIT,
        Outcome.OVER_HOLDING_LIMIT,
        Outcome.PIN_BLOCKED,
        Outcome.WALLET_FROZEN,
    }
)
"""Why a fee cannot be paid now and can be later (V-10)."""


class VehicleMachine(FeeSide[VehicleService]):
    """The vehicle's side."""

    MEMBER: ClassVar = Member.VEHICLE

    def __init__(self, record: VehicleService, setup: VehicleSetup) -> None:
        super().__init__(record, setup.name, setup.suite)
        self._setup = setup

    @property
    def _management(self) -> str:
        return self.record.management

    def begin(self, now: Moment) -> None:
        """Ask the provider."""
        self._set(state=State.REQUESTING, deadline_ms=now.midpoint_ms + REQUEST_PATIENCE_MS)
        record = self.record
        self._say(
            ServiceRequest,
            record.provider,
            request_id=record.request_id,
            service=record.service,
            entity=record.wished,
            membership=record.membership,
            moment=now,
        )

    # Offer and authorisation ---------------------------------------------------------------------
    def _on_service_offer(self, heard: Heard, now: Moment) -> Event:
        offer = heard.message
        require_sender(offer, self.record.provider)
        assert isinstance(offer, ServiceOffer)
        try:
            self.record = taken(self.record, offer, heard.raw, self._setup, now)
        except Refusal as refusal:
            self._because(refusal.outcome, refusal.detail)
            return Event.UNACCEPTABLE
        standing = covering(self.record, offer, self._setup, now)
        if standing is None:
            return Event.OFFER
        self._set(authorisation=standing)
        return Event.COVERED_OFFER

    def _on_request_declined(self, heard: Heard, _: Moment) -> Event:
        require_sender(heard.message, self.record.provider)
        assert isinstance(heard.message, RequestDeclined)
        self._because(heard.message.outcome, heard.message.detail)
        return Event.DECLINED

    def _enter_authorising(self, now: Moment) -> None:
        self._set(asked_at=now)

    @property
    def grant(self) -> tuple[Grant, Moment]:
        """What the chip is to authorise, and when it was asked."""
        return grant_for(self.record, self._setup)

    def _on_chip_authorised(self, fact: ChipAuthorised, _: Moment) -> Event:
        self._set(authorisation=fact.raw)
        return Event.CHIP_AUTHORISED

    def _on_chip_refused(self, fact: ChipRefused, _: Moment) -> Event:
        self._because(fact.refusal.outcome, fact.refusal.detail)
        return Event.CHIP_REFUSED

    def _enter_authorised(self, _: Moment) -> None:
        record = self.record
        self._set(deadline_ms=record.deadline_ms + GRACE_MS)
        self._tell(
            ServiceAuthorised,
            offer=record.offer,
            authorisation=record.authorisation,
            certificate=self._setup.certificate,
        )

    # Match and order -----------------------------------------------------------------------------
    def _on_matched(self, heard: Heard, _: Moment) -> Event:
        matched = heard.message
        require_sender(matched, self.record.management)
        assert isinstance(matched, Matched)
        if (matched.vehicle, matched.entity) != (self.name, self.record.entity):
            raise Refusal(Outcome.WRONG_ADDRESSEE, f"expected a match with {self.record.entity}")
        self._set(matched=heard.raw, deadline_ms=matched.valid_until_ms + GRACE_MS)
        return Event.MATCHED

    def _on_fee_order(self, heard: Heard, now: Moment) -> Event:
        order, record = heard.message, self.record
        require_sender(order, record.management)
        assert isinstance(order, FeeOrder)
        if order.order_id != order_id_of(self._suite, record.request_id):
            raise Refusal(Outcome.WRONG_SESSION, "expected the one order id of this request")
        check_order(order, self.name, record.entity, self._authorised_minor(), now)
        key = self._setup.providers[record.provider]
        statement = read_statement(self._suite, order.statement, key, now)
        if (statement.entity, statement.wallet) != (record.entity, record.payee):
            raise Refusal(Outcome.NOT_AUTHORISED, "expected the wallet that was authorised")
        self._set(order=heard.raw, amount_minor=order.amount_minor, deadline_ms=order.expires_at_ms)
        return Event.ORDER

    def _authorised_minor(self) -> int:
        authorisation = self._setup.read_authorisation(self.record.authorisation)
        return min(authorisation.grant.ceiling_minor, self.record.ceiling_minor)

    # Payment -------------------------------------------------------------------------------------
    def _on_fee_settled(self, fact: FeeSettled, _: Moment) -> Event | None:
        settlement = fact.settlement
        if self.record.state is State.PRESENTING:
            return Event.PAID if settlement.heard else None  # its receipt was given
        self._because(settlement.outcome, settlement.detail)
        if settlement.outcome in SUCCESSES:
            event = self._paid(settlement)
            return event if settlement.heard or settlement.offline else Event.PROVEN
        if settlement.signed:
            return Event.SIGNED
        if settlement.outcome in OWES:
            return Event.OWED
        # Nothing moved. Only our own chip can refuse an order; after anything else it is tried again.
        return Event.CHIP_REFUSED if settlement.by_chip else None

    def _on_funds_arrived(self, fact: FundsArrived, _: Moment) -> Event | None:
        return Event.TOPPED_UP if fact.spendable_minor >= self.record.amount_minor else None

    def _enter_presenting(self, now: Moment) -> None:
        self._set(deadline_ms=now.midpoint_ms + PRESENT_MS)
        self._receipt()

    def _enter_owing(self, _: Moment) -> None:
        self._tell_owed()

    def _enter_refused(self, _: Moment) -> None:
        if self.record.order:
            self._tell_owed()

    def _tell_owed(self) -> None:
        self._tell(FeeOwed, order_id=self._order.order_id, outcome=self.record.outcome)

    # Ends ----------------------------------------------------------------------------------------
    def _on_cancel_asked(self, fact: CancelAsked, _: Moment) -> Event:
        self._because(Outcome.CANCELLED, fact.detail)
        return Event.CANCELLED

    def _enter_cancelled(self, _: Moment) -> None:
        if not self.record.authorisation:
            self._tell_cancelled(self.record.provider)

    def _enter_cancelling(self, _: Moment) -> None:
        self._tell_cancelled(self.record.management)

    def _tell_cancelled(self, recipient: str) -> None:
        record = self.record
        self._say(
            ServiceCancelled,
            recipient,
            request_id=record.request_id,
            outcome=record.outcome,
            detail=record.detail,
        )

    def _judge_time(self, now: Moment) -> Event | None:
        event = super()._judge_time(now)
        if event is not None and not self.record.order:
            self._because(Outcome.EXPIRED, f"it was over while {self.record.state}")
        return event
