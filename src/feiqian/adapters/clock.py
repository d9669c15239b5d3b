"""The computer's own clock and entropy, as ports."""

import secrets
import time

from feiqian.timing.moment import Moment

DEFAULT_RADIUS_MS = 500
"""How far a network-synchronised clock may be off."""


class SystemClock:
    """`ports.Clock` from the operating system."""

    def __init__(self, radius_ms: int = DEFAULT_RADIUS_MS) -> None:
        self._radius_ms = radius_ms

    def now(self) -> Moment:
        """The current moment."""
        return Moment(time.time_ns() // 1_000_000, self._radius_ms)


def system_entropy(count: int) -> bytes:
    """`ports.Entropy` from the operating system."""
    return secrets.token_bytes(count)
