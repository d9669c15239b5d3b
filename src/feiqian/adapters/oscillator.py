"""The computer's own oscillator, as a port: ticks since it was started, and its wall clock."""

import time
from pathlib import Path

from feiqian.timing.readings import Reading

_BOOT_ID = Path("/proc/sys/kernel/random/boot_id")


class SystemOscillator:
    """`ports.Oscillator` from the operating system; where ticks are unknown, the wall clock alone.

    Ticks are those of CLOCK_BOOTTIME: they go on while the computer sleeps, and nobody can set them.
    """

    def __init__(self) -> None:
        self._boot = _boot_id()

    def read(self) -> Reading:
        """What it shows now."""
        wall_ms = time.time_ns() // 1_000_000
        if not self._boot:
            return Reading(wall_ms)
        return Reading(wall_ms, self._boot, time.clock_gettime_ns(time.CLOCK_BOOTTIME) // 1_000_000)


def _boot_id() -> str:
    try:
        return _BOOT_ID.read_text(encoding="ascii").strip()
    except OSError:
        return ""
