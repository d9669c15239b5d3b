"""Decisions about time use the whole interval."""

from feiqian.timing.moment import Moment


def test_certainty_needs_the_whole_interval():
    """Before and after are certain only when no part of the interval touches the bound."""
    moment = Moment(1_000, 10)
    assert (moment.earliest_ms, moment.latest_ms) == (990, 1_010)
    assert moment.certainly_after(989)
    assert not moment.certainly_after(990)
    assert moment.certainly_before(1_011)
    assert not moment.certainly_before(1_010)


def test_exact_moment_is_a_point():
    """Without a radius the interval is one millisecond."""
    assert Moment(7).earliest_ms == Moment(7).latest_ms == 7
