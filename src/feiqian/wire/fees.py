"""The fee of a service: what the management server orders, and what both sides prove of its payment.

Nothing here moves money: an order says what the vehicle's chip may pay, the payment is the ordinary
one (V-05), and a receipt is believed for the proof in it (V-11).
"""

from enum import StrEnum
from typing import Annotated

from msgspec import Meta

from feiqian.crypto.certificates import MAX_CERTIFICATE_BYTES, Name, UnixMs
from feiqian.crypto.signed import SignedKind
from feiqian.money.amounts import AmountMinor
from feiqian.money.identifiers import Fingerprint, Identifier
from feiqian.outcomes import Outcome
from feiqian.timing.moment import Moment
from feiqian.wire.authorisation import OrderId, RawEntityStatement
from feiqian.wire.items import MAX_ITEMS
from feiqian.wire.payment import MAX_CONFIRMATION_BYTES
from feiqian.wire.service import MAX_SHORT_BYTES, RequestId, Said
from feiqian.wire.usage import FeeLines

MAX_ORDER_BYTES = 2_560
MAX_RECEIPT_MESSAGE_BYTES = 2_560


class Side(StrEnum):
    """Whose receipt it is."""

    PAYER = "payer"
    PAYEE = "payee"


class FeeOrder(Said, frozen=True):
    """Management -> vehicle and entity: what is to be paid, once, for this order id (V-05)."""

    request_id: RequestId
    order_id: OrderId
    vehicle: Name
    entity: Name
    amount_minor: AmountMinor
    lines: FeeLines
    statement: RawEntityStatement
    """Of the entity: the vehicle's chip checks it, also under a standing authorisation."""
    expires_at_ms: UnixMs
    moment: Moment


class FeeOwed(Said, frozen=True):
    """Vehicle -> management: I cannot pay this order now (V-10)."""

    request_id: RequestId
    order_id: OrderId
    outcome: Outcome


class FeeReceipt(Said, frozen=True):
    """Vehicle or entity -> management: this order was paid; here is the proof I hold (V-11)."""

    request_id: RequestId
    order_id: OrderId
    side: Side
    amount_minor: AmountMinor
    payee: Fingerprint
    """Of the wallet that was paid."""
    nonce: Annotated[bytes, Meta(min_length=16, max_length=16)]
    """Of the payment session."""
    transfers: Annotated[tuple[Identifier, ...], Meta(min_length=1, max_length=MAX_ITEMS)]
    offline: bool
    """The proof is the receipt of the payee's chip; else the confirmation of its manager."""
    proof: Annotated[bytes, Meta(max_length=MAX_CONFIRMATION_BYTES)]
    certificate: Annotated[bytes, Meta(max_length=MAX_CERTIFICATE_BYTES)]
    """Of the payee's chip, under which the proof is verified."""


class FeeReconciled(Said, frozen=True):
    """Entity -> management: what the issuers said of an order that was paid offline."""

    request_id: RequestId
    order_id: OrderId
    outcome: Outcome
    """Accepted, or why it is anomalous."""


FEE_ORDER = SignedKind(b"feiqian/fee-order", FeeOrder, MAX_ORDER_BYTES)
FEE_OWED = SignedKind(b"feiqian/fee-owed", FeeOwed, MAX_SHORT_BYTES)
FEE_RECEIPT = SignedKind(b"feiqian/fee-receipt", FeeReceipt, MAX_RECEIPT_MESSAGE_BYTES)
RECONCILED = SignedKind(b"feiqian/fee-reconciled", FeeReconciled, MAX_SHORT_BYTES)
