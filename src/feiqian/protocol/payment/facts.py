"""What a machine is told: one fact at a time, in the order in which things happened.

The driver learns facts from the ports and hands each to the machine with the moment it was learned.
A machine never asks; whatever it waits for is one of these.
"""

from dataclasses import dataclass

from msgspec import Struct

from feiqian.outcomes import Refusal


@dataclass(frozen=True, slots=True)
class Started:
    """The session begins, or begins again from what was stored."""


@dataclass(frozen=True, slots=True)
class Received:
    """One message came over the link."""

    message: bytes


@dataclass(frozen=True, slots=True)
class ChipAnswered:
    """The chip did what the last command asked."""

    answer: Struct


@dataclass(frozen=True, slots=True)
class ChipFailed:
    """The chip refused, or (unavailable) is gone and may or may not have done it."""

    refusal: Refusal


@dataclass(frozen=True, slots=True)
class Kept:
    """The last record is durable."""


@dataclass(frozen=True, slots=True)
class Approved:
    """The holder agrees to what the last approval asked."""


@dataclass(frozen=True, slots=True)
class ServerAnswered:
    """A server's answer body."""

    body: bytes


@dataclass(frozen=True, slots=True)
class ServerFailed:
    """A server refused, or (an undecided outcome) may or may not have done it."""

    refusal: Refusal


@dataclass(frozen=True, slots=True)
class Probed:
    """Whether the institution last probed can be reached."""

    connected: bool


@dataclass(frozen=True, slots=True)
class TimerExpired:
    """The time set by the last timer is over."""


@dataclass(frozen=True, slots=True)
class LinkLost:
    """Nothing more will come or go over the link."""


@dataclass(frozen=True, slots=True)
class Cancelled:
    """The holder wants no more of this session."""


Fact = (
    Started
    | Received
    | ChipAnswered
    | ChipFailed
    | Kept
    | Approved
    | ServerAnswered
    | ServerFailed
    | Probed
    | TimerExpired
    | LinkLost
    | Cancelled
)
