"""What a short-message service carries, and the frames that bring parcels over it.

A channel class says how long one message may be and how often one may be sent. Content that fits one
message travels whole behind one byte. Longer content is fountain coded (RaptorQ, RFC 6330) into
frames of one symbol each behind six bytes: any symbols that are together slightly more than the
content suffice, in any order, so whatever a message is lost on does not matter. A frame names its
parcel by the content's length and the first bits of its SHA-256, which is also the check of what
was put together. It is a check against accidents: who said a thing is shown by the seal or the
signature inside.
"""

import hashlib
from dataclasses import dataclass

from feiqian.outcomes import Outcome, Refusal

MAX_CONTENT_BYTES = 65_536
"""Longest content of one parcel."""
MAX_SOURCE_SYMBOLS = 1_024
"""Most symbols that the content of one parcel is cut into."""
SYMBOL_ALIGNMENT = 8
"""The coder cuts symbols at multiples of this."""
MIN_SYMBOL_BYTES = 16
MAX_SYMBOL_BYTES = 4_096

WHOLE_HEAD_BYTES = 1
SYMBOL_HEAD_BYTES = 6

_KIND_BITS = 2
_WHOLE, _SHORT, _LONG = 0, 1, 2
_DIGEST_BYTES = 4


@dataclass(frozen=True, slots=True)
class ChannelClass:
    """What one service, with one kind of subscription, carries."""

    name: str
    max_bytes: int
    """Of one message."""
    period_ms: int
    """One message may be sent in each."""

    @property
    def whole_bytes(self) -> int:
        """Longest content that travels in one message."""
        return self.max_bytes - WHOLE_HEAD_BYTES

    @property
    def symbol_bytes(self) -> int:
        """Length of the symbols on this channel."""
        room = min(self.max_bytes - SYMBOL_HEAD_BYTES, MAX_SYMBOL_BYTES)
        return room - room % SYMBOL_ALIGNMENT

    @property
    def longest_bytes(self) -> int:
        """Longest content of a parcel on this channel."""
        return min(MAX_CONTENT_BYTES, MAX_SOURCE_SYMBOLS * self.symbol_bytes)

    def messages_for(self, length: int) -> int:
        """How many messages content of `length` bytes takes when none is lost."""
        return 1 if length <= self.whole_bytes else -(-length // self.symbol_bytes)


RDSS2 = ChannelClass("rdss2", 78, 60_000)
"""BeiDou-2 RDSS, short civil class: 628 bits, one message a minute."""
RDSS3_REGIONAL = ChannelClass("rdss3-regional", 1_750, 60_000)
"""BeiDou-3 regional short messages: 14,000 bits."""
RDSS3_GLOBAL = ChannelClass("rdss3-global", 70, 60_000)
"""BeiDou-3 global short messages: 560 bits."""

CHANNEL_CLASSES = {each.name: each for each in (RDSS2, RDSS3_REGIONAL, RDSS3_GLOBAL)}


@dataclass(frozen=True, slots=True)
class ShortMessage:
    """One message of the service as it was received."""

    sender: str
    """The terminal's address, as the service states it."""
    content: bytes


class MustWait(Refusal):
    """The service takes no message now; try the same one again after `wait_ms`."""

    def __init__(self, wait_ms: int, detail: str) -> None:
        super().__init__(Outcome.BUSY, detail)
        self.wait_ms = wait_ms


@dataclass(frozen=True, slots=True)
class Form:
    """How the 46 bits behind a symbol frame's kind are divided."""

    length_bits: int
    symbol_bits: int

    @property
    def digest_bits(self) -> int:
        """What is left names the parcel."""
        return SYMBOL_HEAD_BYTES * 8 - _KIND_BITS - self.length_bits - self.symbol_bits

    @property
    def max_length(self) -> int:
        """Longest content; lengths count from one."""
        return 1 << self.length_bits

    @property
    def symbols(self) -> int:
        """How many symbols have a number; a sender begins again after the last."""
        return 1 << self.symbol_bits


FORMS = {_SHORT: Form(length_bits=11, symbol_bits=10), _LONG: Form(length_bits=16, symbol_bits=12)}
"""The forms of symbol frames: a long name for short content, a short one for long content."""


@dataclass(frozen=True, slots=True)
class Whole:
    """Content in one message."""

    content: bytes

    def encode(self) -> bytes:
        """Kind, then the content."""
        return bytes([_WHOLE << (8 - _KIND_BITS)]) + self.content


@dataclass(frozen=True, slots=True)
class ParcelName:
    """What a sender's frames of one content have in common."""

    length: int
    digest: int
    symbol_bytes: int

    @property
    def source_symbols(self) -> int:
        """How many symbols the content is cut into."""
        return -(-self.length // self.symbol_bytes)

    @property
    def form(self) -> Form:
        """The form of this parcel's frames."""
        return FORMS[_kind_for(self.length)]

    def fits(self, content: bytes) -> bool:
        """Whether `content` is what this names."""
        return len(content) == self.length and _digest(content, self.form) == self.digest


@dataclass(frozen=True, slots=True)
class Symbol:
    """One fountain symbol of a parcel."""

    parcel: ParcelName
    number: int
    symbol: bytes

    def encode(self) -> bytes:
        """Kind, length, digest and number in six bytes, then the symbol."""
        kind = _kind_for(self.parcel.length)
        form = FORMS[kind]
        head = kind << form.length_bits | self.parcel.length - 1
        head = head << form.digest_bits | self.parcel.digest
        head = head << form.symbol_bits | self.number
        return head.to_bytes(SYMBOL_HEAD_BYTES, "big") + self.symbol


Frame = Whole | Symbol


def name_parcel(content: bytes, symbol_bytes: int) -> ParcelName:
    """The name of `content` in symbols of that length; the same for the same content, always."""
    form = FORMS[_kind_for(len(content))]
    return ParcelName(len(content), _digest(content, form), symbol_bytes)


def decode_frame(data: bytes) -> Frame:
    """Read a short message. `Refusal` malformed when it is no frame, or not a sound one."""
    kind = data[0] >> (8 - _KIND_BITS) if data else None
    if kind == _WHOLE:
        if data[0] or len(data) == WHOLE_HEAD_BYTES:
            raise Refusal(Outcome.MALFORMED, "expected content behind one zero byte")
        return Whole(data[WHOLE_HEAD_BYTES:])
    if kind not in FORMS or len(data) <= SYMBOL_HEAD_BYTES:
        raise Refusal(Outcome.MALFORMED, "expected a frame: whole content, or a symbol")
    return _decode_symbol(data, kind)


def _decode_symbol(data: bytes, kind: int) -> Symbol:
    form = FORMS[kind]
    head = int.from_bytes(data[:SYMBOL_HEAD_BYTES], "big")
    number, head = head % form.symbols, head >> form.symbol_bits
    digest, head = head & ((1 << form.digest_bits) - 1), head >> form.digest_bits
    length = head % form.max_length + 1
    parcel = ParcelName(length, digest, len(data) - SYMBOL_HEAD_BYTES)
    _check_sizes(parcel, kind)
    return Symbol(parcel, number, data[SYMBOL_HEAD_BYTES:])


def _check_sizes(parcel: ParcelName, kind: int) -> None:
    """The coder is native code: it gets only what this has let pass."""
    size = parcel.symbol_bytes
    if size % SYMBOL_ALIGNMENT or not MIN_SYMBOL_BYTES <= size <= MAX_SYMBOL_BYTES:
        raise Refusal(Outcome.MALFORMED, f"expected a symbol in units of {SYMBOL_ALIGNMENT} bytes")
    if _kind_for(parcel.length) != kind or parcel.source_symbols > MAX_SOURCE_SYMBOLS:
        raise Refusal(Outcome.MALFORMED, "expected a length that fits form and symbols")


def _kind_for(length: int) -> int:
    return _SHORT if length <= FORMS[_SHORT].max_length else _LONG


def _digest(content: bytes, form: Form) -> int:
    first = int.from_bytes(hashlib.sha256(content).digest()[:_DIGEST_BYTES], "big")
    return first >> (8 * _DIGEST_BYTES - form.digest_bits)
