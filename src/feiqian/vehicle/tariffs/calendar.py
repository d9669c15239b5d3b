"""Local time for tariffs: a span of moments is cut where the price or the day changes.

Inside a cut, the band and the calendar day are one. Cuts fall on the local midnights and the bands'
edges, both times where clocks are set back, and on every quarter of an hour of a day on which clocks
are set at all: nowhere are they set at any other instant. A day has 23, 24 or 25 hours accordingly.
"""

from collections.abc import Iterator, Sequence
from datetime import UTC, date, datetime, timedelta, tzinfo
from functools import lru_cache

from feiqian.outcomes import Outcome, Refusal
from feiqian.vehicle.tariffs.tariff import Band, edges_of

MAX_SPAN_DAYS = 400
"""The longest use that is priced."""
DAY_MS = 86_400_000
QUARTER_MS = 15 * 60 * 1_000


def cuts(from_ms: int, until_ms: int, bands: Sequence[Band], zone: tzinfo) -> list[int]:
    """Moments in order, from first to last, between any two of which nothing changes.

    Raises `Refusal` too_large for a span beyond `MAX_SPAN_DAYS`.
    """
    if until_ms - from_ms > MAX_SPAN_DAYS * DAY_MS:
        raise Refusal(Outcome.TOO_LARGE, f"expected a use of at most {MAX_SPAN_DAYS} days")
    edges = edges_of(bands)
    found = {from_ms, until_ms}
    for day in _days(from_ms, until_ms, zone):
        found.update(at for at in _changes(day, edges, zone) if from_ms < at < until_ms)
    return sorted(found)


def band_at(bands: Sequence[Band], at_ms: int, zone: tzinfo) -> Band:
    """The band to which a moment belongs."""
    local = _local(at_ms, zone)
    minute = local.hour * 60 + local.minute
    return next(band for band in bands if band.covers(local.weekday(), minute))


def day_of(at_ms: int, zone: tzinfo) -> date:
    """The calendar day to which a moment belongs."""
    return _local(at_ms, zone).date()


def _days(from_ms: int, until_ms: int, zone: tzinfo) -> Iterator[date]:
    day, last = day_of(from_ms, zone), day_of(until_ms, zone)
    while day <= last:
        yield day
        day += timedelta(days=1)


@lru_cache(2 * MAX_SPAN_DAYS)
def _changes(day: date, edges: frozenset[int], zone: tzinfo) -> tuple[int, ...]:
    """The moments of a day at which something may change."""
    begin = datetime(day.year, day.month, day.day, tzinfo=zone)
    next_day = day + timedelta(days=1)
    end = datetime(next_day.year, next_day.month, next_day.day, tzinfo=zone)
    times = [begin + timedelta(minutes=minute) for minute in edges]
    changes = {_ms(local.replace(fold=fold)) for local in times for fold in (0, 1)}
    if begin.utcoffset() != end.utcoffset():
        changes.update(range(_ms(begin), _ms(end), QUARTER_MS))
    return tuple(changes)


def _local(at_ms: int, zone: tzinfo) -> datetime:
    return datetime.fromtimestamp(at_ms // 1_000, UTC).astimezone(zone)


def _ms(local: datetime) -> int:
    return int(local.timestamp()) * 1_000
