"""A compact set of hashes for narrow channels: it answers "no" or "maybe", never "yes".

Of each hash, whole or cut off, it keeps the first `w = q + 20` bits, where `q` is the number of bits in which
the size `n` is written (`2**(q-1) <= n < 2**q`). A hash that is not in the set is taken for one that
is with a probability of at most `n / 2**w < 2**-20`, which is below one in a million at any size.
Coding is Elias-Fano: the upper `q` bits as gaps in unary, at most `n + 2**q <= 3n` bits, the lower
20 bits as they are; together at most 23 bits, hence less than 3 bytes an element. Loaded, the upper
bits are an array of offsets, so a look-up reads two numbers and compares a few.
"""

from array import array
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from itertools import accumulate, pairwise
from struct import Struct

from feiqian.outcomes import Outcome, Refusal

REMAINDER_BITS = 20
MAX_ELEMENTS = 2**22
_READ_BYTES = 8
_read_first = Struct(">Q").unpack_from
"""The first eight bytes as a number; twice as fast as `int.from_bytes` of a slice."""
_REMAINDER_MASK = (1 << REMAINDER_BITS) - 1
_PAIR_BYTES = 2 * REMAINDER_BITS // 8


@dataclass(frozen=True, slots=True)
class CompactSet:
    """The loaded form."""

    count: int
    shift: int
    """How far the first eight bytes of a hash are shifted to leave `w` bits."""
    offsets: "array[int]"
    """Where the remainders of each quotient begin; one more than there are quotients."""
    remainders: "array[int]"

    def __contains__(self, hashed: bytes) -> bool:
        """Whether `hashed` may be in the set; False is certain."""
        return self.searcher()(hashed)

    def searcher(self) -> Callable[[bytes], bool]:
        """What says whether a hash may be in the set; for many look-ups, it has all at hand."""
        offsets, remainders, shift, read_first = (
            self.offsets,
            self.remainders,
            self.shift,
            _read_first,
        )

        def may_contain(hashed: bytes) -> bool:
            value = read_first(hashed)[0] >> shift
            quotient = value >> REMAINDER_BITS
            start, end = offsets[quotient], offsets[quotient + 1]
            return start != end and value & _REMAINDER_MASK in remainders[start:end]

        return may_contain

    @property
    def false_positive_bound(self) -> float:
        """The greatest probability that a hash outside is taken for one inside: `n / 2**w`."""
        return self.count / 2.0 ** (8 * _READ_BYTES - self.shift)


def build_compact(hashes: Iterable[bytes]) -> CompactSet:
    """The set of hashes, of which eight bytes are read. `Refusal` too_large."""
    read = sorted({_read_first(hashed)[0] for hashed in hashes})
    if len(read) > MAX_ELEMENTS:
        raise Refusal(Outcome.TOO_LARGE, f"expected at most {MAX_ELEMENTS} elements")
    shift = _shift(len(read))
    # Two hashes that agree in all bits kept are one element twice, which does no harm.
    values = [value >> shift for value in read]
    return _loaded(
        (value >> REMAINDER_BITS for value in values),
        array("I", (value & _REMAINDER_MASK for value in values)),
    )


def encode_compact(compact: CompactSet) -> bytes:
    """The bytes that travel: remainders in pairs of five bytes, then the unary gaps."""
    remainders = compact.remainders
    padded = [*remainders, 0] if len(remainders) % 2 else remainders
    lower = b"".join(
        (first << REMAINDER_BITS | second).to_bytes(_PAIR_BYTES, "big")
        for first, second in zip(padded[::2], padded[1::2], strict=True)
    )
    bits = "".join("1" * (end - start) + "0" for start, end in pairwise(compact.offsets))
    length = (len(bits) + 7) // 8
    return lower + int(bits.ljust(8 * length, "0") or "0", 2).to_bytes(length, "big")


def decode_compact(count: int, data: bytes) -> CompactSet:
    """Load a set of `count` elements.

    Raises `Refusal`: too_large; malformed unless `data` is the one encoding of such a set.
    """
    if count > MAX_ELEMENTS:
        raise Refusal(Outcome.TOO_LARGE, f"expected at most {MAX_ELEMENTS} elements")
    lower_bytes = _PAIR_BYTES * ((count + 1) // 2)
    quotients = 1 << count.bit_length()
    if len(data) != lower_bytes + (count + quotients + 7) // 8:
        raise Refusal(Outcome.MALFORMED, f"expected the length of {count} elements")
    remainders = _read_remainders(data[:lower_bytes], count)
    bits = "".join(format(byte, "08b") for byte in data[lower_bytes:])
    gaps = bits[: count + quotients].split("0")
    if len(gaps) != quotients + 1 or gaps[-1] or "1" in bits[count + quotients :]:
        raise Refusal(Outcome.MALFORMED, f"expected {quotients} gaps and nothing after them")
    upper = (quotient for quotient, gap in enumerate(gaps) for _ in gap)
    compact = _loaded(upper, remainders)
    _check_order(compact)
    return compact


def _shift(count: int) -> int:
    return 8 * _READ_BYTES - count.bit_length() - REMAINDER_BITS


def _loaded(quotients: Iterable[int], remainders: "array[int]") -> CompactSet:
    count = len(remainders)
    sizes = array("I", bytes(4 << count.bit_length()))
    for quotient in quotients:
        sizes[quotient] += 1
    offsets = array("I", accumulate(sizes, initial=0))
    return CompactSet(count, _shift(count), offsets, remainders)


def _read_remainders(lower: bytes, count: int) -> "array[int]":
    remainders = array("I")
    for at in range(0, len(lower), _PAIR_BYTES):
        pair = int.from_bytes(lower[at : at + _PAIR_BYTES], "big")
        remainders.append(pair >> REMAINDER_BITS)
        remainders.append(pair & _REMAINDER_MASK)
    if count % 2 and remainders.pop():
        raise Refusal(Outcome.MALFORMED, "expected zeros after the last remainder")
    return remainders


def _check_order(compact: CompactSet) -> None:
    """One set has one encoding: the remainders of each quotient ascend."""
    for start, end in pairwise(compact.offsets):
        if end - start > 1 and list(compact.remainders[start:end]) != sorted(
            compact.remainders[start:end]
        ):
            raise Refusal(Outcome.MALFORMED, "expected remainders in order")
