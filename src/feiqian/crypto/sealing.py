"""A sealed box between a wallet and the platform, small enough for a short message.

Both sides have one long-lived key for this; their ECDH secret (P-256) is stretched by HKDF-SHA256
(RFC 5869) into one AES-128 key a direction. A message is sealed with AES-CCM-16-64-128 (COSE
algorithm 10; RFC 9053, 4.2): eight bytes longer than what it says, and its number is its nonce. So
**a number is used for one message only**: a wallet's chip gives each number once, the platform stores
the next number before anything sealed with the last one leaves. Sealing the same message again under its number gives the same
bytes, which is how it is sent again.

A seal hides and authenticates; it does not prove anything to third parties, which what is inside
does by its own signature. The seal is P-256 and AES in networks of every suite: it guards only
privacy on the way, value hangs on the signature inside, which is the network's own.
"""

from dataclasses import dataclass, field

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.ciphers.aead import AESCCM
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from feiqian.crypto.suites import PUBLIC_KEY_BYTES, PrivateKey
from feiqian.outcomes import LocalProtocolError, Outcome, Refusal

KEY_BYTES = 16
TAG_BYTES = 8
NONCE_BYTES = 13
MAX_NUMBER = 2**32 - 1
"""Highest channel number and highest message number."""
MAX_PLAIN_BYTES = 4_096
MAX_HEADER_BYTES = 64

UP, DOWN = 1, 2
"""Directions: wallet to platform, platform to wallet."""

_CURVE = ec.SECP256R1()
_LABEL = b"feiqian/sealing/1"
_NUMBER_BYTES = 8


@dataclass(frozen=True, slots=True)
class SealKey:
    """The key of one direction of one channel."""

    direction: int
    secret: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class ChannelKeys:
    """Both keys of a channel; each side seals with one and opens with the other."""

    up: SealKey
    down: SealKey


def derive(private: PrivateKey, peer_public: bytes, channel_number: int) -> ChannelKeys:
    """The keys between our P-256 key and the peer's (33 bytes); both sides find the same.

    Raises `Refusal` malformed when `peer_public` is no point on P-256.
    """
    if not 0 < channel_number <= MAX_NUMBER:
        raise LocalProtocolError(f"expected a channel number up to {MAX_NUMBER}")
    scalar = ec.derive_private_key(int.from_bytes(private.secret, "big"), _CURVE)
    shared = scalar.exchange(ec.ECDH(), _point(peer_public))
    parties = b"".join(sorted((private.public, peer_public)))
    info = _LABEL + channel_number.to_bytes(4, "big") + parties
    stretched = HKDF(hashes.SHA256(), 2 * KEY_BYTES, salt=None, info=info).derive(shared)
    return ChannelKeys(SealKey(UP, stretched[:KEY_BYTES]), SealKey(DOWN, stretched[KEY_BYTES:]))


def check_public(public: bytes) -> None:
    """Raise `Refusal` malformed unless it is a key that can be sealed with: a point on P-256."""
    _point(public)


def seal(key: SealKey, number: int, header: bytes, plain: bytes) -> bytes:
    """`plain` sealed as message `number`, bound to `header`; `TAG_BYTES` longer than `plain`."""
    if len(plain) > MAX_PLAIN_BYTES or len(header) > MAX_HEADER_BYTES:
        raise LocalProtocolError("expected a message within the limits of a seal")
    return _cipher(key).encrypt(_nonce(key, number), plain, header)


def open_sealed(key: SealKey, number: int, header: bytes, sealed: bytes) -> bytes:
    """What was sealed. `Refusal` bad_seal unless all three are as they were sealed."""
    if not TAG_BYTES <= len(sealed) <= MAX_PLAIN_BYTES + TAG_BYTES:
        raise Refusal(Outcome.BAD_SEAL, "expected a sealed message within its limits")
    try:
        return _cipher(key).decrypt(_nonce(key, number), sealed, header)
    except InvalidTag:
        raise Refusal(Outcome.BAD_SEAL, "the seal does not hold") from None


def _cipher(key: SealKey) -> AESCCM:
    return AESCCM(key.secret, tag_length=TAG_BYTES)


def _nonce(key: SealKey, number: int) -> bytes:
    if not 0 <= number <= MAX_NUMBER:
        raise LocalProtocolError(f"expected a message number up to {MAX_NUMBER}")
    head = key.direction.to_bytes(NONCE_BYTES - _NUMBER_BYTES, "big")
    return head + number.to_bytes(_NUMBER_BYTES, "big")


def _point(public: bytes) -> ec.EllipticCurvePublicKey:
    if len(public) != PUBLIC_KEY_BYTES:
        raise Refusal(Outcome.MALFORMED, f"expected a {PUBLIC_KEY_BYTES}-byte public key")
    try:
        return ec.EllipticCurvePublicKey.from_encoded_point(_CURVE, public)
    except ValueError:
        raise Refusal(Outcome.MALFORMED, "expected a point on P-256") from None
