"""What the two clients say to each other, and what the payee's client brings to its manager.

Offer (payee -> payer), payment request (payer -> payee), confirmation (payee -> payer); each side
may refuse instead. A payment item is the full digital currency with its history, or only the
transfer of a circulation identifier (C-05, C-06).
"""

from dataclasses import dataclass
from typing import Annotated

from msgspec import Meta, Struct

from feiqian.crypto.certificates import MAX_CERTIFICATE_BYTES, InstitutionCode, UnixMs
from feiqian.crypto.signed import SignedKind
from feiqian.crypto.suites import Suite
from feiqian.money.amounts import AmountMinor
from feiqian.money.currency import MAX_CURRENCY_BYTES, parse_currency
from feiqian.money.identifiers import Fingerprint, Identifier
from feiqian.money.piece import MAX_HOPS, Piece
from feiqian.money.transfer import MAX_TRANSFER_BYTES, Nonce, SignedTransfer, parse_transfer
from feiqian.outcomes import Outcome, Refusal
from feiqian.timing.moment import Moment
from feiqian.wire.envelope import message

MAX_OFFER_BYTES = 192
MAX_CONFIRMATION_BYTES = 1_024
MAX_ITEMS = 8
"""Most transfers in one payment."""

RawCertificate = Annotated[bytes, Meta(max_length=MAX_CERTIFICATE_BYTES)]
RawCurrency = Annotated[bytes, Meta(max_length=MAX_CURRENCY_BYTES)]
RawTransfer = Annotated[bytes, Meta(max_length=MAX_TRANSFER_BYTES)]
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


OFFER = SignedKind(b"feiqian/offer", Offer, MAX_OFFER_BYTES)


@message(1)
class OfferMessage(Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """Payee -> payer: a signed offer and the payee chip's certificate."""

    offer: Annotated[bytes, Meta(max_length=MAX_OFFER_BYTES)]
    payee_certificate: RawCertificate


class PaymentItem(Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """One transfer with what is needed to verify it; the last transfer pays.

    By identifier only: `currency` is None, `transfers` is the paying one alone.
    """

    issuer: InstitutionCode
    currency: RawCurrency | None
    transfers: Annotated[tuple[RawTransfer, ...], Meta(min_length=1, max_length=MAX_HOPS)]
    certificates: Annotated[tuple[RawCertificate, ...], Meta(min_length=1, max_length=MAX_HOPS)]
    """Of the chips that signed; the paying chip's last."""


Items = Annotated[tuple[PaymentItem, ...], Meta(min_length=1, max_length=MAX_ITEMS)]


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


@dataclass(frozen=True, slots=True)
class ReadItem:
    """A payment item taken apart; nothing verified yet."""

    item: PaymentItem
    piece: Piece | None
    """None when only the identifier was sent."""
    transfers: tuple[SignedTransfer, ...]

    @property
    def payment(self) -> SignedTransfer:
        """The transfer that pays."""
        return self.transfers[-1]


def read_item(suite: Suite, item: PaymentItem) -> ReadItem:
    """Take an item apart. Raises `Refusal`: malformed and its kin, unknown_issuer."""
    transfers = tuple(parse_transfer(suite, raw) for raw in item.transfers)
    if item.currency is None:
        if len(transfers) != 1 or len(item.certificates) != 1:
            detail = "expected one transfer and its certificate when only an identifier goes"
            raise Refusal(Outcome.MALFORMED, detail)
        return ReadItem(item, None, transfers)
    currency = parse_currency(suite, item.currency)
    if currency.value.issuer != item.issuer:
        raise Refusal(Outcome.UNKNOWN_ISSUER, f"expected a currency issued by {item.issuer}")
    return ReadItem(item, Piece(currency, transfers, item.certificates), transfers)
