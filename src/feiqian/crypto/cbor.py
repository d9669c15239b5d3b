"""Deterministic CBOR (RFC 8949, 4.2.1): one value, one encoding.

Every structure of Feiqian is an array whose first item is the version, described by a
`msgspec.Struct` with ``array_like=True``. Decoding checks canonical form by encoding the struct
again and comparing, so for every value there is exactly one accepted encoding, whatever a decoder
would tolerate. Tags, floats, maps and indefinite lengths have no place and are refused.
"""

from typing import Any, NoReturn, TypeVar

import cbor2
import msgspec

from feiqian.outcomes import Outcome, Refusal

T = TypeVar("T")

VERSION = 1
"""The version of every structure; a structure that changes gets a new one."""

MAX_DEPTH = 12
"""Deepest nesting that any structure has, with room."""


def _refuse_tag(*_: object) -> NoReturn:
    raise Refusal(Outcome.MALFORMED, "expected no CBOR tag inside a structure")


# The tags cbor2 decodes by itself would otherwise run code (dates, numbers, patterns, references).
_TAGS = (0, 1, 2, 3, 4, 5, 25, 28, 29, 30, 35, 36, 37, 100, 256, 258, 260, 261, 1004, 43000, 55799)
_SEMANTIC_DECODERS = dict.fromkeys(_TAGS, _refuse_tag)


def encode(value: object) -> bytes:
    """The deterministic encoding of a struct or of plain lists, integers, strings and None."""
    return cbor2.dumps(msgspec.to_builtins(value, builtin_types=(bytes,)))


def read_array(data: bytes, *, limit: int) -> list[Any]:
    """Read an array that starts with a known version; its canonical form is not checked yet.

    Raises `Refusal`: too_large above `limit` bytes; malformed; unknown_version.
    """
    if len(data) > limit:
        raise Refusal(Outcome.TOO_LARGE, f"expected at most {limit} bytes, got {len(data)}")
    try:
        plain = cbor2.loads(
            data,
            max_depth=MAX_DEPTH,
            tag_hook=_refuse_tag,
            semantic_decoders=_SEMANTIC_DECODERS,
        )
    except (cbor2.CBORDecodeError, ValueError, OverflowError) as error:
        raise Refusal(Outcome.MALFORMED, f"expected CBOR: {error}") from error
    if not isinstance(plain, list) or not plain or type(plain[0]) is not int:
        raise Refusal(Outcome.MALFORMED, "expected a CBOR array that starts with its version")
    if plain[0] != VERSION:
        raise Refusal(Outcome.UNKNOWN_VERSION, f"expected version {VERSION}, got {plain[0]}")
    return plain


def decode(data: bytes, shape: type[T], *, limit: int) -> T:
    """Decode bytes into `shape`, every bound of its fields checked.

    Raises `Refusal`: too_large above `limit` bytes; malformed; unknown_version; not_canonical.
    """
    value = convert(read_array(data, limit=limit), shape)
    check_canonical(encode(value), data)
    return value


def convert(plain: object, shape: type[T]) -> T:
    """Plain lists into `shape`, every bound of its fields checked; `Refusal` malformed if not."""
    try:
        return msgspec.convert(plain, shape, builtin_types=(bytes,))
    except msgspec.ValidationError as error:
        raise Refusal(Outcome.MALFORMED, f"{shape.__name__}: {error}") from error


def check_canonical(canonical: bytes, data: bytes) -> None:
    """Raise `Refusal` not_canonical unless `data` is what encoding its value gives."""
    if canonical != data:
        raise Refusal(Outcome.NOT_CANONICAL, "expected the deterministic encoding and no more")
