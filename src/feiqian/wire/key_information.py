"""The key information set: what the platform needs to know of a wallet it has not heard of (W-05).

The chip signs it and knows the most of it by itself; the digest of the offline log, the version of the
double-spending list and the moment are its host's word. Sealed, it has to fit two messages of the
narrowest short-message service, 128 bytes: 8 of header, 8 of seal, 64 of signature leave **48 for this
structure**. Figures cost what they need (CBOR), so that is so in all ordinary cases: reports,
signatures, list versions, synchronisations and orders counted up to 65,535, sums up to 42 million, an
uncertainty below 18 hours. Beyond, it grows up to `MAX_PAYLOAD_BYTES` and takes a third message.
"""

from enum import IntFlag
from typing import Annotated

from msgspec import Meta, Struct

from feiqian.crypto.signed import SignedKind
from feiqian.money.amounts import AmountOrZeroMinor

LOG_DIGEST_BYTES = 6
ORDINARY_PAYLOAD_BYTES = 48
"""Longest payload that two short messages of 64 bytes carry, signed and sealed."""
MAX_PAYLOAD_BYTES = 72
MAX_INFORMATION_BYTES = 160

Count = Annotated[int, Meta(ge=0, le=2**32 - 1)]
LogDigest = Annotated[bytes, Meta(min_length=LOG_DIGEST_BYTES, max_length=LOG_DIGEST_BYTES)]


class ChipCondition(IntFlag):
    """What is out of the ordinary with a chip; their sum fits one byte."""

    FROZEN = 1
    PIN_BLOCKED = 2
    OTHER_LIMITS = 4
    """An order set limits in place of the tier's."""
    AUTHORISING = 8
    """It may pay fees without its PIN."""


class KeyInformation(Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """The payload of the set; its signer's key says which wallet."""

    version: int
    number: Annotated[int, Meta(ge=1, le=2**32 - 1)]
    """Of this chip's reports; it only grows, so an older one is known as such."""
    counter: Count
    """Of the last transfer signed."""
    balance_minor: AmountOrZeroMinor
    offline_paid_minor: AmountOrZeroMinor
    """Since the last synchronisation, like the next."""
    offline_received_minor: AmountOrZeroMinor
    log_digest: LogDigest
    """First bytes of the digest of the host's offline log: the log it will show is this one."""
    list_number: Count
    """Version of the double-spending list in the host; 0 for none."""
    moment_s: Count
    """By the host's clock, in seconds; with how much it may be wrong, rounded up."""
    radius_s: Count
    synchronised_number: Count
    """Of the last synchronisation taken in."""
    executed_number: Count
    """The highest of the platform's orders that was executed."""
    condition: Annotated[int, Meta(ge=0, le=15)]
    """Sum of `ChipCondition`s."""


KEY_INFORMATION = SignedKind(b"feiqian/key-information", KeyInformation, MAX_INFORMATION_BYTES)

RawKeyInformation = Annotated[bytes, Meta(max_length=MAX_INFORMATION_BYTES)]
