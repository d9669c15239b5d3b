"""A moment is an interval: where the middle is, and how far the truth may lie from it.

All moments are Unix milliseconds, UTC. A decision that depends on time uses the whole interval, so
that an uncertain clock can delay but never decide wrongly.
"""

from typing import Annotated

import msgspec

MAX_MS = 2**53 - 1
"""Largest value a moment may take, so that every JSON reader keeps it exact."""

Milliseconds = Annotated[int, msgspec.Meta(ge=0, le=MAX_MS)]
"""Since 1970, or of a duration."""


class Moment(msgspec.Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """A point in time and its uncertainty, both in milliseconds."""

    midpoint_ms: Milliseconds
    radius_ms: Milliseconds = 0

    @property
    def earliest_ms(self) -> int:
        """The earliest the truth can be."""
        return self.midpoint_ms - self.radius_ms

    @property
    def latest_ms(self) -> int:
        """The latest the truth can be."""
        return self.midpoint_ms + self.radius_ms

    def certainly_after(self, bound_ms: int) -> bool:
        """Whether the whole interval lies after `bound_ms`."""
        return self.earliest_ms > bound_ms

    def certainly_before(self, bound_ms: int) -> bool:
        """Whether the whole interval lies before `bound_ms`."""
        return self.latest_ms < bound_ms
