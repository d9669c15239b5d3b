"""One vehicle's positions, one by one, become a verdict: the machine that matching is (V-04, V-08).

Feed it each report with its number and the moment of judgement. It takes each number once and only
upwards, believes what is plausible, and reasons about the stay that the believed positions make. It
matches when the stay has lasted and one entity is certain; it is ambiguous when the stay has lasted
and entities are possible; it never chooses. Where no position comes, as in a tunnel, nothing
begins. Once matched, an entity stays matched until the wide circle has been wholly outside its area
for a while: to enter the circle must be inside, to leave it must be outside, and between the two
nothing changes.
"""

from feiqian.outcomes import LocalProtocolError, Outcome, Refusal
from feiqian.timing.moment import Moment
from feiqian.vehicle.matching.index import AreaIndex, Near
from feiqian.vehicle.matching.plausibility import (
    Seen,
    Suspicion,
    check_age,
    check_alone,
    check_journey,
    see,
    suspicion_of,
)
from feiqian.vehicle.matching.policy import USUAL, MatchingPolicy
from feiqian.vehicle.matching.stay import Stay, begin, moves
from feiqian.vehicle.matching.verdicts import (
    Ambiguous,
    Departed,
    Match,
    NoMatch,
    Refused,
    Verdict,
)
from feiqian.wire.positions import Position

_NO_MATCH = NoMatch()


class Tracker:
    """Where one vehicle stands, among the entities of one kind of service."""

    def __init__(
        self,
        areas: AreaIndex,
        service: str,
        policy: MatchingPolicy = USUAL,
        *,
        sequence: int = 0,
        entity: str | None = None,
    ) -> None:
        """Begin, or go on after a restart: with the last number taken and the entity matched."""
        self.entity = entity
        """What the vehicle is matched to."""
        self.sequence = sequence
        """The last number taken."""
        self.verdict: Verdict = Match(entity) if entity else _NO_MATCH
        """The last verdict on a position that was believed."""
        self._areas = areas
        self._service = service
        self._policy = policy
        self._reported: Position | None = None
        self._believed: Seen | None = None
        self._suspicion: Suspicion | None = None
        self._stay: Stay | None = None
        self._away_since: Moment | None = None

    def report(self, sequence: int, position: Position, now: Moment) -> Verdict:
        """Judge one report. A repeat of the last one is answered as before and changes nothing."""
        if sequence <= self.sequence:
            return self._again(sequence, position)
        self.sequence, self._reported = sequence, position
        try:
            seen = self._check(position, now)
        except Refusal as refusal:
            return Refused(refusal.outcome, refusal.detail)
        near = self._areas.near(self._service, seen.circle)
        self._extend(seen, near)
        self._believed = seen
        self.verdict = self._judge(seen, near)
        return self.verdict

    def at(self, now: Moment) -> Verdict:
        """The verdict when nothing new has come: who is matched stays so, all else grows stale."""
        if self.entity is not None:
            return Match(self.entity)
        try:
            if self._believed is not None:
                check_age(self._believed.position, now, self._policy)
        except Refusal as refusal:
            return Refused(refusal.outcome, refusal.detail)
        return _NO_MATCH if isinstance(self.verdict, Departed) else self.verdict

    def resolve(self, entity: str) -> None:
        """An entity has said that the vehicle is there, which was ambiguous until then."""
        if not isinstance(self.verdict, Ambiguous) or entity not in self.verdict.entities:
            raise LocalProtocolError(f"nobody was asked whether the vehicle is at {entity}")
        self.entity, self.verdict = entity, Match(entity)

    def _again(self, sequence: int, position: Position) -> Verdict:
        if sequence == self.sequence and position == self._reported:
            return self.verdict
        detail = f"expected a number above {self.sequence}, got {sequence}"
        return Refused(Outcome.POSITION_REPLAYED, detail)

    def _check(self, position: Position, now: Moment) -> Seen:
        """Raise `Refusal` if it is not believed; a stay does not outlast what contradicts it."""
        check_alone(position, self._policy)
        check_age(position, now, self._policy)
        seen = see(position, self._policy)
        if self._believed is None:
            return seen
        try:
            check_journey(self._believed, seen, self._policy, self._suspicion)
        except Refusal:
            self._stay = self._away_since = None
            if self._suspicion is None:
                self._suspicion = suspicion_of(self._believed, seen, self._policy)
            raise
        self._suspicion = None
        return seen

    def _extend(self, seen: Seen, near: Near) -> None:
        """Go on with the stay, or begin another, or none."""
        if self._gap(seen):
            self._stay = self._away_since = None
        if moves(seen.position, self._policy):
            self._stay = None
        elif self._stay is not None and self._stay.takes(seen):
            self._stay = self._stay.after(near, seen)
        else:
            self._stay = begin(seen, near)

    def _gap(self, seen: Seen) -> bool:
        if self._believed is None:
            return False
        return seen.latest_ms - self._believed.earliest_ms > self._policy.continuity_ms

    def _judge(self, seen: Seen, near: Near) -> Verdict:
        if self.entity is not None:
            return self._judge_leaving(self.entity, seen, near)
        stay = self._stay
        begun_by_ms = seen.earliest_ms - self._policy.dwell_ms
        if stay is None or stay.anchor.latest_ms > begun_by_ms:
            return _NO_MATCH
        if stay.certain and stay.certain_since_ms <= begun_by_ms:
            self.entity = stay.certain
            return Match(stay.certain)
        return Ambiguous(stay.possible) if stay.possible else _NO_MATCH

    def _judge_leaving(self, entity: str, seen: Seen, near: Near) -> Verdict:
        if entity in near.touched:
            self._away_since = None
        elif self._away_since is None:
            self._away_since = seen.position.moment
        elif seen.earliest_ms - self._away_since.latest_ms >= self._policy.departure_ms:
            left, self.entity, self._away_since = self._away_since, None, None
            return Departed(entity, left)
        return Match(entity)
