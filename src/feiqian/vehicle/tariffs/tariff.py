"""A tariff as it is written down: prices in minor units for so much of something, and bounds.

A price is always a pair of whole numbers, ``price_minor`` for ``per_wh``, ``per_s`` or ``per_ml``, so
that fractions of a minor unit can be said without a float: 1.799 a litre is 1799 for 10,000 ml.
Where a price depends on the time of day, bands cover every minute of every day of the week exactly
once, in the local time of the named zone.
"""

import re
from collections.abc import Iterable, Sequence
from datetime import UTC, tzinfo
from typing import Annotated
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import msgspec
from msgspec import Meta

from feiqian.money.amounts import AmountMinor, AmountOrZeroMinor
from feiqian.outcomes import Outcome, Refusal
from feiqian.wire.service import MAX_TARIFF_NAME
from feiqian.wire.usage import Product, ServiceClass

MAX_TARIFF_BYTES = 16_384
MAX_BANDS = 6
"""So that a fee has a line for each, and room for the others."""
MAX_PRODUCTS = 12
MAX_PERIOD_S = 31 * 86_400
DAY_MINUTES = 24 * 60
WEEK = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")

_ZONE_NAME = re.compile(r"[A-Za-z0-9_+-]+(/[A-Za-z0-9_+-]+){0,2}", re.ASCII)

TimeOfDay = Annotated[str, Meta(pattern=r"^([01]\d|2[0-3]):[0-5]\d\Z|^24:00\Z")]
Weekdays = Annotated[
    tuple[Annotated[str, Meta(pattern="^(mon|tue|wed|thu|fri|sat|sun)\\Z")], ...],
    Meta(min_length=1, max_length=7),
]
PeriodS = Annotated[int, Meta(ge=1, le=MAX_PERIOD_S)]
PeriodOrZeroS = Annotated[int, Meta(ge=0, le=MAX_PERIOD_S)]
Quantity = Annotated[int, Meta(ge=1, le=10**7)]


class Band(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A part of the day, on some days of the week; one that ends before it begins passes midnight."""

    price_minor: AmountOrZeroMinor
    begins: TimeOfDay = msgspec.field(name="from", default="00:00")
    ends: TimeOfDay = msgspec.field(name="until", default="24:00")
    days: Weekdays = WEEK

    @property
    def label(self) -> str:
        """The part of the day, for people."""
        return f"{self.begins}-{self.ends}"

    def covers(self, weekday: int, minute: int) -> bool:
        """Whether a minute of a day (Monday is 0) belongs to it."""
        if WEEK[weekday] not in self.days:
            return False
        begin, end = minutes_of(self.begins), minutes_of(self.ends)
        return begin <= minute < end if begin < end else minute >= begin or minute < end


class EnergyPrice(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What energy costs, by the time of day at which it flows."""

    bands: Annotated[tuple[Band, ...], Meta(min_length=1, max_length=MAX_BANDS)]
    per_wh: Quantity = 1_000


class TimePrice(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What the duration costs, idle or not."""

    bands: Annotated[tuple[Band, ...], Meta(min_length=1, max_length=MAX_BANDS)]
    per_s: PeriodS = 60
    started: bool = True
    """Each period that has begun counts whole, at the price of when it began; else exactly."""
    free_s: PeriodOrZeroS = 0
    """The first so many seconds cost nothing."""
    day_cap_minor: AmountMinor | None = None
    """The most for one calendar day of the zone."""


class IdlePrice(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a place costs, besides, once nothing flows any more; every period begun counts whole."""

    price_minor: AmountMinor
    per_s: PeriodS = 60
    grace_s: PeriodOrZeroS = 0
    maximum_minor: AmountMinor | None = None


class VolumePrice(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a product, such as a grade of fuel, costs."""

    product: Product
    price_minor: AmountMinor
    per_ml: Quantity = 1_000


class Tariff(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Everything that a service may cost. What it does not mention costs nothing."""

    name: Annotated[str, Meta(min_length=1, max_length=MAX_TARIFF_NAME, pattern=r"^[a-z0-9-]+\Z")]
    service: ServiceClass
    zone: Annotated[str, Meta(max_length=64)] = "UTC"
    energy: EnergyPrice | None = None
    time: TimePrice | None = None
    idle: IdlePrice | None = None
    volume: Annotated[tuple[VolumePrice, ...], Meta(max_length=MAX_PRODUCTS)] = ()
    minimum_minor: AmountOrZeroMinor = 0
    """The least fee, where there is any."""
    maximum_minor: AmountMinor | None = None
    """The most for one use."""


def read_tariff(text: bytes) -> Tariff:
    """A tariff from its TOML document, all of it checked. `Refusal`: too_large, malformed."""
    if len(text) > MAX_TARIFF_BYTES:
        raise Refusal(Outcome.TOO_LARGE, f"expected at most {MAX_TARIFF_BYTES} bytes")
    try:
        tariff = msgspec.toml.decode(text, type=Tariff)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise Refusal(Outcome.MALFORMED, f"expected a tariff: {error}") from error
    check_tariff(tariff)
    return tariff


def check_tariff(tariff: Tariff) -> None:
    """Raise `Refusal` malformed for what the shape alone does not exclude."""
    zone_of(tariff)
    for part in (tariff.energy, tariff.time):
        if part is not None:
            _check_cover(part.bands)
    products = [price.product for price in tariff.volume]
    if len(set(products)) != len(products):
        raise Refusal(Outcome.MALFORMED, "expected one price for each product")
    maximum_minor = tariff.maximum_minor
    if maximum_minor is not None and maximum_minor < tariff.minimum_minor:
        raise Refusal(Outcome.MALFORMED, "expected a minimum below the maximum")


def zone_of(tariff: Tariff) -> tzinfo:
    """The rules of local time. They are data, from the system or the package tzdata.

    Raises `Refusal` malformed for a zone that is not known.
    """
    if tariff.zone == "UTC":
        return UTC
    if _ZONE_NAME.fullmatch(tariff.zone) is None:
        raise Refusal(Outcome.MALFORMED, "expected a zone such as Asia/Shanghai")
    try:
        return ZoneInfo(tariff.zone)
    except (ZoneInfoNotFoundError, OSError) as error:
        raise Refusal(Outcome.MALFORMED, f"expected a known zone, got {tariff.zone}") from error


def minutes_of(time_of_day: str) -> int:
    """Minutes since midnight of ``HH:MM``."""
    hours, minutes = time_of_day.split(":")
    return int(hours) * 60 + int(minutes)


def edges_of(bands: Iterable[Band]) -> frozenset[int]:
    """Midnight, and the minutes of a day at which a band begins or ends."""
    times = [time for band in bands for time in (band.begins, band.ends)]
    return frozenset({0, *(minutes_of(time) % DAY_MINUTES for time in times)})


def _check_cover(bands: Sequence[Band]) -> None:
    # Between two edges nothing changes, so the minutes at the edges stand for all.
    for weekday, day in enumerate(WEEK):
        for minute in sorted(edges_of(bands)):
            count = sum(band.covers(weekday, minute) for band in bands)
            if count != 1:
                at = f"{day} {minute // 60:02}:{minute % 60:02}"
                raise Refusal(Outcome.MALFORMED, f"expected one price at {at}, got {count}")
