"""Fixes, believed and refused."""

import pytest

from feiqian.outcomes import Outcome, Refusal
from feiqian.timing.belief import (
    CONTRADICTIONS_TO_VOID,
    Belief,
    Considered,
    believe,
    consider,
)
from feiqian.timing.discipline import (
    FIX_FRESH_MS,
    MAX_FIX_RADIUS_MS,
    SHARP_MS,
    Bounds,
    Discipline,
    drifted_ms,
    met,
)
from feiqian.timing.fixes import Fix
from feiqian.timing.moment import MAX_MS, Moment
from feiqian.timing.readings import Reading

PPM = 100
DAY_MS = 86_400_000
TRUE_MS = 1_790_000_000_000
"""What time it is when the local clock, of 1970, reads 0."""
BOUNDS = Bounds(TRUE_MS - 30 * DAY_MS, TRUE_MS + 1_000 * DAY_MS)


def fix(at_ms: int, off_ms: int = 0, radius_ms: int = 500) -> Fix:
    """A fix heard when the local clock reads `at_ms`, wrong by `off_ms`."""
    return Fix(Moment(TRUE_MS + at_ms + off_ms, radius_ms), Reading(at_ms), "gnss:beidou")


def at_once(belief: Belief, heard: Fix, bounds: Bounds = BOUNDS) -> Considered:
    """The fix considered as soon as it is heard."""
    return consider(belief, heard, heard.heard, bounds)


def settled() -> Belief:
    """Belief after two fixes that agree, the second at 1.1 s."""
    belief = at_once(at_once(Belief(PPM), fix(0)).belief, fix(1_100)).belief
    assert belief.held is not None
    return belief


def outcome_of(considered: Considered) -> Outcome:
    """By what name a fix was refused; accepted if it was not."""
    return considered.refusal.outcome if considered.refusal else Outcome.ACCEPTED


# Readings ------------------------------------------------------------------------------------------
def test_ticks_count_whatever_becomes_of_the_wall_clock():
    """Within one run of the computer, setting its clock changes nothing."""
    assert Reading(5, "run", 900).elapsed_ms(Reading(1_000_000, "run", 100)) == 800


def test_wall_clock_counts_across_a_restart():
    """After a restart, what the wall clock counted is what passed."""
    assert Reading(1_500, "second", 3).elapsed_ms(Reading(1_000, "first", 90_000)) == 500


@pytest.mark.feature("W-11")
def test_clock_set_back_tells_nothing():
    """A local clock that shows less than before makes the time unknown; nothing is guessed."""
    held = Discipline(Reading(1_000), Moment(TRUE_MS), PPM, "platform")
    with pytest.raises(Refusal) as refused:
        held.moment_at(Reading(999))
    assert refused.value.outcome is Outcome.TIME_UNKNOWN


# Hold-over -----------------------------------------------------------------------------------------
def test_uncertainty_grows_by_the_drift():
    """A day at 50 parts in a million adds 4.32 seconds, and never less than rounding costs."""
    assert drifted_ms(DAY_MS, 50) == 4_320 + 1 + 1
    assert drifted_ms(0, 50) == 2
    assert drifted_ms(1_000_000, 0) == 1


def test_hold_over_ends_with_dates():
    """A local clock set beyond all dates is unknown time, not an overflow."""
    held = Discipline(Reading(0), Moment(TRUE_MS), PPM, "platform")
    with pytest.raises(Refusal):
        held.moment_at(Reading(MAX_MS))


@pytest.mark.feature("W-11")
def test_agreeing_liar_moves_the_time_by_the_drift_alone():
    """Fixes that always agree just so cannot walk the clock away faster than it may drift."""
    belief, hour_ms = settled(), 3_600_000
    for at_ms in range(2_000, hour_ms, 1_000):
        assert belief.held is not None
        latest_ms = belief.held.moment_at(Reading(at_ms)).latest_ms
        lie = Fix(Moment(latest_ms + 500, 500), Reading(at_ms), "gnss")
        belief = at_once(belief, lie).belief
    assert belief.held is not None
    moved_ms = belief.held.moment_at(Reading(hour_ms)).midpoint_ms - (TRUE_MS + hour_ms)
    assert 0 < moved_ms < 500 + 2 * (hour_ms * PPM // 1_000_000) + SHARP_MS


def test_sharp_hold_over_is_kept():
    """What is known to a tenth of a second is not replaced by what is known worse."""
    held = Discipline(Reading(0), Moment(TRUE_MS, 50), PPM, "platform")
    assert met(fix(1_000), held) is held


# Judging one fix -----------------------------------------------------------------------------------
@pytest.mark.feature("W-11")
@pytest.mark.parametrize(
    ("heard", "outcome"),
    [
        (fix(DAY_MS), Outcome.ACCEPTED),
        (fix(DAY_MS, 10_000), Outcome.FIX_JUMPED),
        (fix(DAY_MS, -10_000), Outcome.FIX_JUMPED),
        (fix(DAY_MS, -DAY_MS - 5_000), Outcome.FIX_BACKWARD),
        (fix(DAY_MS, -DAY_MS + 1_000), Outcome.FIX_STALE),
        (fix(DAY_MS, -60 * DAY_MS), Outcome.FIX_BACKWARD),
        (fix(DAY_MS, 2_000 * DAY_MS), Outcome.FIX_JUMPED),
        (fix(DAY_MS, radius_ms=MAX_FIX_RADIUS_MS), Outcome.ACCEPTED),
        (fix(DAY_MS, radius_ms=MAX_FIX_RADIUS_MS + 1), Outcome.FIX_MISSING),
    ],
)
def test_fix_is_judged_by_what_is_certain(heard: Fix, outcome: Outcome):
    """A fix that contradicts the hold-over, the last fix or the chip is refused by name."""
    belief = settled()
    considered = at_once(belief, heard)
    assert outcome_of(considered) is outcome
    if considered.refusal is not None:
        assert considered.belief.held == belief.held


@pytest.mark.feature("W-11")
@pytest.mark.parametrize(("age_ms", "stale"), [(FIX_FRESH_MS, False), (FIX_FRESH_MS + 1, True)])
def test_fix_heard_long_ago_is_stale(age_ms: int, stale: bool):
    """A fix counts only just after it was heard."""
    heard = fix(2_000)
    considered = consider(settled(), heard, Reading(2_000 + age_ms), BOUNDS)
    assert (outcome_of(considered) is Outcome.FIX_STALE) is stale


@pytest.mark.feature("W-11")
def test_chips_own_knowledge_bounds_the_first_fix():
    """With nothing believed, what the chip knows to be past or impossible still holds."""
    nothing = Belief(PPM)
    for off_ms in (-31 * DAY_MS, 1_001 * DAY_MS):
        considered = at_once(nothing, fix(0, off_ms))
        assert outcome_of(considered) in (Outcome.FIX_BACKWARD, Outcome.FIX_JUMPED)
        assert considered.belief == nothing


# What is believed ----------------------------------------------------------------------------------
@pytest.mark.feature("W-02")
def test_two_fixes_that_agree_are_believed():
    """Nothing is believed on the word of one fix; the second that agrees makes it the time."""
    first = at_once(Belief(PPM), fix(0))
    assert outcome_of(first) is Outcome.FIX_UNCONFIRMED
    assert first.belief.held is None
    second = at_once(first.belief, fix(1_001))
    assert outcome_of(second) is Outcome.ACCEPTED
    assert second.belief.held is not None
    assert second.belief.candidate is None


@pytest.mark.feature("W-11")
def test_one_glitch_confirms_nothing():
    """The same second told twice is one fix, and two that disagree are none."""
    first = at_once(Belief(PPM), fix(0))
    for again in (fix(500), fix(1_000), fix(1_000, -1_000)):
        soon = at_once(first.belief, again)
        assert outcome_of(soon) is Outcome.FIX_UNCONFIRMED
        assert soon.belief == first.belief
    other = at_once(first.belief, fix(1_000, 5_000))
    assert outcome_of(other) is Outcome.FIX_UNCONFIRMED
    assert other.belief.candidate != first.belief.candidate


@pytest.mark.feature("W-11")
def test_many_that_agree_against_one_make_it_void():
    """Only fixes that agree with each other, one after the other, end a discipline."""
    belief = settled()
    for count in range(1, CONTRADICTIONS_TO_VOID):
        considered = at_once(belief, fix(1_000 + 1_000 * count, DAY_MS))
        assert outcome_of(considered) is Outcome.FIX_JUMPED
        belief = considered.belief
        assert belief.held is not None
    considered = at_once(belief, fix(1_000 + 1_000 * CONTRADICTIONS_TO_VOID, DAY_MS))
    assert outcome_of(considered) is Outcome.FIX_JUMPED
    assert considered.belief == Belief(PPM)
    confirmed = at_once(at_once(Belief(PPM), fix(8_000, DAY_MS)).belief, fix(9_100, DAY_MS))
    assert outcome_of(confirmed) is Outcome.ACCEPTED


@pytest.mark.feature("W-11")
def test_contradictions_that_disagree_or_hurry_do_not_add_up():
    """Wild fixes, repetitions within the second, and a good fix in between all count as nothing."""
    belief = settled()
    for step in range(3 * CONTRADICTIONS_TO_VOID):
        belief = at_once(belief, fix(2_000 + 1_000 * step, DAY_MS * (1 + step % 2))).belief
        assert belief.contradictions == 1
    for step in range(3 * CONTRADICTIONS_TO_VOID):
        belief = at_once(belief, fix(100_000 + 10 * step, 5 * DAY_MS)).belief
        assert belief.contradictions == 1
    assert at_once(belief, fix(200_000)).belief.contradictions == 0
    assert belief.held is not None


@pytest.mark.feature("W-11")
def test_frozen_receiver_never_makes_a_discipline_void():
    """A receiver that repeats one moment for ever contradicts itself, too."""
    belief, stuck = settled(), Moment(TRUE_MS + 1_100, 500)
    for at_ms in range(5_000, 60_000, 1_000):
        considered = at_once(belief, Fix(stuck, Reading(at_ms), "gnss"))
        assert outcome_of(considered) is Outcome.FIX_STALE
        belief = considered.belief
    assert belief.held is not None


@pytest.mark.feature("W-11")
def test_clock_set_back_needs_two_fixes_again():
    """After the local clock was set back, the time is unknown until two fixes agree."""
    considered = at_once(settled(), Fix(Moment(TRUE_MS + 5_000, 500), Reading(-5), "gnss"))
    assert outcome_of(considered) is Outcome.FIX_UNCONFIRMED
    assert considered.belief.held is None
    again = at_once(considered.belief, Fix(Moment(TRUE_MS + 6_100, 500), Reading(1_095), "gnss"))
    assert again.belief.held is not None


def test_platforms_word_needs_no_second():
    """What the platform signed is believed at once, even against what was believed before."""
    word = Fix(Moment(TRUE_MS + DAY_MS, 200), Reading(2_000), "platform")
    believed = believe(settled(), word, word.heard, BOUNDS).belief
    assert believed.held == Discipline(word.heard, word.moment, PPM, "platform")
    assert believe(Belief(PPM), word, word.heard, BOUNDS).belief == believed


def test_platforms_word_must_fit_the_chip():
    """An old answer of the platform, played back, is refused like any other fix before the floor."""
    word = Fix(Moment(TRUE_MS - 31 * DAY_MS), Reading(2_000), "platform")
    considered = believe(settled(), word, word.heard, BOUNDS)
    assert outcome_of(considered) is Outcome.FIX_BACKWARD
    assert considered.belief == settled()
