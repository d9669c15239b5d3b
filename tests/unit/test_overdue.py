"""Offline for too long: the boundary, at both ends of the interval."""

import pytest

from feiqian.outcomes import Outcome, Refusal
from feiqian.timing.duration import Span
from feiqian.timing.moment import Moment
from feiqian.wallet.overdue import (
    OfflineStanding,
    OverdueAction,
    OverdueRule,
    actions_due,
    check_unrestricted,
    judge_overdue,
)

PRESET_MS = 1_000
SYNCHRONISED = Moment(50_000, 20)
LATEST_MS, EARLIEST_MS = 50_020, 49_980
ALL = OverdueRule(PRESET_MS, frozenset(OverdueAction))


@pytest.mark.feature("W-03", "W-04")
@pytest.mark.parametrize(
    ("shortest_ms", "standing"),
    [
        (PRESET_MS - 1, OfflineStanding.NOT_OVERDUE),
        (PRESET_MS, OfflineStanding.NOT_OVERDUE),
        (PRESET_MS + 1, OfflineStanding.OVERDUE),
    ],
)
@pytest.mark.parametrize("radius_ms", [0, 1, 500])
def test_only_the_certain_duration_triggers(
    shortest_ms: int, standing: OfflineStanding, radius_ms: int
):
    """Overdue begins one millisecond after the preset, counted at the interval's lower end."""
    now = Moment(LATEST_MS + shortest_ms + radius_ms, radius_ms)
    judgement = judge_overdue(now, SYNCHRONISED, PRESET_MS)
    assert judgement.standing is standing
    assert judgement.offline == Span(shortest_ms, shortest_ms + 40 + 2 * radius_ms)


@pytest.mark.feature("W-04")
@pytest.mark.parametrize("longest_ms", [PRESET_MS - 1, PRESET_MS, PRESET_MS + 1])
def test_what_is_only_possible_never_triggers(longest_ms: int):
    """At the interval's upper end nothing triggers: neither at the preset nor beyond it."""
    now = Moment(EARLIEST_MS + longest_ms - 30, 30)
    judgement = judge_overdue(now, SYNCHRONISED, PRESET_MS)
    assert judgement.offline is not None
    assert judgement.offline.at_most_ms == longest_ms
    assert judgement.standing is OfflineStanding.NOT_OVERDUE
    assert ("may have been" in judgement.reason) is (longest_ms > PRESET_MS)


@pytest.mark.feature("W-11")
@pytest.mark.parametrize(
    ("now", "synchronised"),
    [
        (None, SYNCHRONISED),
        (Moment(10**12), None),
        (None, None),
        (Moment(EARLIEST_MS - 2, 1), SYNCHRONISED),
    ],
)
def test_what_is_unknown_triggers_nothing(now: Moment | None, synchronised: Moment | None):
    """Without time, without a synchronisation, or with one after now, nothing is overdue."""
    judgement = judge_overdue(now, synchronised, PRESET_MS)
    assert judgement.standing is OfflineStanding.UNKNOWN
    assert judgement.offline is None
    assert actions_due(ALL, judgement) == frozenset()
    check_unrestricted(ALL, judgement)


@pytest.mark.feature("W-09")
def test_actions_are_the_rules_and_only_when_overdue():
    """What is configured is done, nothing else, and only once the wallet is overdue."""
    overdue = judge_overdue(Moment(10**6), SYNCHRONISED, PRESET_MS)
    in_time = judge_overdue(SYNCHRONISED, SYNCHRONISED, PRESET_MS)
    only_warn = OverdueRule(PRESET_MS, frozenset({OverdueAction.WARN}))
    assert actions_due(only_warn, overdue) == {OverdueAction.WARN}
    assert actions_due(ALL, overdue) == frozenset(OverdueAction)
    assert actions_due(ALL, in_time) == frozenset()
    check_unrestricted(only_warn, overdue)
    with pytest.raises(Refusal) as refused:
        check_unrestricted(ALL, overdue)
    assert refused.value.outcome is Outcome.OVERDUE
