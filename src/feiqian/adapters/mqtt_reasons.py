"""MQTT 5 reason codes (OASIS MQTT 5.0, 2.4) as refusals by name."""

from feiqian.outcomes import Outcome, Refusal

NO_MATCHING_SUBSCRIBERS = 0x10
NOT_AUTHORISED = 0x87
SESSION_TAKEN_OVER = 0x8E

_OUTCOMES = {
    NO_MATCHING_SUBSCRIBERS: Outcome.UNAVAILABLE,
    0x81: Outcome.MALFORMED,  # malformed packet
    0x82: Outcome.MALFORMED,  # protocol error
    0x84: Outcome.UNKNOWN_VERSION,  # unsupported protocol version
    0x85: Outcome.BAD_CERTIFICATE,  # client identifier not valid
    0x86: Outcome.BAD_CERTIFICATE,  # bad user name or password
    NOT_AUTHORISED: Outcome.WRONG_ROLE,
    0x89: Outcome.BUSY,  # server busy
    0x8A: Outcome.WRONG_ROLE,  # banned
    0x8C: Outcome.BAD_CERTIFICATE,  # bad authentication method
    0x8F: Outcome.MALFORMED,  # topic filter invalid
    0x90: Outcome.MALFORMED,  # topic name invalid
    0x93: Outcome.BUSY,  # receive maximum exceeded
    0x95: Outcome.TOO_LARGE,  # packet too large
    0x96: Outcome.BUSY,  # message rate too high
    0x97: Outcome.BUSY,  # quota exceeded
    0x99: Outcome.MALFORMED,  # payload format invalid
}

_RETRIED = frozenset({Outcome.UNAVAILABLE, Outcome.BUSY})


def refusal_of(code: int, name: str) -> Refusal | None:
    """What a reason code means; None when it means success. Unknown failures are unavailable."""
    if code < 0x80 and code != NO_MATCHING_SUBSCRIBERS:
        return None
    return Refusal(_OUTCOMES.get(code, Outcome.UNAVAILABLE), f"the broker says: {name}")


def is_final(refusal: Refusal) -> bool:
    """Whether connecting again with the same credentials cannot help."""
    return refusal.outcome not in _RETRIED
