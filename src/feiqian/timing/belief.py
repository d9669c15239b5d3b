"""What is believed about the time: a discipline, or nothing; and how fixes change that.

1. Nothing believed: a fix becomes the candidate, and one that agrees with it and is certainly later
   makes it the discipline. One fix alone is never believed, nor is one that is repeated.
2. A fix that agrees with the discipline sharpens it. One that does not is refused by name.
3. Fixes that contradict the discipline and agree with each other speak against the discipline. After
   `CONTRADICTIONS_TO_VOID` of them in a row it is void: nothing is believed, and rule 1 holds.
4. The platform's signed word needs no second one. If it contradicts the discipline, it replaces it.
5. A local clock that was set back makes the discipline void.

Fixes count once per `FIX_SPACING_MS`, and agree with the first of their row, so that neither a glitch
nor a receiver that stands still makes a row.
"""

from msgspec import Struct

from feiqian.outcomes import Outcome, Refusal
from feiqian.timing.discipline import (
    Bounds,
    Discipline,
    agree,
    check_against,
    check_fix,
    disciplined_by,
    met,
)
from feiqian.timing.fixes import Fix
from feiqian.timing.readings import Reading

CONTRADICTIONS_TO_VOID = 5
FIX_SPACING_MS = 900
"""A little less than the second between two fixes of a usual receiver."""

_CONTRADICTING = frozenset({Outcome.FIX_BACKWARD, Outcome.FIX_STALE, Outcome.FIX_JUMPED})


class Belief(Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """What is held about the time; all of it survives a restart."""

    drift_ppm: int
    held: Discipline | None = None
    candidate: Discipline | None = None
    """The first of the fixes that agree with each other, and wait for more that do."""
    contradictions: int = 0
    """Fixes in a row that contradict `held` and agree with each other."""


class Considered(Struct, frozen=True):
    """What became of a fix: what is believed now, and why the fix was not believed, if so."""

    belief: Belief
    refusal: Refusal | None = None


def consider(belief: Belief, fix: Fix, now: Reading, bounds: Bounds) -> Considered:
    """Judge a fix of a source that anybody may imitate."""
    try:
        check_fix(fix, now, bounds)
    except Refusal as refusal:
        return Considered(belief, refusal)
    if belief.held is None:
        return _confirm(belief, fix)
    try:
        check_against(fix, belief.held)
    except Refusal as refusal:
        if refusal.outcome not in _CONTRADICTING:
            return _confirm(Belief(belief.drift_ppm, None, belief.candidate), fix)
        return _contradicted(belief, fix, refusal)
    return Considered(Belief(belief.drift_ppm, met(fix, belief.held)))


def believe(belief: Belief, fix: Fix, now: Reading, bounds: Bounds) -> Considered:
    """Take in the platform's signed word (rule 4). It, too, must fit what the chip knows."""
    try:
        check_fix(fix, now, bounds)
    except Refusal as refusal:
        return Considered(belief, refusal)
    held = disciplined_by(fix, belief.drift_ppm)
    if belief.held is not None and _agrees(fix, belief.held):
        held = met(fix, belief.held)
    return Considered(Belief(belief.drift_ppm, held))


def _confirm(belief: Belief, fix: Fix) -> Considered:
    candidate = belief.candidate
    if candidate is None or not _agrees(fix, candidate):
        waiting = Belief(belief.drift_ppm, None, disciplined_by(fix, belief.drift_ppm))
        return Considered(waiting, _unconfirmed())
    if _too_soon(fix, candidate, 1) or not fix.moment.certainly_after(candidate.moment.latest_ms):
        return Considered(belief, _unconfirmed())
    return Considered(Belief(belief.drift_ppm, met(fix, candidate)))


def _contradicted(belief: Belief, fix: Fix, refusal: Refusal) -> Considered:
    candidate = belief.candidate
    if candidate is None or not _agrees(fix, candidate):
        fresh = disciplined_by(fix, belief.drift_ppm)
        return Considered(Belief(belief.drift_ppm, belief.held, fresh, 1), refusal)
    if _too_soon(fix, candidate, belief.contradictions):
        return Considered(belief, refusal)
    count = belief.contradictions + 1
    if count >= CONTRADICTIONS_TO_VOID:
        return Considered(Belief(belief.drift_ppm), refusal)
    return Considered(Belief(belief.drift_ppm, belief.held, candidate, count), refusal)


def _agrees(fix: Fix, discipline: Discipline) -> bool:
    try:
        return agree(fix.moment, discipline.moment_at(fix.heard))
    except Refusal:  # the local clock was set back: nothing is comparable
        return False


def _too_soon(fix: Fix, candidate: Discipline, counted: int) -> bool:
    """Whether a fix comes before there is time for one more than `counted` since the first."""
    return fix.heard.elapsed_ms(candidate.reading) < counted * FIX_SPACING_MS


def _unconfirmed() -> Refusal:
    return Refusal(Outcome.FIX_UNCONFIRMED, "expected a second fix that agrees with this one")
