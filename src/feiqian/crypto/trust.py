"""The trust store: who may sign what, from one pinned root certificate and the signed directory.

The directory is the platform's signed list of institutions: code, certificate, address. It carries
a number that only grows, so an older one never replaces a newer one. Everything else is verified
against it without a network: an institution's key by its code, a chip's key by its certificate.
"""

from collections import OrderedDict
from typing import Annotated, Self

from msgspec import Meta, Struct

from feiqian.crypto.certificates import (
    MAX_CERTIFICATE_BYTES,
    Certificate,
    InstitutionCode,
    KeyRole,
    SignedCertificate,
    UnixMs,
    check_validity,
    parse_certificate,
    verify_certificate,
)
from feiqian.crypto.signed import SignedKind
from feiqian.crypto.suites import Suite
from feiqian.outcomes import Outcome, Refusal

MAX_INSTITUTIONS = 256
MAX_DIRECTORY_BYTES = 131_072
VERIFIED_CHIPS = 65_536
"""How many verified chip certificates stay known."""


class DirectoryEntry(Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """One institution: where it answers and which key is its own."""

    code: InstitutionCode
    certificate: Annotated[bytes, Meta(max_length=MAX_CERTIFICATE_BYTES)]
    url: Annotated[str, Meta(max_length=200)]


class Directory(Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """The payload of the platform's directory."""

    version: int
    number: Annotated[int, Meta(ge=1, le=2**53 - 1)]
    issued_at_ms: UnixMs
    institutions: Annotated[tuple[DirectoryEntry, ...], Meta(max_length=MAX_INSTITUTIONS)]


DIRECTORY = SignedKind(b"feiqian/directory", Directory, MAX_DIRECTORY_BYTES)


class TrustStore:
    """What one party believes; everything in it was verified on the way in."""

    def __init__(self, suite: Suite, root: SignedCertificate) -> None:
        """Pin `root`. Raises `Refusal` bad_certificate unless it signs itself as the platform."""
        verify_certificate(suite, root, root.value, KeyRole.PLATFORM)
        self.suite = suite
        self.root = root
        self.directory_raw = b""
        self._number = 0
        self._institutions: dict[str, SignedCertificate] = {}
        self._urls: dict[str, str] = {}
        self._chips: OrderedDict[bytes, SignedCertificate] = OrderedDict()

    @classmethod
    def pinned(cls, suite: Suite, root_raw: bytes) -> Self:
        """A store that trusts only the root certificate given (COSE bytes)."""
        return cls(suite, parse_certificate(suite, root_raw))

    def learn_directory(self, raw: bytes) -> bool:
        """Take a newer directory; an older or equal one changes nothing. Returns whether taken.

        Raises `Refusal` when it is malformed, not the platform's, or holds a bad certificate.
        """
        directory = DIRECTORY.read(self.suite, raw, self.root.value.public_key)
        if directory.number <= self._number:
            return False
        institutions = {entry.code: self._institution(entry) for entry in directory.institutions}
        if len(institutions) != len(directory.institutions):
            raise Refusal(Outcome.MALFORMED, "expected each institution once")
        self._institutions = institutions
        self._urls = {entry.code: entry.url for entry in directory.institutions}
        self._number = directory.number
        self._chips.clear()
        self.directory_raw = raw
        return True

    def _institution(self, entry: DirectoryEntry) -> SignedCertificate:
        certificate = parse_certificate(self.suite, entry.certificate)
        verify_certificate(self.suite, certificate, self.root.value, KeyRole.INSTITUTION)
        if certificate.value.subject != entry.code:
            raise Refusal(Outcome.BAD_CERTIFICATE, f"expected the certificate of {entry.code}")
        return certificate

    @property
    def directory_number(self) -> int:
        """The number of the directory in use; 0 before the first."""
        return self._number

    @property
    def codes(self) -> tuple[str, ...]:
        """The institutions known, in order."""
        return tuple(sorted(self._institutions))

    def institution(self, code: str) -> SignedCertificate:
        """The certificate of an institution; `Refusal` unknown_issuer if there is none."""
        try:
            return self._institutions[code]
        except KeyError:
            raise Refusal(
                Outcome.UNKNOWN_ISSUER, f"expected an institution of the directory, got {code!r}"
            ) from None

    def url(self, code: str) -> str:
        """Where an institution answers."""
        self.institution(code)
        return self._urls[code].rstrip("/")

    def verify_chip(self, raw: bytes, at_ms: int) -> SignedCertificate:
        """The chip certificate in `raw`, verified up to the root and valid at `at_ms`.

        Raises `Refusal`: malformed and its kin, unknown_issuer, wrong_role, bad_certificate,
        certificate_expired.
        """
        certificate = self._chips.get(raw)
        if certificate is None:
            certificate = parse_certificate(self.suite, raw)
            issuer = self.institution(certificate.value.issuer)
            verify_certificate(self.suite, certificate, issuer.value, KeyRole.CHIP)
            check_wallet_number(certificate.value)
            self._chips[raw] = certificate
            if len(self._chips) > VERIFIED_CHIPS:
                self._chips.popitem(last=False)
        check_validity(certificate.value, at_ms)
        check_validity(self._issuer_of(certificate), at_ms)
        return certificate

    def _issuer_of(self, certificate: SignedCertificate) -> Certificate:
        return self.institution(certificate.value.issuer).value


def check_wallet_number(chip: Certificate) -> None:
    """An institution certifies wallet numbers of its own code, so a name tells whose it is."""
    if not chip.subject.startswith(f"{chip.issuer}-"):
        raise Refusal(Outcome.BAD_CERTIFICATE, f"expected a wallet number of {chip.issuer}")
