"""What a service entity and its equipment say to each other: charge point, pump, bay.

One vocabulary for all three services. A meter's register only grows; it counts watt-hours or
millilitres. Every service bears a key, short enough for the smallest field that any equipment has
for it. Adapters speak the equipment's own protocol on the other side, such as OCPP.
"""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Protocol

from feiqian.outcomes import Refusal

KEY_LENGTH = 20
"""Of an OCPP 1.6 id tag, the smallest field."""


def key_of(request_id: bytes) -> str:
    """The name of a service towards its equipment: the request's first bytes, in hex."""
    return request_id.hex()[:KEY_LENGTH]


@dataclass(frozen=True, slots=True)
class Begin:
    """Command: serve, and report under this key. The same again goes on with what was begun."""

    key: str
    transaction: str = ""
    """What the equipment called the service when it began; empty before that."""
    limits: Mapping[str, int] = field(default_factory=dict)
    """Of each product, the most that may flow; empty when the entity stops the service itself."""


@dataclass(frozen=True, slots=True)
class Stop:
    """Command: end the service; `Finished` follows, unless it had ended or the equipment is gone."""

    key: str
    transaction: str = ""


Command = Begin | Stop


@dataclass(frozen=True, slots=True)
class Began:
    """The service runs."""

    key: str
    at_ms: int
    register: int = 0
    """The meter when it began."""
    transaction: str = ""
    product: str = ""


@dataclass(frozen=True, slots=True)
class Metered:
    """The meter's register at a moment."""

    key: str
    at_ms: int
    register: int


@dataclass(frozen=True, slots=True)
class Paused:
    """Nothing flows any more, or it flows again; the place is taken either way."""

    key: str
    at_ms: int
    paused: bool


@dataclass(frozen=True, slots=True)
class Finished:
    """The service is over."""

    key: str
    at_ms: int
    register: int


@dataclass(frozen=True, slots=True)
class NotBegun:
    """The equipment does not serve; nothing was used."""

    key: str
    refusal: Refusal


Event = Began | Metered | Paused | Finished | NotBegun
Listener = Callable[[Event], Awaitable[None]]
"""Where the equipment's events go."""


class Equipment(Protocol):
    """A charge point's connector, a pump, a bay."""

    def occupied(self) -> bool:
        """Whether somebody stands there now, as far as the equipment knows."""
        ...

    async def do(self, command: Command) -> None:
        """Carry out a command; what comes of it is told as events. `Refusal` unavailable."""
        ...
