"""What two terminals say to each other when one carries the other's satellite messages (W-13).

The terminal without coverage asks over any direct link: it hands over what is to go up and names its
channel; the terminal with coverage answers with what has come down for that channel, and what has
come for everybody. It sees sealed bytes and their headers: it can neither read nor alter them, and
who asks for another's channel gets bytes that he cannot read either.
"""

from typing import Annotated

from msgspec import Meta, Struct

from feiqian.outcomes import Outcome
from feiqian.wire.envelope import message
from feiqian.wire.satellite import MAX_SEALED_BYTES, ChannelNumber

MAX_CARRIED_UP = 4
"""Messages in one question."""
MAX_CARRIED_DOWN = 8
"""Messages in one answer; the newest."""
MAX_CARRIED_BYTES = 7_168
"""Longest message that is carried; longer broadcasts are read where there is coverage."""

Sealed = Annotated[bytes, Meta(max_length=MAX_SEALED_BYTES)]
Carried = Annotated[bytes, Meta(max_length=MAX_CARRIED_BYTES)]


@message(10)
class RelayQuestion(Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """Terminal without coverage -> neighbour; asking again with the same changes nothing."""

    channel: ChannelNumber
    up: Annotated[tuple[Sealed, ...], Meta(max_length=MAX_CARRIED_UP)]
    """Sealed messages of this channel; empty to ask only for what has come."""


@message(11)
class RelayAnswer(Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """Neighbour -> terminal without coverage."""

    outcome: Outcome
    """accepted: it will be sent; busy: too much is carried already; what came down is here."""
    down: Annotated[tuple[Carried, ...], Meta(max_length=MAX_CARRIED_DOWN)]
