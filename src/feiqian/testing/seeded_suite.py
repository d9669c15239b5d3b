"""A suite whose new keys come from a seed: for runs that must be replayed to the byte.

Signatures keep their own randomness; nothing that is decided depends on their bytes.
"""

from feiqian.crypto.suites import PrivateKey, Suite
from feiqian.testing.network import key_of


class SeededSuite:
    """`crypto.suites.Suite` that makes the same keys in every run."""

    def __init__(self, inner: Suite, seed: str) -> None:
        self.name = inner.name
        self.algorithm = inner.algorithm
        self._inner = inner
        self._seed = seed
        self._count = 0

    def digest(self, message: bytes) -> bytes:
        """As the suite does."""
        return self._inner.digest(message)

    def generate(self) -> PrivateKey:
        """The seed's next key."""
        self._count += 1
        return key_of(self._inner, self._seed, f"key {self._count}")

    def load(self, secret: bytes) -> PrivateKey:
        """As the suite does."""
        return self._inner.load(secret)

    def verify(self, public: bytes, signature: bytes, message: bytes) -> None:
        """As the suite does."""
        self._inner.verify(public, signature, message)

    def fingerprint(self, public: bytes) -> bytes:
        """As the suite does."""
        return self._inner.fingerprint(public)
