"""What a ground station and the platform say to each other (HTTP, signed both ways).

One exchange does everything: the station says what its terminal heard and which messages it has put
on the air, the platform answers with everything that should be on the air now. A station believes
the answer as a whole: what is new it begins to send, what is not there any more it stops sending, but
for answers, which it keeps for those who ask again. So an exchange that is lost costs nothing but
time, and a station keeps nothing that matters. Exchanges of a station are numbered, by its clock, and
an older one is refused.
"""

from typing import Annotated

from msgspec import Meta, Struct

from feiqian.crypto.certificates import Name, UnixMs
from feiqian.crypto.signed import SignedKind
from feiqian.wire.channels import Address
from feiqian.wire.satellite import MAX_BROADCAST_BYTES

MAX_HEARD = 32
"""Most messages in one exchange."""
MAX_AIRED = 256
MAX_ON_AIR = 256
MAX_STATION_BYTES = 1_048_576

ExchangeNumber = Annotated[int, Meta(ge=1, le=2**53 - 1)]
TaskNumber = Annotated[int, Meta(ge=1, le=2**53 - 1)]
Content = Annotated[bytes, Meta(max_length=MAX_BROADCAST_BYTES)]
"""A satellite message; anything in fact, for whoever is heard may send what he wants."""


class Heard(Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """A message that the station's terminal has put together."""

    sender: Address
    """As the service states it; what is inside may be another's, whose message was carried."""
    content: Content


class StationExchange(Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """The station's half, signed with its key."""

    version: int
    station: Name
    number: ExchangeNumber
    """Grows with every exchange; the clock's milliseconds serve."""
    sent_at_ms: UnixMs
    heard: Annotated[tuple[Heard, ...], Meta(max_length=MAX_HEARD)]
    aired: Annotated[tuple[TaskNumber, ...], Meta(max_length=MAX_AIRED)]
    """Tasks whose message has been sent in enough symbols to be put together once."""


class AirTask(Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """A message to be on the air."""

    number: TaskNumber
    to: Address
    """Empty: to everybody."""
    answers: Annotated[bytes, Meta(max_length=32)]
    """The digest of the message heard that this answers: to be sent again whenever that is heard
    again. Empty: to be sent until the platform has it no more."""
    content: Content


class StationOrders(Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """The platform's half, signed with the root key."""

    version: int
    station: Name
    number: ExchangeNumber
    """Of the exchange that it answers."""
    tasks: Annotated[tuple[AirTask, ...], Meta(max_length=MAX_ON_AIR)]


STATION_EXCHANGE = SignedKind(b"feiqian/station-exchange", StationExchange, MAX_STATION_BYTES)
STATION_ORDERS = SignedKind(b"feiqian/station-orders", StationOrders, 4 * MAX_STATION_BYTES)
