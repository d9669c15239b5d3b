"""Short messages in, in any order and any number of times; each parcel out once.

A parcel is gathered for its sender's address, which the service states, and under the name its
frames carry; so nobody can spoil another's. What is gathered and what is remembered as delivered is
bounded for each sender and in all, and forgotten when nothing new comes: then a parcel that is sent
again counts as a new one, and what must happen once is held to that by what is inside. The content
is checked against accidents alone: its seal or signature tells who made it.
"""

from collections import OrderedDict
from dataclasses import dataclass, field

from feiqian.protocol.carriage.fountain import Basin
from feiqian.wire.short_messages import (
    ParcelName,
    ShortMessage,
    Symbol,
    Whole,
    decode_frame,
    name_parcel,
)

MAX_SENDERS = 4_096
MAX_GATHERED = 256
"""Parcels that are gathered at once, in all."""
MAX_GATHERED_EACH = 4
"""Parcels of one sender that are gathered at once."""
MAX_REMEMBERED_EACH = 64
"""Delivered parcels of one sender whose repetitions are known as such."""
MEMORY_MS = 24 * 3_600_000
"""How long a delivered parcel is remembered, and one that gets no more symbols gathered."""


@dataclass(frozen=True, slots=True)
class ParcelKey:
    """Which parcel: who sent it, under which name."""

    sender: str
    name: ParcelName


@dataclass(frozen=True, slots=True)
class Arrived:
    """A parcel is whole; this is said once."""

    parcel: ParcelKey
    content: bytes


@dataclass(frozen=True, slots=True)
class StillSent:
    """A frame of a parcel that was delivered before: its sender has not seen an answer yet."""

    parcel: ParcelKey


@dataclass(slots=True)
class _Sender:
    """What is kept of one sender, longest untouched first; values are with the last reading."""

    gathered: "OrderedDict[ParcelName, tuple[Basin, int]]" = field(default_factory=OrderedDict)
    delivered: "OrderedDict[ParcelName, int]" = field(default_factory=OrderedDict)


class ParcelInbox:
    """What one terminal, or one station, is receiving."""

    def __init__(self) -> None:
        self._senders: OrderedDict[str, _Sender] = OrderedDict()
        self._gathered = 0

    @property
    def gathered(self) -> int:
        """How many parcels are incomplete."""
        return self._gathered

    def take(self, message: ShortMessage, reading_ms: int) -> Arrived | StillSent | None:
        """Take a message up. `Refusal` malformed when it is no frame; that changes nothing."""
        frame = decode_frame(message.content)
        sender = self._sender(message.sender)
        self._forget(sender, reading_ms)
        name = _name_of(frame)
        key = ParcelKey(message.sender, name)
        if name in sender.delivered:
            return StillSent(key)
        whole = frame.content if isinstance(frame, Whole) else self._pour(sender, frame, reading_ms)
        if whole is None:
            return None
        self._remember(sender, name, reading_ms)
        return Arrived(key, whole)

    def forget(self, parcel: ParcelKey) -> None:
        """Deliver this parcel once more when it is sent again."""
        if parcel.sender in self._senders:
            self._senders[parcel.sender].delivered.pop(parcel.name, None)

    def _sender(self, address: str) -> _Sender:
        sender = self._senders.setdefault(address, _Sender())
        self._senders.move_to_end(address)
        if len(self._senders) > MAX_SENDERS:
            _, dropped = self._senders.popitem(last=False)
            self._gathered -= len(dropped.gathered)
        return sender

    def _pour(self, sender: _Sender, symbol: Symbol, reading_ms: int) -> bytes | None:
        name = symbol.parcel
        if name not in sender.gathered:
            self._make_room(sender)
            self._gathered += 1
        basin, _ = sender.gathered.get(name) or (Basin(name), 0)
        content = basin.pour(symbol)
        sender.gathered[name] = basin, reading_ms
        sender.gathered.move_to_end(name)
        return content

    def _make_room(self, sender: _Sender) -> None:
        if len(sender.gathered) >= MAX_GATHERED_EACH:
            self._drop_oldest(sender)
        if self._gathered >= MAX_GATHERED:
            self._drop_oldest(max(self._senders.values(), key=lambda each: len(each.gathered)))

    def _drop_oldest(self, sender: _Sender) -> None:
        sender.gathered.popitem(last=False)
        self._gathered -= 1

    def _remember(self, sender: _Sender, name: ParcelName, reading_ms: int) -> None:
        self._gathered -= sender.gathered.pop(name, None) is not None
        sender.delivered[name] = reading_ms
        if len(sender.delivered) > MAX_REMEMBERED_EACH:
            sender.delivered.popitem(last=False)

    def _forget(self, sender: _Sender, reading_ms: int) -> None:
        oldest_ms = reading_ms - MEMORY_MS
        while sender.gathered and next(iter(sender.gathered.values()))[1] < oldest_ms:
            self._drop_oldest(sender)
        while sender.delivered and next(iter(sender.delivered.values())) < oldest_ms:
            sender.delivered.popitem(last=False)


def _name_of(frame: Whole | Symbol) -> ParcelName:
    if isinstance(frame, Symbol):
        return frame.parcel
    return name_parcel(frame.content, len(frame.content))
