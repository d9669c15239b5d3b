"""How true the moments of transactions are after 30 days offline, with one fix a day."""

import random
from collections.abc import Callable
from dataclasses import dataclass, field

from feiqian.timing.belief import Belief, consider
from feiqian.timing.discipline import Bounds
from feiqian.timing.fixes import Fix
from feiqian.timing.moment import Moment
from feiqian.timing.readings import Reading

DAYS = 30
DAY_MS = 86_400_000
STEP_MS = 60_000
PPM = 50
TRANSACTIONS_PER_DAY = 200
FIX_RADIUS_MS = 506
"""Of a receiver on a serial line: its sentence comes within a second."""
START_MS = 1_767_225_600_000
WEEK_MS = 7 * DAY_MS
SEED = 7
_MILLION = 1_000_000

Rate = Callable[[random.Random, float], float]
"""The oscillator's next error in ppm, from the one before."""

OSCILLATORS: dict[str, Rate] = {
    "fast": lambda _rng, _ppm: float(PPM),
    "slow": lambda _rng, _ppm: float(-PPM),
    "wandering": lambda rng, ppm: max(-PPM, min(PPM, ppm + rng.gauss(0, 2))),
}


@dataclass
class _Found:
    """Figures of one way of telling the time."""

    errors_ms: list[float] = field(default_factory=list)
    radii_ms: list[int] = field(default_factory=list)
    covered: int = 0

    def note(self, moment: Moment, truth_ms: float) -> None:
        self.errors_ms.append(abs(moment.midpoint_ms - truth_ms))
        self.radii_ms.append(moment.radius_ms)
        self.covered += moment.earliest_ms <= truth_ms <= moment.latest_ms

    def row(self) -> dict[str, object]:
        ordered = sorted(self.errors_ms)
        return {
            "error_median_ms": round(ordered[len(ordered) // 2]),
            "error_most_ms": round(ordered[-1]),
            "radius_most_ms": max(self.radii_ms),
            "covered_percent": round(100 * self.covered / len(ordered), 2),
        }


def run() -> dict[str, object]:
    """Every kind of oscillator, disciplined and as it is, over the same transactions."""
    return {
        "days": DAYS,
        "ppm": PPM,
        "fixes_per_day": 1,
        "transactions": DAYS * TRANSACTIONS_PER_DAY,
        "runs": [_live(name, rate) for name, rate in OSCILLATORS.items()],
    }


def _live(name: str, rate: Rate) -> dict[str, object]:
    rng = random.Random(SEED)
    truth_ms, counted_ms, ppm = float(START_MS), float(START_MS), 0.0
    belief = _started(counted_ms)
    disciplined, undisciplined, week_wrong = _Found(), _Found(), _Found()
    due = _transactions(rng)
    for step in range(DAYS * DAY_MS // STEP_MS):
        for at_ms in due.get(step, ()):
            truth, counted = truth_ms + at_ms, counted_ms + at_ms * (1 + ppm / _MILLION)
            assert belief.held is not None
            disciplined.note(belief.held.moment_at(Reading(int(counted))), truth)
            undisciplined.note(Moment(int(counted), 500), truth)
            week_wrong.note(Moment(int(counted) - WEEK_MS, 500), truth)
        ppm = rate(rng, ppm)
        truth_ms += STEP_MS
        counted_ms += STEP_MS * (1 + ppm / _MILLION)
        if step % (DAY_MS // STEP_MS) == DAY_MS // STEP_MS - 1:
            belief = _fixed(belief, rng, truth_ms, counted_ms)
    return {
        "oscillator": name,
        "disciplined": disciplined.row(),
        "undisciplined": undisciplined.row(),
        "undisciplined_a_week_wrong": week_wrong.row(),
    }


def _transactions(rng: random.Random) -> dict[int, list[float]]:
    """When transactions are made: milliseconds into each step."""
    due: dict[int, list[float]] = {}
    for _ in range(DAYS * TRANSACTIONS_PER_DAY):
        step = rng.randrange(DAYS * DAY_MS // STEP_MS)
        due.setdefault(step, []).append(rng.random() * STEP_MS)
    return due


def _started(counted_ms: float) -> Belief:
    """As after a last synchronisation."""
    belief = Belief(PPM)
    for wait_ms in (-2_000, 0):
        moment = Moment(START_MS + wait_ms, FIX_RADIUS_MS)
        belief = _considered(belief, Fix(moment, Reading(int(counted_ms) + wait_ms), "gnss"))
    return belief


def _fixed(belief: Belief, rng: random.Random, truth_ms: float, counted_ms: float) -> Belief:
    error_ms = rng.uniform(-FIX_RADIUS_MS + 1, FIX_RADIUS_MS - 1)
    moment = Moment(int(truth_ms + error_ms), FIX_RADIUS_MS)
    return _considered(belief, Fix(moment, Reading(int(counted_ms)), "gnss"))


def _considered(belief: Belief, fix: Fix) -> Belief:
    return consider(belief, fix, fix.heard, Bounds()).belief
