"""Sealed boxes: the algorithms against their RFCs, both ends alike, and nothing altered gets through."""

import hashlib
import hmac

import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESCCM
from hypothesis import given, settings
from hypothesis import strategies as st

from feiqian.crypto import sealing
from feiqian.crypto.p256 import P256_SHA256
from feiqian.crypto.sealing import (
    MAX_HEADER_BYTES,
    MAX_NUMBER,
    MAX_PLAIN_BYTES,
    TAG_BYTES,
    SealKey,
    derive,
    open_sealed,
    seal,
)
from feiqian.outcomes import LocalProtocolError, Outcome, Refusal

CHANNEL = 7
# RFC 5903, 8.1: the private keys of both sides, and their common secret.
WALLET = P256_SHA256.load(
    bytes.fromhex("c88f01f510d9ac3f70a292daa2316de544e9aab8afe84049c62a9c57862d1433")
)
PLATFORM = P256_SHA256.load(
    bytes.fromhex("c6ef9c5d78ae012a011164acb397ce2088685d8f06bf9be0b283ab46476bee53")
)
COMMON = bytes.fromhex("d6840f6b42f6edafd13116e0e12565202fef8e9ece7dce03812464d04b9442de")

NO_POINT = (1).to_bytes(32, "big")
"""No point of the curve has this x."""


@pytest.fixture(scope="module")
def keys():
    """What the two derive."""
    return derive(WALLET, PLATFORM.public, CHANNEL)


def test_keys_are_the_common_secret_stretched(keys):
    """The keys are HKDF-SHA256 (RFC 5869) of the ECDH secret of RFC 5903, channel and parties bound in."""
    parties = sorted((WALLET.public, PLATFORM.public))
    info = b"feiqian/sealing/1" + CHANNEL.to_bytes(4, "big") + b"".join(parties)
    extracted = hmac.digest(bytes(hashlib.sha256().digest_size), COMMON, "sha256")
    expanded = hmac.digest(extracted, info + b"\x01", "sha256")
    assert (keys.up.secret, keys.down.secret) == (expanded[:16], expanded[16:])


def test_both_ends_find_the_same_keys(keys):
    """The platform derives what the wallet derives; another channel number gives other keys."""
    assert derive(PLATFORM, WALLET.public, CHANNEL) == keys
    other = derive(WALLET, PLATFORM.public, CHANNEL + 1)
    assert len({keys.up.secret, keys.down.secret, other.up.secret, other.down.secret}) == 4


def test_the_cipher_is_that_of_rfc_3610():
    """AES-CCM with 13-byte nonces and 8-byte tags gives packet vector 1 of RFC 3610."""
    cipher = AESCCM(bytes(range(0xC0, 0xD0)), tag_length=TAG_BYTES)
    nonce = bytes.fromhex("00000003020100a0a1a2a3a4a5")
    sealed = cipher.encrypt(nonce, bytes(range(0x08, 0x1F)), bytes(range(8)))
    assert sealed.hex() == ("588c979a61c663d2f066d0c2c0f989806d5f6b61dac38417e8d12cfdf926e0")


def test_a_seal_is_its_nonce_its_header_and_its_text(keys):
    """A seal is that cipher under direction (5 bytes) and number (8 bytes), with the header bound."""
    nonce = bytes.fromhex("0000000001" + "0000000000000102")
    expected = AESCCM(keys.up.secret, tag_length=TAG_BYTES).encrypt(nonce, b"text", b"head")
    assert seal(keys.up, 0x102, b"head", b"text") == expected


@settings(max_examples=50, deadline=None)
@given(st.binary(max_size=200), st.binary(max_size=MAX_HEADER_BYTES), st.integers(0, MAX_NUMBER))
def test_what_was_sealed_is_opened(plain, header, number):
    """Whatever is sealed is opened by the other end, eight bytes longer on the way."""
    sealed = seal(derive(WALLET, PLATFORM.public, CHANNEL).down, number, header, plain)
    assert len(sealed) == len(plain) + TAG_BYTES
    assert open_sealed(derive(PLATFORM, WALLET.public, CHANNEL).down, number, header, sealed) == (
        plain
    )


@pytest.mark.feature("W-13")
def test_nothing_altered_is_opened(keys):
    """Every flipped bit, every shortening, another number, header, direction or key is a bad seal."""
    sealed = seal(keys.up, 5, b"head", b"what a wallet says")
    flipped = [
        sealed[:place] + bytes([sealed[place] ^ 1 << bit]) + sealed[place + 1 :]
        for place in range(len(sealed))
        for bit in range(8)
    ]
    other = derive(WALLET, PLATFORM.public, CHANNEL + 1)
    attempts = [(keys.up, 5, b"head", each) for each in flipped]
    attempts += [(keys.up, 5, b"head", sealed[:length]) for length in range(len(sealed))]
    attempts += [
        (keys.up, 6, b"head", sealed),
        (keys.up, 5, b"Head", sealed),
        (keys.down, 5, b"head", sealed),
        (other.up, 5, b"head", sealed),
        (keys.up, 5, b"head", sealed + b"\0"),
        (keys.up, 5, b"head", bytes(MAX_PLAIN_BYTES + TAG_BYTES + 1)),
    ]
    for key, number, header, data in attempts:
        with pytest.raises(Refusal) as refused:
            open_sealed(key, number, header, data)
        assert refused.value.outcome is Outcome.BAD_SEAL


def test_no_two_messages_share_a_nonce(keys):
    """Over both directions and all numbers, each message has a nonce of its own, of 13 bytes."""
    numbers = [0, 1, 255, 256, 65_536, MAX_NUMBER - 1, MAX_NUMBER]
    nonces = {sealing._nonce(key, number) for key in (keys.up, keys.down) for number in numbers}
    assert len(nonces) == 2 * len(numbers)
    assert {len(nonce) for nonce in nonces} == {13}


@pytest.mark.parametrize("public", [b"", b"\x02" + NO_POINT, b"\x05" * 33, b"\x02" + b"\xff" * 32])
def test_a_key_off_the_curve_is_malformed(public):
    """A peer's key that is no point on the curve is refused, and no secret is derived."""
    with pytest.raises(Refusal) as refused:
        derive(WALLET, public, CHANNEL)
    assert refused.value.outcome is Outcome.MALFORMED


def test_limits_are_ours_to_keep(keys):
    """A number, text, header or channel beyond its limit is our own slip."""
    slips = [
        lambda: seal(keys.up, MAX_NUMBER + 1, b"", b""),
        lambda: seal(keys.up, 1, b"", bytes(MAX_PLAIN_BYTES + 1)),
        lambda: seal(keys.up, 1, bytes(MAX_HEADER_BYTES + 1), b""),
        lambda: derive(WALLET, PLATFORM.public, 0),
    ]
    for slip in slips:
        with pytest.raises(LocalProtocolError):
            slip()


def test_secrets_stay_out_of_what_is_printed(keys):
    """Printing keys shows no secret."""
    assert keys.up.secret.hex() not in repr(keys)
    assert "secret" not in repr(SealKey(1, bytes(16)))
