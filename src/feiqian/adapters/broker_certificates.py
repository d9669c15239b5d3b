"""A small certificate authority for a message broker: for the broker itself, and for its members.

A member's certificate names it (common name), and that name is all a broker goes by: topics, client
id and access follow from it. These certificates open the transport only; what is said on the bus is
signed by other keys. Keys are files, mode 0600, as are all keys of this version.
"""

import datetime as dt
import ipaddress
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from feiqian.outcomes import Outcome, Refusal
from feiqian.wire.bus_topics import check_name

VALIDITY_DAYS = 825
CLOCK_SLACK = dt.timedelta(hours=1)
"""Certificates hold from a little before they are made."""
AUTHORITY_NAME = "bus authority"


@dataclass(frozen=True, slots=True)
class Credentials:
    """What a member, or a broker, needs to be let in: three PEM files."""

    authority_file: Path
    certificate_file: Path
    key_file: Path

    @classmethod
    def of(cls, folder: Path) -> Self:
        """Those that a folder holds, or shall hold."""
        return cls(folder / "authority.pem", folder / "certificate.pem", folder / "private.key")

    @property
    def name(self) -> str:
        """The name that the certificate gives. `Refusal` bad_certificate, malformed."""
        try:
            certificate = x509.load_pem_x509_certificate(self.certificate_file.read_bytes())
            (attribute,) = certificate.subject.get_attributes_for_oid(NameOID.COMMON_NAME)
        except (OSError, ValueError) as error:
            detail = f"expected a certificate with one name in {self.certificate_file}: {error}"
            raise Refusal(Outcome.BAD_CERTIFICATE, detail) from error
        return check_name(str(attribute.value))


class CertificateAuthority:
    """The authority of one bus, kept in a folder."""

    def __init__(self, folder: Path, key: ec.EllipticCurvePrivateKey) -> None:
        self._folder = folder
        self._key = key
        self._authority_file = folder / "authority.pem"

    @classmethod
    def make(cls, folder: Path) -> Self:
        """A new authority in a folder that has none."""
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        authority = cls(folder, ec.generate_private_key(ec.SECP256R1()))
        certificate = authority._certificate(
            AUTHORITY_NAME, authority._key.public_key(), None, None
        )
        _write_key(folder / "authority.key", authority._key)
        authority._authority_file.write_bytes(certificate)
        return authority

    @classmethod
    def open(cls, folder: Path) -> Self:
        """The authority that was made in a folder. `Refusal` bad_certificate."""
        try:
            pem = (folder / "authority.key").read_bytes()
            key = serialization.load_pem_private_key(pem, password=None)
        except (OSError, ValueError) as error:
            raise Refusal(Outcome.BAD_CERTIFICATE, f"no authority in {folder}: {error}") from error
        assert isinstance(key, ec.EllipticCurvePrivateKey), "its own key file"
        return cls(folder, key)

    @classmethod
    def exists(cls, folder: Path) -> bool:
        """Whether one was made in a folder."""
        return (folder / "authority.key").exists()

    def admit(self, name: str, folder: Path) -> Credentials:
        """New credentials for the member called `name`, in its own folder. `Refusal` malformed."""
        return self._issue(check_name(name), folder, ExtendedKeyUsageOID.CLIENT_AUTH, None)

    def member(self, name: str) -> Credentials:
        """The same in a folder of the authority's."""
        return self.admit(name, self._folder / "members" / check_name(name))

    def broker(self, host: str, folder: Path) -> Credentials:
        """New credentials for a broker at a host name or an address."""
        try:
            place: x509.GeneralName = x509.IPAddress(ipaddress.ip_address(host))
        except ValueError:
            place = x509.DNSName(host)
        return self._issue("broker", folder, ExtendedKeyUsageOID.SERVER_AUTH, place)

    def _issue(
        self,
        name: str,
        folder: Path,
        usage: x509.ObjectIdentifier,
        place: x509.GeneralName | None,
    ) -> Credentials:
        key = ec.generate_private_key(ec.SECP256R1())
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        files = Credentials.of(folder)
        files.authority_file.write_bytes(self._authority_file.read_bytes())
        _write_key(files.key_file, key)
        files.certificate_file.write_bytes(self._certificate(name, key.public_key(), usage, place))
        return files

    def _certificate(
        self,
        name: str,
        public_key: ec.EllipticCurvePublicKey,
        usage: x509.ObjectIdentifier | None,
        place: x509.GeneralName | None,
    ) -> bytes:
        """A certificate; without a usage it is the authority's own."""
        now = dt.datetime.now(dt.UTC)
        builder = (
            x509.CertificateBuilder()
            .subject_name(_name(name))
            .issuer_name(_name(AUTHORITY_NAME))
            .public_key(public_key)
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - CLOCK_SLACK)
            .not_valid_after(now + dt.timedelta(days=VALIDITY_DAYS))
            .add_extension(x509.BasicConstraints(ca=usage is None, path_length=None), critical=True)
            .add_extension(_key_usage(is_authority=usage is None), critical=True)
            .add_extension(
                x509.AuthorityKeyIdentifier.from_issuer_public_key(self._key.public_key()),
                critical=False,
            )
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(public_key), critical=False)
        )
        if usage is not None:
            builder = builder.add_extension(x509.ExtendedKeyUsage([usage]), critical=False)
        if place is not None:
            builder = builder.add_extension(x509.SubjectAlternativeName([place]), critical=False)
        return builder.sign(self._key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)


def _key_usage(*, is_authority: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not is_authority,
        key_cert_sign=is_authority,
        crl_sign=is_authority,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )


def _name(name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])


def _write_key(path: Path, key: ec.EllipticCurvePrivateKey) -> None:
    pem = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
        file.write(pem)
