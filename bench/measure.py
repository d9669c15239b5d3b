"""Counting and timing: rates, percentiles, and the raw verification rate they are compared with."""

import time
from collections.abc import Callable, Sequence

from feiqian.crypto.p256 import P256_SHA256

ROUNDS = 3
CALLS = 2_000


def rate(call: Callable[[], object], calls: int = CALLS, rounds: int = ROUNDS) -> float:
    """Calls a second, the best of several rounds: what the machine can do undisturbed."""
    best = 0.0
    for _ in range(rounds):
        start = time.perf_counter()
        for _ in range(calls):
            call()
        best = max(best, calls / (time.perf_counter() - start))
    return best


def verification_rate() -> float:
    """Raw P-256 verifications a second on one core of this machine, now."""
    key = P256_SHA256.generate()
    message = bytes(200)
    signature = key.sign(message)
    return rate(lambda: P256_SHA256.verify(key.public, signature, message))


def percentile_ms(durations_s: Sequence[float], share: float) -> float:
    """The duration that `share` of all stay within, in milliseconds."""
    ordered = sorted(durations_s)
    place = min(len(ordered) - 1, int(share * len(ordered)))
    return round(ordered[place] * 1000, 2)
