"""The payer's states after its chip has signed: hand over, until the payee's word is in our records.

The value belongs to the payee alone by now, so nothing here can undo the payment: the word is the
manager's confirmation or the chip's receipt, and without it the end is `PENDING`, never refused.
"""

from collections.abc import Sequence

from feiqian.money.transfer import SignedTransfer
from feiqian.outcomes import Outcome, Refusal
from feiqian.protocol.payment.checks import (
    Agreement,
    change_of,
    check_confirmation,
    check_receipt,
    paying_transfers,
    sound_renewals,
)
from feiqian.protocol.payment.effects import AskServer, Effect, Keep, Send, SetTimer
from feiqian.protocol.payment.facts import Fact
from feiqian.protocol.payment.machine import PaymentMachine, known
from feiqian.protocol.payment.records import PaymentEnded, PaymentSigned, ReceiptHeld
from feiqian.protocol.payment.setup import PayerSetup
from feiqian.protocol.payment.spending import Spending, check_same_payee
from feiqian.protocol.payment.states import Event
from feiqian.timing.moment import Moment
from feiqian.wire.envelope import decode_message, encode_message
from feiqian.wire.payment import (
    MAILBOX_PATH,
    PAYMENTS_PATH,
    MailboxAnswer,
    OfferMessage,
    PaymentConfirmed,
    PaymentReceipt,
    PaymentRequest,
    PaymentResult,
)

AWAIT_OFFER_MS = 120_000
"""How long we wait for an offer on an open link."""
AWAIT_CONFIRMATION_MS = 60_000
"""How long we wait before we leave the confirmation to synchronising."""


class HandingOver(PaymentMachine):
    """The part of the payer's machine that has something to hand over."""

    def __init__(self, setup: PayerSetup) -> None:
        super().__init__()
        self._setup = setup
        self._spending: Spending | None = None
        self._signed: PaymentSigned | None = None
        self._outgoing: PaymentRequest | None = None
        self._confirmed: PaymentConfirmed | None = None
        self._receipt: PaymentReceipt | None = None

    def _decide(self, spending: Spending) -> None:
        self._spending = spending
        self.peer = self.agreement.payee.value.subject
        self.amount_minor = self.agreement.amount_minor

    # What is known from here on; asking earlier is our own slip ----------------------------------
    @property
    def agreement(self) -> Agreement:
        """What was agreed."""
        return known(self._spending).agreement

    @property
    def _offline(self) -> bool:
        return known(self._spending).offline

    @property
    def _transfers(self) -> tuple[SignedTransfer, ...]:
        return paying_transfers(self._setup.trust.suite, known(self._signed).full)

    # Judgements ----------------------------------------------------------------------------------
    def _judge_awaiting_confirmation(self, fact: Fact, _: Moment) -> Event:
        if self._offline:
            receipt = self._judge_wait(fact, PaymentReceipt)
            return receipt if isinstance(receipt, Event) else self._hold_receipt(receipt.receipt)
        message = self._judge_wait(fact, PaymentConfirmed)
        if message is Event.REFUSAL and self._history_wanted():
            self._outgoing = known(self._signed).full
            return Event.HISTORY_WANTED
        if isinstance(message, Event):
            return message
        return self._hold(message) or Event.CONFIRMATION

    def _hold_receipt(self, raw: bytes) -> Event:
        try:
            check_receipt(self._setup.trust.suite, raw, self.agreement, self._transfers)
        except Refusal as refusal:
            return self._unacceptable(refusal)
        self._receipt = PaymentReceipt(raw)
        return Event.RECEIPT

    def _history_wanted(self) -> bool:
        wanted = self._reason.outcome is Outcome.HISTORY_REQUIRED
        return wanted and self._outgoing != known(self._signed).full

    def _hold(self, confirmed: PaymentConfirmed) -> Event | None:
        trust, transfers = self._setup.trust, self._transfers
        try:
            check_confirmation(trust, confirmed.confirmation, self.agreement, transfers)
        except Refusal as refusal:
            return self._unacceptable(refusal)
        owner = self._setup.certificate.fingerprint
        renewals = sound_renewals(trust, confirmed.renewals, change_of(transfers), owner)
        self._confirmed = PaymentConfirmed(confirmed.confirmation, renewals)
        return None

    def _judge_awaiting_reunion(self, fact: Fact, now: Moment) -> Event:
        message = self._judge_wait(fact, OfferMessage)
        if isinstance(message, Event):
            return message
        try:
            check_same_payee(self._setup.trust, message, self.agreement, now)
        except Refusal as refusal:
            return self._unacceptable(refusal)
        return Event.SAME_PAYEE

    def _judge_submitting(self, fact: Fact, _: Moment) -> Event:
        body = self._judge_server(fact)
        if isinstance(body, Event):
            return body
        if self._offline:
            return self._judge_mailbox(body)
        try:
            result = decode_message(body, PaymentResult)
        except Refusal as refusal:
            return self._server_failed(refusal)
        unsound = self._hold(PaymentConfirmed(result.confirmation, result.renewals))
        return Event.SERVER_REFUSED if unsound else Event.SERVER_DONE

    def _judge_mailbox(self, body: bytes) -> Event:
        try:
            answer = decode_message(body, MailboxAnswer)
        except Refusal as refusal:
            return self._server_failed(refusal)
        if answer.receipt is None:
            detail = "the payee's institution keeps it for the payee's chip"
            self._reason = Refusal(Outcome.UNAVAILABLE, detail)
            return Event.LEFT_IN_MAILBOX
        event = self._hold_receipt(answer.receipt)
        return Event.SERVER_REFUSED if event is Event.UNACCEPTABLE else event

    # Entries -------------------------------------------------------------------------------------
    def _enter_awaiting_reunion(self, _: Moment) -> Sequence[Effect]:
        return (SetTimer(AWAIT_OFFER_MS),)

    def _enter_awaiting_confirmation(self, _: Moment) -> Sequence[Effect]:
        return Send(known(self._outgoing)), SetTimer(AWAIT_CONFIRMATION_MS)

    def _enter_submitting(self, _: Moment) -> Sequence[Effect]:
        institution = self.agreement.payee.value.issuer
        body = encode_message(known(self._signed).full)
        path = MAILBOX_PATH if self._offline else PAYMENTS_PATH
        return (AskServer(institution, path, body),)

    def _enter_keeping_confirmation(self, _: Moment) -> Sequence[Effect]:
        return (Keep(PaymentEnded(self.agreement.nonce, known(self._confirmed))),)

    def _enter_keeping_receipt(self, _: Moment) -> Sequence[Effect]:
        return (Keep(ReceiptHeld(self.agreement.nonce, known(self._receipt).receipt)),)

    def _enter_done(self, _: Moment) -> Sequence[Effect]:
        by = "the payee's chip" if self._offline else "the payee's manager"
        return (self._finish(Outcome.ACCEPTED, f"{by} confirmed the payment"),)
