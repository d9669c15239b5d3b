"""What an entity has at its place: a charge point, a barrier, a pump; it serves, measures and stops.

A site is told to begin and to end, and answers through `SiteNews`, in its own time. Everything may be
told again after a crash and means the same: a service is named by its request.
"""

from dataclasses import dataclass
from typing import Protocol

from feiqian.outcomes import Refusal
from feiqian.wire.usage import ServiceClass, Usage


@dataclass(frozen=True, slots=True)
class SiteOrder:
    """A service to render."""

    request_id: bytes
    vehicle: str
    service: ServiceClass
    tariff: str
    ceiling_minor: int
    """What is used must not cost more: the site ends the service before."""
    until_ms: int
    """When the vehicle's authorisation ends."""


class SiteNews(Protocol):
    """What a site tells its entity."""

    async def started(self, request_id: bytes) -> None:
        """The service has begun."""
        ...

    async def ended(self, request_id: bytes, *, served: bool, usage: Usage) -> None:
        """The service is over; told until this returns."""
        ...

    async def refused(self, request_id: bytes, refusal: Refusal) -> None:
        """The service cannot be rendered; nothing was used."""
        ...


class Site(Protocol):
    """The place itself."""

    def occupied(self) -> bool:
        """Whether somebody stands there now: a plug is in, a bay is taken."""
        ...

    async def begin(self, order: SiteOrder, news: SiteNews) -> None:
        """Begin a service, or go on with one begun before."""
        ...

    async def end(self, request_id: bytes) -> None:
        """End it now; `ended` follows, also when it never began."""
        ...
