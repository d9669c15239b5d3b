"""The platform's own key: what it certifies and signs, under the self-signed root certificate.

Everybody pins the root certificate, so whoever holds its key decides who is an institution. Here
one key signs certificates, directories, orders and answers alike; docs/adr/0004-one-platform-key.md
says what that costs and how an operations key would be split off.
"""

from dataclasses import dataclass

from feiqian.crypto.cbor import VERSION
from feiqian.crypto.certificates import (
    CERTIFICATE,
    PLATFORM,
    Certificate,
    KeyRole,
    SignedCertificate,
    parse_certificate,
    verify_certificate,
)
from feiqian.crypto.suites import PrivateKey, Suite
from feiqian.outcomes import LocalProtocolError

YEAR_MS = 365 * 24 * 60 * 60 * 1000
ROOT_VALIDITY_MS = 20 * YEAR_MS
INSTITUTION_VALIDITY_MS = 5 * YEAR_MS
BACKDATED_MS = 60 * 60 * 1000
"""How long before it was made a certificate is valid, for clocks that are behind."""


@dataclass(frozen=True, slots=True)
class Authority:
    """The suite of the network, its root certificate and the key that belongs to it."""

    suite: Suite
    root: SignedCertificate
    key: PrivateKey

    def certify(self, code: str, public_key: bytes, since_ms: int, now_ms: int) -> bytes:
        """The certificate of the key that an institution has had since `since_ms` (P-02)."""
        certificate = Certificate(
            VERSION,
            KeyRole.INSTITUTION,
            code,
            public_key,
            PLATFORM,
            0,
            since_ms - BACKDATED_MS,
            now_ms + INSTITUTION_VALIDITY_MS,
        )
        return CERTIFICATE.sign(self.suite, self.key, certificate)


def self_signed_root(suite: Suite, key: PrivateKey, now_ms: int) -> bytes:
    """The root certificate of a new network, for everybody to pin."""
    root = Certificate(
        VERSION,
        KeyRole.PLATFORM,
        PLATFORM,
        key.public,
        PLATFORM,
        0,
        now_ms - BACKDATED_MS,
        now_ms + ROOT_VALIDITY_MS,
    )
    return CERTIFICATE.sign(suite, key, root)


def take_office(suite: Suite, root_raw: bytes, key: PrivateKey) -> Authority:
    """The authority of a root certificate and its key.

    Raises `Refusal` when the certificate is no root; `LocalProtocolError` when the key is another's.
    """
    root = parse_certificate(suite, root_raw)
    verify_certificate(suite, root, root.value, KeyRole.PLATFORM)
    if root.value.public_key != key.public:
        raise LocalProtocolError("expected the private key of the root certificate")
    return Authority(suite, root, key)
