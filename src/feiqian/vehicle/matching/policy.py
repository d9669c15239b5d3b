"""The figures by which positions are judged; what each protects is told in `docs/matching.md`.

A source states the circle that holds the truth in 95 of 100 cases. Money wants better: every
judgement is made with the *wide circle*, twice as wide and never narrower than `least_radius_mm`,
outside which an error of Gaussian shape falls once in 160,000.
"""

from dataclasses import dataclass

from feiqian.vehicle.matching.plane import Circle, circle_around
from feiqian.wire.positions import Position

WIDENING = 2
"""How many times the stated radius the wide circle has: 4.9 standard deviations in place of 2.45."""


@dataclass(frozen=True, slots=True)
class MatchingPolicy:
    """What is believed, and how long a vehicle must stand; distances in millimetres."""

    most_accuracy_mm: int = 25_000
    """A stated radius above it is of no use."""
    least_radius_mm: int = 2_000
    """Of the wide circle: an antenna is not a vehicle, and no receiver is as good as it may say."""
    most_moment_radius_ms: int = 500
    most_age_ms: int = 10_000
    continuity_ms: int = 10_000
    """Longest gap between two positions of one stay."""
    dwell_ms: int = 15_000
    """How long a vehicle must certainly stand before it is matched."""
    departure_ms: int = 10_000
    """How long it must certainly be elsewhere before it has left."""
    standing_mm_s: int = 1_500
    """A vehicle that says it is faster does not stand."""
    most_speed_mm_s: int = 70_000
    suspicion_ms: int = 600_000
    """How long a receiver that leapt is not believed elsewhere, if it does not come back."""
    most_acceleration_mm_s2: int = 10_000

    def wide_circle(self, position: Position) -> Circle:
        """The circle that is judged; `Refusal` position_out_of_range near the poles."""
        radius_mm = max(WIDENING * position.accuracy_mm, self.least_radius_mm)
        return circle_around(position, radius_mm)


USUAL = MatchingPolicy()
