"""The payee's machine: open the session, check the request, have it cashed, load, confirm.

Where the offer says that the chip takes the payment in, `offline_payee` takes over after the request.

The payee needs no PIN: receiving is free. Only fetching currencies that the chip missed earlier is a
signed request and wants an unlocked chip; without it the new currency waits for synchronising.
"""

from collections.abc import Sequence
from typing import ClassVar

from feiqian.chip.commands import Load, MakeOffer, OfferAnswer, SignedRequestAnswer, SignRequest
from feiqian.money.transfer import Acceptor, SignedTransfer
from feiqian.outcomes import LocalProtocolError, Outcome, Refusal
from feiqian.protocol.answers import read_answer
from feiqian.protocol.payment.arrivals import Arrivals
from feiqian.protocol.payment.checks import (
    Agreement,
    check_request,
    check_result,
    payer_of,
    paying_transfers,
)
from feiqian.protocol.payment.effects import AskServer, Effect, Keep, PerformOnChip, Send, SetTimer
from feiqian.protocol.payment.facts import Fact
from feiqian.protocol.payment.machine import MAX_DETAIL, known
from feiqian.protocol.payment.offline_payee import Acceptance, OfflinePayee
from feiqian.protocol.payment.records import (
    CurrenciesTaken,
    HandoverTaken,
    OfferMade,
    RequestTaken,
    ResultTaken,
    SessionRefused,
)
from feiqian.protocol.payment.setup import PayeeSetup
from feiqian.protocol.payment.states import Event, Role
from feiqian.protocol.payment.verification import Verifier
from feiqian.timing.moment import Moment
from feiqian.wire.envelope import decode_message, encode_message
from feiqian.wire.payment import (
    OFFER,
    PAYMENTS_PATH,
    Offer,
    OfferMessage,
    PaymentConfirmed,
    PaymentReceipt,
    PaymentRequest,
    PaymentResult,
    Refused,
)
from feiqian.wire.request_envelope import REQUESTS_PATH
from feiqian.wire.wallet_requests import IssuedResult

OFFER_VALID_MS = 120_000
"""How long our offer stands, and how long it waits for the request."""


class PayeeMachine(OfflinePayee):
    """The payee's side; `past` continues from a request that was kept but not answered."""

    ROLE: ClassVar = Role.PAYEE

    def __init__(self, setup: PayeeSetup, past: RequestTaken | None = None) -> None:
        verifier = Verifier(setup.trust, setup.certificate.value.tier, setup.listed)
        handover = past if isinstance(past, HandoverTaken) else None
        super().__init__(Acceptance(verifier, setup.certificate), handover)
        self._setup = setup
        self._past = past
        self._offer_raw = b""
        self._offer: Offer | None = None
        self._taken: RequestTaken | None = past
        self._result: PaymentResult | None = None
        self._arrivals = Arrivals(setup)
        self._missing: tuple[bytes, ...] = ()
        self._signed_fetch = b""
        self._asked_missing = False
        self._loaded = False
        self._repeated: PaymentConfirmed | PaymentReceipt | None = None
        if past is not None:
            self.peer, self.amount_minor = past.payer, past.amount_minor

    @property
    def agreement(self) -> Agreement:
        """What was agreed."""
        taken = known(self._taken)
        return Agreement(taken.nonce, self._setup.certificate, taken.amount_minor)

    @property
    def _institution(self) -> str:
        return self._setup.certificate.value.issuer

    @property
    def _transfers(self) -> tuple[SignedTransfer, ...]:
        return paying_transfers(self._setup.trust.suite, known(self._taken).request)

    # Judgements ----------------------------------------------------------------------------------
    def _judge_start(self, _: Fact, __: Moment) -> Event:
        if self._past is None:
            return Event.STARTED
        if self._handover is None:
            return Event.REQUEST_RESUMED
        return Event.HANDOVER_RESUMED if self._judgement is None else Event.JUDGEMENT_RESUMED

    def _judge_offering(self, fact: Fact, _: Moment) -> Event:
        answer = self._judge_chip(fact)
        if isinstance(answer, Event):
            return answer
        if not isinstance(answer, OfferAnswer):
            raise LocalProtocolError("expected the offer that the chip made")
        self._offer_raw = answer.offer
        self._offer = OFFER.peek(self._setup.trust.suite, answer.offer)
        return Event.CHIP_DONE

    def _judge_awaiting_request(self, fact: Fact, now: Moment) -> Event:
        message = self._judge_wait(fact, PaymentRequest)
        if isinstance(message, Event):
            return message
        try:
            return self._consider(message, now)
        except Refusal as refusal:
            return self._unacceptable(refusal)

    def _consider(self, request: PaymentRequest, now: Moment) -> Event:
        setup, offer, offer_raw = self._setup, known(self._offer), self._offer_raw
        earlier = setup.earlier.get(request.nonce)
        if earlier is not None:
            offer, offer_raw, self._repeated = earlier.offer, earlier.offer_raw, earlier.answered
        amount_minor = check_request(setup.trust, request, offer, setup.certificate, now)
        payer = payer_of(setup.trust, request, now)
        self.peer, self.amount_minor = payer, amount_minor
        if offer.acceptor is Acceptor.CHIP:
            self._handover = HandoverTaken(request.nonce, request, amount_minor, payer, offer_raw)
            self._taken = self._handover
        else:
            self._taken = RequestTaken(request.nonce, request, amount_minor, payer)
        if self._repeated is not None:
            return Event.REQUEST_ANSWERED_BEFORE
        return Event.REQUEST if self._handover is None else Event.HANDOVER

    def _judge_cashing(self, fact: Fact, _: Moment) -> Event:
        body = self._judge_server(fact)
        if isinstance(body, Event):
            wanted = self._reason.outcome is Outcome.HISTORY_REQUIRED
            return Event.HISTORY_WANTED if wanted and self._can_ask_history() else body
        try:
            self._take_result(decode_message(body, PaymentResult))
        except Refusal as refusal:
            # A false answer of our own manager decides nothing: the next one may be sound.
            return self._server_failed(Refusal(Outcome.UNAVAILABLE, f"bad answer: {refusal}"))
        return Event.SERVER_DONE

    def _can_ask_history(self) -> bool:
        by_identifier = any(item.currency is None for item in known(self._taken).request.items)
        return self._past is None and by_identifier  # nobody to ask when resumed

    def _take_result(self, result: PaymentResult) -> None:
        check_result(self._setup.trust, result, self.agreement, self._transfers)
        self._result = result
        self._arrivals.add(result.currencies)

    def _judge_loading(self, fact: Fact, _: Moment) -> Event:
        event = self._judge_chip(fact)
        if event is Event.SEQUENCE_GAP and self._asked_missing:
            return Event.CHIP_REFUSED
        if isinstance(event, Event):
            return event
        self._arrivals.loaded()
        self._loaded = self._arrivals.next is None
        return Event.CHIP_DONE if self._loaded else Event.CHIP_DONE_MORE

    def _judge_asking_missing(self, fact: Fact, _: Moment) -> Event:
        answer = self._judge_chip(fact)
        if isinstance(answer, Event):
            return answer
        if not isinstance(answer, SignedRequestAnswer):
            raise LocalProtocolError("expected the request that the chip signed")
        self._signed_fetch = answer.signed
        return Event.CHIP_DONE

    def _judge_fetching_missing(self, fact: Fact, _: Moment) -> Event:
        body = self._judge_server(fact)
        if isinstance(body, Event):
            return body
        setup = self._setup
        try:
            result = read_answer(setup.trust, self._institution, body, setup.fetch_id, IssuedResult)
            self._arrivals.add(result.currencies)
        except Refusal as refusal:
            return self._server_failed(refusal)
        self._missing = result.currencies
        return Event.SERVER_DONE

    # Entries -------------------------------------------------------------------------------------
    def _enter_offering(self, now: Moment) -> Sequence[Effect]:
        expires_at_ms = now.midpoint_ms + OFFER_VALID_MS
        offer = MakeOffer(
            amount_minor=self._setup.amount_minor,
            moment=now,
            expires_at_ms=expires_at_ms,
            acceptor=self._setup.acceptor,
            ceiling_minor=self._setup.ceiling_minor,
        )
        return (PerformOnChip(offer),)

    def _enter_keeping_offer(self, _: Moment) -> Sequence[Effect]:
        return (Keep(OfferMade(known(self._offer).nonce, self._offer_raw, self._setup.fee_order)),)

    def _enter_awaiting_request(self, _: Moment) -> Sequence[Effect]:
        if self._taken is None:
            first = Send(OfferMessage(self._offer_raw, self._setup.certificate.raw))
        else:
            first = Send(Refused(self._reason.outcome, self._reason.detail[:MAX_DETAIL]))
        return first, SetTimer(OFFER_VALID_MS)

    def _enter_keeping_request(self, _: Moment) -> Sequence[Effect]:
        return (Keep(known(self._taken)),)

    def _enter_cashing(self, _: Moment) -> Sequence[Effect]:
        body = encode_message(known(self._taken).request)
        return (AskServer(self._institution, PAYMENTS_PATH, body),)

    def _enter_keeping_result(self, _: Moment) -> Sequence[Effect]:
        return (Keep(ResultTaken(self.agreement.nonce, known(self._result))),)

    def _enter_loading(self, _: Moment) -> Sequence[Effect]:
        # None when all was loaded before a crash: a repeat of any of it tells the chip nothing new.
        currency = self._arrivals.next or known(self._result).currencies[-1]
        return (PerformOnChip(Load(currency=currency)),)

    def _enter_asking_missing(self, now: Moment) -> Sequence[Effect]:
        self._asked_missing = True
        return (PerformOnChip(SignRequest(payload=self._arrivals.missing_request(now))),)

    def _enter_fetching_missing(self, _: Moment) -> Sequence[Effect]:
        return (AskServer(self._institution, REQUESTS_PATH, self._signed_fetch),)

    def _enter_keeping_missing(self, _: Moment) -> Sequence[Effect]:
        return (Keep(CurrenciesTaken(self.agreement.nonce, self._missing)),)

    def _enter_keeping_refusal(self, _: Moment) -> Sequence[Effect]:
        if self._handover is not None:
            return self._refused_offline()
        reason = self._reason
        return (Keep(SessionRefused(self.agreement.nonce, reason.outcome, reason.detail)),)

    def _enter_done(self, _: Moment) -> Sequence[Effect]:
        if self._repeated is not None:
            detail = "this payment was confirmed before"
            return Send(self._repeated), self._finish(Outcome.REPEATED, detail)
        if self._handover is not None:
            return self._done_offline()
        result = known(self._result)
        confirmed = PaymentConfirmed(result.confirmation, result.renewals)
        detail = "our manager issued the second currency"
        return Send(confirmed), self._finish(Outcome.ACCEPTED, detail, loaded=self._loaded)
