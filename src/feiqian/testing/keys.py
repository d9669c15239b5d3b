"""A world of keys for tests: the platform's root, institutions, and whatever chips they certify.

Every key is derived from a label, so a world is the same in every run and two worlds of one seed
agree. Certificates are real; nothing in here skips a check that a party would make.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field

from feiqian.crypto.cbor import VERSION
from feiqian.crypto.certificates import (
    CERTIFICATE,
    PLATFORM,
    Certificate,
    KeyRole,
    SignedCertificate,
    parse_certificate,
)
from feiqian.crypto.p256 import P256_SHA256
from feiqian.crypto.suites import PrivateKey, Suite
from feiqian.crypto.trust import DIRECTORY, Directory, DirectoryEntry, TrustStore
from feiqian.money.currency import Currency, SignedCurrency, sign_currency
from feiqian.money.limits import DEFAULT_TIER

NOW_MS = 1_800_000_000_000
"""The moment at which the world was made; its certificates are valid from a day before."""
_DAY_MS = 24 * 60 * 60 * 1000
_YEAR_MS = 365 * _DAY_MS


@dataclass(frozen=True, slots=True)
class CertifiedParty:
    """A key with its certificate; tests may sign anything with it."""

    key: PrivateKey
    certificate: SignedCertificate

    @property
    def fingerprint(self) -> bytes:
        """Of the key."""
        return self.certificate.fingerprint


@dataclass
class TrustWorld:
    """The platform and its institutions, with their private keys."""

    codes: Sequence[str] = ("A", "B")
    suite: Suite = P256_SHA256
    seed: str = "feiqian"
    root: CertifiedParty = field(init=False)
    institutions: dict[str, CertifiedParty] = field(init=False)

    def __post_init__(self) -> None:
        root_key = self.key(PLATFORM)
        self.root = self._certify(root_key, root_key, PLATFORM, PLATFORM, KeyRole.PLATFORM)
        self.institutions = {
            code: self._certify(self.root.key, self.key(code), code, PLATFORM, KeyRole.INSTITUTION)
            for code in self.codes
        }

    def key(self, label: str) -> PrivateKey:
        """The key of this label, the same in every run."""
        return self.suite.load(hashlib.sha256(f"{self.seed}/{label}".encode()).digest())

    def chip(self, code: str, number: str, tier: int = DEFAULT_TIER) -> CertifiedParty:
        """A chip key in the test's own hands, certified by institution `code`."""
        key = self.key(number)
        return CertifiedParty(key, self.certify(code, number, key.public, tier=tier))

    def certify(
        self,
        code: str,
        number: str,
        public_key: bytes,
        *,
        tier: int = DEFAULT_TIER,
        role: KeyRole = KeyRole.CHIP,
        not_before_ms: int = NOW_MS - _DAY_MS,
        not_after_ms: int = NOW_MS + _YEAR_MS,
    ) -> SignedCertificate:
        """A certificate for `public_key`, signed by institution `code`."""
        certificate = Certificate(
            version=VERSION,
            role=role,
            subject=number,
            public_key=public_key,
            issuer=code,
            tier=tier,
            not_before_ms=not_before_ms,
            not_after_ms=not_after_ms,
        )
        return self._sign(self.institutions[code].key, certificate)

    def trust_store(self) -> TrustStore:
        """A new store that knows the root and every institution."""
        trust = TrustStore.pinned(self.suite, self.root.certificate.raw)
        trust.learn_directory(self.directory())
        return trust

    def directory(self, number: int = 1) -> bytes:
        """The platform's signed directory of all institutions."""
        entries = tuple(
            DirectoryEntry(code, party.certificate.raw, f"http://{code.lower()}.example")
            for code, party in sorted(self.institutions.items())
        )
        directory = Directory(VERSION, number, NOW_MS, entries)
        return DIRECTORY.sign(self.suite, self.root.key, directory)

    def issue(
        self, code: str, owner: bytes, amount_minor: int, sequence: int = 1, salt: str = ""
    ) -> SignedCurrency:
        """New value from institution `code`; another `salt` makes another serial."""
        label = f"{code}/{owner.hex()}/{sequence}/{salt}".encode()
        currency = Currency(
            version=VERSION,
            issuer=code,
            serial=_uuid7(hashlib.sha256(label).digest()),
            amount_minor=amount_minor,
            owner=owner,
            issued_at_ms=NOW_MS,
            sequence=sequence,
            renewal_of=None,
        )
        return sign_currency(self.suite, self.institutions[code].key, currency)

    def _certify(
        self, signer: PrivateKey, key: PrivateKey, subject: str, issuer: str, role: KeyRole
    ) -> CertifiedParty:
        certificate = Certificate(
            version=VERSION,
            role=role,
            subject=subject,
            public_key=key.public,
            issuer=issuer,
            tier=0,
            not_before_ms=NOW_MS - _DAY_MS,
            not_after_ms=NOW_MS + 10 * _YEAR_MS,
        )
        return CertifiedParty(key, self._sign(signer, certificate))

    def _sign(self, signer: PrivateKey, certificate: Certificate) -> SignedCertificate:
        return parse_certificate(self.suite, CERTIFICATE.sign(self.suite, signer, certificate))


def _uuid7(random_part: bytes) -> bytes:
    """A UUIDv7 (RFC 9562, 5.7) of the world's moment and the random part given."""
    number = NOW_MS << 80 | int.from_bytes(random_part[:10], "big")
    number = number & ~(0xF << 76) | 7 << 76
    number = number & ~(0b11 << 62) | 0b10 << 62
    return number.to_bytes(16, "big")
