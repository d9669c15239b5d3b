"""Offline for too long: the one judgement, and what a wallet then does (W-03, W-04, W-09).

Offline duration = the current moment - the chip's last synchronisation moment. Both are intervals, so
the duration is one, and a wallet is overdue only when even its shortest exceeds the preset; exactly
the preset does not. A wallet that knows no time, was never synchronised, or whose time contradicts
its chip is not judged overdue: that is *unknown*, and triggers nothing.
"""

from enum import StrEnum
from typing import Annotated

from msgspec import Meta, Struct

from feiqian.outcomes import Outcome, Refusal
from feiqian.timing.duration import Span
from feiqian.timing.moment import Moment

DEFAULT_PRESET_MS = 72 * 3_600_000
"""Three days."""


class OfflineStanding(StrEnum):
    """What is certain about being offline for too long."""

    NOT_OVERDUE = "not_overdue"
    OVERDUE = "overdue"
    UNKNOWN = "unknown"


class OverdueAction(StrEnum):
    """What a wallet does about it, besides reporting itself."""

    WARN = "warn"
    """The holder is told."""
    RESTRICT = "restrict"
    """No offline payment, either way, until it is synchronised."""
    CORRECT_CLOCK = "correct_clock"
    """The sources of time are asked, however certain the hold-over is."""


class OverdueRule(Struct, frozen=True):
    """A wallet's own rule, from its configuration."""

    preset_ms: Annotated[int, Meta(gt=0)] = DEFAULT_PRESET_MS
    actions: frozenset[OverdueAction] = frozenset({OverdueAction.WARN, OverdueAction.CORRECT_CLOCK})


OVERDUE_RULE = OverdueRule()


class OverdueJudgement(Struct, frozen=True):
    """Where a wallet stands."""

    standing: OfflineStanding
    preset_ms: int
    offline: Span | None
    """How long it has been offline; None when that is unknown."""
    reason: str
    """In words."""


def judge_overdue(
    now: Moment | None, synchronised_at: Moment | None, preset_ms: int
) -> OverdueJudgement:
    """The judgement of `now`, which is None when the time is unknown."""
    if now is None:
        return _unknown(preset_ms, "the time is unknown")
    if synchronised_at is None:
        return _unknown(preset_ms, "it was never synchronised")
    try:
        offline = Span.between(synchronised_at, now)
    except Refusal:
        return _unknown(preset_ms, "the time lies before the last synchronisation")
    if offline.certainly_longer_than(preset_ms):
        reason = "it has certainly been offline for longer than that"
        return OverdueJudgement(OfflineStanding.OVERDUE, preset_ms, offline, reason)
    doubt = "may have been" if offline.possibly_longer_than(preset_ms) else "has not been"
    reason = f"it {doubt} offline for longer than that"
    return OverdueJudgement(OfflineStanding.NOT_OVERDUE, preset_ms, offline, reason)


def actions_due(rule: OverdueRule, judgement: OverdueJudgement) -> frozenset[OverdueAction]:
    """What the rule wants done now."""
    return rule.actions if judgement.standing is OfflineStanding.OVERDUE else frozenset()


def check_unrestricted(rule: OverdueRule, judgement: OverdueJudgement) -> None:
    """Raise `Refusal` overdue when the rule forbids offline payments now."""
    if OverdueAction.RESTRICT in actions_due(rule, judgement):
        raise Refusal(Outcome.OVERDUE, "expected this wallet to be synchronised first")


def _unknown(preset_ms: int, reason: str) -> OverdueJudgement:
    return OverdueJudgement(OfflineStanding.UNKNOWN, preset_ms, None, reason)
