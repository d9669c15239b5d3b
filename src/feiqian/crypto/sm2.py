"""The second suite: SM2 signatures with SM3 (GB/T 32918.2, GB/T 32905; ISO/IEC 14888-3).

An optional extra (``pip install feiqian[sm]``): `tongsuopy` does the curve, `cryptography` the
hash. Every signature is over the standard's user identity ``1234567812345678``. The nonce is
derived as in RFC 6979 with HMAC-SM3, so signing the same bytes again gives the same signature.
COSE registers neither algorithm nor curve, hence both numbers are of its private-use range, and a
network of this suite is closed to others by them (docs/adr/0002-suites.md).
"""

from collections.abc import Iterator
from functools import lru_cache

from cryptography.hazmat.primitives import hashes, hmac
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from tongsuopy.crypto import (  # type: ignore[import-untyped]  # the library ships no types
    exceptions,
    serialization,
)
from tongsuopy.crypto import hashes as tongsuo_hashes
from tongsuopy.crypto.asymciphers import ec  # type: ignore[import-untyped]  # as above

from feiqian.crypto.suites import (
    HASH_BYTES,
    PUBLIC_KEY_BYTES,
    SECRET_BYTES,
    SIGNATURE_BYTES,
    PrivateKey,
)
from feiqian.outcomes import Outcome, Refusal

LOADED_KEYS = 65_536
"""How many public keys stay loaded (about 2 KiB each)."""

ALGORITHM = -65_537
"""Of COSE's private-use range (below -65536): SM2 with SM3."""
CURVE = -65_537
"""Of COSE's private-use range of elliptic curves: sm2p256v1."""
USER_ID = b"1234567812345678"
"""The default identity of GM/T 0009 and RFC 8998: keys are told apart by the key alone."""

ORDER = 0xFFFFFFFE_FFFFFFFF_FFFFFFFF_FFFFFFFF_7203DF6B_21C6052B_53BBF409_39D54123
_DOMAIN = bytes.fromhex(  # a, b, and the base point's x and y (GB/T 32918.5)
    "FFFFFFFEFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFF00000000FFFFFFFFFFFFFFFC"
    "28E9FA9E9D9F5E344D5A9E4BCF6509A7F39789F515AB8F92DDBCBD414D940E93"
    "32C4AE2C1F1981195F9904466A39C9948FE30BBFF2660BE1715A4589334C74C7"
    "BC3736A2F4F6779C59BDCEE36B692153D0A9877CC62A474002DF32E52139F0A0"
)
_IDENTITY = (8 * len(USER_ID)).to_bytes(2, "big") + USER_ID + _DOMAIN
_THUMBPRINT_HEAD = bytes.fromhex("a4 0102 20 3a00010000 21 5820")  # {1: 2, -1: CURVE, -2: x,
_THUMBPRINT_Y = bytes.fromhex("22 5820")  # -3: y}
_CURVE = ec.SM2()
_VERIFY = ec.ECDSA(tongsuo_hashes.SM3())


class SM2PrivateKey:
    """An SM2 private key held in this process's memory.

    Its arithmetic is on Python integers and so not of constant time: fit for a software chip,
    whose secret shares a memory with its host anyhow, and not for hardware.
    """

    def __init__(self, secret: bytes) -> None:
        scalar = int.from_bytes(secret, "big")
        if len(secret) != SECRET_BYTES or not 1 <= scalar <= ORDER - 2:
            raise ValueError("expected a scalar of 32 bytes from 1 to the order less two")
        self._scalar = scalar
        point = _point_of(scalar)
        self.public = bytes([2 | point[-1] & 1]) + point[:32]
        self._identity = _identity(point)
        self._inverse = pow(1 + scalar, -1, ORDER)

    @property
    def secret(self) -> bytes:
        """The private scalar, 32 bytes big endian."""
        return self._scalar.to_bytes(SECRET_BYTES, "big")

    def sign(self, message: bytes) -> bytes:
        """The deterministic SM2 signature, r then s, 64 bytes (GB/T 32918.2, 6.1)."""
        digest = _sm3(self._identity + message)
        return next(
            signature
            for nonce in _nonces(self.secret, digest)
            if (signature := self.sign_digest(digest, nonce))
        )

    def sign_digest(self, digest: bytes, nonce: int) -> bytes | None:
        """One attempt with a nonce below the order; None when the standard asks for another."""
        x = int.from_bytes(_point_of(nonce)[:32], "big")
        r = (int.from_bytes(digest, "big") + x) % ORDER
        s = self._inverse * (nonce - r * self._scalar) % ORDER
        if r == 0 or r + nonce == ORDER or s == 0:
            return None
        return r.to_bytes(32, "big") + s.to_bytes(32, "big")


class SM2:
    """SM2 with SM3."""

    name = "sm2"
    algorithm = ALGORITHM

    def digest(self, message: bytes) -> bytes:
        """SM3."""
        return _sm3(message)

    def generate(self) -> PrivateKey:
        """A new key."""
        numbers = ec.generate_private_key(_CURVE).private_numbers()
        return SM2PrivateKey(numbers.private_value.to_bytes(SECRET_BYTES, "big"))

    def load(self, secret: bytes) -> PrivateKey:
        """The key of a scalar; `ValueError` when it is out of range."""
        return SM2PrivateKey(secret)

    def verify(self, public: bytes, signature: bytes, message: bytes) -> None:
        """Raise `Refusal` bad_signature unless the signature holds."""
        if len(signature) != SIGNATURE_BYTES:
            raise Refusal(Outcome.BAD_SIGNATURE, f"expected {SIGNATURE_BYTES} signature bytes")
        der = encode_dss_signature(
            int.from_bytes(signature[:32], "big"), int.from_bytes(signature[32:], "big")
        )
        try:
            _loaded(public).verify(der, message, _VERIFY)
        except exceptions.InvalidSignature:
            raise Refusal(Outcome.BAD_SIGNATURE, "the signature does not verify") from None

    def fingerprint(self, public: bytes) -> bytes:
        """RFC 9679 thumbprint, by SM3, of the key as an EC2 COSE_Key."""
        return _fingerprint(public)


def _sm3(message: bytes) -> bytes:
    context = hashes.Hash(hashes.SM3())
    context.update(message)
    return context.finalize()


def _hmac(key: bytes, message: bytes) -> bytes:
    context = hmac.HMAC(key, hashes.SM3())
    context.update(message)
    return context.finalize()


def _identity(point: bytes) -> bytes:
    """Z, the hash that binds user identity, curve and key (GB/T 32918.2, 5.5)."""
    return _sm3(_IDENTITY + point)


def _nonces(secret: bytes, digest: bytes) -> Iterator[int]:
    """Candidates for the nonce, in order (RFC 6979, 3.2; both lengths are 256 bits)."""
    reduced = (int.from_bytes(digest, "big") % ORDER).to_bytes(HASH_BYTES, "big")
    key, value = bytes(HASH_BYTES), b"\x01" * HASH_BYTES
    for step in (b"\x00", b"\x01"):
        key = _hmac(key, value + step + secret + reduced)
        value = _hmac(key, value)
    while True:
        value = _hmac(key, value)
        candidate = int.from_bytes(value, "big")
        if 1 <= candidate < ORDER:
            yield candidate
        key = _hmac(key, value + b"\x00")
        value = _hmac(key, value)


def _point_of(scalar: int) -> bytes:
    """The base point times `scalar`: x, then y (64 bytes)."""
    return _coordinates(ec.derive_private_key(scalar, _CURVE).public_key())


def _coordinates(key: ec.EllipticCurvePublicKey) -> bytes:
    encoded: bytes = key.public_bytes(
        serialization.Encoding.X962, serialization.PublicFormat.UncompressedPoint
    )
    return encoded[1:]


@lru_cache(maxsize=LOADED_KEYS)
def _loaded(public: bytes) -> ec.EllipticCurvePublicKey:
    if len(public) != PUBLIC_KEY_BYTES:
        raise Refusal(Outcome.MALFORMED, f"expected a {PUBLIC_KEY_BYTES}-byte public key")
    try:
        return ec.EllipticCurvePublicKey.from_encoded_point(_CURVE, public)
    except ValueError:
        raise Refusal(Outcome.MALFORMED, "expected a point on sm2p256v1") from None


@lru_cache(maxsize=LOADED_KEYS)
def _fingerprint(public: bytes) -> bytes:
    point = _coordinates(_loaded(public))
    return _sm3(_THUMBPRINT_HEAD + point[:32] + _THUMBPRINT_Y + point[32:])


SM2_SM3 = SM2()
