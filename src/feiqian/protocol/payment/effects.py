"""What a machine wants done: values that the driver carries out through the ports, in order.

In one step a machine asks for at most one thing with an answer (chip, server, probe, record, approval)
and it asks for that last, so what must be durable first is durable first.
"""

from dataclasses import dataclass

from msgspec import Struct

from feiqian.chip.commands import Command
from feiqian.outcomes import Outcome
from feiqian.protocol.payment.records import Record


@dataclass(frozen=True, slots=True)
class Send:
    """Hand a message to the link; a loss becomes the fact `LinkLost`."""

    message: Struct


@dataclass(frozen=True, slots=True)
class PerformOnChip:
    """Give the chip a command."""

    command: Command


@dataclass(frozen=True, slots=True)
class AskServer:
    """Post a body to an institution's path, such as ``/v1/payments``."""

    institution: str
    path: str
    body: bytes
    timeout_ms: int | None = None
    """None: as long as the courier waits."""


@dataclass(frozen=True, slots=True)
class Probe:
    """Find out, by the connection rule, whether this institution can be reached."""

    institution: str


@dataclass(frozen=True, slots=True)
class Keep:
    """Make a record durable."""

    record: Record


@dataclass(frozen=True, slots=True)
class Approve:
    """Ask the holder whether to pay this."""

    amount_minor: int
    payee: str


@dataclass(frozen=True, slots=True)
class SetTimer:
    """Say `TimerExpired` after so long without another fact; replaces the timer before."""

    delay_ms: int


@dataclass(frozen=True, slots=True)
class Finish:
    """The session is over for this run.

    `outcome` accepted: done. In `outcomes.UNDECIDED`: value may have moved, resume it later from
    the records. Anything else: refused, no value moved.
    """

    outcome: Outcome
    detail: str
    amount_minor: int = 0
    peer: str = ""
    """The other wallet's number, once known."""
    loaded: bool = True
    """Payee: whether the chip holds the new currency already; if not, synchronising loads it."""
    by_chip: bool = False
    """Payer: our own chip refused; no peer or link can make it say so."""


Effect = Send | PerformOnChip | AskServer | Probe | Keep | Approve | SetTimer | Finish
