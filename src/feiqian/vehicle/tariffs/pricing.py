"""What a usage costs by a tariff: the same usage and tariff give the same fee, to the minor unit.

Every line is computed exactly and rounded once, half a minor unit upwards; the fee is the sum of its
lines, so nothing is rounded twice. More usage never costs less. A cap within the time price makes its
line smaller; the maximum of the whole cuts lines from the last, so that no line is negative and the
lines still add up.
"""

from collections import defaultdict
from datetime import date
from fractions import Fraction
from itertools import pairwise

from feiqian.money.amounts import MAX_AMOUNT_MINOR
from feiqian.outcomes import Outcome, Refusal
from feiqian.vehicle.tariffs.calendar import band_at, cuts, day_of
from feiqian.vehicle.tariffs.tariff import (
    Band,
    EnergyPrice,
    IdlePrice,
    Tariff,
    TimePrice,
    VolumePrice,
    zone_of,
)
from feiqian.wire.usage import Fee, FeeLine, MeterSlice, Usage, check_usage


def fee_of(tariff: Tariff, usage: Usage) -> Fee:
    """The fee for a usage.

    Raises `Refusal`: malformed (the usage, or a product without a price); too_large.
    """
    check_usage(usage)
    lines = _energy_lines(tariff, usage)
    if tariff.time is not None:
        lines.append(FeeLine("time", rounded(_time_minor(tariff.time, tariff, usage))))
    if tariff.idle is not None:
        lines.append(FeeLine("idle", _idle_minor(tariff.idle, usage)))
    if usage.volume_ml:
        lines.append(_volume_line(_price_of(tariff, usage.product), usage))
    return _bounded(tariff, [line for line in lines if line.amount_minor])


def rounded(exact_minor: Fraction) -> int:
    """To whole minor units, half upwards."""
    return (2 * exact_minor.numerator + exact_minor.denominator) // (2 * exact_minor.denominator)


# Energy ------------------------------------------------------------------------------------------
def _energy_lines(tariff: Tariff, usage: Usage) -> list[FeeLine]:
    if tariff.energy is None:
        return []
    energy = _energy_by_band(tariff.energy, tariff, usage)
    return [
        FeeLine(
            f"energy {band.label}",
            rounded(energy[index] * band.price_minor / tariff.energy.per_wh),
        )
        for index, band in enumerate(tariff.energy.bands)
    ]


def _energy_by_band(price: EnergyPrice, tariff: Tariff, usage: Usage) -> dict[int, Fraction]:
    """Watt-hours by the index of their band; what no slice tells counts as evenly spread."""
    unsliced_wh = usage.energy_wh - sum(part.energy_wh for part in usage.slices)
    rest = MeterSlice(usage.from_ms, usage.until_ms, unsliced_wh, 0)
    energy: dict[int, Fraction] = defaultdict(Fraction)
    for part in (*usage.slices, rest):
        if part.energy_wh:
            _spread(part, price, tariff, energy)
    return energy


def _spread(
    part: MeterSlice, price: EnergyPrice, tariff: Tariff, energy: dict[int, Fraction]
) -> None:
    """Add a slice's energy to the bands it lies in, in proportion to time."""
    zone = zone_of(tariff)
    duration_ms = part.until_ms - part.from_ms
    if not duration_ms:
        energy[price.bands.index(band_at(price.bands, part.from_ms, zone))] += part.energy_wh
        return
    edges = cuts(part.from_ms, part.until_ms, price.bands, zone)
    for begin, end in pairwise(edges):
        index = price.bands.index(band_at(price.bands, begin, zone))
        energy[index] += Fraction(part.energy_wh * (end - begin), duration_ms)


# Time --------------------------------------------------------------------------------------------
def _time_minor(price: TimePrice, tariff: Tariff, usage: Usage) -> Fraction:
    """What the duration costs, each calendar day at most its cap."""
    zone = zone_of(tariff)
    begin_ms = usage.from_ms + price.free_s * 1_000
    if begin_ms >= usage.until_ms:
        return Fraction(0)
    by_day: dict[date, Fraction] = defaultdict(Fraction)
    edges = cuts(begin_ms, usage.until_ms, price.bands, zone)
    for begin, end in pairwise(edges):
        band = band_at(price.bands, begin, zone)
        by_day[day_of(begin, zone)] += _span_minor(price, band, begin - begin_ms, end - begin_ms)
    cap_minor = price.day_cap_minor
    return sum((_capped(minor, cap_minor) for minor in by_day.values()), Fraction(0))


def _span_minor(price: TimePrice, band: Band, begin_ms: int, end_ms: int) -> Fraction:
    """What a part of the charged time costs; both ends counted from where charging time began."""
    period_ms = price.per_s * 1_000
    if price.started:
        return Fraction(band.price_minor * (-(-end_ms // period_ms) - -(-begin_ms // period_ms)))
    return Fraction(band.price_minor * (end_ms - begin_ms), period_ms)


def _capped(exact_minor: Fraction, cap_minor: int | None) -> Fraction:
    return exact_minor if cap_minor is None else min(exact_minor, Fraction(cap_minor))


def _idle_minor(price: IdlePrice, usage: Usage) -> int:
    charged_ms = max(0, usage.idle_ms - price.grace_s * 1_000)
    minor = price.price_minor * -(-charged_ms // (price.per_s * 1_000))
    return minor if price.maximum_minor is None else min(minor, price.maximum_minor)


# Volume ------------------------------------------------------------------------------------------
def _price_of(tariff: Tariff, product: str) -> VolumePrice:
    for price in tariff.volume:
        if price.product == product:
            return price
    raise Refusal(Outcome.MALFORMED, f"expected a product with a price, got {product!r}")


def _volume_line(price: VolumePrice, usage: Usage) -> FeeLine:
    exact_minor = Fraction(usage.volume_ml * price.price_minor, price.per_ml)
    return FeeLine(price.product or "volume", rounded(exact_minor))


# The whole ---------------------------------------------------------------------------------------
def _bounded(tariff: Tariff, lines: list[FeeLine]) -> Fee:
    total_minor = sum(line.amount_minor for line in lines)
    if 0 < total_minor < tariff.minimum_minor:
        lines = [*lines, FeeLine("up to the minimum", tariff.minimum_minor - total_minor)]
    maximum_minor = MAX_AMOUNT_MINOR if tariff.maximum_minor is None else tariff.maximum_minor
    return cut_lines(lines, maximum_minor)


def cut_lines(lines: list[FeeLine], maximum_minor: int) -> Fee:
    """A fee of at most so much: lines are cut from the last; what becomes nothing is left out."""
    kept: list[FeeLine] = []
    room_minor = maximum_minor
    for line in lines:
        amount_minor = min(line.amount_minor, room_minor)
        room_minor -= amount_minor
        if amount_minor:
            kept.append(FeeLine(line.label, amount_minor))
    return Fee(maximum_minor - room_minor, tuple(kept))
