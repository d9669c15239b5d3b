"""Deterministic CBOR: one value, one encoding, and every other one refused by name."""

from typing import Annotated

import pytest
from msgspec import Meta, Struct

from feiqian.crypto import cbor
from feiqian.outcomes import Outcome
from feiqian.timing.moment import MAX_MS, Moment
from tests.golden import outcome_of


class Sample(Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """One field of each form that structures use."""

    version: int
    count: Annotated[int, Meta(ge=0, le=2**32 - 1)] = 0
    text: str = ""
    data: bytes = b""
    many: tuple[Moment, ...] = ()
    perhaps: bytes | None = None
    flag: bool = False


SAMPLE = Sample(1, 500, "飞钱", b"\x00\xff", (Moment(5, 1), Moment(7)), b"", True)
LIMIT = 1_000


def refused(encoded, shape=Sample):
    """The outcome by which hex is refused."""
    return outcome_of(lambda: cbor.decode(bytes.fromhex(encoded), shape, limit=LIMIT))


def test_structure_comes_back_as_it_went():
    """Decoding what was encoded gives an equal value."""
    encoded = cbor.encode(SAMPLE)
    assert encoded.hex() == "87011901f466e9a39ee992b14200ff8282050182070040f5"
    assert cbor.decode(encoded, Sample, limit=LIMIT) == SAMPLE


def test_limit_is_the_last_length_that_is_read():
    """A structure of exactly the limit is read, one byte less of limit refuses it unread."""
    encoded = cbor.encode(SAMPLE)
    assert cbor.decode(encoded, Sample, limit=len(encoded)) == SAMPLE
    assert (
        outcome_of(lambda: cbor.decode(encoded, Sample, limit=len(encoded) - 1))
        is Outcome.TOO_LARGE
    )


def test_fields_left_out_are_a_second_encoding_and_refused():
    """A default is never a reason to accept a shorter encoding of the same value."""
    assert refused("820105") is Outcome.NOT_CANONICAL
    assert refused("8105", Moment) is Outcome.UNKNOWN_VERSION
    moment_without_radius = "8501056040" + "818107"
    assert refused(moment_without_radius) is Outcome.NOT_CANONICAL


@pytest.mark.parametrize(
    ("encoded", "outcome"),
    [
        ("", Outcome.MALFORMED),
        ("80", Outcome.MALFORMED),
        ("01", Outcome.MALFORMED),
        ("a0", Outcome.MALFORMED),
        ("81f5", Outcome.MALFORMED),
        ("8120", Outcome.UNKNOWN_VERSION),
        ("811a00000001", Outcome.NOT_CANONICAL),
        ("9f0105ff", Outcome.NOT_CANONICAL),
        ("8701190001604080f6f4", Outcome.NOT_CANONICAL),
        ("870100604080f6f400", Outcome.NOT_CANONICAL),
        ("870100604080f6f4" * 2, Outcome.NOT_CANONICAL),
        ("870100604080f6", Outcome.MALFORMED),
        ("8701f90000604080f6f4", Outcome.MALFORMED),
        ("8701fb0000000000000000604080f6f4", Outcome.MALFORMED),
        ("8701f97e00604080f6f4", Outcome.MALFORMED),
        ("870100604080f7f4", Outcome.MALFORMED),
        ("870100604080e0f4", Outcome.MALFORMED),
        ("8701f4604080f6f4", Outcome.MALFORMED),
        ("870100604080f600", Outcome.MALFORMED),
        ("8701c24100604080f6f4", Outcome.MALFORMED),
        ("8701c249010000000000000000604080f6f4", Outcome.MALFORMED),
        ("87011bffffffffffffffff604080f6f4", Outcome.MALFORMED),
        ("870100604080d84041aaf4", Outcome.MALFORMED),
        ("8701006040d9010280f6f4", Outcome.MALFORMED),
        ("870100604080a0f4", Outcome.MALFORMED),
        ("87010061ff4080f6f4", Outcome.MALFORMED),
        ("87010063eda0804080f6f4", Outcome.MALFORMED),
        ("870100409ff6f4ff", Outcome.MALFORMED),
        ("8701009bffffffffffffffff", Outcome.MALFORMED),
        ("8701005bffffffffffffffff", Outcome.MALFORMED),
        ("8701ff", Outcome.MALFORMED),
        ("87011c", Outcome.MALFORMED),
    ],
)
def test_what_is_not_the_encoding_is_refused_by_name(encoded, outcome):
    """Floats, tags, cut heads, spare bytes and the like each have one name."""
    assert refused(encoded) is outcome


def test_nesting_has_a_bottom():
    """A message cannot make its reader recurse without end."""
    assert refused("8201" + "81" * 900 + "00") is Outcome.MALFORMED


@pytest.mark.parametrize("tag", [*range(64), 100, 256, 258, 260, 261, 1004, 43000, 55799, 2**32])
def test_no_tag_is_read(tag):
    """No tag is interpreted, known to the library or not."""
    head = bytes([0xC0 | tag]) if tag < 24 else b"\xdb" + tag.to_bytes(8, "big")
    for content in (b"\x00", b"\x40", b"\x60", b"\x80", b"\x82\x01\x01"):
        encoded = b"\x82\x01" + head + content
        refused = outcome_of(lambda data=encoded: cbor.read_array(data, limit=LIMIT))
        assert refused is Outcome.MALFORMED


@pytest.mark.parametrize("moment", [(-1, 0), (0, -1), (MAX_MS + 1, 0), (0, MAX_MS + 1)])
def test_moments_have_bounds(moment):
    """A moment of a peer lies where every reader keeps it exact, its radius not below zero."""
    assert outcome_of(lambda: cbor.convert(list(moment), Moment)) is Outcome.MALFORMED
