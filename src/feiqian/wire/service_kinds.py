"""Under which kind the bus carries each message of a service, and which are never acknowledged."""

from feiqian.crypto.signed import SignedKind
from feiqian.wire.fees import FEE_ORDER, FEE_OWED, FEE_RECEIPT, RECONCILED
from feiqian.wire.presence import ANSWER, POSITION, QUESTION, PositionReport
from feiqian.wire.service import (
    ACKNOWLEDGED,
    AUTHORISED,
    CANCELLED,
    CLOSED,
    DECLINED,
    ENDED,
    MATCHED,
    OFFER,
    REQUEST,
    STARTED,
    STOP,
    Acknowledged,
    Said,
)

KINDS: dict[str, SignedKind[Said]] = {
    kind.domain.decode().removeprefix("feiqian/"): kind  # type: ignore[misc]  # SignedKind is invariant, and only read here
    for kind in (
        ACKNOWLEDGED,
        REQUEST,
        OFFER,
        DECLINED,
        AUTHORISED,
        POSITION,
        QUESTION,
        ANSWER,
        MATCHED,
        STARTED,
        STOP,
        ENDED,
        CANCELLED,
        FEE_ORDER,
        FEE_OWED,
        FEE_RECEIPT,
        RECONCILED,
        CLOSED,
    )
}
"""Every message by the kind under which the bus carries it."""

KIND_OF: dict[type[Said], str] = {kind.shape: name for name, kind in KINDS.items()}
"""The other way."""

UNACKNOWLEDGED = frozenset({Acknowledged, PositionReport})
"""What is said once and not repeated."""
