"""Durations between uncertain moments."""

import pytest

from feiqian.outcomes import Outcome, Refusal
from feiqian.timing.duration import Span
from feiqian.timing.moment import Moment


def test_span_reaches_from_the_nearest_to_the_farthest_ends():
    """A duration is at least what the inner ends say and at most what the outer ends say."""
    assert Span.between(Moment(1_000, 10), Moment(5_000, 30)) == Span(3_960, 4_040)
    assert Span.between(Moment(1_000), Moment(1_000)) == Span(0, 0)


def test_overlapping_moments_may_be_no_time_apart():
    """No duration is negative: where the moments overlap, none at all is possible."""
    assert Span.between(Moment(1_000, 10), Moment(995, 10)) == Span(0, 15)


def test_backward_moments_have_no_duration():
    """A later moment that certainly was earlier is refused, not measured."""
    assert Span.between(Moment(1_000, 10), Moment(970, 20)) == Span(0, 0)
    with pytest.raises(Refusal) as refused:
        Span.between(Moment(1_000, 10), Moment(969, 20))
    assert refused.value.outcome is Outcome.FIX_BACKWARD


@pytest.mark.feature("W-04")
@pytest.mark.parametrize(
    ("now", "certainly", "possibly"),
    [
        (Moment(99), False, False),
        (Moment(100), False, False),
        (Moment(101), True, True),
        (Moment(101, 1), False, True),
        (Moment(102, 1), True, True),
        (Moment(99, 1), False, False),
        (Moment(99, 2), False, True),
        (Moment(200, 100), False, True),
        (Moment(200, 99), True, True),
    ],
)
def test_longer_is_strict_at_both_ends(now: Moment, certainly: bool, possibly: bool):
    """Exactly the preset is not longer: neither at the interval's lower end nor at its upper."""
    span = Span.between(Moment(0), now)
    assert span.certainly_longer_than(100) is certainly
    assert span.possibly_longer_than(100) is possibly
