"""The field between a reader and a card, in one process: frames are lost, come twice, or no more.

Half duplex, as ISO/IEC 14443-3 has it: a reader hears only answers to what it said last; a card
hears everything. The two ends are radios for `adapters.iso_dep`, used from two threads.
"""

import queue
import threading
from dataclasses import dataclass

from feiqian.adapters.iso_dep import FrameLost
from feiqian.outcomes import Outcome, Refusal

HEAR_S = 0.01
"""How often who listens looks whether the field is still there."""

Frames = queue.Queue[tuple[int, bytes]]
"""Each with the number of the exchange that it belongs to."""


@dataclass(frozen=True, slots=True)
class Interference:
    """What happens to frames, counted from 0 in each direction since it began."""

    lose: frozenset[int] = frozenset()
    repeat: frozenset[int] = frozenset()
    tear_at_byte: int | None = None
    """Of the reader's frames: the card leaves when so many bytes have passed."""


class Field:
    """What both ends share."""

    def __init__(self) -> None:
        self.torn = threading.Event()
        to_card: Frames = queue.Queue()
        to_reader: Frames = queue.Queue()
        self.reader = FieldRadio(self, to_reader, to_card, is_reader=True)
        self.card = FieldRadio(self, to_card, to_reader, is_reader=False)

    def disturb(self, interference: Interference) -> None:
        """From now on."""
        self.reader.interference = self.card.interference = interference
        self.reader.sent = self.card.sent = self.reader.sent_bytes = self.card.sent_bytes = 0


class FieldRadio:
    """One end; `adapters.iso_dep.Radio`."""

    def __init__(self, field: Field, hears: Frames, says: Frames, *, is_reader: bool) -> None:
        self._field = field
        self._hears = hears
        self._says = says
        self._is_reader = is_reader
        self.interference = Interference()
        self.sent = 0
        self.sent_bytes = 0
        self._exchange = 0

    def exchange(self, frame: bytes | None, timeout_s: float) -> bytes:
        """Say something, unless it is lost; hear the next frame."""
        self._exchange += self._is_reader
        if frame is not None:
            self._say(frame)
        patience = max(int(timeout_s / HEAR_S), 1)
        for _ in range(patience):
            if self._field.torn.is_set():
                raise Refusal(Outcome.UNAVAILABLE, "the card has left the field")
            heard = self._hear()
            if heard is not None:
                return heard
        raise FrameLost

    def _hear(self) -> bytes | None:
        """What can be heard in a moment."""
        try:
            exchange, frame = self._hears.get(timeout=HEAR_S)
        except queue.Empty:
            return None
        if not self._is_reader:
            self._exchange = exchange
        return frame if exchange == self._exchange else None

    def _say(self, frame: bytes) -> None:
        number, self.sent = self.sent, self.sent + 1
        self.sent_bytes += len(frame)
        tear = self.interference.tear_at_byte
        if self._is_reader and tear is not None and self.sent_bytes > tear:
            self._field.torn.set()
        elif number not in self.interference.lose:
            for _ in range(2 if number in self.interference.repeat else 1):
                self._says.put((self._exchange, frame))

    def close(self) -> None:
        """Leave."""
        if not self._is_reader:
            self._field.torn.set()
