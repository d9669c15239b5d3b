"""One service as its entity knows it: what was ordered, what the meter said, where it stands."""

from enum import StrEnum
from typing import Annotated

from msgspec import Meta, Struct
from msgspec.structs import replace

from feiqian.wire.usage import MAX_ENERGY_WH, MAX_SLICES, MeterSlice, ServiceClass, Usage

SLICE_MS = 15 * 60 * 1_000
"""Readings of one quarter of an hour make one slice: bands of tariffs begin at such times."""


class Stage(StrEnum):
    """Where a service stands at the place."""

    WAITING = "waiting"
    """The equipment was told to begin."""
    RUNNING = "running"
    STOPPING = "stopping"
    """The equipment was told to stop."""
    OVER = "over"


class Rendered(Struct, frozen=True, forbid_unknown_fields=True):
    """What is stored of a service; moments in milliseconds, registers as the meter counts."""

    request_id: bytes
    service: ServiceClass
    tariff: str
    ceiling_minor: int
    authorised_until_ms: int
    begun_ms: int
    """When it was ordered."""
    stage: Stage = Stage.WAITING
    transaction: str = ""
    product: str = ""
    from_ms: int = 0
    at_ms: int = 0
    """Of the last reading."""
    first_register: int = 0
    register: int = 0
    paused_from_ms: int | None = None
    idle_ms: int = 0
    stop_by_ms: int | None = None
    """While stopping: when the last reading has to do."""
    slices: Annotated[tuple[MeterSlice, ...], Meta(max_length=MAX_SLICES)] = ()

    def usage(self, until_ms: int) -> Usage:
        """What was used up to a moment."""
        until_ms = max(until_ms, self.at_ms)
        quantity = self.register - self.first_register
        is_fuel = self.service is ServiceClass.FUELING
        idle_ms = self.idle_ms
        if self.paused_from_ms is not None:
            idle_ms += max(0, until_ms - self.paused_from_ms)
        return Usage(
            self.from_ms,
            until_ms,
            energy_wh=0 if is_fuel else quantity,
            volume_ml=quantity if is_fuel else 0,
            idle_ms=idle_ms,
            product=self.product,
            slices=self.slices,
        )

    def with_reading(self, at_ms: int, register: int, now_ms: int) -> "Rendered":
        """After a reading. One from the past, or of a meter that runs backwards, changes nothing."""
        at_ms = min(at_ms, now_ms)
        quantity = register - self.register
        total = register - self.first_register
        if at_ms < self.at_ms or quantity < 0 or total > MAX_ENERGY_WH:
            return self
        read = replace(self, at_ms=at_ms, register=register)
        if self.service is ServiceClass.CHARGING and quantity:
            part = MeterSlice(self.at_ms, at_ms, quantity, 0)
            return replace(read, slices=_joined(self.slices, part))
        return read

    def with_pause(self, at_ms: int, paused: bool, now_ms: int) -> "Rendered":
        """After the flow stopped or went on."""
        at_ms = max(min(at_ms, now_ms), self.from_ms)
        if paused:
            return self if self.paused_from_ms is not None else replace(self, paused_from_ms=at_ms)
        if self.paused_from_ms is None:
            return self
        idle_ms = self.idle_ms + max(0, at_ms - self.paused_from_ms)
        return replace(self, paused_from_ms=None, idle_ms=idle_ms)


def _joined(slices: tuple[MeterSlice, ...], part: MeterSlice) -> tuple[MeterSlice, ...]:
    """One slice more, or a longer last one: within a quarter of an hour, and when there is no room."""
    if not slices:
        return (part,)
    last = slices[-1]
    same_quarter = last.from_ms // SLICE_MS == max(part.until_ms - 1, 0) // SLICE_MS
    if not same_quarter and len(slices) < MAX_SLICES:
        return (*slices, part)
    energy_wh = last.energy_wh + part.energy_wh
    return (*slices[:-1], MeterSlice(last.from_ms, part.until_ms, energy_wh, 0))
