"""The default suite: ECDSA on P-256 with SHA-256, COSE algorithm ES256 (RFC 9053, 2.1).

Signatures are deterministic (RFC 6979), so that signing the same transfer again gives the same
bytes. Every secure element has this curve.
"""

import hashlib
from functools import lru_cache

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import (
    decode_dss_signature,
    encode_dss_signature,
)
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from feiqian.crypto.suites import PUBLIC_KEY_BYTES, SECRET_BYTES, SIGNATURE_BYTES, PrivateKey
from feiqian.outcomes import Outcome, Refusal

LOADED_KEYS = 65_536
"""How many public keys stay loaded (about 2 KiB each)."""

_CURVE = ec.SECP256R1()
_SIGN = ec.ECDSA(hashes.SHA256(), deterministic_signing=True)
_VERIFY = ec.ECDSA(hashes.SHA256())
_THUMBPRINT_HEAD = bytes.fromhex("a40102200121 5820".replace(" ", ""))  # {1: 2, -1: 1, -2: x,
_THUMBPRINT_Y = bytes.fromhex("225820")  # -3: y}


class P256PrivateKey:
    """A P-256 private key held in this process's memory."""

    def __init__(self, key: ec.EllipticCurvePrivateKey) -> None:
        self._key = key
        self.public = key.public_key().public_bytes(Encoding.X962, PublicFormat.CompressedPoint)

    @property
    def secret(self) -> bytes:
        """The private scalar, 32 bytes big endian."""
        return self._key.private_numbers().private_value.to_bytes(32, "big")

    def sign(self, message: bytes) -> bytes:
        """The deterministic ECDSA signature, r then s, 64 bytes."""
        r, s = decode_dss_signature(self._key.sign(message, _SIGN))
        return r.to_bytes(32, "big") + s.to_bytes(32, "big")


class P256:
    """P-256 with SHA-256."""

    name = "p256"
    algorithm = -7

    def digest(self, message: bytes) -> bytes:
        """SHA-256."""
        return hashlib.sha256(message).digest()

    def generate(self) -> PrivateKey:
        """A new key."""
        return P256PrivateKey(ec.generate_private_key(_CURVE))

    def load(self, secret: bytes) -> PrivateKey:
        """The key of a scalar; `ValueError` when it is out of range."""
        if len(secret) != SECRET_BYTES:
            raise ValueError(f"expected a scalar of {SECRET_BYTES} bytes")
        return P256PrivateKey(ec.derive_private_key(int.from_bytes(secret, "big"), _CURVE))

    def verify(self, public: bytes, signature: bytes, message: bytes) -> None:
        """Raise `Refusal` bad_signature unless the signature holds."""
        if len(signature) != SIGNATURE_BYTES:
            raise Refusal(Outcome.BAD_SIGNATURE, f"expected {SIGNATURE_BYTES} signature bytes")
        der = encode_dss_signature(
            int.from_bytes(signature[:32], "big"), int.from_bytes(signature[32:], "big")
        )
        try:
            _loaded(public).verify(der, message, _VERIFY)
        except InvalidSignature:
            raise Refusal(Outcome.BAD_SIGNATURE, "the signature does not verify") from None

    def fingerprint(self, public: bytes) -> bytes:
        """RFC 9679 thumbprint of the key as an EC2 COSE_Key."""
        return _fingerprint(public)


@lru_cache(maxsize=LOADED_KEYS)
def _loaded(public: bytes) -> ec.EllipticCurvePublicKey:
    if len(public) != PUBLIC_KEY_BYTES:
        raise Refusal(Outcome.MALFORMED, f"expected a {PUBLIC_KEY_BYTES}-byte public key")
    try:
        return ec.EllipticCurvePublicKey.from_encoded_point(_CURVE, public)
    except ValueError:
        raise Refusal(Outcome.MALFORMED, "expected a point on P-256") from None


@lru_cache(maxsize=LOADED_KEYS)
def _fingerprint(public: bytes) -> bytes:
    point = _loaded(public).public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
    x, y = point[1:33], point[33:65]
    return hashlib.sha256(_THUMBPRINT_HEAD + x + _THUMBPRINT_Y + y).digest()


P256_SHA256 = P256()
