"""Laws of every tariff: more never costs less, lines add up, caps and ceilings hold."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from feiqian.vehicle.tariffs.ceilings import beginning, until_ceiling, volume_for, within_ceiling
from feiqian.vehicle.tariffs.pricing import fee_of
from feiqian.vehicle.tariffs.tariff import (
    Band,
    EnergyPrice,
    IdlePrice,
    Tariff,
    TimePrice,
    VolumePrice,
    check_tariff,
)
from feiqian.wire.usage import MeterSlice, ServiceClass, Usage, check_usage

pytestmark = pytest.mark.feature("V-06")

ZONES = ("UTC", "Asia/Shanghai", "Europe/Berlin", "America/Sao_Paulo", "Australia/Lord_Howe")
DAY_MS = 86_400_000
BEGINS = st.integers(1_500_000_000, 1_900_000_000).map(lambda second: second * 1_000)
MINOR = st.integers(0, 5_000)
TIMES = st.integers(1, 95).map(lambda quarter: f"{quarter // 4:02}:{quarter % 4 * 15:02}")


@st.composite
def bands(draw: st.DrawFn) -> tuple[Band, ...]:
    """Bands that cover each day."""
    edges = sorted(draw(st.sets(TIMES, max_size=4)))
    if not edges:
        return (Band(draw(MINOR)),)
    ends = [*edges[1:], edges[0]]
    return tuple(Band(draw(MINOR), a, b) for a, b in zip(edges, ends, strict=True))


TIME_PRICES = st.builds(
    TimePrice,
    bands(),
    st.integers(30, 7_200),
    st.booleans(),
    st.integers(0, 7_200),
    st.none() | st.integers(1, 10_000),
)
TARIFFS = st.builds(
    Tariff,
    st.just("drawn"),
    st.just(ServiceClass.CHARGING),
    st.sampled_from(ZONES),
    st.none() | st.builds(EnergyPrice, bands(), st.integers(1, 10_000)),
    st.none() | TIME_PRICES,
    st.none() | st.builds(IdlePrice, st.integers(1, 500), st.integers(1, 600), st.integers(0, 600)),
    st.just((VolumePrice("", 799, 100),)),
    st.integers(0, 500),
    st.none() | st.integers(500, 100_000),
)


@st.composite
def usages(draw: st.DrawFn) -> Usage:
    """What a meter could say."""
    at_ms = begin_ms = draw(BEGINS)
    slices = []
    for _ in range(draw(st.integers(0, 4))):
        until_ms = at_ms + draw(st.integers(0, DAY_MS))
        slices.append(MeterSlice(at_ms, until_ms, draw(st.integers(0, 50_000)), 0))
        at_ms = until_ms
    until_ms = at_ms + draw(st.integers(0, 2 * DAY_MS))
    energy_wh = sum(part.energy_wh for part in slices) + draw(st.integers(0, 50_000))
    idle_ms = draw(st.integers(0, until_ms - begin_ms))
    volume_ml = draw(st.integers(0, 60_000))
    return Usage(begin_ms, until_ms, energy_wh, volume_ml, idle_ms, "", tuple(slices))


@settings(deadline=None)
@given(TARIFFS, usages())
def test_the_lines_add_up_and_the_bounds_hold(tariff: Tariff, usage: Usage) -> None:
    """The lines of a fee add up to it; none is empty; minimum and maximum hold."""
    check_tariff(tariff)
    fee = fee_of(tariff, usage)
    assert sum(line.amount_minor for line in fee.lines) == fee.amount_minor
    assert all(line.amount_minor > 0 for line in fee.lines)
    assert fee.amount_minor == 0 or fee.amount_minor >= tariff.minimum_minor
    assert tariff.maximum_minor is None or fee.amount_minor <= tariff.maximum_minor


@settings(deadline=None)
@given(
    TARIFFS,
    usages(),
    st.integers(0, 20_000),
    st.integers(0, 20_000),
    st.integers(0, DAY_MS),
    st.integers(0, 3_600_000),
)
def test_more_never_costs_less(
    tariff: Tariff, usage: Usage, more_wh: int, more_ml: int, longer_ms: int, more_idle_ms: int
) -> None:
    """More volume, more time, more idling, and more energy at the same time, never lower a fee."""
    told = replace(usage, energy_wh=sum(part.energy_wh for part in usage.slices))
    longer = replace(
        told,
        until_ms=usage.until_ms + longer_ms,
        volume_ml=usage.volume_ml + more_ml,
        idle_ms=min(usage.idle_ms + more_idle_ms, usage.duration_ms + longer_ms),
    )
    assert fee_of(tariff, longer).amount_minor >= fee_of(tariff, told).amount_minor
    stronger = replace(usage, energy_wh=usage.energy_wh + more_wh)
    assert fee_of(tariff, stronger).amount_minor >= fee_of(tariff, usage).amount_minor


@settings(deadline=None)
@given(TIME_PRICES, st.sampled_from(ZONES), BEGINS, st.integers(0, 9 * DAY_MS))
def test_a_day_never_costs_more_than_its_cap(
    price: TimePrice, zone: str, begin_ms: int, duration_ms: int
) -> None:
    """A stay costs at most one cap for each local calendar day that it touches."""
    capped = replace(price, day_cap_minor=700)
    usage = Usage(begin_ms, begin_ms + duration_ms)
    fee = fee_of(Tariff("drawn", ServiceClass.PARKING, zone, time=capped), usage)
    first, last = (_local(at_ms, zone).date() for at_ms in (usage.from_ms, usage.until_ms))
    assert fee.amount_minor <= 700 * ((last - first).days + 1)


@settings(deadline=None)
@given(bands(), st.sampled_from(ZONES), BEGINS, st.integers(0, 3_000))
def test_time_costs_what_counting_minute_by_minute_gives(
    drawn: tuple[Band, ...], zone: str, begin_ms: int, minutes: int
) -> None:
    """Periods begun cost what a clock gives that is read at the beginning of each, clock changes too."""
    price = TimePrice(drawn, per_s=900)
    counted = 0
    for at_ms in range(begin_ms, begin_ms + minutes * 60_000, 900_000):
        local = _local(at_ms, zone)
        minute = local.hour * 60 + local.minute
        (band,) = (band for band in drawn if band.covers(local.weekday(), minute))
        counted += band.price_minor
    tariff = Tariff("drawn", ServiceClass.PARKING, zone, time=price)
    usage = Usage(begin_ms, begin_ms + minutes * 60_000)
    assert fee_of(tariff, usage).amount_minor == counted


@settings(deadline=None)
@given(bands(), st.sampled_from(ZONES), BEGINS, st.integers(0, 2 * DAY_MS), st.integers(0, 100))
def test_splitting_a_reading_in_proportion_changes_nothing(
    drawn: tuple[Band, ...], zone: str, begin_ms: int, duration_ms: int, percent: int
) -> None:
    """A slice of the meter and its two parts, where energy flows evenly, cost the same."""
    cut_ms, energy_wh = duration_ms * percent // 100, duration_ms // 100
    until_ms = begin_ms + duration_ms // 100 * 100
    cut_ms = cut_ms // 100 * 100
    whole = (MeterSlice(begin_ms, until_ms, energy_wh, 0),)
    parts = (
        MeterSlice(begin_ms, begin_ms + cut_ms, cut_ms // 100, 0),
        MeterSlice(begin_ms + cut_ms, until_ms, energy_wh - cut_ms // 100, 0),
    )
    tariff = Tariff("drawn", ServiceClass.CHARGING, zone, energy=EnergyPrice(drawn))
    fees = {
        fee_of(tariff, Usage(begin_ms, until_ms, energy_wh, slices=slices)).amount_minor
        for slices in (whole, parts)
    }
    assert len(fees) == 1


@pytest.mark.feature("V-09")
@settings(deadline=None)
@given(TARIFFS, usages(), st.integers(0, 20_000))
def test_what_is_left_of_a_usage_fits_its_ceiling(
    tariff: Tariff, usage: Usage, ceiling_minor: int
) -> None:
    """A usage cut to a ceiling is a possible one, costs at most the ceiling, and was not cut for nothing."""
    cut = within_ceiling(tariff, usage, ceiling_minor)
    check_usage(cut)
    nothing = beginning(usage, usage.from_ms)
    if fee_of(tariff, nothing).amount_minor <= ceiling_minor:
        assert fee_of(tariff, cut).amount_minor <= ceiling_minor
    if cut != usage:
        assert fee_of(tariff, usage).amount_minor > ceiling_minor


@pytest.mark.feature("V-09")
@settings(deadline=None, max_examples=30)
@given(TIME_PRICES, st.sampled_from(ZONES), BEGINS, st.integers(0, 3_000))
def test_a_stay_ends_at_the_last_moment_that_is_paid_for(
    price: TimePrice, zone: str, begin_ms: int, ceiling_minor: int
) -> None:
    """The ceiling pays up to the moment found, and not a millisecond longer."""
    tariff = Tariff("drawn", ServiceClass.PARKING, zone, time=price)
    latest_ms = begin_ms + 5 * DAY_MS
    until_ms = until_ceiling(tariff, Usage(begin_ms, begin_ms), ceiling_minor, latest_ms)
    assert fee_of(tariff, Usage(begin_ms, until_ms)).amount_minor <= ceiling_minor
    if until_ms < latest_ms:
        assert fee_of(tariff, Usage(begin_ms, until_ms + 1)).amount_minor > ceiling_minor


@pytest.mark.feature("V-09")
@settings(deadline=None)
@given(st.integers(1, 5_000), st.integers(1, 10_000), st.integers(0, 50_000))
def test_the_pumps_limit_is_the_most_that_fits(
    price_minor: int, per_ml: int, ceiling_minor: int
) -> None:
    """One step more than the limit of the pump would cost more than the ceiling."""
    tariff = Tariff("drawn", ServiceClass.FUELING, volume=(VolumePrice("95", price_minor, per_ml),))
    volume_ml = volume_for(tariff, "95", 0, ceiling_minor, 10)
    assert volume_ml % 10 == 0
    used = Usage(0, 0, volume_ml=volume_ml, product="95")
    assert fee_of(tariff, used).amount_minor <= ceiling_minor
    if volume_ml < 10_000_000:
        more = replace(used, volume_ml=volume_ml + 10)
        assert fee_of(tariff, more).amount_minor > ceiling_minor


def _local(at_ms: int, zone: str) -> datetime:
    moment = datetime.fromtimestamp(0, UTC) + timedelta(milliseconds=at_ms // 1_000 * 1_000)
    return moment.astimezone(ZoneInfo(zone))
