"""Sessions: what a wallet remembers of its payments, one row each, moved on by the machines' records.

A row's stage says what to do after a crash: `intended` asks the chip whether it signed, `signed` and
`requested` present the stored request again. Every record is applied whole, with what it means for
the holdings, in one transaction; applying it twice is applying it once.
"""

from dataclasses import dataclass
from enum import StrEnum

from feiqian.chip.commands import Pay
from feiqian.crypto import cbor
from feiqian.crypto.certificates import SignedCertificate, parse_certificate
from feiqian.crypto.suites import Suite
from feiqian.ports import Row, Transaction, Value
from feiqian.protocol.effects import (
    CurrenciesTaken,
    OfferMade,
    PaymentEnded,
    PaymentIntended,
    PaymentSigned,
    Record,
    RequestTaken,
    ResultTaken,
    SessionRefused,
)
from feiqian.protocol.payee import EarlierSession
from feiqian.protocol.payer import PayerPast
from feiqian.protocol.payment import Role
from feiqian.wallet import holdings
from feiqian.wire.envelope import MAX_MESSAGE_BYTES, decode_message, encode_message
from feiqian.wire.payment import OFFER, PaymentConfirmed, PaymentRequest

MAX_EARLIER = 64
"""Sessions opened earlier whose request is still taken over a later link."""
OFFERS_KEPT = 256
"""Offers that led to nothing are forgotten beyond this many."""


class Stage(StrEnum):
    """How far a session has come."""

    INTENDED = "intended"
    SIGNED = "signed"
    OFFERED = "offered"
    REQUESTED = "requested"
    CONFIRMED = "confirmed"
    REFUSED = "refused"


@dataclass(frozen=True, slots=True)
class Journal:
    """Applies records; `certificate` is our own chip's."""

    suite: Suite
    certificate: SignedCertificate

    def apply(self, tx: Transaction, record: Record, now_ms: int) -> None:
        """Store what a machine wants kept."""
        match record:
            case OfferMade():
                self._offer_made(tx, record, now_ms)
            case RequestTaken():
                self._request_taken(tx, record, now_ms)
            case ResultTaken():
                self._result_taken(tx, record, now_ms)
            case CurrenciesTaken():
                self._take_currencies(tx, record.currencies)
            case PaymentIntended():
                self._payment_intended(tx, record, now_ms)
            case PaymentSigned():
                self._payment_signed(tx, record, now_ms)
            case PaymentEnded():
                self._payment_ended(tx, record, now_ms)
            case SessionRefused():
                _advance(
                    tx,
                    record.nonce,
                    Stage.REFUSED,
                    now_ms,
                    detail=f"{record.outcome}: {record.detail}",
                )
                holdings.release(tx, record.nonce)

    def _offer_made(self, tx: Transaction, record: OfferMade, now_ms: int) -> None:
        _open(tx, record.nonce, Role.PAYEE, Stage.OFFERED, now_ms)
        _set(tx, record.nonce, offer=record.offer)
        tx.execute(
            "DELETE FROM sessions WHERE stage = ? AND nonce NOT IN (SELECT nonce FROM sessions"
            " WHERE stage = ? ORDER BY opened_at_ms DESC LIMIT ?)",
            (Stage.OFFERED, Stage.OFFERED, OFFERS_KEPT),
        )

    def _request_taken(self, tx: Transaction, record: RequestTaken, now_ms: int) -> None:
        _advance(tx, record.nonce, Stage.REQUESTED, now_ms)
        _set(
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
        _advance(tx, record.nonce, Stage.CONFIRMED, now_ms)
        _set(tx, record.nonce, confirmed=encode_message(confirmed))

    def _take_currencies(self, tx: Transaction, currencies: tuple[bytes, ...]) -> None:
        for raw in currencies:
            holdings.add_issued(tx, self.suite, raw)

    def _payment_intended(self, tx: Transaction, record: PaymentIntended, now_ms: int) -> None:
        payee = parse_certificate(self.suite, record.payee_certificate)
        holdings.reserve(tx, record.pay.inputs, record.nonce)
        _open(tx, record.nonce, Role.PAYER, Stage.INTENDED, now_ms)
        _set(
            tx,
            record.nonce,
            pay=cbor.encode(record.pay),
            amount_minor=record.pay.amount_minor,
            by_identifier=int(record.by_identifier),
            peer=payee.value.subject,
            peer_certificate=payee.raw,
        )

    def _payment_signed(self, tx: Transaction, record: PaymentSigned, now_ms: int) -> None:
        pay = _pay(tx, record.nonce)
        last = record.full.items[-1].transfers[-1]
        holdings.spend(tx, self.suite, pay.inputs, last, self.certificate.raw)
        _advance(tx, record.nonce, Stage.SIGNED, now_ms)
        _set(
            tx,
            record.nonce,
            request=encode_message(record.request),
            full_request=encode_message(record.full),
        )

    def _payment_ended(self, tx: Transaction, record: PaymentEnded, now_ms: int) -> None:
        for raw in record.confirmed.renewals:
            holdings.renew(tx, self.suite, raw)
        _advance(tx, record.nonce, Stage.CONFIRMED, now_ms)
        _set(tx, record.nonce, confirmed=encode_message(record.confirmed))

    # Reading back --------------------------------------------------------------------------------
    def payments(self, tx: Transaction, stage: Stage) -> list[PayerPast]:
        """Payments of ours at `stage` (intended or signed), oldest first."""
        rows = tx.query(
            "SELECT nonce, pay, peer_certificate, by_identifier, request, full_request"
            " FROM sessions WHERE role = ? AND stage = ? ORDER BY opened_at_ms, nonce",
            (Role.PAYER, stage),
        )
        return [self._past(tx, row) for row in rows]

    def _past(self, tx: Transaction, row: Row) -> PayerPast:
        nonce, pay_raw, certificate_raw, by_identifier, request, full = row
        pay = _read_pay(_bytes(pay_raw))
        payee = parse_certificate(self.suite, _bytes(certificate_raw))
        signed = None
        if request is not None:
            signed = PaymentSigned(_bytes(nonce), _request(request), _request(full))
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
            (Role.PAYEE, Stage.REQUESTED),
        )
        return [
            RequestTaken(_bytes(nonce), _request(raw), _int(amount), str(peer))
            for nonce, raw, amount, peer in rows
        ]

    def earlier(self, tx: Transaction) -> dict[bytes, EarlierSession]:
        """The newest sessions we opened, by nonce: a request for them is taken over any link."""
        rows = tx.query(
            "SELECT nonce, offer, confirmed FROM sessions WHERE role = ? AND stage <> ?"
            " ORDER BY opened_at_ms DESC LIMIT ?",
            (Role.PAYEE, Stage.REFUSED, MAX_EARLIER),
        )
        return {
            _bytes(nonce): EarlierSession(OFFER.peek(self.suite, _bytes(offer)), _confirmed(raw))
            for nonce, offer, raw in rows
        }


def _open(tx: Transaction, nonce: bytes, role: Role, stage: Stage, now_ms: int) -> None:
    tx.execute(
        "INSERT INTO sessions (nonce, role, stage, opened_at_ms, changed_at_ms, amount_minor, peer,"
        " by_identifier, detail) VALUES (?, ?, ?, ?, ?, 0, '', 0, '') ON CONFLICT (nonce) DO NOTHING",
        (nonce, role, stage, now_ms, now_ms),
    )


def _advance(tx: Transaction, nonce: bytes, stage: Stage, now_ms: int, detail: str = "") -> None:
    tx.execute(
        "UPDATE sessions SET stage = ?, changed_at_ms = ?, detail = ? WHERE nonce = ?",
        (stage, now_ms, detail, nonce),
    )


def _set(tx: Transaction, nonce: bytes, **columns: Value) -> None:
    names = ", ".join(f"{name} = ?" for name in columns)  # names are this module's own
    tx.execute(f"UPDATE sessions SET {names} WHERE nonce = ?", (*columns.values(), nonce))  # noqa: S608


def _pay(tx: Transaction, nonce: bytes) -> Pay:
    ((raw,),) = tx.query("SELECT pay FROM sessions WHERE nonce = ?", (nonce,))
    return _read_pay(_bytes(raw))


def _read_pay(raw: bytes) -> Pay:
    return cbor.decode(raw, Pay, limit=MAX_MESSAGE_BYTES)


def _request(raw: Value) -> PaymentRequest:
    return decode_message(_bytes(raw), PaymentRequest)


def _confirmed(raw: Value) -> PaymentConfirmed | None:
    return None if raw is None else decode_message(_bytes(raw), PaymentConfirmed)


def _bytes(value: Value) -> bytes:
    assert isinstance(value, bytes)
    return value


def _int(value: Value) -> int:
    assert isinstance(value, int)
    return value
