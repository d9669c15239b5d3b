"""What a wallet must be able to read back of a session after a crash; each names it by nonce."""

from dataclasses import dataclass

from feiqian.chip.commands import Pay, PayFee
from feiqian.outcomes import Outcome
from feiqian.protocol.payment.verification import Judgement
from feiqian.wire.payment import PaymentConfirmed, PaymentRequest, PaymentResult


@dataclass(frozen=True, slots=True)
class OfferMade:
    """Payee: our chip opened this session (the signed offer)."""

    nonce: bytes
    offer: bytes
    fee_order: bytes | None = None
    """The id of the fee order that it is for, if it is for one."""


@dataclass(frozen=True, slots=True)
class RequestTaken:
    """Payee: this request was handed to us and passed its checks."""

    nonce: bytes
    request: PaymentRequest
    amount_minor: int
    payer: str
    """The paying wallet's number."""


@dataclass(frozen=True, slots=True)
class ResultTaken:
    """Payee: our manager issued the second currency."""

    nonce: bytes
    result: PaymentResult


@dataclass(frozen=True, slots=True)
class CurrenciesTaken:
    """Payee: currencies issued to us earlier, fetched because the chip wants them first."""

    nonce: bytes
    currencies: tuple[bytes, ...]


@dataclass(frozen=True, slots=True)
class HandoverTaken(RequestTaken):
    """Payee: an offline request was handed to us and passed its checks; nothing is accepted."""

    offer: bytes
    """Ours, as our chip signed it."""
    judgement: Judgement | None = None
    """In what is read back: once it was made."""


@dataclass(frozen=True, slots=True)
class JudgementMade:
    """Payee: the check is over; the chip may accept, or the payment is refused."""

    nonce: bytes
    judgement: Judgement
    renewals: tuple[bytes, ...]
    """Of what we were paid, by their issuers; they verify."""


@dataclass(frozen=True, slots=True)
class PaymentAccepted:
    """Payee: our chip has taken the value in, and signed this receipt."""

    nonce: bytes
    receipt: bytes


@dataclass(frozen=True, slots=True)
class ReceiptHeld:
    """Payer: the payee's chip has signed that it took the value in."""

    nonce: bytes
    receipt: bytes


@dataclass(frozen=True, slots=True)
class PaymentIntended:
    """Payer: the very command that our chip is about to get."""

    pay: Pay | PayFee
    payee_certificate: bytes
    by_identifier: bool

    @property
    def nonce(self) -> bytes:
        """The payee's session."""
        return self.pay.nonce


@dataclass(frozen=True, slots=True)
class PaymentSigned:
    """Payer: the value has left our chip; these exact messages carry it."""

    nonce: bytes
    request: PaymentRequest
    full: PaymentRequest
    """The same transfers with all history; equal to `request` unless that went by identifier."""


@dataclass(frozen=True, slots=True)
class PaymentEnded:
    """Payer: the payee's manager confirmed; only renewals that verify are left in the message."""

    nonce: bytes
    confirmed: PaymentConfirmed


@dataclass(frozen=True, slots=True)
class SessionRefused:
    """Either: it ended for good and no value moved."""

    nonce: bytes
    outcome: Outcome
    detail: str
    judgement: Judgement | None = None
    """Payee: what found an anomaly."""


Record = (
    OfferMade
    | RequestTaken
    | ResultTaken
    | CurrenciesTaken
    | HandoverTaken
    | JudgementMade
    | PaymentAccepted
    | ReceiptHeld
    | PaymentIntended
    | PaymentSigned
    | PaymentEnded
    | SessionRefused
)
