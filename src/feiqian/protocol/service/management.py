"""The management server's machine: it matches, orders the fee, and compares the receipts.

It never guesses: a vehicle that stands at one certain entity is matched, one that may stand at
several only after exactly one of them says so, and a vehicle at another entity than its authorised one
is not served (V-04, V-07, V-08). It orders what usage and tariff come to, once for a request, and
nothing above what the chip authorised (V-09). A service is paid when both receipts prove the same
payment (V-11).
"""

from collections.abc import Callable
from typing import Any, ClassVar

from feiqian.outcomes import SUCCESSES, Outcome, Refusal
from feiqian.protocol.service.admission import PAYMENT_MARGIN_MS, ManagementSetup, admitted
from feiqian.protocol.service.departures import used_until_left
from feiqian.protocol.service.facts import CancelAsked, Departed, Heard, Located, Unclear
from feiqian.protocol.service.fees import order_id_of, question_id_of
from feiqian.protocol.service.machine import ServiceMachine, require_sender
from feiqian.protocol.service.receipts import ANOMALOUS, check_proof, compare
from feiqian.protocol.service.records import ManagementService
from feiqian.protocol.service.states import ENDS, Event, State
from feiqian.timing.moment import Moment
from feiqian.wire.fees import FeeOrder, FeeOwed, FeeReceipt, FeeReconciled, Side
from feiqian.wire.presence import PresenceAnswer, PresenceQuestion
from feiqian.wire.service import (
    Ending,
    Matched,
    Member,
    ServiceAuthorised,
    ServiceCancelled,
    ServiceClosed,
    ServiceEnded,
    ServiceStarted,
    ServiceStop,
)
from feiqian.wire.usage import Fee, check_usage

START_PATIENCE_MS = 600_000
"""How long an entity has to begin what was matched."""
ASK_PATIENCE_MS = 30_000
"""How long entities have to answer a question; then it counts as no."""
ORDER_VALID_MS = 24 * 3600 * 1000
"""How long a fee order stands, unless the authorisation ends before."""
MAX_ASKED = 16
"""Entities that are asked at once; where more are possible, nothing is matched."""

_AWAITING_RECEIPTS = frozenset(
    {State.FEE_DUE, State.FEE_OWED, State.UNPAID, State.AWAITING_PAYEE, State.AWAITING_PAYER}
)


class ManagementMachine(ServiceMachine[ManagementService]):
    """The management server's side."""

    MEMBER: ClassVar = Member.MANAGEMENT

    def __init__(self, record: ManagementService, setup: ManagementSetup) -> None:
        super().__init__(record, setup.name)
        self._setup = setup
        self._trust = setup.trust
        self._fee: Fee | None = None

    @property
    def _management(self) -> str:
        return self.name

    # Authorised ----------------------------------------------------------------------------------
    def _on_service_authorised(self, heard: Heard, now: Moment) -> Event | None:
        if self.record.state is not State.START:
            return None
        authorised = heard.message
        assert isinstance(authorised, ServiceAuthorised)
        self._set(vehicle=authorised.sender)
        try:
            self.record = admitted(self.record, authorised, self._setup, now)
        except Refusal as refusal:
            self._because(refusal.outcome, refusal.detail)
            return Event.UNACCEPTABLE
        return Event.CHIP_AUTHORISED

    # Match ---------------------------------------------------------------------------------------
    def _on_located(self, fact: Located, _: Moment) -> Event:
        return self._at(fact.entity)

    def _at(self, entity: str) -> Event:
        if entity == self.record.entity:
            return Event.MATCHED
        self._because(Outcome.NOT_AUTHORISED, f"the vehicle stands at {entity}")
        return Event.OTHER_ENTITY

    def _on_unclear(self, fact: Unclear, _: Moment) -> Event | None:
        if self.record.state is not State.TRACKING or len(fact.entities) > MAX_ASKED:
            return None
        self._set(asked=fact.entities, answers=(), question_count=self.record.question_count + 1)
        return Event.AMBIGUOUS

    def _enter_asking(self, now: Moment) -> None:
        record = self.record
        deadline_ms = min(now.midpoint_ms + ASK_PATIENCE_MS, record.deadline_ms)
        self._set(resume_ms=record.deadline_ms, deadline_ms=deadline_ms)
        for entity in record.asked:
            self._say(PresenceQuestion, entity, question_id=self.question_id, moment=now)

    @property
    def question_id(self) -> bytes:
        """Of the question asked now."""
        record = self.record
        return question_id_of(self._trust.suite, record.request_id, record.question_count)

    def _on_presence_answer(self, heard: Heard, _: Moment) -> Event | None:
        answer, record = heard.message, self.record
        assert isinstance(answer, PresenceAnswer)
        answered = dict(record.answers)
        if record.state is not State.ASKING or answer.question_id != self.question_id:
            return None
        require_sender(answer, *record.asked)
        answered.setdefault(answer.sender, answer.occupied)
        self._set(answers=tuple(sorted(answered.items())))
        if len(answered) < len(record.asked):
            return Event.ANSWER
        yes = [entity for entity, occupied in answered.items() if occupied]
        return self._at(yes[0]) if len(yes) == 1 else Event.NO_SINGLE_YES

    def _enter_tracking(self, _: Moment) -> None:
        if self.record.resume_ms:
            self._set(deadline_ms=self.record.resume_ms, resume_ms=0)

    def _judge_time(self, now: Moment) -> Event | None:
        event = super()._judge_time(now)
        if event is None:
            return None
        if self.record.state is State.ASKING and not now.certainly_after(self.record.resume_ms):
            return Event.NO_SINGLE_YES
        if self.record.state in (State.MATCHED, State.SERVING):
            self._set(stop_reason=Outcome.EXPIRED)
        if not self.record.order:
            self._because(Outcome.EXPIRED, f"it was over while {self.record.state}")
        elif self.record.state is State.FEE_DUE:
            self._because(Outcome.EXPIRED, "the fee order ran out")
        return event

    def _enter_matched(self, now: Moment) -> None:
        record = self.record
        latest_ms = record.until_ms - PAYMENT_MARGIN_MS
        patience_ms = now.midpoint_ms + START_PATIENCE_MS
        self._set(matched=True, deadline_ms=min(patience_ms, latest_ms))
        self._tell(
            Matched,
            record.vehicle,
            record.entity,
            vehicle=record.vehicle,
            entity=record.entity,
            service=record.service,
            tariff=record.tariff,
            ceiling_minor=record.ceiling_minor,
            valid_until_ms=record.until_ms,
            moment=now,
        )

    # Service -------------------------------------------------------------------------------------
    def _on_service_started(self, heard: Heard, _: Moment) -> Event:
        require_sender(heard.message, self.record.entity)
        assert isinstance(heard.message, ServiceStarted)
        return Event.STARTED

    def _enter_serving(self, _: Moment) -> None:
        self._set(deadline_ms=self.record.until_ms - PAYMENT_MARGIN_MS)

    def _on_departed(self, fact: Departed, _: Moment) -> Event:
        self._set(left=fact.moment)
        if self.record.state is not State.STOPPING:
            self._set(stop_reason=Outcome.VEHICLE_LEFT)
        return Event.LEFT

    def _on_service_cancelled(self, heard: Heard, _: Moment) -> Event:
        cancelled, record = heard.message, self.record
        assert isinstance(cancelled, ServiceCancelled)
        if record.state is State.START:
            self._set(vehicle=cancelled.sender)
        else:
            require_sender(cancelled, record.vehicle, record.entity)
        self._because(cancelled.outcome, cancelled.detail)
        if cancelled.sender == record.entity:
            return Event.SITE_REFUSED
        self._set(stop_reason=Outcome.CANCELLED)
        return Event.CANCELLED

    def _on_cancel_asked(self, fact: CancelAsked, _: Moment) -> Event:
        """The operator's."""
        self._because(Outcome.CANCELLED, fact.detail)
        self._set(stop_reason=Outcome.CANCELLED)
        return Event.CANCELLED

    def _enter_stopping(self, _: Moment) -> None:
        self._set(deadline_ms=self.record.until_ms)
        record = self.record
        self._tell(ServiceStop, record.entity, reason=record.stop_reason, left=record.left)

    def _on_service_ended(self, heard: Heard, _: Moment) -> Event:
        ended, record = heard.message, self.record
        require_sender(ended, record.entity)
        assert isinstance(ended, ServiceEnded)
        if not ended.served:
            return self._unserved()
        check_usage(ended.usage)
        usage = used_until_left(ended.usage, record.left)
        try:
            fee = self._setup.price(record.tariff, usage)
        except Refusal as refusal:
            self._because(refusal.outcome, refusal.detail)
            return Event.SITE_REFUSED
        if fee.amount_minor == 0:
            return Event.NO_FEE
        if fee.amount_minor > record.ceiling_minor:
            self._because(Outcome.OVER_CEILING, f"{fee.amount_minor} is above what was authorised")
            return Event.OVER_CEILING
        self._fee = fee
        return Event.USED

    def _unserved(self) -> Event:
        if self.record.stop_reason is Outcome.VEHICLE_LEFT:
            self._because(Outcome.VEHICLE_LEFT, "the vehicle left before anything was served")
            return Event.USED_NOTHING_LEFT
        self._because(Outcome.CANCELLED, "nothing was served")
        return Event.USED_NOTHING_CANCELLED

    # Fee -----------------------------------------------------------------------------------------
    def _enter_fee_due(self, now: Moment) -> None:
        assert self._fee is not None
        record, fee = self.record, self._fee
        order_id = order_id_of(self._trust.suite, record.request_id)
        expires_at_ms = min(now.midpoint_ms + ORDER_VALID_MS, record.until_ms)
        self._set(order=order_id, amount_minor=fee.amount_minor, deadline_ms=expires_at_ms)
        self._tell(
            FeeOrder,
            record.vehicle,
            record.entity,
            order_id=order_id,
            vehicle=record.vehicle,
            entity=record.entity,
            amount_minor=fee.amount_minor,
            lines=fee.lines,
            statement=self._setup.register.statement_of(record.entity),
            expires_at_ms=expires_at_ms,
            moment=now,
        )

    def _on_fee_owed(self, heard: Heard, _: Moment) -> Event:
        owed = heard.message
        require_sender(owed, self.record.vehicle)
        assert isinstance(owed, FeeOwed)
        self._because(owed.outcome, "the vehicle owes the fee")
        return Event.OWED

    def _on_fee_receipt(self, heard: Heard, now: Moment) -> Event | None:
        receipt, record = heard.message, self.record
        assert isinstance(receipt, FeeReceipt)
        require_sender(receipt, record.vehicle if receipt.side is Side.PAYER else record.entity)
        if receipt.order_id != record.order:
            raise Refusal(Outcome.WRONG_SESSION, "expected a receipt of this request's order")
        if record.state not in _AWAITING_RECEIPTS:
            return None
        check_proof(self._trust, receipt, record.wallet, now.midpoint_ms)
        self._keep(receipt.side, heard.raw)
        event, outcome, detail = compare(self.record, receipt.side, self._trust.suite)
        self._because(outcome, detail)
        return event

    def _keep(self, side: Side, raw: bytes) -> None:
        """The first of each side counts."""
        kept = "payer_receipt" if side is Side.PAYER else "payee_receipt"
        if not getattr(self.record, kept):
            self._set(**{kept: raw})

    def _on_fee_reconciled(self, heard: Heard, _: Moment) -> Event:
        said = heard.message
        require_sender(said, self.record.entity)
        assert isinstance(said, FeeReconciled)
        self._set(reconciled=said.outcome)
        if said.outcome in SUCCESSES:
            return Event.RECONCILED
        self._because(said.outcome, ANOMALOUS)
        return Event.ANOMALOUS

    # Ends ----------------------------------------------------------------------------------------
    def _enter(self, state: State, now: Moment) -> None:
        super()._enter(state, now)
        if state in ENDS:
            self._close(Ending(state.value))

    def _close(self, ending: Ending) -> None:
        record = self.record
        self._set(endings=record.endings + 1)
        entity = record.entity if record.matched else ""
        concerned = [name for name in (record.vehicle, record.provider, entity) if name]
        paid = ending in (Ending.PAID, Ending.PAID_OFFLINE)
        self._tell(
            ServiceClosed,
            *concerned,
            ending=ending,
            outcome=record.outcome,
            detail=record.detail,
            amount_minor=record.amount_minor if paid else 0,
            number=record.endings + 1,
        )

    def _tell(self, shape: Callable[..., Any], *recipients: str, **fields: Any) -> None:  # noqa: ANN401
        self._say(shape, *recipients, request_id=self.record.request_id, **fields)
