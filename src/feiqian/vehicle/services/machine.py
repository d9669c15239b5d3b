"""One service, from order to usage, as a machine without input or output: for all three kinds.

What was authorised bounds what is served (V-09): a pump is told the most that may flow; charging is
stopped when one more reading like the last would pass the ceiling, or the time alone will; parking
ends at the last moment that is paid for. What still flows until the equipment has stopped is cut from
the usage. Equipment that does not answer a stop is not waited for: the last reading counts. A service
ends once, and what comes later changes nothing.
"""

from dataclasses import dataclass

from msgspec.structs import replace

from feiqian.outcomes import Outcome, Refusal
from feiqian.protocol.equipment import (
    Began,
    Begin,
    Command,
    Event,
    Finished,
    Metered,
    NotBegun,
    Paused,
    Stop,
    key_of,
)
from feiqian.vehicle.services.rendered import Rendered, Stage
from feiqian.vehicle.tariffs.ceilings import until_ceiling, volume_for, within_ceiling
from feiqian.vehicle.tariffs.pricing import fee_of
from feiqian.vehicle.tariffs.tariff import Tariff
from feiqian.wire.usage import ServiceClass, Usage

PUMP_STEP_ML = 10
START_PATIENCE_MS = 180_000
"""How long a service may take to begin: a plug has to be put in, a nozzle lifted."""
STOP_PATIENCE_MS = 30_000
"""How long equipment may take to stop."""


@dataclass(frozen=True, slots=True)
class Started:
    """News: the service has begun."""


@dataclass(frozen=True, slots=True)
class Ended:
    """News: it is over."""

    served: bool
    usage: Usage


@dataclass(frozen=True, slots=True)
class Refused:
    """News: it cannot be rendered."""

    refusal: Refusal


News = Started | Ended | Refused


class RenderingMachine:
    """Steps one service; `commands` and `news` are what the last step asks for."""

    def __init__(self, record: Rendered, tariff: Tariff) -> None:
        self.record = record
        self._tariff = tariff
        self.commands: list[Command] = []
        self.news: list[News] = []
        self._paid_for: tuple[Rendered, int] | None = None
        """How long a record is paid for, once it was looked for."""

    @property
    def key(self) -> str:
        """The service's name towards the equipment."""
        return key_of(self.record.request_id)

    @property
    def timer_ms(self) -> int | None:
        """When `pass_time` wants to be called at the latest."""
        record = self.record
        match record.stage:
            case Stage.WAITING:
                return min(record.begun_ms + START_PATIENCE_MS, record.authorised_until_ms)
            case Stage.RUNNING:
                return self._paid_until_ms()
            case Stage.STOPPING:
                return record.stop_by_ms
            case Stage.OVER:
                return None

    # Told by the entity --------------------------------------------------------------------------
    def begin(self, now_ms: int) -> None:
        """Begin, or go on after a restart."""
        record = self.record
        if record.stage is Stage.OVER:
            self._tell_ended()
            return
        self.commands.append(Begin(self.key, record.transaction, self._limits(now_ms)))
        if record.stage is Stage.STOPPING:
            self.commands.append(Stop(self.key, record.transaction))
        elif record.stage is Stage.RUNNING:
            self.news.append(Started())
        elif record.service is ServiceClass.PARKING:
            self._run(Began(self.key, now_ms), now_ms)

    def end(self, now_ms: int) -> None:
        """End it now, for a reason of the entity's."""
        match self.record.stage:
            case Stage.WAITING:
                self.commands.append(Stop(self.key))
                self._finish(served=False, until_ms=now_ms)
            case Stage.RUNNING:
                self._stop(now_ms)
            case Stage.STOPPING:
                self.commands.append(Stop(self.key, self.record.transaction))
            case Stage.OVER:
                self._tell_ended()

    # Told by the equipment -----------------------------------------------------------------------
    def hear(self, event: Event, now_ms: int) -> None:
        """What the equipment says; of a service that is over, nothing is heard."""
        if event.key != self.key or self.record.stage is Stage.OVER:
            return
        match event:
            case Began() if self.record.stage is Stage.WAITING and not self._sells(event.product):
                self.commands.append(Stop(self.key, event.transaction))
                self._refuse(_unpriced(event.product), now_ms)
            case Began() if self.record.stage is Stage.WAITING:
                self._run(event, now_ms)
            case NotBegun() if self.record.stage is Stage.WAITING:
                self._refuse(event.refusal, now_ms)
            case Metered() if self.record.stage is not Stage.WAITING:
                before = self.record
                self.record = before.with_reading(event.at_ms, event.register, now_ms)
                self._watch_ceiling(before, now_ms)
            case Paused() if self.record.stage is not Stage.WAITING:
                self.record = self.record.with_pause(event.at_ms, event.paused, now_ms)
            case Finished() if self.record.stage is not Stage.WAITING:
                self.record = self.record.with_reading(event.at_ms, event.register, now_ms)
                self._finish(served=True, until_ms=min(event.at_ms, now_ms))

    def pass_time(self, now_ms: int) -> None:
        """What is due, if anything is."""
        timer_ms = self.timer_ms
        if timer_ms is None or now_ms < timer_ms:
            return
        match self.record.stage:
            case Stage.WAITING:
                self.commands.append(Stop(self.key))
                self._refuse(Refusal(Outcome.TIMED_OUT, "the service did not begin"), now_ms)
            case Stage.RUNNING:
                self._stop(timer_ms)
            case _:
                self._finish(served=True, until_ms=now_ms)

    # Steps ---------------------------------------------------------------------------------------
    def _run(self, began: Began, now_ms: int) -> None:
        at_ms = max(self.record.begun_ms, min(began.at_ms, now_ms))
        self._set(
            stage=Stage.RUNNING,
            transaction=began.transaction,
            product=began.product,
            from_ms=at_ms,
            at_ms=at_ms,
            first_register=began.register,
            register=began.register,
        )
        self.news.append(Started())

    def _refuse(self, refusal: Refusal, now_ms: int) -> None:
        self._set(stage=Stage.OVER, from_ms=now_ms, at_ms=now_ms)
        self.news.append(Refused(refusal))

    def _sells(self, product: str) -> bool:
        """Whether there is a price for it; only what flows from a pump is a product."""
        priced = any(price.product == product for price in self._tariff.volume)
        return priced or self.record.service is not ServiceClass.FUELING

    def _stop(self, now_ms: int) -> None:
        self.commands.append(Stop(self.key, self.record.transaction))
        if self.record.service is ServiceClass.PARKING:
            self._finish(served=True, until_ms=now_ms)
        else:
            self._set(stage=Stage.STOPPING, stop_by_ms=now_ms + STOP_PATIENCE_MS)

    def _finish(self, *, served: bool, until_ms: int) -> None:
        record = self.record
        if not served:
            self._set(stage=Stage.OVER, from_ms=until_ms, at_ms=until_ms)
        else:
            self.record = record.with_pause(until_ms, paused=False, now_ms=until_ms)
            self._set(stage=Stage.OVER, at_ms=max(until_ms, record.at_ms))
        self._tell_ended(served=served)

    def _tell_ended(self, *, served: bool | None = None) -> None:
        record = self.record
        if served is None:
            served = bool(record.at_ms > record.from_ms or record.register > record.first_register)
        usage = record.usage(record.at_ms)
        self.news.append(Ended(served, within_ceiling(self._tariff, usage, record.ceiling_minor)))

    # Ceiling -------------------------------------------------------------------------------------
    def _limits(self, now_ms: int) -> dict[str, int]:
        record = self.record
        if record.service is not ServiceClass.FUELING:
            return {}
        return {
            price.product: volume_for(
                self._tariff, price.product, now_ms, record.ceiling_minor, PUMP_STEP_ML
            )
            for price in self._tariff.volume
        }

    def _watch_ceiling(self, before: Rendered, now_ms: int) -> None:
        """Stop charging when the next reading, if it is like this one, would pass the ceiling."""
        record = self.record
        if record.stage is not Stage.RUNNING or record.service is not ServiceClass.CHARGING:
            return
        reached = record.usage(record.at_ms)
        ahead = replace(
            reached,
            until_ms=reached.until_ms + record.at_ms - before.at_ms,
            energy_wh=reached.energy_wh + record.register - before.register,
        )
        if fee_of(self._tariff, ahead).amount_minor > record.ceiling_minor:
            self._stop(now_ms)

    def _paid_until_ms(self) -> int:
        """The last moment that is paid for when nothing but time goes on."""
        record = self.record
        if self._paid_for is None or self._paid_for[0] is not record:
            self._paid_for = (record, self._found_paid_until_ms(record))
        return self._paid_for[1]

    def _found_paid_until_ms(self, record: Rendered) -> int:
        usage, latest_ms = record.usage(record.at_ms), record.authorised_until_ms
        try:
            return until_ceiling(self._tariff, usage, record.ceiling_minor, latest_ms)
        except Refusal:
            return record.at_ms

    def _set(self, **fields: object) -> None:
        self.record = replace(self.record, **fields)


def _unpriced(product: str) -> Refusal:
    return Refusal(Outcome.UNKNOWN_IDENTIFIER, f"expected a product of the tariff, got {product!r}")
