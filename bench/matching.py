"""Position reports against 100,000 service entities: tracked, looked up, and compared with looking at all."""

import os
import random
import time
from collections.abc import Callable
from typing import TypeVar

import msgspec

from bench.measure import ROUNDS, percentile_ms, verification_rate
from feiqian.timing.moment import Moment
from feiqian.vehicle.matching.areas import Disc, Polygon, ServiceArea
from feiqian.vehicle.matching.index import AreaIndex, Near, Plot, judge, plot_of
from feiqian.vehicle.matching.plane import Circle
from feiqian.vehicle.matching.policy import USUAL
from feiqian.vehicle.matching.tracker import Tracker
from feiqian.vehicle.matching.verdicts import Ambiguous, Match
from feiqian.wire.positions import Position, PositionSourceKind

ENTITIES = int(os.environ.get("FEIQIAN_BENCH_ENTITIES", "100000"))
VEHICLES = 1_000
REPORTS_EACH = 60
SCANNED = 10
"""Circles looked up by looking at every area; each takes long."""
SEED = 7
START_MS = 1_790_000_000_000
SOUTH_E7, WEST_E7, SIDE_E7 = 523_500_000, 130_500_000, 4_000_000
"""A city of 45 km by 27 km."""
CHARGING = "charging"

T = TypeVar("T")

Report = tuple[int, int, Position, Moment]
ENCODER, DECODER = msgspec.msgpack.Encoder(), msgspec.msgpack.Decoder(Report)
BATCH = 100


def run() -> dict[str, object]:
    """Draw a city, drive through it, and count."""
    chance = random.Random(SEED)
    areas = [_area(chance, number) for number in range(ENTITIES)]
    start = time.perf_counter()
    index = AreaIndex.build(areas)
    build_s = time.perf_counter() - start
    reports = _reports(chance, areas)
    circles = [USUAL.wide_circle(position) for _, _, position, _ in reports]
    plots = [plot_of(area) for area in areas]
    scan_s, scanned = _timed(lambda: [_look_at_all(plots, circle) for circle in circles[:SCANNED]])
    assert scanned == [index.near(CHARGING, circle) for circle in circles[:SCANNED]]
    looked_up_s, _ = _timed(lambda: [index.near(CHARGING, circle) for circle in circles])
    return {
        "entities": index.count,
        "build_s": round(build_s, 2),
        **_tracked(index, reports),
        "lookups_per_s": round(len(circles) / looked_up_s),
        "linear_scans_per_s": round(SCANNED / scan_s, 1),
        "lookup_over_scan": round(len(circles) / looked_up_s * scan_s / SCANNED),
        "verifications_per_s": round(verification_rate()),
    }


def _tracked(index: AreaIndex, reports: list[Report]) -> dict[str, object]:
    """Every report through its vehicle's tracker: the best of several drives, and single durations."""
    raw = [ENCODER.encode(report) for report in reports]
    encoded = [raw[at : at + BATCH] for at in range(0, len(raw), BATCH)]
    best_s = min(_drive_s(index, encoded) for _ in range(ROUNDS))
    durations, verdicts = [], {Match: 0, Ambiguous: 0}
    trackers = [Tracker(index, CHARGING) for _ in range(VEHICLES)]
    for vehicle, number, position, now in reports:
        start = time.perf_counter()
        verdict = trackers[vehicle].report(number, position, now)
        durations.append(time.perf_counter() - start)
        if type(verdict) in verdicts:
            verdicts[type(verdict)] += 1
    return {
        "reports": len(reports),
        "matched_reports": verdicts[Match],
        "ambiguous_reports": verdicts[Ambiguous],
        "reports_per_s": round(len(reports) / best_s),
        "p50_us": round(_percentile_us(durations, 0.5), 1),
        "p99_us": round(_percentile_us(durations, 0.99), 1),
    }


def _drive_s(index: AreaIndex, encoded: list[list[bytes]]) -> float:
    """Seconds spent in trackers. As in a server, a report is decoded just before, here by hundreds."""
    trackers = [Tracker(index, CHARGING) for _ in range(VEHICLES)]
    spent_s = 0.0
    for batch in encoded:
        reports = [DECODER.decode(raw) for raw in batch]
        start = time.perf_counter()
        for vehicle, number, position, now in reports:
            trackers[vehicle].report(number, position, now)
        spent_s += time.perf_counter() - start
    return spent_s


def _percentile_us(durations_s: list[float], share: float) -> float:
    return percentile_ms([each * 1_000 for each in durations_s], share)


def _timed(make: Callable[[], T]) -> tuple[float, T]:
    start = time.perf_counter()
    made = make()
    return time.perf_counter() - start, made


def _area(chance: random.Random, number: int) -> ServiceArea:
    """Half of them car-park polygons of 20 to 60 metres, half discs of 5 to 15 metres."""
    south_e7 = SOUTH_E7 + chance.randrange(SIDE_E7)
    west_e7 = WEST_E7 + chance.randrange(SIDE_E7)
    if number % 2:
        disc = Disc(south_e7, west_e7, chance.randrange(5_000, 15_000))
        return ServiceArea(f"E-{number}", CHARGING, disc)
    high_e7, wide_e7 = chance.randrange(2_000, 5_500), chance.randrange(3_000, 9_000)
    corners = (
        (south_e7, west_e7),
        (south_e7 + chance.randrange(500), west_e7 + wide_e7),
        (south_e7 + high_e7, west_e7 + wide_e7 + chance.randrange(500)),
        (south_e7 + high_e7 - chance.randrange(500), west_e7 + wide_e7 // 2),
        (south_e7 + high_e7, west_e7),
    )
    return ServiceArea(f"E-{number}", CHARGING, Polygon(corners))


def _reports(chance: random.Random, areas: list[ServiceArea]) -> list[Report]:
    """A report a second of each vehicle: half the time it drives, then it stands at some entity."""
    drives = [_drive_to(chance, chance.choice(areas)) for _ in range(VEHICLES)]
    reports = []
    for second in range(REPORTS_EACH):
        now = Moment(START_MS + 1_000 * second + 80, 10)
        for vehicle, drive in enumerate(drives):
            reports.append((vehicle, second + 1, drive[second], now))
    return reports


def _drive_to(chance: random.Random, area: ServiceArea) -> list[Position]:
    plot = plot_of(area)
    latitude_e7 = plot.latitude_e7 + plot.height_um // plot.scale.north_um // 2
    longitude_e7 = plot.longitude_e7 + plot.width_um // plot.scale.east_um // 2
    way_e7 = [max(0, REPORTS_EACH // 2 - second) * 1_300 for second in range(REPORTS_EACH)]
    return [
        Position(
            Moment(START_MS + 1_000 * second, 5),
            latitude_e7 + far_e7 + chance.randrange(-150, 150),
            longitude_e7 + far_e7 // 2 + chance.randrange(-200, 200),
            chance.randrange(1_500, 6_000),
            None,
            None,
            PositionSourceKind.SIMULATED,
        )
        for second, far_e7 in enumerate(way_e7)
    ]


def _look_at_all(plots: list[Plot], circle: Circle) -> Near:
    """What the index does with the areas of a cell or two, done with all there are."""
    found: dict[str, bool] = {}
    judge(plots, circle, circle.longitude_e7, found)
    touched = tuple(sorted(found))
    return Near(touched, tuple(entity for entity in touched if found[entity]))
