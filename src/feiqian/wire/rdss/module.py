"""What a module and its host say to each other, whatever the dialect.

A dialect has both directions: the host's, for the adapter of real modules, and the module's, for the
simulated constellation. Addresses are the numbers of subscriptions, without leading zeros.
"""

from dataclasses import dataclass
from enum import IntEnum
from typing import Protocol

from feiqian.outcomes import Outcome, Refusal
from feiqian.wire.rdss.sentences import Sentence
from feiqian.wire.short_messages import ChannelClass

MAX_ADDRESS_DIGITS = 11
MAX_PERIOD_S = 86_400
MAX_WAIT_S = 86_400
MAX_LEVEL = 9
MAX_SUBORDINATES = 10_000_000
USABLE_STRENGTH = 40
"""dB-Hz from which a module can send."""
SHOWN_STRENGTH = 46
"""What a simulated module says of a beam that it receives."""
MIXED_MARK = "A4"
"""What content in mixed form begins with."""

_ADDRESS_DIGITS = 7


class Reason(IntEnum):
    """Why a module did not send."""

    TOO_OFTEN = 1
    """The period since the last message is not over."""
    SUPPRESSED = 2
    """The service has told the module to be silent."""
    SILENT = 3
    """The module was set to radio silence."""
    NO_SIGNAL = 4
    """No beam is received well enough."""
    NO_CARD = 5
    NO_PERMISSION = 6


WAITING = frozenset({Reason.TOO_OFTEN, Reason.SUPPRESSED, Reason.SILENT})
"""Reasons that pass by waiting."""


@dataclass(frozen=True, slots=True)
class ModuleIdentity:
    """What a module's card says."""

    address: str
    broadcast_address: str
    """Whatever is sent to this reaches all subordinates of its owner."""
    period_s: int
    """One message in each."""
    level: int
    """How long a message may be, as the service numbers it."""
    subordinates: int = 0
    """How many terminals a commanding one has."""


@dataclass(frozen=True, slots=True)
class ModuleMessage:
    """A message for this module."""

    sender: str
    content: bytes


@dataclass(frozen=True, slots=True)
class Feedback:
    """What became of the last request to send."""

    reason: Reason | None
    """None when it was sent."""
    wait_s: int = 0
    """How long the module says to wait; 0 when it does not say."""


@dataclass(frozen=True, slots=True)
class Signal:
    """How many beams of the service are received well enough."""

    beams: int


@dataclass(frozen=True, slots=True)
class AskIdentity:
    """The host wants the module's identity."""


@dataclass(frozen=True, slots=True)
class AskSend:
    """The host wants a message sent."""

    to: str
    content: bytes


ModuleReport = ModuleIdentity | ModuleMessage | Feedback | Signal
HostRequest = AskIdentity | AskSend


class Dialect(Protocol):
    """The sentences of one generation of modules."""

    @property
    def channel(self) -> ChannelClass:
        """What a message may hold; the period is the card's."""
        ...

    def request(self, request: HostRequest) -> Sentence:
        """The host's sentence."""
        ...

    def report(self, report: ModuleReport) -> Sentence:
        """The module's sentence."""
        ...

    def read_request(self, sentence: Sentence) -> HostRequest | None:
        """What a host wants; None when it is nothing of this. `Refusal` malformed."""
        ...

    def read_report(self, sentence: Sentence) -> ModuleReport | None:
        """What a module says; None when it is nothing of this. `Refusal` malformed."""
        ...


def read_address(text: str) -> str:
    """A subscription's number without leading zeros. `Refusal` malformed when it is none."""
    if not (text.isascii() and text.isdigit()) or len(text) > MAX_ADDRESS_DIGITS:
        raise Refusal(Outcome.MALFORMED, f"expected a number as address, got {text[:16]!r}")
    return str(int(text))


def write_address(address: str) -> str:
    """With leading zeros, as sentences have it."""
    return address.zfill(_ADDRESS_DIGITS)


def read_identity(sentence: Sentence, period: int, level: int, subordinates: int) -> ModuleIdentity:
    """What a card says: both addresses first, the others at these places. `Refusal` malformed."""
    return ModuleIdentity(
        address=read_address(sentence.field(0)),
        broadcast_address=read_address(sentence.field(1)),
        period_s=sentence.number(period, MAX_PERIOD_S),
        level=sentence.number(level, MAX_LEVEL),
        subordinates=sentence.number(subordinates, MAX_SUBORDINATES),
    )


def read_content(text: str, *, mixed: bool) -> bytes | None:
    """Content in code or in mixed form; None for mixed form without its mark. `Refusal` malformed."""
    if not mixed:
        return read_hex(text)
    marked = text.upper().startswith(MIXED_MARK)
    return read_hex(text[len(MIXED_MARK) :]) if marked else None


def check_sendable(channel: ChannelClass, content: bytes | None) -> bytes:
    """Content that a module of this class can send. `Refusal` too_large."""
    if content is None or len(content) > channel.max_bytes:
        raise Refusal(Outcome.TOO_LARGE, f"expected up to {channel.max_bytes} bytes in code")
    return content


def read_hex(text: str) -> bytes:
    """Content in hexadecimal digits. `Refusal` malformed."""
    try:
        # Stricter than fromhex, which passes over spaces.
        content = bytes.fromhex(text) if text.isalnum() else None
    except ValueError:
        content = None
    if content is None:
        raise Refusal(Outcome.MALFORMED, "expected content in pairs of hexadecimal digits")
    return content


def read_reason(code: int) -> Reason:
    """A reason's number. `Refusal` malformed when there is none such."""
    try:
        return Reason(code)
    except ValueError:
        raise Refusal(Outcome.MALFORMED, f"expected a reason from 1 to 6, got {code}") from None
