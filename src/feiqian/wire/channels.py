"""Registering a satellite channel, while there is a network (W-06).

A wallet's host makes a key for the seal and has its chip sign for it. The institution passes this on
with its own signature; the platform gives the channel a number and shows the sealing key that it
signed. The same key gets the same number again; another key gets a channel of its own, and the old
one is closed, so that message numbers, which a restored host may have forgotten, are never used twice.
"""

from typing import Annotated

from msgspec import Meta, Struct

from feiqian.crypto.certificates import PublicKey, UnixMs
from feiqian.crypto.signed import SignedKind
from feiqian.wire.items import RawCertificate
from feiqian.wire.satellite import ChannelNumber

MAX_SEALING_KEY_BYTES = 192
MAX_REGISTRATION_BYTES = 1_024

Address = Annotated[str, Meta(max_length=32, pattern=r"^[!-~]*\Z")]
"""A terminal's address in its short-message service; empty when it is not known yet."""


class SealingKey(Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """The platform's key for the seal, signed by its root key; P-256 in networks of every suite."""

    version: int
    public_key: PublicKey
    since_ms: UnixMs


SEALING_KEY = SignedKind(b"feiqian/sealing-key", SealingKey, MAX_SEALING_KEY_BYTES)


class RegisterChannelBody(Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """A wallet asks its institution for a channel."""

    version: int
    public_key: PublicKey
    """The host's channel key: P-256, compressed."""
    address: Address
    """Of the terminal that the wallet will use."""


class PassOnChannelBody(Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """An institution asks the platform for a wallet of its own."""

    version: int
    request: Annotated[bytes, Meta(max_length=MAX_REGISTRATION_BYTES)]
    """The wallet's own signed request, which names the key."""
    chip_certificate: RawCertificate


class ChannelResult(Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """The channel, on all three sides the same."""

    version: int
    number: ChannelNumber
    sealing_key: Annotated[bytes, Meta(max_length=MAX_SEALING_KEY_BYTES)]
    """A signed `SealingKey`."""
