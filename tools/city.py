"""Run a city of vehicles and say what became of it; ends with 1 if a payment was wrong.

``make city SEED=1 SEEDS=10`` runs it on a real street net with SUMO. With ``--small``, a few streets
without SUMO are enough: ``python -m tools.city --small``.
"""

import argparse
import sys
from pathlib import Path

from feiqian.testing import virtual_time
from feiqian.testing.city.city import City, CityFigures
from feiqian.testing.city.grid_city import GridCity
from feiqian.testing.city.judgement import Summary, judge
from feiqian.testing.city.town import Town
from feiqian.testing.city.traffic import Traffic

VEHICLES, CUSTOMERS, DURATION_S, UNCOVERED = 1_000, 300, 3_600, 5
SMALL_VEHICLES, SMALL_CUSTOMERS, SMALL_DURATION_S, SMALL_UNCOVERED = 40, 20, 1_800, 2


def main() -> int:
    """Run what is asked for."""
    arguments = _arguments()
    wrong = 0
    for seed in range(arguments.seed, arguments.seed + arguments.seeds):
        summary = virtual_time.run(run(_figures(arguments, seed), arguments.vehicles, arguments))
        wrong += len(summary.wrong)
        _say("\n".join(summary.lines()))
        _say("")
    _say(f"{arguments.seeds} seeds, wrong payments in all: {wrong}")
    return 1 if wrong else 0


async def run(figures: CityFigures, vehicles: int, arguments: argparse.Namespace) -> Summary:
    """One city, judged."""
    traffic = _traffic(figures.seed, vehicles, arguments)
    town = await Town.found(traffic.stations, figures.seed)
    city = City(traffic, town, figures)
    try:
        await city.populate()
        await city.run(_say)
        return await judge(city)
    finally:
        await town.close()
        traffic.close()


def _traffic(seed: int, vehicles: int, arguments: argparse.Namespace) -> Traffic:
    if arguments.small:
        return GridCity(seed, vehicles)
    from feiqian.testing.city import sumo_city  # noqa: PLC0415 -- SUMO is there in `make city` only

    return sumo_city.SumoCity(seed, vehicles, arguments.net or sumo_city.NET)


def _figures(arguments: argparse.Namespace, seed: int) -> CityFigures:
    uncovered = SMALL_UNCOVERED if arguments.small else UNCOVERED
    return CityFigures(seed, arguments.customers, arguments.duration_s, uncovered)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--seeds", type=int, default=1, help="how many, one after another")
    parser.add_argument("--small", action="store_true", help="a few streets, without SUMO")
    parser.add_argument("--net", type=Path, help="another street net of SUMO, with a projection")
    parser.add_argument("--vehicles", type=int)
    parser.add_argument("--customers", type=int)
    parser.add_argument("--duration-s", type=int)
    arguments = parser.parse_args()
    small = arguments.small
    arguments.vehicles = arguments.vehicles or (SMALL_VEHICLES if small else VEHICLES)
    arguments.customers = arguments.customers or (SMALL_CUSTOMERS if small else CUSTOMERS)
    arguments.duration_s = arguments.duration_s or (SMALL_DURATION_S if small else DURATION_S)
    return arguments


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
