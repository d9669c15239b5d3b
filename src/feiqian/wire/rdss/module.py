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
