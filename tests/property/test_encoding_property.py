"""Laws of every structure: it comes back as it went, and no bytes but its own are read as it."""

from collections.abc import Callable
from types import ModuleType
from typing import Any

import cbor2
import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec import inspect

from feiqian.chip import commands
from feiqian.crypto import cbor, certificates, cose, trust
from feiqian.crypto.cbor import VERSION
from feiqian.money import currency, double_spending, transfer
from feiqian.outcomes import Refusal
from feiqian.wire import (
    cashing,
    envelope,
    evidence,
    payment,
    platform_requests,
    request_envelope,
    synchronisation,
    verification,
    wallet_requests,
)
from feiqian.wire import double_spending as listing
from tests.golden import SUITE_NAMES, golden

LIMIT = 2**21
MODULES = (
    certificates,
    trust,
    currency,
    transfer,
    payment,
    cashing,
    request_envelope,
    synchronisation,
    wallet_requests,
    platform_requests,
    evidence,
    verification,
    double_spending,
    listing,
    commands,
)
MAX_DRAWN = 3
"""Items drawn for a list, and bytes or letters for a string without a least length."""


def shapes(module: ModuleType):
    """The structs that a module defines."""
    return [
        value
        for value in vars(module).values()
        if isinstance(value, type)
        and issubclass(value, msgspec.Struct)
        and value.__module__ == module.__name__
        and not value.__name__.startswith("_")
    ]


def has_version(shape):
    """Whether the struct is encoded on its own."""
    fields = msgspec.structs.fields(shape)
    return bool(fields) and fields[0].name == "version"


ALL = [shape for module in MODULES for shape in shapes(module)]
VERSIONED = [shape for shape in ALL if has_version(shape)]
MESSAGES = [shape for shape in ALL if envelope.message_kind(shape) is not None]


def bounded(info):
    """The bounds of a length that is drawn: the declared ones, kept small."""
    low = info.min_length or 0
    high = max(low, MAX_DRAWN)
    return low, high if info.max_length is None else min(high, info.max_length)


def text(info):
    """Text that matches its pattern, or any other."""
    low, high = bounded(info)
    if info.pattern is not None:
        matching = st.from_regex(info.pattern, fullmatch=True)
        if info.max_length is None:  # then the pattern bounds the length
            return matching
        return matching.filter(lambda drawn: low <= len(drawn) <= high)
    return st.text(st.characters(codec="utf-8"), min_size=low, max_size=high)


def binary(info):
    """Bytes of an allowed length."""
    low, high = bounded(info)
    return st.binary(min_size=low, max_size=high)


def several(info):
    """A tuple of an allowed length."""
    low, high = bounded(info)
    return st.lists(drawn(info.item_type), min_size=low, max_size=high).map(tuple)


DRAWN: dict[type, Callable[[Any], Any]] = {
    inspect.IntType: lambda info: st.integers(info.ge, info.le),
    inspect.StrType: text,
    inspect.BytesType: binary,
    inspect.VarTupleType: several,
    inspect.UnionType: lambda info: st.one_of([drawn(part) for part in info.types]),
    inspect.EnumType: lambda info: st.sampled_from(list(info.cls)),
    inspect.NoneType: lambda info: st.none(),
    inspect.BoolType: lambda info: st.booleans(),
    inspect.StructType: lambda info: values(info.cls),
}


def drawn(info):
    """Values of a type as msgspec sees it, within the bounds it declares."""
    return DRAWN[type(info)](info)


def fields_of(shape):
    """The fields of a struct with their types."""
    info = inspect.type_info(shape)
    assert isinstance(info, inspect.StructType)
    return info.fields


def values(shape):
    """Values of a struct; its version is ours."""
    fields = {
        field.name: st.just(VERSION) if field.name == "version" else drawn(field.type)
        for field in fields_of(shape)
    }
    return st.builds(shape, **fields)


def test_every_integer_is_bounded():
    """No structure has an integer that could outgrow what every implementation holds."""
    for shape in ALL:
        for field in fields_of(shape):
            if isinstance(field.type, inspect.IntType) and field.name != "version":
                assert field.type.ge is not None, (shape, field.name)
                assert field.type.le is not None, (shape, field.name)
                assert -(2**63) <= field.type.ge <= field.type.le < 2**63


@pytest.mark.parametrize("shape", VERSIONED, ids=lambda shape: shape.__name__)
@given(data=st.data())
@settings(max_examples=15)
def test_structure_comes_back_as_it_went(shape, data):
    """Decoding an encoded value gives the value, and encoding that the same bytes."""
    value = data.draw(values(shape))
    encoded = cbor.encode(value)
    assert cbor.decode(encoded, shape, limit=LIMIT) == value
    assert cbor.encode(cbor.decode(encoded, shape, limit=LIMIT)) == encoded


@pytest.mark.parametrize("shape", MESSAGES, ids=lambda shape: shape.__name__)
@given(data=st.data())
@settings(max_examples=15)
def test_message_comes_back_as_it_went(shape, data):
    """Decoding an encoded message gives the message."""
    value = data.draw(values(shape))
    encoded = envelope.encode_message(value)
    assert envelope.decode_message(encoded, shape, limit=LIMIT) == value


def read_payload(shape, data):
    """Read a payload if it is one; then it must be the one encoding of what it says."""
    try:
        value = cbor.decode(data, shape, limit=LIMIT)
    except Refusal:
        return
    assert cbor.encode(value) == data


@given(data=st.binary(max_size=200), shape=st.sampled_from(VERSIONED))
@settings(max_examples=150)
def test_arbitrary_bytes_are_refused_by_name_or_canonical(data, shape):
    """Whatever a stranger sends is read as one value with one encoding, or refused by name."""
    read_payload(shape, data)
    read_payload(shape, b"\x88\x01" + data)


ITEMS = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.binary() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.integers(), inner, max_size=2),
    max_leaves=8,
)


@given(items=st.lists(ITEMS, max_size=8), shape=st.sampled_from(VERSIONED))
@settings(max_examples=150)
def test_arbitrary_items_are_refused_by_name_or_canonical(items, shape):
    """Well-formed CBOR that is no structure is refused by name: bignums, floats, maps and all."""
    read_payload(shape, cbor2.dumps([VERSION, *items]))


@st.composite
def damaged(draw, whole):
    """Bytes with a few of them replaced, removed, or added somewhere."""
    data = bytearray(whole)
    for _ in range(draw(st.integers(1, 3))):
        at = draw(st.integers(0, max(0, len(data) - 1)))
        removed = draw(st.integers(0, 2))
        data[at : at + removed] = draw(st.binary(max_size=2))
    return bytes(data)


SAMPLES = [(golden(name).suite, sample) for name in SUITE_NAMES for sample in golden(name).signed]


@given(data=st.data(), index=st.integers(0, len(SAMPLES) - 1))
@settings(max_examples=300)
def test_damaged_object_is_refused_by_name_or_canonical(data, index):
    """A signed object that was damaged still has no second reading."""
    suite, sample = SAMPLES[index]
    raw = data.draw(damaged(sample.raw))
    try:
        signed, value = sample.kind.parse(suite, raw)
    except Refusal:
        return
    assert cose.assemble(suite, cbor.encode(value), signed.signature) == raw


@given(data=st.data(), index=st.integers(0, len(golden().messages) - 1))
@settings(max_examples=150)
def test_damaged_message_is_refused_by_name_or_canonical(data, index):
    """A message that was damaged on the way has no second reading either."""
    sample = golden().messages[index]
    encoded = data.draw(damaged(sample.encoded))
    try:
        value = envelope.decode_message(encoded, type(sample.value))
    except Refusal:
        return
    assert envelope.encode_message(value) == encoded
