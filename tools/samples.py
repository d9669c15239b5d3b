"""Samples of structures, as one suite makes them: fixed keys, fixed moments, nothing drawn."""

from dataclasses import dataclass, field
from typing import Any

from msgspec import Struct

from feiqian.crypto import cbor
from feiqian.crypto.signed import SignedKind
from feiqian.crypto.suites import PrivateKey, Suite
from feiqian.money.currency import CURRENCY, SignedCurrency, parse_currency
from feiqian.money.transfer import TRANSFER, SignedTransfer, parse_transfer
from feiqian.wire.envelope import encode_message

V = cbor.VERSION
NOW_MS = 1_790_000_000_000
YEAR_MS = 365 * 24 * 3600 * 1000
NONCE = bytes.fromhex("000102030405060708090a0b0c0d0e0f")
REQUEST_ID = bytes.fromhex("01a0c4f3b4007000800000000000002a")
OUTPUT_DOMAINS = ("payee_output", "change_output")

SIGNERS = ("platform", "institution_a", "institution_b", "payer", "payee")
"""The secret of the n-th is the byte n, 32 times."""


@dataclass(frozen=True, slots=True)
class SignedSample:
    """A signed object, who signed it, and the identifiers it has."""

    name: str
    kind: SignedKind[Any]
    signer: str
    value: Struct
    raw: bytes
    identifiers: dict[str, bytes]


@dataclass(frozen=True, slots=True)
class PlainSample:
    """A structure that nobody signs: a message in its envelope, or a body."""

    name: str
    value: Struct
    encoded: bytes


@dataclass(slots=True)
class Samples:
    """All samples of one suite."""

    suite: Suite
    keys: dict[str, PrivateKey]
    signed: list[SignedSample] = field(default_factory=list)
    messages: list[PlainSample] = field(default_factory=list)
    bodies: list[PlainSample] = field(default_factory=list)

    def sign(self, name: str, kind: SignedKind[Any], signer: str, value: Struct) -> bytes:
        """Sign `value`, keep it under `name`, return the signed object."""
        raw = kind.sign(self.suite, self.keys[signer], value)
        identifiers = _identifiers(self.suite, kind, raw)
        self.signed.append(SignedSample(name, kind, signer, value, raw, identifiers))
        return raw

    def message(self, name: str, value: Struct) -> None:
        """Keep a message under `name`."""
        self.messages.append(PlainSample(name, value, encode_message(value)))

    def body(self, name: str, value: Struct) -> bytes:
        """Keep a body or result under `name`, return its encoding."""
        encoded = cbor.encode(value)
        self.bodies.append(PlainSample(name, value, encoded))
        return encoded

    def fingerprint(self, signer: str) -> bytes:
        """The fingerprint of a signer's key."""
        return self.suite.fingerprint(self.keys[signer].public)

    def raw(self, name: str) -> bytes:
        """The signed object kept under `name`."""
        return next(sample.raw for sample in self.signed if sample.name == name)

    def currency(self, name: str) -> SignedCurrency:
        """The currency kept under `name`."""
        return parse_currency(self.suite, self.raw(name))

    def transfer(self, name: str) -> SignedTransfer:
        """The transfer kept under `name`."""
        return parse_transfer(self.suite, self.raw(name))


def _identifiers(suite: Suite, kind: SignedKind[Any], raw: bytes) -> dict[str, bytes]:
    if kind is CURRENCY:
        return {"circulation": parse_currency(suite, raw).identifier}
    if kind is not TRANSFER:
        return {}
    transfer = parse_transfer(suite, raw)
    outputs = zip(OUTPUT_DOMAINS, (transfer.payee_output, transfer.change_output), strict=True)
    return {"transfer": transfer.name} | {name: id_ for name, id_ in outputs if id_}
