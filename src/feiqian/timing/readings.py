"""What a local oscillator shows: good for how much time has passed, never for what time it is.

A reading has two counts. Ticks count from the start of the computer and nobody can set them, so within
one run of the computer they alone tell what has passed, whatever becomes of the wall clock. Across a
restart the wall clock, which runs on by battery, has to do: it may show any date, by a week or a year
wrong, as long as it runs. A wall clock that shows less than it did was set back, and tells nothing.
"""

from msgspec import Struct

from feiqian.outcomes import Outcome, Refusal


class Reading(Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """One look at the local oscillator."""

    wall_ms: int
    """What the wall clock shows, in milliseconds since whatever it takes for 1970."""
    boot: str = ""
    """Which run of the computer; ticks of different runs cannot be compared."""
    ticks_ms: int = 0

    def elapsed_ms(self, since: "Reading") -> int:
        """What the oscillator counted since an earlier reading.

        Raises `Refusal` time_unknown when it was set back, so that nothing can be said.
        """
        same_run = self.boot == since.boot and self.boot != ""
        counted_ms = self.ticks_ms - since.ticks_ms if same_run else self.wall_ms - since.wall_ms
        if counted_ms < 0:
            raise Refusal(Outcome.TIME_UNKNOWN, "the local clock was set back")
        return counted_ms
