"""The compact set: nothing in it is missed, what is not is seldom taken for it, one encoding each."""

import hashlib
import random

import pytest

from feiqian.money.compact_set import build_compact, decode_compact, encode_compact
from feiqian.outcomes import Outcome
from tests.golden import outcome_of


def hashes(count, label):
    """So many hashes, the same in every run."""
    return [hashlib.sha256(f"{label}/{number}".encode()).digest() for number in range(count)]


@pytest.mark.parametrize("count", [0, 1, 2, 3, 7, 8, 100, 1023, 1024, 5_000])
def test_everything_in_the_set_is_found_after_the_journey(count):
    """No false negative, at any size, before and after encoding; the encoding is read back."""
    members = hashes(count, "in")
    compact = build_compact(members)
    read = decode_compact(compact.count, encode_compact(compact))
    assert read == compact
    assert all(member in read for member in members)


@pytest.mark.parametrize("count", [100, 1024, 2047, 50_000])
def test_an_element_takes_less_than_three_bytes(count):
    """At any size from a hundred on, powers of two included."""
    compact = build_compact(hashes(count, "in"))
    assert len(encode_compact(compact)) < 3 * count


@pytest.mark.parametrize("count", [1, 2, 1000, 2**20 - 1, 2**20, 2**22])
def test_the_false_positive_rate_is_below_one_in_a_million(count):
    """The stated bound `n / 2**w` is below `2**-20` at every size."""
    bits = count.bit_length() + 20
    assert count / 2**bits < 2**-20 < 1e-6


def test_measured_false_positives_are_within_the_bound():
    """Of hashes made to agree in all bits but the last kept ones, as many are hit as must be.

    A rate of one in a million cannot be measured quickly over all hashes. Here each candidate shares
    its first bits with a member, which makes a hit 2**16 times as likely.
    """
    members = hashes(4_000, "in")
    compact = build_compact(members)
    kept_bits = 64 - compact.shift
    generator = random.Random(7)
    free, tried, hits = kept_bits - 16, 200_000, 0
    for _ in range(tried):
        member = int.from_bytes(generator.choice(members), "big")
        mask = (1 << (256 - 16)) - 1
        candidate = (member & ~mask) | generator.getrandbits(240)
        hits += candidate.to_bytes(32, "big") in compact
    # In a stretch of 2**free values lie `density` members: at least the one that was chosen.
    density = 1 + 4_000 / 2**16
    expected = tried * density / 2**free
    assert hits <= 3 * expected + 10
    assert compact.false_positive_bound < 2**-20
    outside = hashes(200_000, "out")
    assert sum(each in compact for each in outside) <= 3


def test_a_hit_needs_all_the_bits_that_are_kept():
    """A hash that differs in the last bit kept is not taken for the member."""
    [member] = hashes(1, "in")
    compact = build_compact([member])
    flipped = int.from_bytes(member, "big") ^ (1 << (256 - 64 + compact.shift))
    assert flipped.to_bytes(32, "big") not in compact
    ignored = int.from_bytes(member, "big") ^ (1 << (256 - 64 + compact.shift - 1))
    assert ignored.to_bytes(32, "big") in compact


def test_a_set_has_one_encoding():
    """Another length, bits after the end, or remainders out of order are malformed."""
    compact = build_compact(hashes(9, "in"))
    data = encode_compact(compact)
    assert outcome_of(lambda: decode_compact(9, data + b"\0")) is Outcome.MALFORMED
    assert outcome_of(lambda: decode_compact(8, data)) is Outcome.MALFORMED
    padded = data[:-1] + bytes([data[-1] | 1])
    assert outcome_of(lambda: decode_compact(9, padded)) is Outcome.MALFORMED
    filled = data[:24] + bytes([data[24] | 1]) + data[25:]
    assert outcome_of(lambda: decode_compact(9, filled)) is Outcome.MALFORMED
    close = [bytes([0, 0, 4]) + bytes(29), bytes([0, 0, 8]) + bytes(29)]
    tight = build_compact(close)
    data = encode_compact(tight)
    lower = int.from_bytes(data[:5], "big")
    swapped = ((lower & 0xFFFFF) << 20 | lower >> 20).to_bytes(5, "big") + data[5:]
    outcome = outcome_of(lambda: decode_compact(tight.count, swapped))
    assert outcome is Outcome.MALFORMED


def test_a_set_is_bounded():
    """More elements than any list has are refused before anything is read."""
    assert outcome_of(lambda: decode_compact(2**22 + 1, b"")) is Outcome.TOO_LARGE
