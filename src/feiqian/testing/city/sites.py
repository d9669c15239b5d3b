"""What stands at a station: a charger that feels its plug, a car park that counts who comes in.

A charger begins when a plug is in that it does not serve already, and ends when the battery is full or
the plug is out. A car park begins at once and ends when it is told to. Asked whether somebody is there,
each says yes only for a newcomer whom it does not serve yet: of the others it knows.
"""

from collections.abc import Callable, Mapping

from feiqian.vehicle.entity.site import SiteNews, SiteOrder
from feiqian.wire.usage import ServiceClass, Usage

POWER_W = 22_000
NEWCOMER_S = 240
"""How long after coming in a vehicle counts as one that still has to be told about."""
MS_PER_HOUR = 3_600_000


class CitySite:
    """One station's (`vehicle.entity.site.Site`)."""

    def __init__(
        self, name: str, service: ServiceClass, now_ms: Callable[[], int], full_after_s: int
    ) -> None:
        self._name = name
        self._charges = service is ServiceClass.CHARGING
        self._now_ms = now_ms
        self._full_after_ms = full_after_s * 1_000
        self._came_ms: dict[str, int] = {}
        """Who is here, and since when."""
        self._waiting: dict[bytes, SiteNews] = {}
        self._serving: dict[bytes, tuple[int, SiteNews]] = {}
        self._known: set[str] = set()
        """Of those that are here, who was served or is."""
        self.usages: dict[bytes, Usage] = {}
        """What was measured, by request."""
        self.served: dict[bytes, str] = {}
        """By request, the vehicle in front of us that was served; a car park only counts them."""

    def occupied(self) -> bool:
        """Whether a newcomer is here that is not served yet."""
        return bool(self._newcomers())

    async def begin(self, order: SiteOrder, news: SiteNews) -> None:
        """Begin, or wait for the plug."""
        request_id = order.request_id
        if request_id in self._serving or request_id in self.usages:
            return
        self._waiting[request_id] = news
        await self._begin_waiting()

    async def end(self, request_id: bytes) -> None:
        """End it now."""
        if request_id in self.usages:
            return
        began_ms, news = self._serving.pop(
            request_id, (self._now_ms(), self._waiting.pop(request_id, None))
        )
        if news is not None:
            await self._report(request_id, began_ms, news, served=request_id in self.served)

    async def see(self, standing: Mapping[str, str]) -> None:
        """A second passes; who stands at which station."""
        here = {vehicle for vehicle, station in standing.items() if station == self._name}
        for vehicle in [vehicle for vehicle in self._came_ms if vehicle not in here]:
            del self._came_ms[vehicle]
            self._known.discard(vehicle)
        for vehicle in here - self._came_ms.keys():
            self._came_ms[vehicle] = self._now_ms()
        await self._begin_waiting()
        for request_id, (began_ms, _) in tuple(self._serving.items()):
            if self._charges and self._over(request_id, began_ms):
                await self.end(request_id)

    def _over(self, request_id: bytes, began_ms: int) -> bool:
        full = self._now_ms() - began_ms >= self._full_after_ms
        return full or self.served[request_id] not in self._came_ms

    def _newcomers(self) -> list[str]:
        after_ms = self._now_ms() - NEWCOMER_S * 1_000
        return sorted(
            vehicle
            for vehicle, came_ms in self._came_ms.items()
            if vehicle not in self._known and came_ms >= after_ms
        )

    async def _begin_waiting(self) -> None:
        """The one that waited longest gets the first newcomer."""
        for request_id in tuple(self._waiting):
            free = sorted(self._came_ms.keys() - self._known)
            if not free:
                return
            self.served[request_id] = free[0]
            self._known.add(free[0])
            news = self._waiting.pop(request_id)
            self._serving[request_id] = (self._now_ms(), news)
            await news.started(request_id)

    async def _report(
        self, request_id: bytes, began_ms: int, news: SiteNews, *, served: bool
    ) -> None:
        until_ms = self._now_ms()
        energy_wh = POWER_W * (until_ms - began_ms) // MS_PER_HOUR if self._charges else 0
        usage = Usage(began_ms, until_ms, energy_wh if served else 0)
        self.usages[request_id] = usage
        await news.ended(request_id, served=served, usage=usage)
