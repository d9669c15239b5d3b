"""What an institution asks the platform: the bodies and results of its signed requests.

Each action of `request_envelope.Action` that an institution may ask has its body and its result
here, with what the platform signs on its own account for them.
"""

from typing import Annotated

from msgspec import Meta, Struct

from feiqian.crypto.certificates import InstitutionCode, UnixMs
from feiqian.crypto.signed import SignedKind
from feiqian.money.amounts import MAX_AMOUNT_MINOR, AmountMinor, AmountOrZeroMinor
from feiqian.money.identifiers import Identifier
from feiqian.outcomes import Outcome
from feiqian.wire.payment import Detail


class IssueBody(Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """Ask the platform to issue (or, in return, to take back) against reserves (P-01)."""

    version: int
    amount_minor: AmountMinor


class IssuanceOrder(Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """What the platform signs for issue and return: evidence for both sides and the auditor."""

    version: int
    number: Annotated[int, Meta(ge=1, le=2**53 - 1)]
    """Of this institution's orders, without gaps."""
    institution: InstitutionCode
    amount_minor: Annotated[int, Meta(ge=-MAX_AMOUNT_MINOR, le=MAX_AMOUNT_MINOR)]
    """Positive for issue, negative for return."""
    authorised_minor: AmountOrZeroMinor
    """What the institution may have issued after this order and all settlements before it."""
    ordered_at_ms: UnixMs


ISSUANCE_ORDER = SignedKind(b"feiqian/issuance-order", IssuanceOrder, 256)


class IssueResult(Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """The signed order."""

    version: int
    order: Annotated[bytes, Meta(max_length=256)]


class SettleBody(Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """Claim what others owe: the latest signed obligation statement of each debtor (P-05)."""

    version: int
    statements: Annotated[
        tuple[Annotated[bytes, Meta(max_length=256)], ...], Meta(min_length=1, max_length=256)
    ]


class SettledClaim(Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """What became of one statement."""

    debtor: InstitutionCode
    outcome: Outcome
    detail: Detail
    claimed_total_minor: AmountOrZeroMinor
    settled_total_minor: AmountOrZeroMinor


class SettleResult(Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """One result for each statement, in order."""

    version: int
    claims: Annotated[tuple[SettledClaim, ...], Meta(max_length=256)]


class ReportBody(Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """Report a double spend (D-13): the issuer's word on which transfer its record honours."""

    version: int
    evidence: Annotated[bytes, Meta(max_length=1_280)]
    """An encoded `Evidence`."""
    recorded: Identifier
    """The name of that one of its two transfers that was recorded first."""


class ReportResult(Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """The report is kept; the list that has it."""

    version: int
    list_number: Annotated[int, Meta(ge=1, le=2**53 - 1)]


class SettledPair(Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """What a debtor has settled with a creditor in all; only grows."""

    debtor: InstitutionCode
    creditor: InstitutionCode
    settled_total_minor: AmountOrZeroMinor


class PositionResult(Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """An institution's standing at the platform."""

    version: int
    reserves_minor: AmountOrZeroMinor
    authorised_minor: AmountOrZeroMinor
    owed_to_minor: AmountOrZeroMinor
    """Claimed by this institution, not settled yet."""
    owes_minor: AmountOrZeroMinor
    """Claimed from this institution, not settled yet."""
    settled: Annotated[tuple[SettledPair, ...], Meta(max_length=512)]
    """Every pair that this institution is one side of: both sides book settlement from here."""
