"""The payer's machine: judge the offer, have the chip sign, hand over, hold confirmation or receipt.

Everything that can fail is tried before the chip signs. From then on the value belongs to the payee
alone, whatever happens to the link, and the machine's end is `DONE` or `PENDING`, never refused.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from feiqian.chip.commands import GetPieces, Pay, PayFee, PiecesAnswer, TransfersAnswer
from feiqian.crypto.certificates import SignedCertificate
from feiqian.crypto.trust import TrustStore
from feiqian.money.transfer import Acceptor, SignedTransfer
from feiqian.outcomes import LocalProtocolError, Outcome, Refusal
from feiqian.protocol.payment.chain import Chain, Chooser
from feiqian.protocol.payment.checks import (
    Agreement,
    agree_amount,
    change_of,
    check_confirmation,
    check_offer,
    check_receipt,
    paying_transfers,
    sound_renewals,
)
from feiqian.protocol.payment.effects import (
    Approve,
    AskServer,
    Effect,
    Keep,
    PerformOnChip,
    Send,
    SetTimer,
)
from feiqian.protocol.payment.facts import (
    Approved,
    Cancelled,
    Fact,
)
from feiqian.protocol.payment.machine import PaymentMachine, known
from feiqian.protocol.payment.records import (
    PaymentEnded,
    PaymentIntended,
    PaymentSigned,
    ReceiptHeld,
    SessionRefused,
)
from feiqian.protocol.payment.states import Event, Role
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


@dataclass(frozen=True, slots=True)
class FeeTerms:
    """What makes a payment that of a fee: the chip pays under an authorisation, without PIN (V-05)."""

    payee: bytes
    """Fingerprint of the only wallet that is paid."""
    authorisation: int
    """Its number in the chip."""
    order_id: bytes
    statement: bytes
    """The provider's, about the entity."""


@dataclass(frozen=True, slots=True)
class PayerSetup:
    """What a payer brings to a session."""

    trust: TrustStore
    certificate: SignedCertificate
    """Of our own chip."""
    choose: Chooser
    amount_minor: int | None = None
    """None: take the payee's (C-03)."""
    by_identifier: bool = False
    """Send circulation identifiers instead of full pieces where the issuer knows the history."""
    offline_only: bool = False
    """Pay only what the payee's chip takes in."""
    fee: FeeTerms | None = None


@dataclass(frozen=True, slots=True)
class PayerPast:
    """What the records hold of a payment to go on with."""

    intent: PaymentIntended
    payee: SignedCertificate
    chains: tuple[Chain, ...]
    """Of the intent's inputs, in order; needed until the payment is signed."""
    signed: PaymentSigned | None = None
    on_link: bool = False
    """Present it to the payee over a link, instead of to the payee's institution."""


class PayerMachine(PaymentMachine):
    """The payer's side; `past` continues an earlier run from its records."""

    ROLE: ClassVar = Role.PAYER

    def __init__(self, setup: PayerSetup, past: PayerPast | None = None) -> None:
        super().__init__()
        self._setup = setup
        self._past = past
        self._agreement: Agreement | None = None
        self._chains: tuple[Chain, ...] = ()
        self._pay: Pay | PayFee | None = None
        self._by_identifier = setup.by_identifier
        self._signed: PaymentSigned | None = None
        self._outgoing: PaymentRequest | None = None
        self._confirmed: PaymentConfirmed | None = None
        self._receipt: PaymentReceipt | None = None
        if past is not None:
            self._remember(past)

    def _remember(self, past: PayerPast) -> None:
        pay = past.intent.pay
        self._agree(Agreement(pay.nonce, past.payee, pay.amount_minor, pay.acceptor))
        self._pay, self._chains, self._signed = pay, past.chains, past.signed
        self._by_identifier = past.intent.by_identifier
        self._outgoing = past.signed.full if past.signed else None

    def _agree(self, agreement: Agreement) -> None:
        self._agreement = agreement
        self.peer, self.amount_minor = agreement.payee.value.subject, agreement.amount_minor

    # What is known from here on; asking earlier is our own slip ----------------------------------
    @property
    def agreement(self) -> Agreement:
        """What was agreed."""
        return known(self._agreement)

    @property
    def _command(self) -> Pay | PayFee:
        if self._pay is None:
            raise LocalProtocolError("expected an earlier state to have set what is paid")
        return self._pay

    @property
    def _offline(self) -> bool:
        return self.agreement.acceptor is Acceptor.CHIP

    @property
    def _transfers(self) -> tuple[SignedTransfer, ...]:
        return paying_transfers(self._setup.trust.suite, known(self._signed).full)

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
            self._consider(message, now)
        except Refusal as refusal:
            return self._unacceptable(refusal)
        return Event.OFFER

    def _consider(self, message: OfferMessage, now: Moment) -> None:
        setup = self._setup
        offer, payee = check_offer(setup.trust, message, now, offline_only=setup.offline_only)
        if setup.fee is not None and payee.fingerprint != setup.fee.payee:
            raise Refusal(Outcome.NOT_AUTHORISED, "expected the offer of the authorised entity")
        amount_minor = agree_amount(offer, setup.amount_minor, setup.certificate.value.tier)
        offline = offer.acceptor is Acceptor.CHIP
        self._chains = tuple(setup.choose(amount_minor, payee.value.tier if offline else None))
        self._by_identifier = setup.by_identifier and not offline
        self._agree(Agreement(offer.nonce, payee, amount_minor, offer.acceptor))

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
        self._signed = PaymentSigned(
            self.agreement.nonce,
            self._request(answer.transfers, by_identifier=self._by_identifier),
            self._request(answer.transfers, by_identifier=False),
        )
        self._outgoing = self._signed.request
        return Event.CHIP_DONE

    def _request(self, transfers: Sequence[bytes], *, by_identifier: bool) -> PaymentRequest:
        own = self._setup.certificate.raw
        items = tuple(
            chain.item(transfer, own, by_identifier=by_identifier)
            for chain, transfer in zip(self._chains, transfers, strict=True)
        )
        return PaymentRequest(self.agreement.nonce, items)

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
            _, payee = check_offer(self._setup.trust, message, now)
        except Refusal as refusal:
            return self._unacceptable(refusal)
        if payee.fingerprint != self.agreement.payee.fingerprint:
            expected = Refusal(Outcome.WRONG_ADDRESSEE, f"expected the wallet {self.peer}")
            return self._unacceptable(expected)
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
    def _enter_awaiting_offer(self, _: Moment) -> Sequence[Effect]:
        return (SetTimer(AWAIT_OFFER_MS),)

    def _enter_awaiting_reunion(self, _: Moment) -> Sequence[Effect]:
        return (SetTimer(AWAIT_OFFER_MS),)

    def _enter_approving(self, _: Moment) -> Sequence[Effect]:
        return (Approve(self.amount_minor, self.peer),)

    def _enter_keeping_intent(self, now: Moment) -> Sequence[Effect]:
        pay = Pay(
            payee=self.agreement.payee.fingerprint,
            amount_minor=self.agreement.amount_minor,
            nonce=self.agreement.nonce,
            moment=now,
            inputs=tuple(chain.identifier for chain in self._chains),
            acceptor=self.agreement.acceptor,
        )
        self._pay = pay if self._setup.fee is None else _fee(pay, self._setup.fee)
        return (Keep(PaymentIntended(self._pay, self.agreement.payee.raw, self._by_identifier)),)

    def _enter_paying(self, _: Moment) -> Sequence[Effect]:
        return (PerformOnChip(self._command),)

    def _enter_paying_again(self, now: Moment) -> Sequence[Effect]:
        return self._enter_paying(now)

    def _enter_recovering(self, _: Moment) -> Sequence[Effect]:
        return (PerformOnChip(GetPieces()),)

    def _enter_keeping_payment(self, _: Moment) -> Sequence[Effect]:
        return (Keep(known(self._signed)),)

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

    def _enter_keeping_refusal(self, _: Moment) -> Sequence[Effect]:
        reason = self._reason
        return (Keep(SessionRefused(self.agreement.nonce, reason.outcome, reason.detail)),)

    def _enter_done(self, _: Moment) -> Sequence[Effect]:
        by = "the payee's chip" if self._offline else "the payee's manager"
        return (self._finish(Outcome.ACCEPTED, f"{by} confirmed the payment"),)


def _fee(pay: Pay, terms: FeeTerms) -> PayFee:
    """The same payment, under an authorisation."""
    return PayFee(
        payee=pay.payee,
        amount_minor=pay.amount_minor,
        nonce=pay.nonce,
        moment=pay.moment,
        inputs=pay.inputs,
        authorisation=terms.authorisation,
        order_id=terms.order_id,
        statement=terms.statement,
        acceptor=pay.acceptor,
    )
