"""What passes between a wallet and the platform by satellite: five kinds of message.

Eight bytes say what a message is, of which channel, and its number in its direction; they are bound
to the seal behind them (`crypto.sealing`). A channel's numbers grow and none is used for two
messages: the platform does nothing twice for one number, and a seal is never made twice with one
nonce. What is inside proves itself: reports and receipts carry the chip's signature, orders the
platform's, statements the institution's, all in compact form (`crypto.compact`). So a broadcast,
which everybody hears, needs no seal.

A report has to fit two messages of the narrowest service, 128 bytes in all: 8 of header, 8 of seal,
64 of signature leave 48 for `KeyInformation`.
"""

from dataclasses import dataclass
from enum import IntEnum
from typing import Annotated

from msgspec import Meta, Struct

from feiqian.crypto.sealing import MAX_NUMBER as MAX_CHANNEL_NUMBER
from feiqian.crypto.sealing import MAX_PLAIN_BYTES, TAG_BYTES, SealKey, open_sealed, seal
from feiqian.outcomes import LocalProtocolError, Outcome, Refusal
from feiqian.wire.control_delivery import CompactOrder
from feiqian.wire.risk import Findings

HEADER_BYTES = 8
_CHANNEL_BYTES = 4
_NUMBER_BYTES = 3
MAX_MESSAGE_NUMBER = 2 ** (8 * _NUMBER_BYTES) - 1
"""At one message a minute, the numbers of a channel last for thirty years."""
MAX_SEALED_BYTES = HEADER_BYTES + MAX_PLAIN_BYTES + TAG_BYTES
MAX_BROADCAST_BYTES = 65_536
MAX_BROADCAST_DELTA_BYTES = 61_440
MAX_REPORT_BYTES = 128
"""A whole report: two symbols of 64 bytes."""
EVERYBODY = 0
"""In place of a channel number: a broadcast."""
MAX_BROADCAST_ORDERS = 8

ChannelNumber = Annotated[int, Meta(ge=1, le=MAX_CHANNEL_NUMBER)]
MessageNumber = Annotated[int, Meta(ge=1, le=MAX_MESSAGE_NUMBER)]
CompactStatement = Annotated[bytes, Meta(max_length=192)]


class MessageKind(IntEnum):
    """What a message is; the two highest go up."""

    ANSWER = 1
    """What became of a report: an encoded `SatelliteAnswer`."""
    ORDERS = 2
    """Orders for one wallet: an encoded `OpenOrders`."""
    BROADCAST = 3
    """For everybody who hears it: an encoded `Broadcast`, in the clear."""
    REPORT = 8
    """The key information set: the chip's signed `KeyInformation`, compact and nothing else."""
    RECEIPTS = 9
    """What became of orders: an encoded `OrderNews`."""


UPWARD = frozenset({MessageKind.REPORT, MessageKind.RECEIPTS})


@dataclass(frozen=True, slots=True)
class Header:
    """What a message says of itself, in the clear."""

    kind: MessageKind
    channel: int
    number: int

    def encode(self) -> bytes:
        """Kind, channel number, message number: eight bytes."""
        if (
            not 0 <= self.number <= MAX_MESSAGE_NUMBER
            or not 0 <= self.channel <= MAX_CHANNEL_NUMBER
        ):
            raise LocalProtocolError("expected numbers that fit the header of a satellite message")
        return (
            bytes([self.kind])
            + self.channel.to_bytes(_CHANNEL_BYTES, "big")
            + self.number.to_bytes(_NUMBER_BYTES, "big")
        )


class SatelliteAnswer(Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """The platform's answer to an upward message; it also says that the message arrived."""

    version: int
    acknowledged: MessageNumber
    """The number of the report or of the receipts."""
    findings: Findings
    """Of a report: what its institution found; empty when nothing speaks against the wallet."""
    statement: CompactStatement
    """The institution's `Synchronisation` for the chip; empty when there is none (W-10)."""
    orders: Annotated[tuple[CompactOrder, ...], Meta(max_length=MAX_BROADCAST_ORDERS)]
    """What the wallet's chip has not confirmed yet."""


class Broadcast(Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """Orders and news for many; each part is signed by the platform."""

    version: int
    orders: Annotated[tuple[CompactOrder, ...], Meta(max_length=MAX_BROADCAST_ORDERS)]
    delta: Annotated[bytes, Meta(max_length=MAX_BROADCAST_DELTA_BYTES)]
    """A change of the double-spending list (`wire.double_spending.LIST_DELTA`), or empty."""


def seal_message(key: SealKey, header: Header, body: bytes) -> bytes:
    """A message for the other end of a channel; the same arguments give the same bytes."""
    encoded = header.encode()
    return encoded + seal(key, header.number, encoded, body)


def open_message(key: SealKey, data: bytes) -> bytes:
    """The body of a sealed message. `Refusal`: malformed, too_large, bad_seal."""
    header = read_header(data)
    return open_sealed(key, header.number, data[:HEADER_BYTES], data[HEADER_BYTES:])


def broadcast_message(number: int, body: bytes) -> bytes:
    """A message for everybody."""
    return Header(MessageKind.BROADCAST, EVERYBODY, number).encode() + body


def read_header(data: bytes) -> Header:
    """What `data` says of itself, unproven. `Refusal`: malformed, too_large."""
    if len(data) <= HEADER_BYTES or data[0] not in frozenset(MessageKind):
        raise Refusal(Outcome.MALFORMED, "expected a satellite message")
    kind = MessageKind(data[0])
    limit = MAX_BROADCAST_BYTES if kind is MessageKind.BROADCAST else MAX_SEALED_BYTES
    if len(data) > limit:
        raise Refusal(Outcome.TOO_LARGE, f"expected at most {limit} bytes, got {len(data)}")
    channel = int.from_bytes(data[1 : 1 + _CHANNEL_BYTES], "big")
    number = int.from_bytes(data[1 + _CHANNEL_BYTES : HEADER_BYTES], "big")
    if (channel == EVERYBODY) is not (kind is MessageKind.BROADCAST):
        raise Refusal(Outcome.MALFORMED, "expected a channel, or everybody in a broadcast alone")
    return Header(kind, channel, number)
