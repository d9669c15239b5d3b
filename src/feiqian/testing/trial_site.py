"""A place without equipment, for trials: it begins at once, and ends after a set time or when told.

What it measures it makes up from the time that has passed: so many watt-hours, or millilitres, an hour.
"""

import asyncio
from dataclasses import dataclass, field

from feiqian.outcomes import Outcome, Refusal
from feiqian.ports import Clock
from feiqian.vehicle.entity.site import SiteNews, SiteOrder
from feiqian.wire.usage import ServiceClass, Usage

HOUR_MS = 3_600_000
FLOW = {ServiceClass.CHARGING: 22_000, ServiceClass.FUELING: 2_000_000, ServiceClass.PARKING: 0}
"""Watt-hours, or millilitres, an hour."""


@dataclass
class TrialSite:
    """`vehicle.entity.site.Site`."""

    clock: Clock
    lasts_s: float
    """How long a service takes, unless it is ended before."""
    speed: int = 1
    """How many times faster than the clock what is used grows: an hour need not be waited for."""
    product: str = ""
    _began: dict[bytes, tuple[SiteOrder, SiteNews, int]] = field(default_factory=dict)
    _ending: dict[bytes, asyncio.Task[None]] = field(default_factory=dict)

    def occupied(self) -> bool:
        """Whether a service is rendered."""
        return bool(self._began)

    async def begin(self, order: SiteOrder, news: SiteNews) -> None:
        """Begin, if nobody else is served."""
        if order.request_id in self._began:
            return
        if self._began:
            raise Refusal(Outcome.BUSY, "somebody else is served here")
        self._began[order.request_id] = order, news, self.clock.now().midpoint_ms
        self._ending[order.request_id] = asyncio.ensure_future(self._last(order.request_id))
        await news.started(order.request_id)

    async def _last(self, request_id: bytes) -> None:
        over = asyncio.Event()
        asyncio.get_running_loop().call_later(self.lasts_s, over.set)
        await over.wait()
        await self.end(request_id)

    async def end(self, request_id: bytes) -> None:
        """End, with what was used until now."""
        began = self._began.pop(request_id, None)
        if began is None:
            return
        order, news, from_ms = began
        now_ms = self.clock.now().midpoint_ms
        span_ms = (now_ms - from_ms) * self.speed
        flow = FLOW[order.service] * span_ms // HOUR_MS
        charging = order.service is ServiceClass.CHARGING
        fueling = order.service is ServiceClass.FUELING
        usage = Usage(
            now_ms - span_ms,
            now_ms,
            flow if charging else 0,
            flow if fueling else 0,
            product=self.product if fueling else "",
        )
        await news.ended(request_id, served=True, usage=usage)

    async def close(self) -> None:
        """End nothing more by itself."""
        for task in self._ending.values():
            task.cancel()
        await asyncio.gather(*self._ending.values(), return_exceptions=True)
