"""A duration between two uncertain moments is an interval, too: at least this, at most that.

Whoever acts on a duration names the end of the interval that must satisfy the rule. Being offline too
long is acted on only when it is certain, so the lower end decides (W-04); what expires in favour of
the holder is judged by the upper end.
"""

from typing import Self

from msgspec import Struct

from feiqian.outcomes import Outcome, Refusal
from feiqian.timing.moment import Moment


class Span(Struct, frozen=True):
    """How long something took, in milliseconds; both ends can be the truth."""

    at_least_ms: int
    at_most_ms: int

    @classmethod
    def between(cls, earlier: Moment, later: Moment) -> Self:
        """From one moment to the other (W-03).

        Raises `Refusal` fix_backward when `later` certainly lies before `earlier`: then one of the
        two is wrong, and there is no duration.
        """
        at_most_ms = later.latest_ms - earlier.earliest_ms
        if at_most_ms < 0:
            raise Refusal(Outcome.FIX_BACKWARD, "expected a moment that is not before the earlier")
        return cls(max(0, later.earliest_ms - earlier.latest_ms), at_most_ms)

    def certainly_longer_than(self, bound_ms: int) -> bool:
        """Whether even the shortest duration that fits exceeds `bound_ms`; equal does not."""
        return self.at_least_ms > bound_ms

    def possibly_longer_than(self, bound_ms: int) -> bool:
        """Whether the longest duration that fits exceeds `bound_ms`."""
        return self.at_most_ms > bound_ms
