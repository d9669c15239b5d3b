"""Kinds of signed object: a domain, the shape of the payload, and a size limit, said once each."""

from dataclasses import dataclass
from typing import Generic, TypeVar

from msgspec import Struct

from feiqian.crypto import cbor, cose
from feiqian.crypto.suites import PrivateKey, Suite

S = TypeVar("S", bound=Struct)


@dataclass(frozen=True, slots=True)
class SignedKind(Generic[S]):
    """One kind of object that somebody signs."""

    domain: bytes
    """External additional data: keeps signatures over different kinds apart."""
    shape: type[S]
    limit: int
    """Most bytes of the whole signed object."""

    def sign(self, suite: Suite, key: PrivateKey, value: S) -> bytes:
        """The COSE_Sign1 of `value`."""
        return cose.sign(suite, key, self.domain, cbor.encode(value))

    def parse(self, suite: Suite, raw: bytes) -> tuple[cose.Sign1, S]:
        """Take `raw` apart without verifying it. `Refusal` by name when it is malformed."""
        signed = cose.parse(suite, raw, limit=self.limit)
        return signed, cbor.decode(signed.payload, self.shape, limit=self.limit)

    def verify(self, suite: Suite, public: bytes, signed: cose.Sign1) -> None:
        """Raise `Refusal` bad_signature unless `public` signed it as this kind."""
        cose.verify(suite, public, self.domain, signed)

    def read(self, suite: Suite, raw: bytes, public: bytes) -> S:
        """The value in `raw`, signed by `public`. `Refusal` by name when it is not."""
        signed, value = self.parse(suite, raw)
        self.verify(suite, public, signed)
        return value

    def peek(self, suite: Suite, raw: bytes) -> S:
        """What `raw` claims, unverified: only to learn whose key must have signed it."""
        return self.parse(suite, raw)[1]
