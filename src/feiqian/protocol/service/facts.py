"""What a party of a service is told: messages that verified, what chip and wallet did, time passing.

One fact at a time, each judged into an event of the table (`protocol.service`). A message comes with
the bytes that were signed, because some are shown to others later.
"""

from dataclasses import dataclass

from feiqian.outcomes import Outcome, Refusal
from feiqian.timing.moment import Moment
from feiqian.wire.fees import Side
from feiqian.wire.service import Said
from feiqian.wire.usage import Usage


@dataclass(frozen=True, slots=True)
class Settlement:
    """What became of a fee on one side.

    `outcome` accepted (or repeated): `proof` proves it. In `outcomes.UNDECIDED` with `signed`: the
    value has left the payer's chip, and `settle` brings the proof later. Anything else: nothing moved.
    """

    outcome: Outcome
    detail: str
    side: Side
    amount_minor: int = 0
    payee: bytes = b""
    nonce: bytes = b""
    transfers: tuple[bytes, ...] = ()
    offline: bool = False
    """Whether the payee's chip took it in, and `proof` is its receipt."""
    proof: bytes = b""
    certificate: bytes = b""
    """Of the payee's chip."""
    signed: bool = False
    """Payer: whether the chip has signed transfers for this order."""
    reconciled: bool = True
    """Payee: whether the issuers have verified it."""
    heard: bool = False
    """Payer: the payee itself has told us so; proven but not heard, the payee may not know of it."""
    by_chip: bool = False
    """Payer: our own chip refused; what a link or a peer says is never final."""


@dataclass(frozen=True, slots=True)
class Heard:
    """A message for us, signed by its sender."""

    message: Said
    raw: bytes


@dataclass(frozen=True, slots=True)
class ChipAuthorised:
    """Our chip has signed this authorisation."""

    raw: bytes


@dataclass(frozen=True, slots=True)
class ChipRefused:
    """Our chip did not authorise."""

    refusal: Refusal


@dataclass(frozen=True, slots=True)
class FeeSettled:
    """What became of the payment of our order."""

    settlement: Settlement


@dataclass(frozen=True, slots=True)
class FundsArrived:
    """Our wallet can pay this much now."""

    spendable_minor: int


@dataclass(frozen=True, slots=True)
class TimePassed:
    """It is later."""


@dataclass(frozen=True, slots=True)
class CancelAsked:
    """Our holder wants no more of it."""

    detail: str = "the holder wants no more of it"


@dataclass(frozen=True, slots=True)
class Located:
    """The vehicle stands at this entity."""

    entity: str


@dataclass(frozen=True, slots=True)
class Unclear:
    """The vehicle stands at one of these, and its position does not say at which."""

    entities: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Departed:
    """The vehicle has left the entity it was matched to."""

    moment: Moment
    """Of the first report that certainly placed it elsewhere."""


@dataclass(frozen=True, slots=True)
class SiteStarted:
    """The service began."""


@dataclass(frozen=True, slots=True)
class SiteEnded:
    """The service is over."""

    served: bool
    usage: Usage


@dataclass(frozen=True, slots=True)
class SiteRefused:
    """The service cannot begin."""

    refusal: Refusal


@dataclass(frozen=True, slots=True)
class Reconciled:
    """What the issuers said of what was paid to us offline."""

    outcome: Outcome


Fact = (
    Heard
    | ChipAuthorised
    | ChipRefused
    | FeeSettled
    | FundsArrived
    | TimePassed
    | CancelAsked
    | Located
    | Unclear
    | Departed
    | SiteStarted
    | SiteEnded
    | SiteRefused
    | Reconciled
)
