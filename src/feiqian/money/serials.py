"""Serials are UUIDv7 (RFC 9562, 5.7): time-ordered, so they insert cheaply, random in the rest."""

RANDOM_BYTES = 10


def make_serial(now_ms: int, randomness: bytes) -> bytes:
    """The 16-byte serial of a moment and `RANDOM_BYTES` unpredictable bytes."""
    if len(randomness) != RANDOM_BYTES:
        raise ValueError(f"expected {RANDOM_BYTES} random bytes")
    version = 0x70 | (randomness[0] & 0x0F)
    variant = 0x80 | (randomness[2] & 0x3F)
    return now_ms.to_bytes(6, "big") + bytes((version, randomness[1], variant)) + randomness[3:]
