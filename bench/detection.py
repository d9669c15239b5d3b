"""How soon double spends are found, and what they cost: one population for each way of living."""

import asyncio
import logging
import statistics
import sys
from collections import Counter
from dataclasses import asdict

import structlog

from feiqian.outcomes import Outcome
from feiqian.testing.population import Parameters, Population, SpendFate, TriedDoubleSpend

HOUR_MS = 3_600_000
USUAL = Parameters(rogue_percent=5, days=10)
RUNS: dict[str, Parameters] = {
    "usual": USUAL,
    "fewer rogues": Parameters(rogue_percent=2, days=10),
    "more rogues": Parameters(rogue_percent=10, days=10),
    "one hand": Parameters(rogue_percent=5, days=10, hands=1),
    "eight hands": Parameters(rogue_percent=5, days=10, hands=8),
    "list of a day": Parameters(rogue_percent=5, days=10, list_days=1),
    "list of a week": Parameters(rogue_percent=5, days=10, list_days=7),
    "online weekly": Parameters(rogue_percent=5, days=10, connections_per_week=1),
    "online daily": Parameters(rogue_percent=5, days=10, connections_per_week=7),
    "online twice a day": Parameters(rogue_percent=5, days=10, connections_per_week=14),
}


def run() -> dict[str, object]:
    """Every population, and what became of its double spends."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.ERROR))
    return {"runs": [_row(name, parameters) for name, parameters in RUNS.items()]}


def _row(name: str, parameters: Parameters) -> dict[str, object]:
    print(f"  {name} ...", file=sys.stderr, flush=True)
    population, spends = asyncio.run(_live(parameters))
    return {
        "run": name,
        "parameters": asdict(parameters),
        **_fates(spends),
        **_losses(spends, len(population.rogues)),
        "honest_payments": sum(population.outcomes.values()),
        "honest_failed_percent": _failed_percent(population.outcomes),
    }


async def _live(parameters: Parameters) -> tuple[Population, list[TriedDoubleSpend]]:
    population = await Population.create(parameters)
    return population, await population.live()


def _fates(spends: list[TriedDoubleSpend]) -> dict[str, object]:
    fates = Counter(each.fate for each in spends)
    delays_h = sorted(each.delay_ms // HOUR_MS for each in spends if each.delay_ms is not None)
    at_end = sum(each.fate is SpendFate.FOUND and not each.found_in_time for each in spends)
    return {
        "double_spends": len(spends),
        "refused_at_once": fates[SpendFate.REFUSED],
        "found_later": fates[SpendFate.FOUND] - at_end,
        "found_at_the_end": at_end,
        "never_found": fates[SpendFate.NEVER],
        "delay_median_h": statistics.median_low(delays_h) if delays_h else None,
        "delay_most_h": delays_h[-1] if delays_h else None,
        "delays_h": delays_h,
    }


def _losses(spends: list[TriedDoubleSpend], rogues: int) -> dict[str, object]:
    lost_minor = Counter[str]()
    for each in spends:
        if each.fate is not SpendFate.REFUSED:
            lost_minor[each.rogue] += each.amount_minor
    return {
        "lost_per_rogue_minor": sum(lost_minor.values()) // max(1, rogues),
        "lost_most_minor": max(lost_minor.values(), default=0),
        "taken_most_times": max(
            Counter(each.rogue for each in spends if each.fate is not SpendFate.REFUSED).values(),
            default=0,
        ),
    }


def _failed_percent(outcomes: Counter[str]) -> float:
    tried = sum(outcomes.values())
    failed = tried - outcomes[Outcome.ACCEPTED]
    return round(100 * failed / max(1, tried), 1)
