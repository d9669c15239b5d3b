"""What the two clients say to each other, and what the payee's client brings to its manager.

Offer (payee -> payer), payment request (payer -> payee), then the manager's confirmation or, when the
payee's chip takes the value in, that chip's receipt (payee -> payer); each side may refuse instead.
"""

from typing import Annotated

from msgspec import Meta, Struct

from feiqian.crypto.certificates import InstitutionCode, UnixMs
from feiqian.crypto.signed import SignedKind
from feiqian.money.amounts import AmountMinor
from feiqian.money.identifiers import Fingerprint, Identifier
from feiqian.money.transfer import (
    Acceptor,
    Nonce,
)
from feiqian.outcomes import Outcome
from feiqian.timing.moment import Moment
from feiqian.wire.envelope import message
from feiqian.wire.items import MAX_ITEMS, Items, RawCertificate, RawCurrency

PAYMENTS_PATH = "/v1/payments"
"""Where an institution takes payment requests."""
MAILBOX_PATH = "/v1/mailbox"
"""Where an institution keeps offline payment requests for its wallets' chips."""
MAX_OFFER_BYTES = 192
MAX_CONFIRMATION_BYTES = 1_024
MAX_RECEIPT_BYTES = 512

Detail = Annotated[str, Meta(max_length=300)]


class Offer(Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """What the payee's chip signs to open a session."""

    version: int
    nonce: Nonce
    amount_minor: AmountMinor | None
    """None: the payer sets the amount (C-02); else the payer takes this one (C-03)."""
    ceiling_minor: AmountMinor
    """Most that the payee can take now."""
    moment: Moment
    expires_at_ms: UnixMs
    acceptor: Acceptor
    """Chip: this session is offline, its transfers are for the payee's chip alone."""


OFFER = SignedKind(b"feiqian/offer", Offer, MAX_OFFER_BYTES)

RawOffer = Annotated[bytes, Meta(max_length=MAX_OFFER_BYTES)]


@message(1)
class OfferMessage(Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """Payee -> payer: a signed offer and the payee chip's certificate."""

    offer: RawOffer
    payee_certificate: RawCertificate


@message(2)
class PaymentRequest(Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """Payer -> payee, and payee -> its manager: the value, bound to the session `nonce`."""

    nonce: Nonce
    items: Items


class Confirmation(Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """What the payee's manager signs when the second currency is issued (C-24)."""

    version: int
    manager: InstitutionCode
    nonce: Nonce
    payee: Fingerprint
    amount_minor: AmountMinor
    transfers: Annotated[tuple[Identifier, ...], Meta(min_length=1, max_length=MAX_ITEMS)]
    confirmed_at_ms: UnixMs


CONFIRMATION = SignedKind(b"feiqian/confirmation", Confirmation, MAX_CONFIRMATION_BYTES)

RawConfirmation = Annotated[bytes, Meta(max_length=MAX_CONFIRMATION_BYTES)]
Renewals = Annotated[tuple[RawCurrency, ...], Meta(max_length=MAX_ITEMS)]


@message(3)
class PaymentConfirmed(Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """Payee -> payer: the manager's confirmation, and the payer's change re-issued."""

    confirmation: RawConfirmation
    renewals: Renewals


@message(4)
class Refused(Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """The one error shape in CBOR, on links and from servers."""

    outcome: Outcome
    detail: Detail


@message(5)
class PaymentResult(Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """Manager -> payee: the second digital currency, and what the payer is to get."""

    confirmation: RawConfirmation
    currencies: Annotated[tuple[RawCurrency, ...], Meta(min_length=1, max_length=MAX_ITEMS)]
    renewals: Renewals


class Receipt(Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """What the payee's chip signs when it has taken the value in: nothing in it depends on when."""

    version: int
    nonce: Nonce
    amount_minor: AmountMinor
    transfers: Annotated[tuple[Identifier, ...], Meta(min_length=1, max_length=MAX_ITEMS)]


RECEIPT = SignedKind(b"feiqian/receipt", Receipt, MAX_RECEIPT_BYTES)

RawReceipt = Annotated[bytes, Meta(max_length=MAX_RECEIPT_BYTES)]


@message(8)
class PaymentReceipt(Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """Payee -> payer: the receipt of the payee's chip; it is the payer's proof of payment."""

    receipt: RawReceipt


@message(9)
class MailboxAnswer(Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """Payee's institution -> payer: the receipt, or None while the request waits for the payee."""

    receipt: RawReceipt | None
