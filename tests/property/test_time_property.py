"""Laws of time: the truth never leaves the interval, whatever the oscillator does."""

from itertools import pairwise

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from feiqian.timing.belief import Belief, consider
from feiqian.timing.discipline import Bounds, Discipline, drifted_ms
from feiqian.timing.duration import Span
from feiqian.timing.fixes import Fix
from feiqian.timing.moment import Moment
from feiqian.timing.readings import Reading

MILLION = 1_000_000
TRUE_START_US = 1_790_000_000_000_000
ANYTHING = Bounds()

drifts = st.integers(0, 1_000)
stretches = st.lists(
    st.tuples(
        st.integers(0, 20 * 86_400_000_000),  # true microseconds that pass
        st.integers(-1_000, 1_000),  # how wrong the oscillator runs, thousandths of its bound
        st.integers(-1_000, 1_000),  # how wrong the fix is, thousandths of its radius
        st.integers(0, 2_000),  # the fix's radius, ms
        st.booleans(),  # whether there is one
    ),
    max_size=12,
)


@pytest.mark.feature("W-08")
@given(drifts, stretches, st.integers(-(10**9), 10**9))
def test_truth_is_always_inside(ppm: int, life: list[tuple[int, int, int, int, bool]], epoch: int):
    """Under any drift within its bound and fixes within their radius, the truth is inside."""
    true_us, counted_us = TRUE_START_US, 10**15 + epoch * 1_000
    belief = Belief(ppm)
    for passing_us, slant, error, radius_ms, fixed in life:
        true_us += passing_us
        counted_us += passing_us + passing_us * ppm * slant // (1_000 * MILLION)
        reading, true_ms = Reading(counted_us // 1_000), true_us // 1_000
        if belief.held is not None:
            now = belief.held.moment_at(reading)
            assert now.earliest_ms <= true_ms <= now.latest_ms
        if fixed:
            moment = Moment(true_ms + radius_ms * error // 1_000, radius_ms + 1)
            considered = consider(belief, Fix(moment, reading, "gnss"), reading, ANYTHING)
            refused = considered.refusal
            assert refused is None or belief.held is None
            belief = considered.belief


@given(drifts, st.integers(0, 10**12), st.integers(-1_000, 1_000))
def test_drift_covers_the_worst_oscillator(ppm: int, passing_us: int, slant: int):
    """What a bounded oscillator miscounts is never more than is allowed for, and hardly less."""
    counted_us = passing_us * (MILLION * 1_000 + ppm * slant) // (MILLION * 1_000)
    counted_ms = counted_us // 1_000
    assert abs(passing_us / 1_000 - counted_ms) <= drifted_ms(counted_ms, ppm) + 1e-3
    assert drifted_ms(counted_ms, ppm) <= counted_ms * ppm / (MILLION - ppm) + 4


@given(drifts, st.lists(st.integers(0, 10**9), min_size=2, max_size=6))
def test_uncertainty_only_grows(ppm: int, readings: list[int]):
    """Between fixes the interval never narrows, and what was possible stays possible."""
    held = Discipline(Reading(0), Moment(10**12, 5), ppm, "gnss")
    moments = [held.moment_at(Reading(each)) for each in sorted(readings)]
    for earlier, later in pairwise(moments):
        assert later.radius_ms >= earlier.radius_ms


moments = st.builds(Moment, st.integers(10**6, 10**9), st.integers(0, 10**5))


@given(moments, moments, st.integers(-1_000, 1_000), st.integers(-1_000, 1_000))
def test_duration_covers_the_truth(earlier: Moment, later: Moment, low: int, high: int):
    """Wherever in their intervals two moments truly lie, the true duration is within the span."""
    first = earlier.midpoint_ms + earlier.radius_ms * low // 1_000
    second = later.midpoint_ms + later.radius_ms * high // 1_000
    assume(second >= first)
    span = Span.between(earlier, later)
    assert span.at_least_ms <= second - first <= span.at_most_ms
