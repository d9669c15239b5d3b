"""Equipment of a bay and of a pump that keeps the rules, and a witness of what a site tells."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field

from feiqian.outcomes import Outcome, Refusal
from feiqian.protocol.equipment import Began, Begin, Command, Event, Finished, Listener, Metered
from feiqian.wire.usage import Usage


@dataclass
class Bay:
    """A parking bay: somebody stands in it or not."""

    taken: bool = True
    barrier_open: bool = False

    def occupied(self) -> bool:
        """Whether somebody stands there."""
        return self.taken

    async def do(self, command: Command) -> None:
        """The barrier closes behind who parks, and opens for who is done."""
        self.barrier_open = not isinstance(command, Begin)


@dataclass
class Pump:
    """A pump: nothing flows without a limit, nor more than it."""

    now_ms: Callable[[], int]
    listener: Listener | None = None
    key: str | None = None
    limits: dict[str, int] = field(default_factory=dict)
    product: str | None = None
    volume_ml: int = 0
    totaliser_ml: int = 7_000_000

    def occupied(self) -> bool:
        """Whether it was told to serve somebody."""
        return self.key is not None

    async def do(self, command: Command) -> None:
        """Release the nozzles, or lock them."""
        if isinstance(command, Begin):
            self.key, self.limits = command.key, dict(command.limits)
        elif command.key == self.key:
            await self.hang_up()

    async def lift(self, product: str) -> None:
        """A nozzle is lifted. `Refusal` wrong_role when the pump is locked."""
        if self.key is None or product not in self.limits:
            raise Refusal(Outcome.WRONG_ROLE, "the pump is locked")
        self.product, self.volume_ml = product, 0
        began = Began(self.key, self.now_ms(), self.totaliser_ml, product=product)
        await self._tell(began)

    async def fill(self, volume_ml: int) -> int:
        """Squeeze the trigger; how much flowed in all, never more than the limit."""
        assert self.product is not None
        assert self.key is not None
        flowing_ml = min(volume_ml, self.limits[self.product] - self.volume_ml)
        self.volume_ml += flowing_ml
        self.totaliser_ml += flowing_ml
        await self._tell(Metered(self.key, self.now_ms(), self.totaliser_ml))
        return self.volume_ml

    async def hang_up(self) -> None:
        """The nozzle is back; the pump is locked."""
        key, self.key = self.key, None
        if key is not None and self.product is not None:
            self.product = None
            await self._tell(Finished(key, self.now_ms(), self.totaliser_ml))

    async def _tell(self, event: Event) -> None:
        assert self.listener is not None
        await self.listener(event)


@dataclass
class Witness:
    """`vehicle.entity.site.SiteNews` that remembers, and can be waited for."""

    begun: asyncio.Event = field(default_factory=asyncio.Event)
    over: asyncio.Event = field(default_factory=asyncio.Event)
    usages: list[tuple[bool, Usage]] = field(default_factory=list)
    refusals: list[Refusal] = field(default_factory=list)

    async def started(self, request_id: bytes) -> None:
        """The service has begun."""
        assert request_id
        self.begun.set()

    async def ended(self, request_id: bytes, *, served: bool, usage: Usage) -> None:
        """The service is over."""
        assert request_id
        self.usages.append((served, usage))
        self.over.set()

    async def refused(self, request_id: bytes, refusal: Refusal) -> None:
        """It cannot be rendered."""
        assert request_id
        self.refusals.append(refusal)
        self.over.set()
