"""What an authorised ceiling pays for: how long, how much energy, how many litres.

More usage never costs less (`vehicle/tariffs/pricing.py`), so the most that a ceiling pays for is
found by halving. A service is bounded by it while it runs; what was measured beyond it, because a
charger stops a moment after it was told to, is the entity's loss, not the vehicle's.
"""

from collections.abc import Callable

from msgspec.structs import replace

from feiqian.outcomes import Outcome, Refusal
from feiqian.vehicle.tariffs.calendar import DAY_MS, MAX_SPAN_DAYS
from feiqian.vehicle.tariffs.pricing import fee_of
from feiqian.vehicle.tariffs.tariff import Tariff
from feiqian.wire.usage import MAX_VOLUME_ML, MeterSlice, Usage


def until_ceiling(tariff: Tariff, usage: Usage, ceiling_minor: int, latest_ms: int) -> int:
    """The last millisecond, up to `latest_ms`, to which a use may go on within the ceiling.

    It is the time alone that goes on; nothing else flows.

    Raises `Refusal` over_ceiling when what was used so far already costs more.
    """
    if fee_of(tariff, usage).amount_minor > ceiling_minor:
        raise Refusal(Outcome.OVER_CEILING, f"expected a fee of at most {ceiling_minor}")
    return _most(
        usage.until_ms,
        max(usage.until_ms, min(latest_ms, usage.from_ms + MAX_SPAN_DAYS * DAY_MS)),
        lambda until_ms: _fits(tariff, replace(usage, until_ms=until_ms), ceiling_minor),
    )


def volume_for(tariff: Tariff, product: str, at_ms: int, ceiling_minor: int, step_ml: int) -> int:
    """The most of a product that a ceiling pays for, in whole steps of the pump's meter."""
    steps = _most(
        0,
        MAX_VOLUME_ML // step_ml,
        lambda count: _fits(
            tariff,
            Usage(at_ms, at_ms, volume_ml=count * step_ml, product=product),
            ceiling_minor,
        ),
    )
    return steps * step_ml


def within_ceiling(tariff: Tariff, usage: Usage, ceiling_minor: int) -> Usage:
    """The longest beginning of a usage that the ceiling pays for; all of it, mostly."""
    if _fits(tariff, usage, ceiling_minor):
        return usage
    until_ms = _most(
        usage.from_ms,
        usage.until_ms,
        lambda at_ms: _fits(tariff, beginning(usage, at_ms), ceiling_minor),
    )
    return beginning(usage, until_ms)


def beginning(usage: Usage, until_ms: int) -> Usage:
    """What was used up to a moment; of what flowed across it, a part in proportion, rounded down."""
    if until_ms >= usage.until_ms:
        return usage
    slices = tuple(_slice_until(part, until_ms) for part in usage.slices if part.from_ms < until_ms)
    energy_wh = usage.energy_wh - sum(part.energy_wh for part in usage.slices)
    volume_ml = usage.volume_ml - sum(part.volume_ml for part in usage.slices)
    passed_ms, duration_ms = until_ms - usage.from_ms, usage.duration_ms
    return replace(
        usage,
        until_ms=until_ms,
        idle_ms=max(0, usage.idle_ms - (usage.until_ms - until_ms)),
        energy_wh=energy_wh * passed_ms // duration_ms + sum(part.energy_wh for part in slices),
        volume_ml=volume_ml * passed_ms // duration_ms + sum(part.volume_ml for part in slices),
        slices=slices,
    )


def _slice_until(part: MeterSlice, until_ms: int) -> MeterSlice:
    if part.until_ms <= until_ms:
        return part
    passed_ms, duration_ms = until_ms - part.from_ms, part.until_ms - part.from_ms
    return MeterSlice(
        part.from_ms,
        until_ms,
        part.energy_wh * passed_ms // duration_ms,
        part.volume_ml * passed_ms // duration_ms,
    )


def _fits(tariff: Tariff, usage: Usage, ceiling_minor: int) -> bool:
    return fee_of(tariff, usage).amount_minor <= ceiling_minor


def _most(least: int, beyond: int, fits: Callable[[int], bool]) -> int:
    """The greatest number from `least` to `beyond` that fits; `least`, which is not tried, if none."""
    low, high = least, beyond
    while low < high:
        middle = (low + high + 1) // 2
        low, high = (middle, high) if fits(middle) else (low, middle - 1)
    return low
