"""Whether a position can be believed: by itself, by its age, and by the one believed before it.

Doubt counts for the vehicle only as far as physics allows: of every interval of time and every
circle the end is taken that makes the journey easiest, and what is impossible even then is refused.
A position that is refused is not the next one's past: a jump is believed when there was time for the
journey, and no sooner, however often it is said again. One that no road vehicle could make at its
highest speed is a *leap*, the sign of a receiver that is lied to: for a while nothing is believed from
it but what is still within reach of the place from which it leapt.
"""

from typing import NamedTuple

from feiqian.outcomes import Outcome, Refusal
from feiqian.timing.moment import Moment
from feiqian.vehicle.matching.plane import UM_PER_MM, Circle, within_reach
from feiqian.vehicle.matching.policy import MatchingPolicy
from feiqian.wire.positions import Position

_MS_PER_S = 1_000


class Seen(NamedTuple):
    """A position, its wide circle, and the ends of its moment."""

    position: Position
    circle: Circle
    earliest_ms: int
    latest_ms: int


def check_alone(position: Position, policy: MatchingPolicy) -> None:
    """Raise `Refusal` for what the position itself says: inaccurate, or implausible."""
    if position.accuracy_mm > policy.most_accuracy_mm:
        detail = f"expected to be known to {policy.most_accuracy_mm} mm"
        raise Refusal(Outcome.POSITION_INACCURATE, detail)
    if position.moment.radius_ms > policy.most_moment_radius_ms:
        detail = f"expected a moment known to {policy.most_moment_radius_ms} ms"
        raise Refusal(Outcome.POSITION_MOMENT_UNCERTAIN, detail)
    if position.latitude_e7 == 0 and position.longitude_e7 == 0:
        detail = "latitude and longitude 0 are what a receiver says that knows nothing"
        raise Refusal(Outcome.POSITION_IMPLAUSIBLE, detail)
    if position.speed_mm_s is not None and position.speed_mm_s > policy.most_speed_mm_s:
        raise Refusal(Outcome.POSITION_IMPLAUSIBLE, "expected the speed of a road vehicle")


def check_age(position: Position, now: Moment, policy: MatchingPolicy) -> None:
    """Raise `Refusal` position_stale, or position_future."""
    moment = position.moment
    if moment.midpoint_ms + moment.radius_ms + policy.most_age_ms < now.earliest_ms:
        raise Refusal(Outcome.POSITION_STALE, f"expected at most {policy.most_age_ms} ms of age")
    if moment.midpoint_ms - moment.radius_ms > now.latest_ms:
        raise Refusal(Outcome.POSITION_FUTURE, "expected a moment that has come")


def see(position: Position, policy: MatchingPolicy) -> Seen:
    """Reckon what every judgement needs. `Refusal` position_out_of_range near the poles."""
    moment = position.moment
    middle_ms, radius_ms = moment.midpoint_ms, moment.radius_ms
    circle = policy.wide_circle(position)
    return Seen(position, circle, middle_ms - radius_ms, middle_ms + radius_ms)


class Suspicion(NamedTuple):
    """After a leap."""

    until_ms: int
    journey_ms: int
    """Time that every journey is reckoned with until then: that of the leap."""


def suspicion_of(last: Seen, seen: Seen, policy: MatchingPolicy) -> Suspicion | None:
    """What a refused journey leaves behind: suspicion, if it was a leap."""
    journey_ms = seen.latest_ms - last.earliest_ms
    reach_um = policy.most_speed_mm_s * max(0, journey_ms) // _MS_PER_S * UM_PER_MM
    if within_reach(last.circle, seen.circle, reach_um):
        return None
    return Suspicion(seen.latest_ms + policy.suspicion_ms, journey_ms)


def check_journey(
    last: Seen, seen: Seen, policy: MatchingPolicy, suspicion: Suspicion | None = None
) -> None:
    """Raise `Refusal` position_implausible when no vehicle goes from the one to the other so fast."""
    if seen.position.moment.midpoint_ms <= last.position.moment.midpoint_ms:
        raise Refusal(Outcome.POSITION_IMPLAUSIBLE, "expected a moment after that of the last one")
    most_ms = seen.latest_ms - last.earliest_ms
    if suspicion is not None and seen.earliest_ms <= suspicion.until_ms:
        most_ms = min(most_ms, suspicion.journey_ms)
    reach_mm = policy.most_speed_mm_s * most_ms // _MS_PER_S
    speed_mm_s = last.position.speed_mm_s
    if speed_mm_s is not None:
        gained_mm = policy.most_acceleration_mm_s2 * most_ms * most_ms // (2 * _MS_PER_S**2)
        reach_mm = min(reach_mm, speed_mm_s * most_ms // _MS_PER_S + gained_mm)
    if not within_reach(last.circle, seen.circle, reach_mm * UM_PER_MM):
        raise Refusal(Outcome.POSITION_IMPLAUSIBLE, "expected a place within reach of the last one")
