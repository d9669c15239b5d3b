"""The payer's machine: judge the offer, have the chip sign, hand over, hold confirmation or receipt.

Everything that can fail is tried before the chip signs. From then on the value belongs to the payee
alone, whatever happens to the link, and the machine's end is `DONE` or `PENDING`, never refused.
"""

from collections.abc import Sequence
from typing import ClassVar

from feiqian.chip.commands import GetPieces, Pay, PayFee, PiecesAnswer, TransfersAnswer
from feiqian.outcomes import LocalProtocolError, Outcome, Refusal
from feiqian.protocol.payment.effects import Approve, Effect, Keep, PerformOnChip, SetTimer
from feiqian.protocol.payment.facts import Approved, Cancelled, Fact
from feiqian.protocol.payment.handing_over import AWAIT_OFFER_MS, HandingOver
from feiqian.protocol.payment.machine import known
from feiqian.protocol.payment.records import PaymentIntended, SessionRefused
from feiqian.protocol.payment.setup import PayerPast, PayerSetup
from feiqian.protocol.payment.spending import decide, decided_before
from feiqian.protocol.payment.states import Event, Role
from feiqian.timing.moment import Moment
from feiqian.wire.payment import OfferMessage


class PayerMachine(HandingOver):
    """The payer's side; `past` continues an earlier run from its records."""

    ROLE: ClassVar = Role.PAYER

    def __init__(self, setup: PayerSetup, past: PayerPast | None = None) -> None:
        super().__init__(setup)
        self._past = past
        self._pay: Pay | PayFee | None = None
        if past is not None:
            self._remember(past)

    def _remember(self, past: PayerPast) -> None:
        self._decide(decided_before(past))
        self._pay, self._signed = past.intent.pay, past.signed
        self._outgoing = past.signed.full if past.signed else None

    @property
    def _command(self) -> Pay | PayFee:
        if self._pay is None:
            raise LocalProtocolError("expected an earlier state to have set what is paid")
        return self._pay

    # Judgements ----------------------------------------------------------------------------------
    def _judge_start(self, _: Fact, __: Moment) -> Event:
        if self._past is None:
            return Event.STARTED
        if self._past.signed is None:
            return Event.INTENT_RESUMED
        return Event.PAYMENT_RESUMED_ON_LINK if self._past.on_link else Event.PAYMENT_RESUMED

    def _judge_awaiting_offer(self, fact: Fact, now: Moment) -> Event:
        message = self._judge_wait(fact, OfferMessage)
        if isinstance(message, Event):
            return message
        try:
            self._decide(decide(self._setup, message, now))
        except Refusal as refusal:
            return self._unacceptable(refusal)
        return Event.OFFER

    def _judge_approving(self, fact: Fact, _: Moment) -> Event:
        if isinstance(fact, Approved):
            return Event.APPROVED
        if not isinstance(fact, Cancelled):
            raise LocalProtocolError(f"{type(fact).__name__} while approving")
        self._reason = Refusal(Outcome.CANCELLED, "the payer does not agree")
        self._peer_knows = False
        return Event.CANCELLED

    def _judge_paying(self, fact: Fact, _: Moment) -> Event:
        answer = self._judge_chip(fact)
        if isinstance(answer, Event):
            return answer
        if not isinstance(answer, TransfersAnswer):
            raise LocalProtocolError("expected the transfers that PAY signs")
        own = self._setup.certificate.raw
        self._signed = known(self._spending).signed(answer.transfers, own)
        self._outgoing = self._signed.request
        return Event.CHIP_DONE

    def _judge_paying_again(self, fact: Fact, now: Moment) -> Event:
        return self._judge_paying(fact, now)

    def _judge_recovering(self, fact: Fact, _: Moment) -> Event:
        answer = self._judge_chip(fact)
        if isinstance(answer, Event):
            return Event.CHIP_SILENT
        if not isinstance(answer, PiecesAnswer):
            raise LocalProtocolError("expected the pieces that the chip holds")
        held = {piece.identifier for piece in answer.pieces}
        if held.isdisjoint(self._command.inputs):
            return Event.WAS_SIGNED
        self._reason = Refusal(Outcome.CANCELLED, "the chip had not signed; nothing moved")
        return Event.NEVER_SIGNED

    # Entries -------------------------------------------------------------------------------------
    def _enter_awaiting_offer(self, _: Moment) -> Sequence[Effect]:
        return (SetTimer(AWAIT_OFFER_MS),)

    def _enter_approving(self, _: Moment) -> Sequence[Effect]:
        return (Approve(self.amount_minor, self.peer),)

    def _enter_keeping_intent(self, now: Moment) -> Sequence[Effect]:
        spending = known(self._spending)
        self._pay = spending.command(now, self._setup.fee)
        payee = self.agreement.payee.raw
        return (Keep(PaymentIntended(self._pay, payee, spending.by_identifier)),)

    def _enter_paying(self, _: Moment) -> Sequence[Effect]:
        return (PerformOnChip(self._command),)

    def _enter_paying_again(self, now: Moment) -> Sequence[Effect]:
        return self._enter_paying(now)

    def _enter_recovering(self, _: Moment) -> Sequence[Effect]:
        return (PerformOnChip(GetPieces()),)

    def _enter_keeping_payment(self, _: Moment) -> Sequence[Effect]:
        return (Keep(known(self._signed)),)

    def _enter_keeping_refusal(self, _: Moment) -> Sequence[Effect]:
        reason = self._reason
        self._chip_refused = self._past is None  # a later run only learns that it never signed
        return (Keep(SessionRefused(self.agreement.nonce, reason.outcome, reason.detail)),)
