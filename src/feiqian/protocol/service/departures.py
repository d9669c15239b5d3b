"""When a service ends that its vehicle has left: when it left, however late the entity is told.

A stop that comes late ends the service as if it had come at once. Time is counted to the earliest moment
at which the first report that certainly places the vehicle elsewhere can have been made; what has flowed
is counted, because the entity's meter saw it, and so is the time until it flowed. Silence is no
departure: a vehicle that reports nothing is taken to stand where it stood, or it would stay for free. And
none is believed late: positions are judged when they are fresh (`vehicle/matching`).
"""

from msgspec.structs import replace

from feiqian.timing.moment import Moment
from feiqian.wire.usage import Usage


def used_until_left(usage: Usage, left: Moment | None) -> Usage:
    """The usage without the time after the vehicle left; all of it when nobody knows that it did."""
    if left is None:
        return usage
    flowed_ms = usage.slices[-1].until_ms if usage.slices else usage.from_ms
    until_ms = max(left.earliest_ms, flowed_ms, usage.from_ms)
    if until_ms >= usage.until_ms:
        return usage
    idle_ms = max(0, usage.idle_ms - (usage.until_ms - until_ms))
    return replace(usage, until_ms=until_ms, idle_ms=idle_ms)
