"""The wallet's time: its local oscillator, disciplined by whatever source can be believed (W-08).

Sources in order: a receiver's fresh fix, the institution's signed time when there is a network, and
the hold-over between the two, whose uncertainty grows. What is believed is kept in the store, so it
survives every restart. With nothing believed the time is *unknown*: the clock then shows the wall
clock, held within what the chip is certain of, with an uncertainty beyond all decisions; offline payments are refused, and online the
institution's own clock decides (W-11).
"""

from collections.abc import Callable
from dataclasses import dataclass

from msgspec import Struct
from msgspec.structs import replace

from feiqian.chip.commands.life import StatusAnswer
from feiqian.crypto import cbor
from feiqian.crypto.cbor import VERSION
from feiqian.crypto.certificates import parse_certificate
from feiqian.crypto.suites import Suite
from feiqian.money.offline_policy import MAX_OFFLINE_RADIUS_MS
from feiqian.outcomes import Outcome, Refusal
from feiqian.ports import FixSource, Oscillator, Store
from feiqian.timing.belief import Belief, Considered, believe, consider
from feiqian.timing.discipline import DEFAULT_DRIFT_PPM, Bounds
from feiqian.timing.fixes import Fix
from feiqian.timing.moment import Moment
from feiqian.wallet.opening import put_setting, setting

STEADY_RADIUS_MS = 2_000
"""A hold-over this certain is not worth asking anybody."""
USABLE_RADIUS_MS = MAX_OFFLINE_RADIUS_MS
"""Beyond it the time counts as unknown: what was signed then, no payee would take."""
UNKNOWN_RADIUS_MS = 10 * 366 * 24 * 3_600_000
"""Ten years: no decision falls that needs the whole interval."""
MAX_FIXES = 20
"""Most fixes that are asked of a receiver at a time: two confirm each other, once the second is
certainly later, and some receivers give ten in a second."""
MAX_CONTRADICTIONS = 2
"""Most that are heard of a receiver at a time when it contradicts what is believed: too few to end
the belief at once."""
MAX_BELIEF_BYTES = 1_024

_BELIEF = "time"


class TimeStatus(Struct, frozen=True):
    """What a holder is told about the time."""

    known: bool
    midpoint_ms: int
    radius_ms: int
    source: str
    """Of the last fix that was believed; empty when none is."""
    fixed_at_ms: int | None
    """When that was."""
    contradictions: int
    """Fixes in a row that contradict it and agree with each other."""


class _KeptBelief(Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """What the store keeps."""

    version: int
    belief: Belief


class DisciplinedClock:
    """`ports.Clock` from an oscillator and what is believed."""

    def __init__(
        self, oscillator: Oscillator, belief: Belief, bounds: Callable[[], Bounds] = Bounds
    ) -> None:
        """`bounds`: what the chip is certain of, whenever it is asked."""
        self.oscillator = oscillator
        self.belief = belief
        self.bounds = bounds

    def now(self) -> Moment:
        """The current moment; when it is unknown, the wall clock's with a huge radius."""
        known = self.known()
        if known is not None:
            return known
        wall_ms = self.oscillator.read().wall_ms
        bounds = self.bounds()
        likely_ms = min(max(wall_ms, bounds.floor_ms), bounds.ceiling_ms)
        return Moment(likely_ms, UNKNOWN_RADIUS_MS)

    def known(self) -> Moment | None:
        """The current moment; None when it is unknown."""
        if self.belief.held is None:
            return None
        try:
            moment = self.belief.held.moment_at(self.oscillator.read())
        except Refusal:
            return None
        return known_or_none(moment)

    def undisputed(self) -> Moment | None:
        """The current moment for what must not be triggered falsely (W-11).

        None also while fixes contradict what is believed: either may be the wrong one.
        """
        return None if self.belief.contradictions else self.known()

    def status(self) -> TimeStatus:
        """What to tell the holder."""
        held, now = self.belief.held, self.now()
        return TimeStatus(
            known=self.known() is not None,
            midpoint_ms=now.midpoint_ms,
            radius_ms=now.radius_ms,
            source="" if held is None else held.source,
            fixed_at_ms=None if held is None else held.moment.midpoint_ms,
            contradictions=self.belief.contradictions,
        )


def known_or_none(moment: Moment) -> Moment | None:
    """The moment of any clock; None when it is too uncertain to count as known."""
    return moment if moment.radius_ms <= USABLE_RADIUS_MS else None


def check_known(moment: Moment) -> None:
    """Raise `Refusal` time_unknown when nothing may be paid offline at such a moment."""
    if known_or_none(moment) is None:
        raise Refusal(
            Outcome.TIME_UNKNOWN, "expected the time from a satellite or the institution first"
        )


@dataclass(frozen=True, slots=True)
class Timekeeper:
    """Keeps a clock disciplined."""

    clock: DisciplinedClock
    store: Store
    receiver: FixSource | None = None
    """Whom anybody may imitate: a satellite receiver."""
    institution: FixSource | None = None
    """Whose word is signed; None while there is, or is to be, no network."""

    async def update(self, *, anew: bool = False) -> tuple[Refusal, ...]:
        """Ask the sources while the time is not certain enough, or `anew` in any case.

        Why fixes were not believed, or did not come; the clock goes on with what is believed.
        """
        await self._doubt()
        if self._is_steady() and not anew:
            return ()
        problems: list[Refusal] = []
        believed = self.receiver is not None and await self._ask_receiver(problems)
        if not believed or not self._is_steady():
            await self._ask_institution(problems)
        return tuple(problems)

    async def take(self, fix: Fix) -> Refusal | None:
        """Judge a receiver's fix that came by itself; why it was not believed."""
        clock = self.clock
        reading, bounds = clock.oscillator.read(), clock.bounds()
        return await self._keep(consider(clock.belief, fix, reading, bounds))

    async def _doubt(self) -> None:
        """Believe nothing that lies before what the chip is certain of."""
        known, belief = self.clock.known(), self.clock.belief
        if known is not None and known.certainly_before(self.clock.bounds().floor_ms):
            await self._keep(Considered(Belief(belief.drift_ppm)))

    async def _ask_receiver(self, problems: list[Refusal]) -> bool:
        assert self.receiver is not None
        contradictions = 0
        for _ in range(MAX_FIXES):
            try:
                fix = await self.receiver.fix()
            except Refusal as refusal:
                problems.append(refusal)
                return False
            refused = await self.take(fix)
            if refused is None:
                return True
            if refused.outcome is not Outcome.FIX_UNCONFIRMED:
                problems.append(refused)
                contradictions += 1
            if contradictions == MAX_CONTRADICTIONS:
                break
        return False

    async def _ask_institution(self, problems: list[Refusal]) -> None:
        if self.institution is None:
            return
        try:
            fix = await self.institution.fix()
        except Refusal as refusal:
            problems.append(refusal)
            return
        clock = self.clock
        considered = believe(clock.belief, fix, clock.oscillator.read(), clock.bounds())
        refused = await self._keep(considered)
        if refused is not None:
            problems.append(refused)

    async def _keep(self, considered: Considered) -> Refusal | None:
        """Durable before it is used."""
        belief = considered.belief
        if belief != self.clock.belief:
            kept = cbor.encode(_KeptBelief(VERSION, belief))
            await self.store.write(lambda tx: put_setting(tx, _BELIEF, kept))
            self.clock.belief = belief
        return considered.refusal

    def _is_steady(self) -> bool:
        return self.clock.now().radius_ms <= STEADY_RADIUS_MS


async def recall_clock(
    store: Store,
    oscillator: Oscillator,
    bounds: Callable[[], Bounds] = Bounds,
    drift_ppm: int = DEFAULT_DRIFT_PPM,
) -> DisciplinedClock:
    """The clock as it was believed last, from now on with this drift."""
    raw = await store.read(lambda tx: setting(tx, _BELIEF))
    belief = Belief(drift_ppm)
    if raw:
        belief = cbor.decode(raw, _KeptBelief, limit=MAX_BELIEF_BYTES).belief
    held = None if belief.held is None else replace(belief.held, drift_ppm=drift_ppm)
    return DisciplinedClock(oscillator, replace(belief, drift_ppm=drift_ppm, held=held), bounds)


def bounds_of(suite: Suite, status: StatusAnswer) -> Bounds:
    """What a chip is certain of: when it was certified and last in touch, and when that ends."""
    floor_ms, synchronised_at = status.floor_ms, status.synchronised_at
    if synchronised_at is not None:
        floor_ms = max(floor_ms, synchronised_at.earliest_ms)
    if not status.certificate:
        return Bounds(floor_ms)
    certificate = parse_certificate(suite, status.certificate).value
    return Bounds(max(floor_ms, certificate.not_before_ms), certificate.not_after_ms)
