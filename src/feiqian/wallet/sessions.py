"""Sessions: what a wallet remembers of its payments, one row each, moved on by the machines' records.

A row's stage says what to do after a crash: `intended` asks the chip whether it signed, `signed` and
`requested` present the stored request again, `handed` checks it and has the chip accept it. Every
record is applied whole, with what it means for the holdings, in one transaction; applying it twice is
applying it once.
"""

from dataclasses import dataclass

from feiqian.chip.commands import Pay, PayFee
from feiqian.crypto import cbor
from feiqian.crypto.certificates import SignedCertificate, parse_certificate
from feiqian.crypto.suites import Suite
from feiqian.money.transfer import Acceptor
from feiqian.ports import Row, Transaction
from feiqian.protocol.payment.records import (
    CurrenciesTaken,
    HandoverTaken,
    JudgementMade,
    OfferMade,
    PaymentAccepted,
    PaymentEnded,
    PaymentIntended,
    PaymentSigned,
    ReceiptHeld,
    Record,
    RequestTaken,
    ResultTaken,
    SessionRefused,
)
from feiqian.protocol.payment.setup import PayerPast
from feiqian.protocol.payment.states import Role
from feiqian.wallet import holdings, taken
from feiqian.wallet.session_rows import (
    SessionStage,
    advance,
    open_row,
    read_bytes,
    read_int,
    read_request,
    set_columns,
)
from feiqian.wire.envelope import MAX_MESSAGE_BYTES, encode_message
from feiqian.wire.payment import OFFER, PaymentConfirmed

_PAST = (
    "SELECT nonce, pay, peer_certificate, by_identifier, request, full_request, fee_order"
    " FROM sessions"
)
OFFERS_KEPT = 256
"""Offers to managers that led to nothing are forgotten beyond this many."""


@dataclass(frozen=True, slots=True)
class Journal:
    """Applies records; `certificate` is our own chip's."""

    suite: Suite
    certificate: SignedCertificate

    def apply(self, tx: Transaction, record: Record, now_ms: int) -> None:
        """Store what a machine wants kept."""
        match record:
            case OfferMade() | ResultTaken() | CurrenciesTaken():
                self._apply_cashing(tx, record, now_ms)
            case HandoverTaken():
                taken.keep_handover(tx, record, now_ms)
            case JudgementMade():
                taken.keep_judgement(tx, record)
            case PaymentAccepted():
                taken.keep_acceptance(tx, self.suite, record, now_ms)
            case RequestTaken():
                self._request_taken(tx, record, now_ms)
            case SessionRefused():
                self._session_refused(tx, record, now_ms)
            case _:
                self._apply_paying(tx, record, now_ms)

    def _apply_cashing(
        self, tx: Transaction, record: OfferMade | ResultTaken | CurrenciesTaken, now_ms: int
    ) -> None:
        match record:
            case OfferMade():
                self._offer_made(tx, record, now_ms)
            case ResultTaken():
                self._result_taken(tx, record, now_ms)
            case CurrenciesTaken():
                self._take_currencies(tx, record.currencies)

    def _apply_paying(
        self,
        tx: Transaction,
        record: PaymentIntended | PaymentSigned | PaymentEnded | ReceiptHeld,
        now_ms: int,
    ) -> None:
        match record:
            case PaymentIntended():
                self._payment_intended(tx, record, now_ms)
            case PaymentSigned():
                self._payment_signed(tx, record, now_ms)
            case PaymentEnded():
                self._payment_ended(tx, record, now_ms)
            case ReceiptHeld():
                advance(tx, record.nonce, SessionStage.CONFIRMED, now_ms)
                set_columns(tx, record.nonce, receipt=record.receipt)

    def _session_refused(self, tx: Transaction, record: SessionRefused, now_ms: int) -> None:
        detail = f"{record.outcome}: {record.detail}"
        advance(tx, record.nonce, SessionStage.REFUSED, now_ms, detail)
        if record.judgement is not None:
            set_columns(tx, record.nonce, judgement=cbor.encode(record.judgement))
        holdings.release(tx, record.nonce)

    def _offer_made(self, tx: Transaction, record: OfferMade, now_ms: int) -> None:
        open_row(tx, record.nonce, Role.PAYEE, SessionStage.OFFERED, now_ms)
        acceptor = OFFER.peek(self.suite, record.offer).acceptor
        set_columns(tx, record.nonce, offer=record.offer, acceptor=acceptor)
        if record.fee_order is not None:
            set_columns(tx, record.nonce, fee_order=record.fee_order)
        kept = taken.MAX_EARLIER_OFFLINE if acceptor is Acceptor.CHIP else OFFERS_KEPT
        tx.execute(
            "DELETE FROM sessions WHERE stage = ? AND acceptor = ? AND nonce NOT IN (SELECT nonce"
            " FROM sessions WHERE stage = ? AND acceptor = ? ORDER BY opened_at_ms DESC LIMIT ?)",
            (SessionStage.OFFERED, acceptor, SessionStage.OFFERED, acceptor, kept),
        )

    def _request_taken(self, tx: Transaction, record: RequestTaken, now_ms: int) -> None:
        advance(tx, record.nonce, SessionStage.REQUESTED, now_ms)
        set_columns(
            tx,
            record.nonce,
            request=encode_message(record.request),
            amount_minor=record.amount_minor,
            peer=record.payer,
        )

    def _result_taken(self, tx: Transaction, record: ResultTaken, now_ms: int) -> None:
        result = record.result
        self._take_currencies(tx, result.currencies)
        confirmed = PaymentConfirmed(result.confirmation, result.renewals)
        advance(tx, record.nonce, SessionStage.CONFIRMED, now_ms)
        set_columns(tx, record.nonce, confirmed=encode_message(confirmed))

    def _take_currencies(self, tx: Transaction, currencies: tuple[bytes, ...]) -> None:
        for raw in currencies:
            holdings.add_issued(tx, self.suite, raw)

    def _payment_intended(self, tx: Transaction, record: PaymentIntended, now_ms: int) -> None:
        payee = parse_certificate(self.suite, record.payee_certificate)
        holdings.reserve(tx, record.pay.inputs, record.nonce)
        open_row(tx, record.nonce, Role.PAYER, SessionStage.INTENDED, now_ms)
        set_columns(
            tx,
            record.nonce,
            pay=cbor.encode(record.pay),
            amount_minor=record.pay.amount_minor,
            by_identifier=int(record.by_identifier),
            peer=payee.value.subject,
            peer_certificate=payee.raw,
            fee_order=record.pay.order_id if isinstance(record.pay, PayFee) else None,
        )

    def _payment_signed(self, tx: Transaction, record: PaymentSigned, now_ms: int) -> None:
        pay = _read_pay(tx, record.nonce)
        last = record.full.items[-1].transfers[-1]
        holdings.spend(tx, self.suite, pay.inputs, last, self.certificate.raw)
        advance(tx, record.nonce, SessionStage.SIGNED, now_ms)
        set_columns(
            tx,
            record.nonce,
            request=encode_message(record.request),
            full_request=encode_message(record.full),
        )

    def _payment_ended(self, tx: Transaction, record: PaymentEnded, now_ms: int) -> None:
        for raw in record.confirmed.renewals:
            holdings.renew(tx, self.suite, raw)
        advance(tx, record.nonce, SessionStage.CONFIRMED, now_ms)
        set_columns(tx, record.nonce, confirmed=encode_message(record.confirmed))

    # Reading back --------------------------------------------------------------------------------
    def payments(self, tx: Transaction, stage: SessionStage) -> list[PayerPast]:
        """Payments of ours at `stage` (intended or signed), oldest first."""
        rows = tx.query(
            f"{_PAST} WHERE role = ? AND stage = ? ORDER BY opened_at_ms, nonce",
            (Role.PAYER, stage),
        )
        return [self._past(tx, row) for row in rows]

    def payment(self, tx: Transaction, nonce: bytes) -> PayerPast | None:
        """A payment of ours that the chip has signed, confirmed or not; None for any other."""
        rows = tx.query(
            f"{_PAST} WHERE role = ? AND nonce = ? AND stage IN (?, ?)",
            (Role.PAYER, nonce, SessionStage.SIGNED, SessionStage.CONFIRMED),
        )
        return self._past(tx, rows[0]) if rows else None

    def _past(self, tx: Transaction, row: Row) -> PayerPast:
        nonce, pay_raw, certificate_raw, by_identifier, request, full, fee_order = row
        pay = _decode_pay(read_bytes(pay_raw), is_fee=fee_order is not None)
        payee = parse_certificate(self.suite, read_bytes(certificate_raw))
        signed = None
        if request is not None:
            signed = PaymentSigned(read_bytes(nonce), read_request(request), read_request(full))
        return PayerPast(
            intent=PaymentIntended(pay, payee.raw, bool(by_identifier)),
            payee=payee,
            chains=holdings.reserved(tx, pay.inputs),
            signed=signed,
        )

    def open_requests(self, tx: Transaction) -> list[RequestTaken]:
        """Requests to us that our manager has not answered, oldest first."""
        rows = tx.query(
            "SELECT nonce, request, amount_minor, peer FROM sessions"
            " WHERE role = ? AND stage = ? ORDER BY opened_at_ms, nonce",
            (Role.PAYEE, SessionStage.REQUESTED),
        )
        return [
            RequestTaken(read_bytes(nonce), read_request(raw), read_int(amount), str(peer))
            for nonce, raw, amount, peer in rows
        ]


def _read_pay(tx: Transaction, nonce: bytes) -> Pay | PayFee:
    ((raw, fee_order),) = tx.query("SELECT pay, fee_order FROM sessions WHERE nonce = ?", (nonce,))
    return _decode_pay(read_bytes(raw), is_fee=fee_order is not None)


def _decode_pay(raw: bytes, *, is_fee: bool) -> Pay | PayFee:
    """The command that the chip was given; that of a fee has more to it."""
    if is_fee:
        return cbor.decode(raw, PayFee, limit=MAX_MESSAGE_BYTES)
    return cbor.decode(raw, Pay, limit=MAX_MESSAGE_BYTES)
