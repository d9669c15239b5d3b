"""A wallet's report before its institution, and what the risk check finds (W-07, W-10).

The platform passes on the chip's signed report in a request of its own; the institution judges it
and answers with its findings. A `Synchronisation` statement for the chip comes with them only when no
finding is grave. Findings are numbered, so that they cost one byte each on the way down.
"""

from enum import IntEnum
from typing import Annotated

from msgspec import Meta, Struct

from feiqian.crypto.certificates import WalletNumber
from feiqian.crypto.signed import SignedKind
from feiqian.wire.request_envelope import MAX_REQUEST_BYTES, Request

PLATFORM_REQUEST = SignedKind(b"feiqian/platform-request", Request, MAX_REQUEST_BYTES)
"""A request that the platform makes, signed with the root key."""

REPORTS_PATH = "/v1/reports"
"""Where an institution takes what the platform passes on."""
MAX_REPORT_BYTES = 192
MAX_FINDINGS = 16


class Finding(IntEnum):
    """One thing that speaks against a wallet, or explains it."""

    WALLET_FROZEN = 1
    """The institution has frozen the wallet."""
    CHIP_FROZEN = 2
    """The chip says that it is frozen; a note."""
    COUNTER_BACKWARD = 3
    """The chip has signed more before than it says now."""
    SYNCHRONISED_AHEAD = 4
    """The chip says it took in a statement that was never signed."""
    OVER_HOLDING = 5
    """More than the wallet may hold."""
    OVER_OFFLINE_PAID = 6
    """More paid without a manager than the wallet may."""
    OVER_OFFLINE_RECEIVED = 7
    """More received without a manager than the wallet may."""
    LIST_STALE = 8
    """The wallet's double-spending list is too old to take anything in by; a note: the list protects
    its holder, and he is not synchronised for others' sake."""
    CLOCK_AHEAD = 9
    """The moment of the report has certainly not come yet."""
    SYNCHRONISED_BEHIND = 10
    """A statement that was signed has not reached the chip; a note."""
    COUNTER_GAP = 11
    """Signatures that no payment known here, and no offline total, explains; a note."""
    BALANCE_UNPROVEN = 12
    """The chip holds more than was ever issued to it and its offline totals show; a note."""
    TOTALS_BACKWARD = 13
    """What was paid or received without a manager is less than before, or more without a
    signature."""


NOTES = frozenset(
    {
        Finding.CHIP_FROZEN,
        Finding.LIST_STALE,
        Finding.SYNCHRONISED_BEHIND,
        Finding.COUNTER_GAP,
        Finding.BALANCE_UNPROVEN,
    }
)
"""Findings that are kept and shown, and do not withhold the statement."""

Findings = Annotated[tuple[Finding, ...], Meta(max_length=MAX_FINDINGS)]


class ReportedBody(Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """The platform passes on what a chip of this institution has signed."""

    version: int
    wallet: WalletNumber
    report: Annotated[bytes, Meta(max_length=MAX_REPORT_BYTES)]
    """The signed `KeyInformation` (COSE)."""


class ReportedResult(Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """What the institution found; the statement is empty when a finding is grave."""

    version: int
    findings: Findings
    statement: Annotated[bytes, Meta(max_length=192)]
