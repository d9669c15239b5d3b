"""How control orders reach a wallet, and how word of them comes back: the same by every way.

By network both travel in signed requests (wallet to institution, institution to platform), by
satellite in sealed messages; the bytes inside are these. Orders and receipts are in compact form.
What counts is a receipt, which the chip signs. Word of the host is for the operator's eyes: that an
order has arrived and waits for the chip, or that the chip would not judge it.
"""

from typing import Annotated

from msgspec import Meta, Struct

from feiqian.outcomes import Outcome
from feiqian.wire.control import OrderNumber
from feiqian.wire.items import RawCertificate

MAX_COMPACT_BYTES = 320
MAX_ORDERS = 8
"""Most orders open for one wallet: of each kind the newest alone."""
MAX_RECEIPTS = 8

CompactOrder = Annotated[bytes, Meta(min_length=65, max_length=MAX_COMPACT_BYTES)]
"""A signed `ControlOrder`."""
CompactReceipt = Annotated[bytes, Meta(min_length=65, max_length=MAX_COMPACT_BYTES)]
"""A signed `ControlReceipt`."""


class OpenOrders(Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """The orders that a wallet's chip has not confirmed yet, by number."""

    version: int
    orders: Annotated[tuple[CompactOrder, ...], Meta(max_length=MAX_ORDERS)]


class UnjudgedOrder(Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """An order for which the chip signed no receipt."""

    number: OrderNumber
    outcome: Outcome


class OrderNews(Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """What became of orders; empty to ask what is open."""

    version: int
    receipts: Annotated[tuple[CompactReceipt, ...], Meta(max_length=MAX_RECEIPTS)] = ()
    held: Annotated[tuple[OrderNumber, ...], Meta(max_length=MAX_ORDERS)] = ()
    """Numbers of orders that have arrived and wait for the chip."""
    refused: Annotated[tuple[UnjudgedOrder, ...], Meta(max_length=MAX_ORDERS)] = ()


class WalletNews(Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """An institution passes on the news of a wallet of its own; `OpenOrders` is the result."""

    version: int
    chip_certificate: RawCertificate
    news: OrderNews
