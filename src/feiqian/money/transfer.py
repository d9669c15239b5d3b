"""Transfer: one link of a trust chain, signed by the payer's chip.

It consumes exactly one circulation identifier and creates one or two outputs, payee and change,
that add up to the input. It is bound to the payee's session by its nonce, to the payer's chip by
the chip's counter, and to a moment with its uncertainty. Outputs to an institution's own key hand
the value back to that institution (export).
"""

from dataclasses import dataclass
from enum import IntEnum
from typing import Annotated

from msgspec import Meta, Struct

from feiqian.crypto import cose
from feiqian.crypto.signed import SignedKind
from feiqian.crypto.suites import PrivateKey, Suite
from feiqian.money.amounts import AmountMinor, AmountOrZeroMinor
from feiqian.money.identifiers import (
    CHANGE_OUTPUT,
    PAYEE_OUTPUT,
    Fingerprint,
    Identifier,
    output_identifier,
    transfer_name,
)
from feiqian.timing.moment import Moment

MAX_TRANSFER_BYTES = 256


class Acceptor(IntEnum):
    """Who takes in what the payee is paid; never both, or the same value would count twice."""

    MANAGER = 0
    """The payee's manager cashes the transfer itself (online), and issues second currency."""
    CHIP = 1
    """The payee's chip holds it (offline); it is redeemed when that chip pays it on."""


Nonce = Annotated[bytes, Meta(min_length=16, max_length=16)]


class Transfer(Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """The payload of a transfer."""

    version: int
    consumed: Identifier
    payee: Fingerprint
    amount_minor: AmountMinor
    change_minor: AmountOrZeroMinor
    counter: Annotated[int, Meta(ge=1, le=2**32 - 1)]
    """The signing chip's counter; no chip uses a number twice."""
    moment: Moment
    nonce: Nonce
    """The payee's session."""
    acceptor: Acceptor

    @property
    def input_minor(self) -> int:
        """What the consumed state must amount to."""
        return self.amount_minor + self.change_minor


TRANSFER = SignedKind(b"feiqian/transfer", Transfer, MAX_TRANSFER_BYTES)


@dataclass(frozen=True, slots=True)
class SignedTransfer:
    """A transfer with the bytes that were signed and the names they have."""

    raw: bytes
    value: Transfer
    name: bytes
    """The hash of the transfer; not a circulation identifier, which names a state."""
    payee_output: bytes
    change_output: bytes | None
    signed: cose.Sign1


def sign_transfer(suite: Suite, payer_key: PrivateKey, transfer: Transfer) -> SignedTransfer:
    """The signed form of `transfer`; only a chip has the key for it."""
    return parse_transfer(suite, TRANSFER.sign(suite, payer_key, transfer))


def parse_transfer(suite: Suite, raw: bytes) -> SignedTransfer:
    """Read a transfer without trusting it. `Refusal` by name when it is malformed."""
    signed, value = TRANSFER.parse(suite, raw)
    change = output_identifier(suite, signed.payload, CHANGE_OUTPUT) if value.change_minor else None
    return SignedTransfer(
        raw=raw,
        value=value,
        name=transfer_name(suite, signed.payload),
        payee_output=output_identifier(suite, signed.payload, PAYEE_OUTPUT),
        change_output=change,
        signed=signed,
    )


def verify_transfer(suite: Suite, payer_public: bytes, transfer: SignedTransfer) -> None:
    """Raise `Refusal` bad_signature unless the holder of `payer_public` signed it."""
    TRANSFER.verify(suite, payer_public, transfer.signed)
