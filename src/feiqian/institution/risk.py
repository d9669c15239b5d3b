"""The risk check: what a wallet's report is compared with, and what speaks against it (W-07, W-10).

Pure judgement; `key_reports` brings the facts. A finding that is not a note withholds the statement
that renews the wallet's offline limits. What cannot be known here is not held against anybody: pieces
of other issuers, for one, make a balance unproven and not wrong.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from feiqian.money.limits import Limits
from feiqian.timing.moment import Moment
from feiqian.wire.key_information import ChipCondition, KeyInformation
from feiqian.wire.risk import NOTES, Finding


@dataclass(frozen=True, slots=True)
class KnownWallet:
    """What this institution knows of a wallet; amounts in minor units."""

    frozen: bool
    limits: Limits
    """Of the tier; orders can only be known to the chip."""
    previous: KeyInformation | None
    """The wallet's last report."""
    synchronised_number: int
    """Of the last statement signed for it."""
    list_stale: bool
    """Whether the list that it reports is too old to take anything in by."""
    issued_minor: int | None
    """All that was ever issued to it; None when that is too much to count."""


def find(report: KeyInformation, known: KnownWallet, now: Moment) -> tuple[Finding, ...]:
    """Everything that is found, by number."""
    found = {
        *_about_standing(report, known),
        *_about_sums(report, known),
        *_about_time(report, known, now),
        *_since(report, known.previous),
    }
    return tuple(sorted(found))


def passes(findings: tuple[Finding, ...]) -> bool:
    """Whether the wallet may be synchronised."""
    return NOTES.issuperset(findings)


def _about_standing(report: KeyInformation, known: KnownWallet) -> Iterator[Finding]:
    if known.frozen:
        yield Finding.WALLET_FROZEN
    if report.condition & ChipCondition.FROZEN:
        yield Finding.CHIP_FROZEN
    if known.list_stale:
        yield Finding.LIST_STALE


def _about_sums(report: KeyInformation, known: KnownWallet) -> Iterator[Finding]:
    limits = known.limits
    other_limits = bool(report.condition & ChipCondition.OTHER_LIMITS)
    if not other_limits and report.balance_minor > limits.holding_minor:
        yield Finding.OVER_HOLDING
    if not other_limits and report.offline_paid_minor > limits.offline_total_minor:
        yield Finding.OVER_OFFLINE_PAID
    if not other_limits and report.offline_received_minor > limits.offline_total_minor:
        yield Finding.OVER_OFFLINE_RECEIVED
    shown_minor = (known.issued_minor or 0) + report.offline_received_minor
    if known.issued_minor is not None and report.balance_minor > shown_minor:
        yield Finding.BALANCE_UNPROVEN


def _about_time(report: KeyInformation, known: KnownWallet, now: Moment) -> Iterator[Finding]:
    if (report.moment_s - report.radius_s) * 1_000 > now.latest_ms:
        yield Finding.CLOCK_AHEAD
    if report.synchronised_number > known.synchronised_number:
        yield Finding.SYNCHRONISED_AHEAD
    if report.synchronised_number < known.synchronised_number:
        yield Finding.SYNCHRONISED_BEHIND


def _since(report: KeyInformation, previous: KeyInformation | None) -> Iterator[Finding]:
    """What has changed since the last report in a way that no honest chip's figures do."""
    if previous is None:
        return
    if report.counter < previous.counter:
        yield Finding.COUNTER_BACKWARD
    if report.synchronised_number < previous.synchronised_number:
        yield Finding.TOTALS_BACKWARD
    if report.synchronised_number != previous.synchronised_number:
        return
    signed = report.counter - previous.counter
    paid_minor = report.offline_paid_minor - previous.offline_paid_minor
    received_minor = report.offline_received_minor - previous.offline_received_minor
    if paid_minor < 0 or received_minor < 0 or (paid_minor and not signed):
        yield Finding.TOTALS_BACKWARD
    elif signed > 0 and not paid_minor:
        yield Finding.COUNTER_GAP
