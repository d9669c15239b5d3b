"""A suite is the set of algorithms one network uses: signature, hash, and their COSE names.

A network has exactly one suite, named in its root certificate; every signed object carries the
suite's COSE algorithm and is refused when it is another. Public keys travel compressed (33 bytes,
SEC 1) and are kept ready in a bounded cache, because loading one costs a fifth of a verification.
A fingerprint is the COSE Key Thumbprint of the public key (RFC 9679).
"""

from typing import Protocol

PUBLIC_KEY_BYTES = 33
SIGNATURE_BYTES = 64
HASH_BYTES = 32
SECRET_BYTES = 32


class PrivateKey(Protocol):
    """A signing key; its secret leaves it only for the memory of whoever owns it."""

    @property
    def public(self) -> bytes:
        """The public key, compressed (33 bytes)."""
        ...

    @property
    def secret(self) -> bytes:
        """The private scalar (32 bytes, big endian): for protected memory only, never for a log."""
        ...

    def sign(self, message: bytes) -> bytes:
        """The signature over `message` (64 bytes, r then s; RFC 9053, 2.1)."""
        ...


class Suite(Protocol):
    """The algorithms of a network."""

    name: str
    """The name in configuration files."""
    algorithm: int
    """The COSE algorithm identifier of the signature."""

    def digest(self, message: bytes) -> bytes:
        """The 32-byte hash of `message`."""
        ...

    def generate(self) -> PrivateKey:
        """A new private key from the operating system's entropy."""
        ...

    def load(self, secret: bytes) -> PrivateKey:
        """The private key of a 32-byte scalar; `ValueError` when it is out of range."""
        ...

    def verify(self, public: bytes, signature: bytes, message: bytes) -> None:
        """Raise `Refusal` bad_signature unless `signature` over `message` is by `public`."""
        ...

    def fingerprint(self, public: bytes) -> bytes:
        """The 32-byte COSE Key Thumbprint of a compressed public key (RFC 9679)."""
        ...
