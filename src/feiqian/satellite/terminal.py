"""A simulated module: what it answers on its line, second by second.

It speaks like a real one, in either dialect: identity when asked, feedback to each request to send,
messages as they come down, the signal each second, and with them a satellite receiver's time and
position. Damaged lines and unknown sentences get no answer.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from feiqian.outcomes import Refusal
from feiqian.satellite.constellation import Constellation
from feiqian.satellite.receiver import Sky, speak
from feiqian.timing.fixes import FixedPlace
from feiqian.wire.rdss.module import AskIdentity, Dialect, ModuleMessage, Signal
from feiqian.wire.rdss.sentences import parse_sentence

BEIDOU_SKY = Sky()


@dataclass(frozen=True, slots=True)
class Receiver:
    """The satellite receiver in the same box."""

    place: FixedPlace | None
    """None while it has no fix."""
    sky: Sky = BEIDOU_SKY
    error_ms: int = 0
    """How far the moments it says are off: what a spoofer does."""


class Terminal:
    """The module of one subscription."""

    def __init__(self, address: str, dialect: Dialect, receiver: Receiver) -> None:
        self.address = address
        self.dialect = dialect
        self.receiver = receiver

    def answer(self, line: bytes, constellation: Constellation, now_ms: int) -> bytes:
        """What is said to a line from the host; empty for nothing."""
        try:
            request = self.dialect.read_request(parse_sentence(line))
        except Refusal:
            return b""
        if request is None:
            return b""
        if isinstance(request, AskIdentity):
            return self.dialect.report(constellation.subscription(self.address).identity).encode()
        feedback = constellation.submit(self.address, request.to, request.content, now_ms)
        return self.dialect.report(feedback).encode()

    def hear(self, heard: ModuleMessage) -> bytes:
        """What is said when a message has come down."""
        return self.dialect.report(heard).encode()

    def tick(self, beams: int, moment_ms: int) -> Sequence[bytes]:
        """What is said unasked, mostly each second: signal, time, position."""
        receiver = self.receiver
        signal = self.dialect.report(Signal(beams)).encode()
        place = receiver.place if beams else None
        return (signal, *speak(receiver.sky, moment_ms + receiver.error_ms, place))
