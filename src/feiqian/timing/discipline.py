"""Disciplining the local oscillator: a believed fix, carried on with growing uncertainty.

The oscillator's rate is wrong by at most `drift_ppm`, at any moment in any direction. So the truth lies
within the fix's own radius and what the drift can have added since: the *hold-over*. As long as that
premise holds and the fix was true, the truth is always inside the interval, however long it takes.
A fix is judged against everything that is already certain, and refused by name.
"""

from msgspec import Struct

from feiqian.outcomes import Outcome, Refusal
from feiqian.timing.fixes import Fix
from feiqian.timing.moment import MAX_MS, Moment
from feiqian.timing.readings import Reading

DEFAULT_DRIFT_PPM = 100
"""Twice what a watch crystal does within its temperatures."""
MAX_DRIFT_PPM = 100_000
FIX_FRESH_MS = 10_000
"""Oldest that a fix may be when it is judged."""
MAX_FIX_RADIUS_MS = 60_000
"""Least precise fix that is worth judging."""
SHARP_MS = 100
"""A hold-over this certain needs no fix."""

_MILLION = 1_000_000
_READING_MS = 1
"""Two readings are each cut to whole milliseconds; their difference is off by less than one."""


class Bounds(Struct, frozen=True):
    """Between which moments the present certainly lies, whatever the receiver says."""

    floor_ms: int = 0
    """The latest moment that the chip knows from a signature."""
    ceiling_ms: int = MAX_MS
    """The end of the chip's certificate: what is later is not believed."""


class Discipline(Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """A believed moment, tied to what the oscillator read then."""

    reading: Reading
    moment: Moment
    drift_ppm: int
    source: str

    def moment_at(self, reading: Reading) -> Moment:
        """The hold-over at a later reading. `Refusal` time_unknown when the clock was set back."""
        elapsed_ms = reading.elapsed_ms(self.reading)
        midpoint_ms = self.moment.midpoint_ms + elapsed_ms
        radius_ms = self.moment.radius_ms + drifted_ms(elapsed_ms, self.drift_ppm)
        if midpoint_ms > MAX_MS or radius_ms > MAX_MS:
            raise Refusal(Outcome.TIME_UNKNOWN, "the local clock was set beyond all dates")
        return Moment(midpoint_ms, radius_ms)


def drifted_ms(counted_ms: int, drift_ppm: int) -> int:
    """How far the truth can be from what an oscillator counted.

    Who counts c while t passes has c = t * (1 + d), so that |t - c| = c * |d| / (1 + d), which is
    largest for an oscillator that is slow by all of `drift_ppm`. Rounded up.
    """
    most_ms = counted_ms + _READING_MS
    return _READING_MS + -(-most_ms * drift_ppm // (_MILLION - drift_ppm))


def check_fix(fix: Fix, now: Reading, bounds: Bounds) -> None:
    """What can be said of a fix by itself and by the chip.

    Raises `Refusal`: fix_stale when it was heard too long ago, fix_missing when it is too vague,
    fix_backward when it certainly lies before the floor, fix_jumped after the ceiling.
    """
    if now.elapsed_ms(fix.heard) > FIX_FRESH_MS:
        raise Refusal(Outcome.FIX_STALE, f"expected a fix of the last {FIX_FRESH_MS} ms")
    if fix.moment.radius_ms > MAX_FIX_RADIUS_MS:
        raise Refusal(Outcome.FIX_MISSING, f"expected a fix within {MAX_FIX_RADIUS_MS} ms")
    if fix.moment.certainly_before(bounds.floor_ms):
        raise Refusal(Outcome.FIX_BACKWARD, "expected a fix after what the chip knows to be past")
    if fix.moment.certainly_after(bounds.ceiling_ms):
        raise Refusal(Outcome.FIX_JUMPED, "expected a fix before the chip's certificate ends")


def check_against(fix: Fix, held: Discipline) -> None:
    """Whether a fix and what is believed can both be true.

    Raises `Refusal`: fix_backward when it lies before the believed fix itself, fix_stale when the
    oscillator has moved on and the fix has not, fix_jumped for every other contradiction;
    time_unknown when the clock was set back.
    """
    expected = held.moment_at(fix.heard)
    if agree(fix.moment, expected):
        return
    if fix.moment.certainly_after(expected.latest_ms):
        raise Refusal(Outcome.FIX_JUMPED, "expected a fix that the local clock can have reached")
    if fix.moment.certainly_before(held.moment.earliest_ms):
        raise Refusal(Outcome.FIX_BACKWARD, "expected a fix that is not before the last one")
    if fix.moment.certainly_after(held.moment.latest_ms):
        raise Refusal(Outcome.FIX_JUMPED, "expected a fix as late as the local clock must be")
    raise Refusal(Outcome.FIX_STALE, "expected a moment that goes on as the local clock does")


def agree(one: Moment, other: Moment) -> bool:
    """Whether some truth lies in both intervals."""
    return one.earliest_ms <= other.latest_ms and other.earliest_ms <= one.latest_ms


def disciplined_by(fix: Fix, drift_ppm: int) -> Discipline:
    """The discipline that starts with a believed fix."""
    return Discipline(fix.heard, fix.moment, drift_ppm, fix.source)


def met(fix: Fix, held: Discipline) -> Discipline:
    """The discipline after a fix that agrees: what both leave possible, while that is worth it.

    The result lies within the hold-over, so that a liar whose every word agrees can shift it by no
    more than the drift allows. A sharp hold-over is kept, and with it the few milliseconds that
    rounding costs at each change.
    """
    expected = held.moment_at(fix.heard)
    if expected.radius_ms <= SHARP_MS:
        return held
    earliest_ms = max(expected.earliest_ms, fix.moment.earliest_ms)
    latest_ms = min(expected.latest_ms, fix.moment.latest_ms)
    midpoint_ms = (earliest_ms + latest_ms) // 2
    moment = Moment(midpoint_ms, latest_ms - midpoint_ms)
    return Discipline(fix.heard, moment, held.drift_ppm, fix.source)
