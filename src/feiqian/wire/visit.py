"""What vehicle and entity say to each other directly, before a fee is paid over the same link.

A *visit*: the vehicle hands over signed messages that are for the entity, and may ask to pay a fee
order now; the entity hands over those of its own that are for the management server, which the vehicle
carries. So an entity without a network is matched, heard and paid all the same (V-10). What is carried
is signed by its sender, and the carrier cannot change it. Over the bus, a link is a numbered series of
frames; the ordinary payment protocol does not trust it any more than any other link.
"""

from typing import Annotated

from msgspec import Meta, Struct

from feiqian.outcomes import Outcome
from feiqian.wire.envelope import message
from feiqian.wire.fees import MAX_ORDER_BYTES
from feiqian.wire.payment import Detail
from feiqian.wire.service import MAX_ENDED_BYTES

MAX_CARRIED = 6
MAX_FRAME_CONTENT = 60_000
FRAME_KIND = "link"
"""Under which a bus carries frames."""


class CarriedMessage(Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """A message of a service in the hands of somebody else, as the bus would carry it."""

    kind: Annotated[str, Meta(min_length=1, max_length=32)]
    raw: Annotated[bytes, Meta(max_length=MAX_ENDED_BYTES)]


Carried = Annotated[tuple[CarriedMessage, ...], Meta(max_length=MAX_CARRIED)]


@message(30)
class Visit(Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """Vehicle -> entity, first on a link."""

    carried: Carried
    """Signed messages for the entity."""
    order: Annotated[bytes, Meta(max_length=MAX_ORDER_BYTES)] | None
    """The fee order to pay on this link, as signed; None: nothing is paid now."""
    offline: bool
    """Into the entity's chip, without any network."""


@message(31)
class Visited(Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """Entity -> vehicle: its answer; if a fee is to be paid and accepted, an offer follows."""

    carried: Carried
    """Signed messages of the entity, for others."""
    outcome: Outcome
    detail: Detail


@message(32)
class LinkFrame(Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """One message of a link over the bus."""

    session: Annotated[bytes, Meta(min_length=16, max_length=16)]
    """Of the link, drawn by whoever opened it."""
    opener: bool
    """Whether the opener sends it."""
    number: Annotated[int, Meta(ge=0, le=1_000)]
    """In this direction, from 0."""
    content: Annotated[bytes, Meta(max_length=MAX_FRAME_CONTENT)] | None
    """None: the link is closed."""
