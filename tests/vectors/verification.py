"""Signatures and hashes of both suites straight from the libraries, past the project's own code."""

import hashlib

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from tongsuopy.crypto import (  # type: ignore[import-untyped]  # the library ships no types
    hashes as tongsuo_hashes,
)
from tongsuopy.crypto.asymciphers import (  # type: ignore[import-untyped]  # as above
    ec as tongsuo_ec,
)

from tests.vectors import rfc8949

P256_CURVE, SM2_CURVE = 1, -65_537
P256_PRIME = 2**256 - 2**224 + 2**192 + 2**96 - 1
SM2_PRIME = 2**256 - 2**224 - 2**96 + 2**64 - 1
P256_B = 0x5AC635D8AA3A93E7B3EBBD55769886BC651D06B0CC53B0F63BCE3C3E27D2604B
SM2_B = 0x28E9FA9E9D9F5E344D5A9E4BCF6509A7F39789F515AB8F92DDBCBD414D940E93


def digest(suite: str, message: bytes) -> bytes:
    """SHA-256 or SM3."""
    if suite == "p256":
        return hashlib.sha256(message).digest()
    context = hashes.Hash(hashes.SM3())
    context.update(message)
    return context.finalize()


def verify(suite: str, public: bytes, signature: bytes, message: bytes) -> None:
    """Raise the library's own error unless the signature holds."""
    r, s = (int.from_bytes(half, "big") for half in (signature[:32], signature[32:]))
    der = encode_dss_signature(r, s)
    if suite == "p256":
        key = ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), public)
        key.verify(der, message, ec.ECDSA(hashes.SHA256()))
        return
    point = tongsuo_ec.EllipticCurvePublicKey.from_encoded_point(tongsuo_ec.SM2(), public)
    point.verify(der, message, tongsuo_ec.ECDSA(tongsuo_hashes.SM3()))


def fingerprint(suite: str, public: bytes) -> bytes:
    """The COSE Key Thumbprint (RFC 9679), the point decompressed by hand (SEC 1, 2.3.4)."""
    prime, b, curve = {
        "p256": (P256_PRIME, P256_B, P256_CURVE),
        "sm2": (SM2_PRIME, SM2_B, SM2_CURVE),
    }[suite]
    x = int.from_bytes(public[1:], "big")
    y = pow(x**3 - 3 * x + b, (prime + 1) // 4, prime)
    y = y if y & 1 == public[0] & 1 else prime - y
    pairs = ((1, 2), (-1, curve), (-2, public[1:]), (-3, y.to_bytes(32, "big")))
    encoded = b"".join(rfc8949.encode(part) for pair in pairs for part in pair)
    return digest(suite, b"\xa4" + encoded)
