"""A city of paying vehicles: what was matched, paid, refused, and how soon; and how fast it is simulated.

On a small grid of streets, so that it runs anywhere; `make city` is the same on a real net, and larger.
"""

import os
import time

from feiqian.testing import virtual_time
from feiqian.testing.city.city import City, CityFigures
from feiqian.testing.city.grid_city import GridCity
from feiqian.testing.city.judgement import Summary, judge
from feiqian.testing.city.town import Town

SEED = int(os.environ.get("FEIQIAN_BENCH_SEED", "1"))
VEHICLES = int(os.environ.get("FEIQIAN_BENCH_VEHICLES", "60"))
CUSTOMERS = VEHICLES // 2
DURATION_S, UNCOVERED = 1_800, 2


def run() -> dict[str, object]:
    """One city, from its founding to the audit."""
    start = time.perf_counter()
    summary = virtual_time.run(_live())
    took_s = time.perf_counter() - start
    matched_s, paid_s = summary.stood_to_matched_s, summary.stopped_to_paid_s
    return {
        "vehicles": summary.vehicles,
        "customers": summary.customers,
        "stations": summary.stations,
        "services": summary.services,
        "matched": summary.matched,
        "asked": summary.asked,
        "paid": summary.paid,
        "endings": summary.endings,
        "positions_not_believed": summary.refusals,
        "wrong_payments": len(summary.wrong),
        "stood_to_matched_median_s": round(matched_s[0], 1),
        "stood_to_matched_p95_s": round(matched_s[1], 1),
        "stopped_to_paid_median_s": round(paid_s[0], 1),
        "stopped_to_paid_p95_s": round(paid_s[1], 1),
        "simulated_s": summary.simulated_s,
        "took_s": round(took_s, 1),
        "times_as_fast_as_life": round(summary.simulated_s / took_s),
    }


async def _live() -> Summary:
    traffic = GridCity(SEED, VEHICLES)
    town = await Town.found(traffic.stations, SEED)
    city = City(traffic, town, CityFigures(SEED, CUSTOMERS, DURATION_S, UNCOVERED))
    try:
        await city.populate()
        await city.run()
        return await judge(city)
    finally:
        await town.close()
