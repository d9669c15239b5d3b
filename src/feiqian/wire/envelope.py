"""One envelope for every message: ``[version, kind, field, ...]`` in deterministic CBOR.

Each message class registers its kind and its size limit here by decorator; decoding looks up the
class by kind and checks every bound the class declares.
"""

from collections.abc import Callable
from typing import Any, TypeVar

import msgspec

from feiqian.crypto import cbor
from feiqian.outcomes import Outcome, Refusal

M = TypeVar("M", bound=msgspec.Struct)

MAX_MESSAGE_BYTES = 65_536
"""Longest message that any link or server reads."""

_CLASSES: dict[int, type[msgspec.Struct]] = {}
_KINDS: dict[type[msgspec.Struct], int] = {}


def message(kind: int) -> Callable[[type[M]], type[M]]:
    """Register a message class under `kind`, a number used once."""

    def register(cls: type[M]) -> type[M]:
        if kind in _CLASSES:
            raise ValueError(f"message kind {kind} is taken by {_CLASSES[kind].__name__}")
        _CLASSES[kind] = cls
        _KINDS[cls] = kind
        return cls

    return register


def message_kind(cls: type) -> int | None:
    """The number under which a class is registered; None when it is no message."""
    return _KINDS.get(cls)


def encode_message(value: msgspec.Struct) -> bytes:
    """The bytes of a registered message."""
    fields: list[Any] = msgspec.to_builtins(value, builtin_types=(bytes,))
    return cbor.encode([cbor.VERSION, _KINDS[type(value)], *fields])


def decode_message(data: bytes, *expected: type[M], limit: int = MAX_MESSAGE_BYTES) -> M:
    """A message that must be one of the `expected` classes.

    Raises `Refusal`: too_large, malformed, unknown_version, not_canonical.
    """
    plain = cbor.read_array(data, limit=limit)
    kind = plain[1] if len(plain) > 1 and type(plain[1]) is int else None
    for cls in expected:
        if _KINDS[cls] == kind:
            value = cbor.convert(plain[2:], cls)
            cbor.check_canonical(encode_message(value), data)
            return value
    names = " or ".join(cls.__name__ for cls in expected)
    raise Refusal(Outcome.MALFORMED, f"expected {names}, got message kind {kind}")
