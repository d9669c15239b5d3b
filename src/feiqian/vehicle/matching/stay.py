"""A stay: a run of positions that may all be of one place, and what every one of them touches.

The first position is the anchor. A position that cannot be of the anchor's place, one that says the
vehicle moves, and a gap end the stay. While it lasts, an entity is *possible* if each wide circle
touched its area, and *certain* since the wide circle has touched its area alone and lain wholly
inside it without interruption.
"""

import msgspec

from feiqian.vehicle.matching.index import Near
from feiqian.vehicle.matching.plane import within_reach
from feiqian.vehicle.matching.plausibility import Seen
from feiqian.vehicle.matching.policy import MatchingPolicy
from feiqian.wire.positions import Position


class Stay(msgspec.Struct, frozen=True):
    """What a run of positions has in common."""

    anchor: Seen
    possible: tuple[str, ...]
    certain: str | None
    certain_since_ms: int
    """The latest that the first of those positions can be of."""

    def takes(self, seen: Seen) -> bool:
        """Whether a position can be of the same place."""
        return within_reach(self.anchor.circle, seen.circle, 0)

    def after(self, near: Near, seen: Seen) -> "Stay":
        """The stay with one more position, and what that is near to."""
        certain = certain_entity(near)
        since_ms = self.certain_since_ms if certain == self.certain else seen.latest_ms
        possible = self.possible
        if possible != near.touched:
            possible = tuple(entity for entity in possible if entity in near.touched)
        return Stay(self.anchor, possible, certain, since_ms)


def begin(seen: Seen, near: Near) -> Stay:
    """The stay of one position."""
    return Stay(seen, near.touched, certain_entity(near), seen.latest_ms)


def moves(position: Position, policy: MatchingPolicy) -> bool:
    """Whether the vehicle says that it does not stand."""
    return position.speed_mm_s is not None and position.speed_mm_s > policy.standing_mm_s


def certain_entity(near: Near) -> str | None:
    """The entity whose area holds the whole circle while no other is touched."""
    return near.holding[0] if near.holding and len(near.touched) == 1 else None
