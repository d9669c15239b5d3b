"""Compact certificates: root -> institution -> chip, each a COSE_Sign1 by the one above.

A certificate says which key plays which role under which name, in which limits tier, and for how
long. Names: an institution is its code (``A``), a chip is the number of the wallet it belongs to
(``A-7K2Q9D4M``), the platform is ``platform``.
"""

from dataclasses import dataclass
from enum import IntEnum
from typing import Annotated

from msgspec import Meta, Struct

from feiqian.crypto import cose
from feiqian.crypto.signed import SignedKind
from feiqian.crypto.suites import Suite
from feiqian.outcomes import Outcome, Refusal
from feiqian.timing.moment import Milliseconds

MAX_CERTIFICATE_BYTES = 256
PLATFORM = "platform"

# \Z and not $, which would let a line feed through at the end.
InstitutionCode = Annotated[str, Meta(pattern=r"^[A-Z0-9]{1,11}\Z")]
WalletNumber = Annotated[str, Meta(pattern=r"^[A-Z0-9]{1,11}-[A-Z0-9]{4,12}\Z")]
Name = Annotated[str, Meta(min_length=1, max_length=24, pattern=r"^[A-Za-z0-9-]+\Z")]
PublicKey = Annotated[bytes, Meta(min_length=33, max_length=33)]
UnixMs = Milliseconds


class KeyRole(IntEnum):
    """What a certified key may do."""

    PLATFORM = 0
    INSTITUTION = 1
    CHIP = 2


class Certificate(Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """The payload of a certificate."""

    version: int
    role: KeyRole
    subject: Name
    public_key: PublicKey
    issuer: Name
    tier: Annotated[int, Meta(ge=0, le=15)]
    not_before_ms: UnixMs
    not_after_ms: UnixMs


@dataclass(frozen=True, slots=True)
class SignedCertificate:
    """A certificate with the bytes that were signed."""

    raw: bytes
    value: Certificate
    fingerprint: bytes
    """Of the certified key."""
    signed: cose.Sign1


CERTIFICATE = SignedKind(b"feiqian/certificate", Certificate, MAX_CERTIFICATE_BYTES)


def parse_certificate(suite: Suite, raw: bytes) -> SignedCertificate:
    """Read a certificate without trusting it. `Refusal` by name when it is malformed."""
    signed, value = CERTIFICATE.parse(suite, raw)
    fingerprint = suite.fingerprint(value.public_key)
    return SignedCertificate(raw=raw, value=value, fingerprint=fingerprint, signed=signed)


def verify_certificate(
    suite: Suite, certificate: SignedCertificate, issuer: Certificate, role: KeyRole
) -> None:
    """Check that `issuer` signed `certificate` for `role`; validity is `check_validity`'s.

    Raises `Refusal`: wrong_role, bad_certificate.
    """
    value = certificate.value
    if value.role is not role:
        raise Refusal(Outcome.WRONG_ROLE, f"expected a certificate of role {role.name.lower()}")
    if value.issuer != issuer.subject:
        raise Refusal(Outcome.BAD_CERTIFICATE, f"expected a certificate issued by {issuer.subject}")
    try:
        CERTIFICATE.verify(suite, issuer.public_key, certificate.signed)
    except Refusal as refusal:
        raise Refusal(Outcome.BAD_CERTIFICATE, f"not signed by {issuer.subject}") from refusal


def check_validity(certificate: Certificate, at_ms: int) -> None:
    """Raise `Refusal` certificate_expired unless it is valid at `at_ms`."""
    if not certificate.not_before_ms <= at_ms <= certificate.not_after_ms:
        raise Refusal(
            Outcome.CERTIFICATE_EXPIRED, f"the certificate of {certificate.subject} is not valid"
        )
