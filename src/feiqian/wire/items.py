"""Payment items: one transfer each, with what is needed to verify it (C-05, C-06).

A payment item is the full digital currency with its history, or only the transfer of a circulation
identifier. Both clients and both managers check items the same way, and before they look at any
state: certificates, signatures, the chain.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated

from msgspec import Meta, Struct

from feiqian.crypto.certificates import MAX_CERTIFICATE_BYTES, InstitutionCode, SignedCertificate
from feiqian.crypto.suites import Suite
from feiqian.crypto.trust import TrustStore
from feiqian.money.currency import MAX_CURRENCY_BYTES, parse_currency
from feiqian.money.piece import MAX_HOPS, Piece, verify_piece
from feiqian.money.transfer import (
    MAX_TRANSFER_BYTES,
    SignedTransfer,
    parse_transfer,
    verify_transfer,
)
from feiqian.outcomes import Outcome, Refusal

MAX_ITEMS = 8
"""Most transfers in one payment."""

RawCertificate = Annotated[bytes, Meta(max_length=MAX_CERTIFICATE_BYTES)]
RawCurrency = Annotated[bytes, Meta(max_length=MAX_CURRENCY_BYTES)]
RawTransfer = Annotated[bytes, Meta(max_length=MAX_TRANSFER_BYTES)]


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


@dataclass(frozen=True, slots=True)
class CheckedItem:
    """An item whose certificates and signatures hold."""

    read: ReadItem
    chips: Mapping[bytes, SignedCertificate]
    """The chips that signed, by key fingerprint."""
    payer: SignedCertificate
    """The chip that signed the payment."""

    @property
    def payment(self) -> SignedTransfer:
        """The transfer that pays."""
        return self.read.payment

    def certificate_of(self, owner: bytes) -> bytes:
        """The certificate (raw) of the chip that owns what it spent."""
        return self.chips[owner].raw


def check_item(trust: TrustStore, item: PaymentItem, now_ms: int) -> CheckedItem:
    """Verify certificates, signatures and the chain. `Refusal` by name."""
    read = read_item(trust.suite, item)
    chips = [trust.verify_chip(raw, now_ms) for raw in item.certificates]
    payer = chips[-1]
    if read.piece is not None:
        steps = verify_piece(trust, read.piece, now_ms)
        if steps[-1][0].owner != payer.fingerprint:
            raise Refusal(Outcome.WRONG_OWNER, "expected the paying chip's certificate last")
    else:
        verify_transfer(trust.suite, payer.value.public_key, read.payment)
    return CheckedItem(read, {chip.fingerprint: chip for chip in chips}, payer)
