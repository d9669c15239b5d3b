"""What time it is, by an institution's signature: for clients whose own clock may show anything.

The question carries a nonce and nothing else: no moment, since who asks may not know any, and no
name. The statement repeats the nonce, so an old one answers no new question; how long its way took is
for the client to measure. It says nothing about having been in touch: that is a synchronisation.
"""

from typing import Annotated

from msgspec import Meta, Struct

from feiqian.crypto.signed import SignedKind
from feiqian.timing.moment import Moment

TIME_PATH = "/v1/time"
"""Where an institution tells the time."""
MAX_QUESTION_BYTES = 64

TimeNonce = Annotated[bytes, Meta(min_length=16, max_length=16)]


class TimeQuestion(Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """What time is it? Not signed; anybody may ask."""

    version: int
    nonce: TimeNonce


class TimeStatement(Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """The moment at which an institution signed this."""

    version: int
    nonce: TimeNonce
    moment: Moment


TIME_STATEMENT = SignedKind(b"feiqian/time", TimeStatement, 192)
