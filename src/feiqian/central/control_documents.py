"""What the operator says and is told about control orders and satellites, as JSON-shaped values.

Keys and digests are hexadecimal, amounts minor units, durations and moments milliseconds.
"""

from enum import StrEnum
from typing import Annotated

from msgspec import Meta, Struct

from feiqian.central.documents import OperatorKey, PublicKeyHex
from feiqian.central.list_documents import Reason
from feiqian.central.proposals import ProposalStage, ProposedAction
from feiqian.crypto.certificates import WalletNumber
from feiqian.money.amounts import AmountOrZeroMinor
from feiqian.outcomes import Outcome

MAX_SHOWN = 512
"""Most orders, proposals or reports in one answer."""
MAX_DELIVERIES = 128
"""Most wallets shown with one order, those that changed last."""
MAX_LIFETIME_MS = 90 * 24 * 60 * 60 * 1000
MIN_LIFETIME_MS = 60 * 1000
DEFAULT_LIFETIME_MS = 7 * 24 * 60 * 60 * 1000

OperatorName = Annotated[str, Meta(pattern=r"^[a-z][a-z0-9-]{0,23}\Z")]
DigestHex = Annotated[str, Meta(pattern="^[0-9a-f]{64}$")]
StationName = Annotated[str, Meta(pattern=r"^[A-Za-z0-9-]{1,24}\Z")]
GroupNumber = Annotated[int, Meta(ge=1, le=65_535)]


class ScopeName(StrEnum):
    """How far an order reaches."""

    WALLET = "wallet"
    GROUP = "group"
    INSTITUTION = "institution"
    ALL = "all"


class OrderName(StrEnum):
    """What an order does (R-03); freezing and unfreezing are one kind."""

    FREEZE = "freeze"
    UNFREEZE = "unfreeze"
    LIMITS = "limits"
    SYNCHRONISE = "synchronise"
    CLOCK = "clock"
    LIST = "list"
    NOTIFY = "notify"
    GROUPS = "groups"


class OrderLimits(Struct, frozen=True, forbid_unknown_fields=True):
    """Limits in place of the tier's."""

    holding_minor: AmountOrZeroMinor
    payment_minor: AmountOrZeroMinor
    offline_payment_minor: AmountOrZeroMinor
    offline_total_minor: AmountOrZeroMinor
    offline_hops: Annotated[int, Meta(ge=0, le=16)]


class OrderWish(Struct, frozen=True, forbid_unknown_fields=True):
    """Propose an order (R-03, R-06); to one wallet it is issued at once."""

    key: OperatorKey
    scope: ScopeName
    addressee: Annotated[str, Meta(max_length=24, description="empty for all")]
    order: OrderName
    limits: OrderLimits | None = None
    """Of a limits order; none: the tier's again."""
    text: Annotated[str, Meta(max_length=60)] = ""
    """Of a notice."""
    groups: Annotated[tuple[GroupNumber, ...], Meta(max_length=16)] = ()
    """Of a groups order: all the groups the wallet is in from now on."""
    since_list: Annotated[int, Meta(ge=0, le=2**53 - 1)] = 0
    """Of a list order: broadcast all changes after this version; 0: the newest alone."""
    lifetime_ms: Annotated[int, Meta(ge=MIN_LIFETIME_MS, le=MAX_LIFETIME_MS)] = DEFAULT_LIFETIME_MS


class ListingWish(Struct, frozen=True, forbid_unknown_fields=True):
    """Put a risk wallet's key on the list of offenders, by two people (R-02)."""

    key: OperatorKey
    wallet: WalletNumber
    reason: Reason
    fingerprint: Annotated[str, Meta(pattern="^([0-9a-f]{64})?$")] = ""
    """Of the wallet's chip; may be empty when the wallet has a satellite channel."""


class NewOperator(Struct, frozen=True, forbid_unknown_fields=True):
    """Bring in an operator; the token itself stays with him."""

    key: OperatorKey
    name: OperatorName
    token_digest: DigestHex


class OperatorRemoval(Struct, frozen=True, forbid_unknown_fields=True):
    """End an operator's token."""

    key: OperatorKey
    name: OperatorName


class OperatorAdded(Struct, frozen=True):
    """Whom it was about."""

    name: str


class ProposalDecision(Struct, frozen=True, forbid_unknown_fields=True):
    """Approve or reject a proposal."""

    key: OperatorKey
    proposal: Annotated[int, Meta(ge=1, le=2**53 - 1)]


class ProposalStanding(Struct, frozen=True):
    """A proposal, and what came of it."""

    number: int
    action: ProposedAction
    summary: str
    needs_second: bool
    proposed_by: str
    proposed_at_ms: int
    decision: ProposalStage
    decided_by: str
    order: int | None
    """The number of the order that was issued."""


class DeliveryStanding(Struct, frozen=True):
    """What became of an order at one wallet (R-07)."""

    wallet: str
    state: str
    way: str
    """satellite, network, or empty while it waits."""
    sent_at_ms: int | None
    times_sent: int
    changed_at_ms: int
    outcome: str


class OrderStanding(Struct, frozen=True):
    """An order that was issued, and every wallet it is known to have met."""

    number: int
    order: OrderName
    scope: ScopeName
    addressee: str
    state: str
    proposed_by: str
    approved_by: str
    issued_at_ms: int
    expires_at_ms: int
    deliveries: tuple[DeliveryStanding, ...]


class ControlReport(Struct, frozen=True):
    """Open proposals and orders; the newest first."""

    proposals: tuple[ProposalStanding, ...]
    orders: tuple[OrderStanding, ...]


class NewStation(Struct, frozen=True, forbid_unknown_fields=True):
    """Register a ground station."""

    key: OperatorKey
    name: StationName
    public_key: PublicKeyHex


class StationStanding(Struct, frozen=True):
    """A ground station, and when it was seen last."""

    name: str
    public_key: str
    seen_at_ms: int | None


class StationReport(Struct, frozen=True):
    """Every ground station, and how much is on the air or waits for it."""

    stations: tuple[StationStanding, ...]
    channels: int
    tasks: int


class ReportQuery(Struct, frozen=True, forbid_unknown_fields=True):
    """Wallets' reports: of one wallet, or with an empty name the newest of all."""

    wallet: Annotated[str, Meta(max_length=24)] = ""


class WalletReport(Struct, frozen=True):
    """A key information set that came in, and what its institution found (W-07)."""

    wallet: str
    number: int
    counter: int
    balance_minor: int
    offline_paid_minor: int
    offline_received_minor: int
    list_number: int
    received_at_ms: int
    judged_at_ms: int | None
    outcome: Outcome | None
    detail: str
    findings: tuple[str, ...]
    synchronised: bool


class WalletReports(Struct, frozen=True):
    """The newest first."""

    reports: tuple[WalletReport, ...]
