"""Where a vehicle is, by its own word and by that of the entities it may stand at (V-03, V-04)."""

from typing import Annotated

from msgspec import Meta

from feiqian.crypto.signed import SignedKind
from feiqian.timing.moment import Moment
from feiqian.wire.positions import Position
from feiqian.wire.service import MAX_SHORT_BYTES, RequestId, Said


class PositionReport(Said, frozen=True):
    """Vehicle -> management: where I am (V-03). Not acknowledged: the next one replaces it."""

    sequence: Annotated[int, Meta(ge=1, le=2**53 - 1)]
    """Grows with every report of this vehicle."""
    position: Position


class PresenceQuestion(Said, frozen=True):
    """Management -> entity: say whether somebody stands at you, with a plug in, now."""

    question_id: RequestId
    moment: Moment


class PresenceAnswer(Said, frozen=True):
    """Entity -> management."""

    question_id: RequestId
    occupied: bool
    moment: Moment


POSITION = SignedKind(b"feiqian/position-report", PositionReport, MAX_SHORT_BYTES)
QUESTION = SignedKind(b"feiqian/presence-question", PresenceQuestion, MAX_SHORT_BYTES)
ANSWER = SignedKind(b"feiqian/presence-answer", PresenceAnswer, MAX_SHORT_BYTES)
