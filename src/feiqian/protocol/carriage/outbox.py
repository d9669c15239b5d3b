"""Parcels to send, one message in each of the channel's periods, the most urgent first.

How long a parcel is sent depends on who can tell that it has arrived. One that expects an answer is
sent until it is settled or expires: all its symbols once, then smaller rounds of new symbols. In the
rests between, which grow in the end, the answer can come and others have their turn. An answer is
sent one round whenever it is asked for, which is when it is posted and when the other side shows that
it still asks. A broadcast is sent one long round that survives the loss it is made for. Nobody
acknowledges symbols: going up, an acknowledgement costs as much as a message.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum
from math import ceil, sqrt

from feiqian.outcomes import Outcome, Refusal
from feiqian.protocol.carriage.fountain import Fountain
from feiqian.protocol.carriage.pace import Pace
from feiqian.wire.short_messages import ChannelClass, Whole, name_parcel

MAX_OPEN = 256
"""Parcels in one outbox."""
MAX_OPEN_BYTES = 1 << 20
REST_PERIODS = 2
"""The first rests: so long an answer takes when nothing is lost."""
STEADY_ROUNDS = 6
"""How many rests are like the first; each later one is longer than the one before."""
MAX_REST_PERIODS = 30
BROADCAST_LOSS = 0.5
"""The share of messages that may be lost and a broadcast still arrives."""
_SPARE_DEVIATIONS = 3
"""How far above the average the losses of a broadcast may be."""


class Effort(Enum):
    """What keeps a parcel going."""

    UNTIL_SETTLED = "until settled"
    WHEN_ASKED = "when asked"
    BROADCAST = "broadcast"


class Urgency(Enum):
    """Whose turn it is when several wait; higher goes first."""

    ROUTINE = 0
    PROMPT = 1
    ALARM = 2


@dataclass(frozen=True, slots=True)
class Sending:
    """What is to be sent, and how."""

    content: bytes
    to: str
    effort: Effort
    expires_ms: int
    """Reading at which sending ends whatever has become of it."""
    urgency: Urgency = Urgency.PROMPT


@dataclass(frozen=True, slots=True)
class Outgoing:
    """One short message to hand to the service."""

    parcel: int
    to: str
    content: bytes


class _Parcel:
    """A posting under way: what was sent of it, and when it is its turn."""

    def __init__(self, posting: Sending, channel: ChannelClass) -> None:
        self.posting = posting
        self._period_ms = channel.period_ms
        self._source = channel.messages_for(len(posting.content))
        self._frames = _frames(posting.content, channel)
        self._round = 0
        self.ready_ms: int | None = 0
        """Reading from which it wants its turn; None when it has nothing to say."""
        self._left = _first_round(posting.effort, self._source)
        self._frame = next(self._frames)

    @property
    def frame(self) -> bytes:
        """What is sent next; the same until it was sent."""
        return self._frame

    def sent(self, reading_ms: int) -> None:
        self._frame = next(self._frames)
        self._left -= 1
        if self._left:
            return
        self._round += 1
        self._left = ceil(self._source / 2)
        self.ready_ms = None
        if self.posting.effort is Effort.UNTIL_SETTLED:
            rest = min(max(1, self._round - STEADY_ROUNDS) * REST_PERIODS, MAX_REST_PERIODS)
            self.ready_ms = reading_ms + rest * self._period_ms

    def ask(self) -> None:
        if self.ready_ms is None and self.posting.effort is Effort.WHEN_ASKED:
            self.ready_ms = 0


class Outbox:
    """What one terminal has to send. Tell it what became of every message that it hands out."""

    def __init__(self, channel: ChannelClass) -> None:
        self._channel = channel
        self._pace = Pace(channel)
        self._parcels: dict[int, _Parcel] = {}
        self._next_number = 1

    def __contains__(self, parcel: int) -> bool:
        return parcel in self._parcels

    def post(self, posting: Sending) -> int:
        """Take something to send; its number here. `Refusal` too_large, or busy: too much waits."""
        length = len(posting.content)
        if not 0 < length <= self._channel.longest_bytes:
            raise Refusal(
                Outcome.TOO_LARGE,
                f"expected 1 to {self._channel.longest_bytes} bytes on"
                f" {self._channel.name}, got {length}",
            )
        open_bytes = sum(len(each.posting.content) for each in self._parcels.values())
        if len(self._parcels) >= MAX_OPEN or open_bytes + length > MAX_OPEN_BYTES:
            raise Refusal(Outcome.BUSY, "expected fewer parcels waiting to be sent")
        number, self._next_number = self._next_number, self._next_number + 1
        self._parcels[number] = _Parcel(posting, self._channel)
        return number

    def settle(self, parcel: int) -> None:
        """It was answered, or is of no use any more; harmless for one that has ended."""
        self._parcels.pop(parcel, None)

    def ask(self, parcel: int) -> None:
        """The other side still waits for this answer: another round of it."""
        if parcel in self._parcels:
            self._parcels[parcel].ask()

    def due_ms(self) -> int | None:
        """Reading at which `next` is worth asking; None while there is nothing to send."""
        ready = [each.ready_ms for each in self._parcels.values() if each.ready_ms is not None]
        return max(self._pace.free_at_ms, min(ready)) if ready else None

    def next(self, reading_ms: int) -> Outgoing | None:
        """The message to try now, if any; it stays the next until it is reported as sent."""
        self._drop_expired(reading_ms)
        if reading_ms < self._pace.free_at_ms:
            return None
        ready = [
            (-each.posting.urgency.value, each.ready_ms, number)
            for number, each in self._parcels.items()
            if each.ready_ms is not None and each.ready_ms <= reading_ms
        ]
        if not ready:
            return None
        number = min(ready)[2]
        parcel = self._parcels[number]
        return Outgoing(number, parcel.posting.to, parcel.frame)

    def sent(self, message: Outgoing, reading_ms: int) -> None:
        """The service took the message, or may have taken it."""
        self._pace.sent(reading_ms)
        parcel = self._parcels.get(message.parcel)
        if parcel is None:
            return
        parcel.sent(reading_ms)
        if parcel.ready_ms is None and parcel.posting.effort is Effort.BROADCAST:
            del self._parcels[message.parcel]

    def put_off(self, reading_ms: int, wait_ms: int | None = None) -> None:
        """The service did not take the message; it named the time to wait, or did not."""
        wait_ms = self._channel.period_ms if wait_ms is None else wait_ms
        self._pace.put_off(reading_ms, wait_ms)

    def _drop_expired(self, reading_ms: int) -> None:
        for number, each in list(self._parcels.items()):
            if each.posting.expires_ms <= reading_ms:
                del self._parcels[number]


def _first_round(effort: Effort, source: int) -> int:
    if effort is not Effort.BROADCAST:
        return source
    return ceil((source + _SPARE_DEVIATIONS * sqrt(source)) / (1 - BROADCAST_LOSS))


def _frames(content: bytes, channel: ChannelClass) -> Iterator[bytes]:
    if len(content) <= channel.whole_bytes:
        whole = Whole(content).encode()
        while True:
            yield whole
    fountain = Fountain(name_parcel(content, channel.symbol_bytes), content)
    count = 0
    while True:
        yield fountain.symbol(count).encode()
        count += 1
