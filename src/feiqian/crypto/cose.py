"""COSE_Sign1 (RFC 9052, 4.2) in the one form Feiqian uses.

Tagged, the algorithm alone in the protected header, an empty unprotected header, the payload
attached. What kind of object it is stands in the external additional data (`domain`), so that a
signature over one kind never passes for another; it costs no bytes. The form is fixed down to the
byte, hence reading it needs no CBOR decoder and every deviation is refused.
"""

import re
from dataclasses import dataclass
from functools import lru_cache

from feiqian.crypto.suites import SIGNATURE_BYTES, PrivateKey, Suite
from feiqian.outcomes import Outcome, Refusal

_TAGGED_ARRAY = b"\xd2\x84"
_EMPTY_MAP = b"\xa0"
_SIGNATURE_HEAD = b"\x58\x40"
_CONTEXT = b"\x84\x6aSignature1"

_LENGTH_WIDTHS = {24: 1, 25: 2, 26: 4, 27: 8}
_RESERVED_LENGTHS = (28, 29, 30)
_INDEFINITE = 31
_ANY_ALGORITHM = re.compile(
    # A byte string holding {1: integer of one, two, three, five or nine bytes}, then an empty map.
    rb"(?:\x43\xa1\x01[\x00-\x17\x20-\x37]|\x44\xa1\x01[\x18\x38].|\x45\xa1\x01[\x19\x39].{2}"
    rb"|\x47\xa1\x01[\x1a\x3a].{4}|\x4b\xa1\x01[\x1b\x3b].{8})\xa0",
    re.DOTALL,
)


@dataclass(frozen=True, slots=True)
class Sign1:
    """A signed object taken apart; not verified yet."""

    raw: bytes
    payload: bytes
    signature: bytes


def sign(suite: Suite, key: PrivateKey, domain: bytes, payload: bytes) -> bytes:
    """A tagged COSE_Sign1 over `payload` in `domain`."""
    signature = key.sign(_to_be_signed(suite, domain, payload))
    return assemble(suite, payload, signature)


def assemble(suite: Suite, payload: bytes, signature: bytes) -> bytes:
    """The COSE_Sign1 of a payload and a signature that was made elsewhere (64 bytes)."""
    return (
        _head(suite.algorithm)
        + _byte_string_head(len(payload))
        + payload
        + _SIGNATURE_HEAD
        + signature
    )


def parse(suite: Suite, raw: bytes, *, limit: int) -> Sign1:
    """Take a COSE_Sign1 apart without verifying it.

    Raises `Refusal`: too_large above `limit` bytes, malformed, unknown_suite, not_canonical.
    """
    if len(raw) > limit:
        raise Refusal(Outcome.TOO_LARGE, f"expected at most {limit} bytes, got {len(raw)}")
    head = _head(suite.algorithm)
    if not raw.startswith(head):
        raise _wrong_head(raw, head)
    start, length = _read_byte_string_head(raw, len(head))
    end = start + length
    tail = raw[end:]
    if len(tail) != 2 + SIGNATURE_BYTES or not tail.startswith(_SIGNATURE_HEAD):
        raise Refusal(Outcome.MALFORMED, "expected a payload, a 64-byte signature and no more")
    return Sign1(raw=raw, payload=raw[start:end], signature=tail[2:])


def verify(suite: Suite, public: bytes, domain: bytes, signed: Sign1) -> None:
    """Raise `Refusal` bad_signature unless `signed` is by `public` in `domain`."""
    suite.verify(public, signed.signature, _to_be_signed(suite, domain, signed.payload))


def _to_be_signed(suite: Suite, domain: bytes, payload: bytes) -> bytes:
    protected = _protected(suite.algorithm)
    return b"".join(
        (
            _CONTEXT,
            _byte_string_head(len(protected)),
            protected,
            _byte_string_head(len(domain)),
            domain,
            _byte_string_head(len(payload)),
            payload,
        )
    )


@lru_cache(maxsize=8)
def _protected(algorithm: int) -> bytes:
    return b"\xa1\x01" + _negative_head(algorithm)


@lru_cache(maxsize=8)
def _head(algorithm: int) -> bytes:
    protected = _protected(algorithm)
    return _TAGGED_ARRAY + _byte_string_head(len(protected)) + protected + _EMPTY_MAP


def _negative_head(value: int) -> bytes:
    magnitude = -1 - value
    if magnitude < 24:
        return bytes([0x20 | magnitude])
    if magnitude < 0x100:
        return bytes([0x38, magnitude])
    if magnitude < 0x1_0000:
        return b"\x39" + magnitude.to_bytes(2, "big")
    return b"\x3a" + magnitude.to_bytes(4, "big")


def _byte_string_head(length: int) -> bytes:
    if length < 24:
        return bytes([0x40 | length])
    if length < 0x100:
        return bytes([0x58, length])
    if length < 0x1_0000:
        return b"\x59" + length.to_bytes(2, "big")
    return b"\x5a" + length.to_bytes(4, "big")


def _read_byte_string_head(raw: bytes, at: int) -> tuple[int, int]:
    if at >= len(raw) or raw[at] >> 5 != 2:
        raise Refusal(Outcome.MALFORMED, "expected the payload as a byte string")
    short = raw[at] & 0x1F
    if short == _INDEFINITE:
        raise Refusal(Outcome.NOT_CANONICAL, "expected a definite payload length")
    start = at + 1 + _LENGTH_WIDTHS.get(short, 0)
    length = int.from_bytes(raw[at + 1 : start], "big") if start > at + 1 else short
    if start + length > len(raw) or short in _RESERVED_LENGTHS:
        raise Refusal(Outcome.MALFORMED, "expected a payload within the message")
    if _byte_string_head(length) != raw[at:start]:
        raise Refusal(Outcome.NOT_CANONICAL, "expected the shortest payload length")
    return start, length


def _wrong_head(raw: bytes, head: bytes) -> Refusal:
    """Tell another algorithm, a well-formed header, from bytes that are no COSE_Sign1 of ours."""
    if not raw.startswith(_TAGGED_ARRAY):
        return Refusal(Outcome.MALFORMED, "expected a tagged COSE_Sign1 array of four")
    if _ANY_ALGORITHM.match(raw, len(_TAGGED_ARRAY)):
        return Refusal(Outcome.UNKNOWN_SUITE, "expected this network's signature algorithm")
    return Refusal(Outcome.MALFORMED, f"expected the header {head.hex()}, algorithm alone")
