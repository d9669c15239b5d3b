"""What a vehicle used of a service, as the service entity measured it: whole numbers, no prices.

Where a price depends on the time of day the meter is read in slices, so that whoever prices needs no
second reading. The slices are in order, do not overlap, and lie within the service.
"""

from enum import StrEnum
from typing import Annotated

from msgspec import Meta, Struct

from feiqian.money.amounts import MAX_AMOUNT_MINOR, AmountOrZeroMinor
from feiqian.outcomes import Outcome, Refusal
from feiqian.timing.moment import Milliseconds

MAX_SLICES = 128
MAX_FEE_LINES = 16
MAX_LABEL = 40
MAX_ENERGY_WH = 10_000_000
MAX_VOLUME_ML = 10_000_000

EnergyWh = Annotated[int, Meta(ge=0, le=MAX_ENERGY_WH)]
VolumeMl = Annotated[int, Meta(ge=0, le=MAX_VOLUME_ML)]
Product = Annotated[str, Meta(max_length=24, pattern=r"^[A-Za-z0-9-]*\Z")]


class ServiceClass(StrEnum):
    """What kind of service an entity renders (V-06)."""

    CHARGING = "charging"
    PARKING = "parking"
    FUELING = "fueling"


class MeterSlice(Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """What flowed from one reading of the meter to the next."""

    from_ms: Milliseconds
    until_ms: Milliseconds
    energy_wh: EnergyWh
    volume_ml: VolumeMl


class Usage(Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """One service from its begin to its end; nothing was used when both are the same moment."""

    from_ms: Milliseconds
    until_ms: Milliseconds
    energy_wh: EnergyWh = 0
    volume_ml: VolumeMl = 0
    idle_ms: Milliseconds = 0
    """How much of the time nothing flowed any more and the place was still taken."""
    product: Product = ""
    """What was sold, such as a grade of fuel; empty when there is one only."""
    slices: Annotated[tuple[MeterSlice, ...], Meta(max_length=MAX_SLICES)] = ()

    @property
    def duration_ms(self) -> int:
        """How long the service took."""
        return self.until_ms - self.from_ms


class FeeLine(Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """One line of a fee, for people."""

    label: Annotated[str, Meta(min_length=1, max_length=MAX_LABEL)]
    amount_minor: AmountOrZeroMinor


FeeLines = Annotated[tuple[FeeLine, ...], Meta(max_length=MAX_FEE_LINES)]


class Fee(Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """What a usage costs by a tariff; the lines add up to the amount."""

    amount_minor: Annotated[int, Meta(ge=0, le=MAX_AMOUNT_MINOR)]
    lines: FeeLines


def check_usage(usage: Usage) -> None:
    """Raise `Refusal` malformed unless times run forward and the slices are in order, within."""
    if usage.until_ms < usage.from_ms or usage.idle_ms > usage.duration_ms:
        raise Refusal(Outcome.MALFORMED, "expected a usage that ends after it begins")
    at_ms = usage.from_ms
    for part in usage.slices:
        if not at_ms <= part.from_ms <= part.until_ms <= usage.until_ms:
            raise Refusal(Outcome.MALFORMED, "expected slices in order, within the usage")
        at_ms = part.until_ms
    if sum(part.energy_wh for part in usage.slices) > usage.energy_wh:
        raise Refusal(Outcome.MALFORMED, "expected slices of no more energy than was used")
    if sum(part.volume_ml for part in usage.slices) > usage.volume_ml:
        raise Refusal(Outcome.MALFORMED, "expected slices of no more volume than was used")
