"""A site that does as the test says: its services begin at once, and end when they are told to."""

from dataclasses import dataclass, field

from feiqian.outcomes import Outcome, Refusal
from feiqian.ports import Clock
from feiqian.vehicle.entity.site import SiteNews, SiteOrder
from feiqian.wire.usage import Usage


@dataclass
class ObedientSite:
    """`vehicle.entity.site.Site` whose services begin at once, and end when the test says."""

    clock: Clock
    taken: bool = False
    refusing: Outcome | None = None
    silent: bool = False
    """It never begins, and has nothing to say."""
    orders: dict[bytes, SiteOrder] = field(default_factory=dict)
    news: SiteNews | None = None
    began_ms: dict[bytes, int] = field(default_factory=dict)

    def occupied(self) -> bool:
        """Whether the test says so."""
        return self.taken

    async def begin(self, order: SiteOrder, news: SiteNews) -> None:
        """Begin."""
        self.news = news
        if self.refusing is not None:
            raise Refusal(self.refusing, "the site cannot serve")
        self.orders[order.request_id] = order
        if not self.silent:
            self.began_ms.setdefault(order.request_id, self.clock.now().midpoint_ms)
            await news.started(order.request_id)

    async def end(self, request_id: bytes) -> None:
        """End with what was used so far: time."""
        await self.finish(request_id)

    async def finish(self, request_id: bytes, energy_wh: int = 0, volume_ml: int = 0) -> None:
        """The service is over."""
        now_ms = self.clock.now().midpoint_ms
        began_ms = self.began_ms.get(request_id)
        usage = Usage(now_ms if began_ms is None else began_ms, now_ms, energy_wh, volume_ml)
        assert self.news is not None
        await self.news.ended(request_id, served=began_ms is not None, usage=usage)
