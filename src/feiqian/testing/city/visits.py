"""What customers of the city set out to do, and what truly became of it.

Most go where they said. Some go elsewhere, some stay for seconds only, some have too little on the chip
and top it up later, some drive about while a spoofer makes their receiver say that they have arrived.
"""

import random
from dataclasses import dataclass
from enum import StrEnum


class Manner(StrEnum):
    """How a customer behaves."""

    ORDINARY = "ordinary"
    ELSEWHERE = "elsewhere"
    """Stands at another station than it is authorised for."""
    BRIEF = "brief"
    """Leaves before it can be matched."""
    POOR = "poor"
    """Cannot pay until it has topped up."""
    SPOOFED = "spoofed"
    """Never comes; its receiver says that it did."""


SHARES: dict[Manner, int] = {
    Manner.ORDINARY: 84,
    Manner.ELSEWHERE: 5,
    Manner.BRIEF: 3,
    Manner.POOR: 4,
    Manner.SPOOFED: 4,
}
"""Of a hundred customers."""
BRIEF_S = 8


@dataclass
class PlannedVisit:
    """One customer's wish, and the truth about it."""

    vehicle: str
    manner: Manner
    begins_s: int
    """Second of the simulation at which it is wished for."""
    stay_s: int
    wished: str = ""
    """The station that is requested and authorised."""
    went_to: str = ""
    """The station that the vehicle really drives to."""
    request_id: bytes = b""
    came_ms: int | None = None
    left_ms: int | None = None
    topped_up: bool = False
    ended: bool = False


def draw_manner(chance: random.Random) -> Manner:
    """By the shares."""
    return chance.choices(list(SHARES), list(SHARES.values()))[0]
