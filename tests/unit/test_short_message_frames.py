"""Frames of short messages: their bytes stay what they are, and what is not sound is refused."""

import hashlib

import pytest

from feiqian.outcomes import Outcome, Refusal
from feiqian.protocol.carriage.fountain import Fountain
from feiqian.wire.short_messages import (
    CHANNEL_CLASSES,
    MAX_CONTENT_BYTES,
    RDSS2,
    RDSS3_GLOBAL,
    RDSS3_REGIONAL,
    Symbol,
    Whole,
    decode_frame,
    name_parcel,
)

CONTENT = bytes(range(256)) * 12
REPAIR_DIGEST = "d4cbe033ef3559e644d5b27e8554774f1fe95f463d2456c07395a40f2e87e973"
"""Of five repair symbols of the first 150 bytes."""


def test_the_classes_are_those_of_the_services():
    """Message, symbol and longest content of every class."""
    assert [
        (each.max_bytes, each.symbol_bytes, each.whole_bytes)
        for each in (RDSS2, RDSS3_REGIONAL, RDSS3_GLOBAL)
    ] == [(78, 72, 77), (1_750, 1_744, 1_749), (70, 64, 69)]
    assert {each.longest_bytes for each in CHANNEL_CLASSES.values()} == {MAX_CONTENT_BYTES}
    assert {each.period_ms for each in CHANNEL_CLASSES.values()} == {60_000}


@pytest.mark.parametrize(
    ("length", "number", "head"),
    [
        # kind 01, length 100 - 1 in 11 bits, 25 bits of digest, symbol 5 in 10 bits
        (100, 5, (1 << 46) | (99 << 35) | (5)),
        (2_048, 1_023, (1 << 46) | (2_047 << 35) | 1_023),
        # kind 10, length 3,000 - 1 in 16 bits, 18 bits of digest, symbol in 12 bits
        (3_000, 4_095, (2 << 46) | (2_999 << 30) | 4_095),
    ],
)
def test_a_symbols_head_is_six_bytes(length, number, head):
    """Kind, length, digest and number stand where the documents say, to the bit."""
    content = CONTENT[:length]
    name = name_parcel(content, 64)
    digest_bits, symbol_bits = (25, 10) if length <= 2_048 else (18, 12)
    first = int.from_bytes(hashlib.sha256(content).digest()[:4], "big") >> (32 - digest_bits)
    data = Symbol(name, number, bytes(64)).encode()
    assert data[:6] == (head | first << symbol_bits).to_bytes(6, "big")
    assert decode_frame(data) == Symbol(name, number, bytes(64))


def test_symbols_are_those_of_the_standard():
    """The first symbols are the content; repair symbols stay the same bytes in every version."""
    fountain = Fountain(name_parcel(CONTENT[:150], 64), CONTENT[:150])
    symbols = [fountain.symbol(number).symbol for number in range(8)]
    assert b"".join(symbols[:3]) == CONTENT[:150] + bytes(42)
    assert hashlib.sha256(b"".join(symbols[3:])).hexdigest() == REPAIR_DIGEST


def test_a_whole_message_is_one_byte_longer():
    """Content in one message stands behind one zero byte."""
    assert Whole(b"hello").encode() == b"\0hello"
    assert decode_frame(b"\0hello") == Whole(b"hello")


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\0",
        b"\x01hello",
        b"\xc0" + bytes(20),
        b"\x40" + bytes(5),
        b"\x40" + bytes(5 + 63),
        b"\x40" + bytes(5 + 8),
        b"\x40" + bytes(5 + 4_104),
        ((2 << 46) | (2_047 << 30)).to_bytes(6, "big") + bytes(64),
        ((2 << 46) | (65_535 << 30)).to_bytes(6, "big") + bytes(56),
    ],
    ids=[
        "nothing",
        "no content",
        "spare bits",
        "no such kind",
        "no symbol",
        "symbol not in eights",
        "symbol too short",
        "symbol too long",
        "wrong form for its length",
        "too many symbols",
    ],
)
def test_what_is_not_sound_is_malformed(data):
    """What the coder could not take, or nobody would send, is refused before it is kept."""
    with pytest.raises(Refusal) as refused:
        decode_frame(data)
    assert refused.value.outcome is Outcome.MALFORMED
