"""Evidence of a double spend: two transfers that one key signed of one state (D-13, D-15).

It is complete in itself: with the platform's root certificate alone anybody can verify it offline
and learns who the offender is. The same two transfers make the same evidence in whichever order they
came to light. It says nothing about which of them counts; that is the issuer's record alone.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from msgspec import Struct

from feiqian.crypto import cbor
from feiqian.crypto.cbor import VERSION
from feiqian.crypto.certificates import (
    KeyRole,
    SignedCertificate,
    parse_certificate,
    verify_certificate,
)
from feiqian.crypto.suites import Suite
from feiqian.crypto.trust import TrustStore, check_wallet_number
from feiqian.money.identifiers import Fingerprint, Identifier
from feiqian.money.transfer import SignedTransfer, parse_transfer, verify_transfer
from feiqian.outcomes import Outcome, Refusal
from feiqian.wire.items import RawCertificate, RawTransfer

MAX_EVIDENCE_BYTES = 1_280

_DOMAIN = b"feiqian/evidence\x00"


class Evidence(Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """Two signed transfers of one state, by name, and the certificates above their key."""

    version: int
    consumed: Identifier
    root: Fingerprint
    """Of the platform's key that certified the institution."""
    institution_certificate: RawCertificate
    owner_certificate: RawCertificate
    first: RawTransfer
    """The one whose name is the lesser."""
    second: RawTransfer


@dataclass(frozen=True, slots=True)
class Accusation:
    """What verified evidence says."""

    name: bytes
    """The evidence's own name: the same for the same two transfers."""
    consumed: bytes
    transfers: tuple[bytes, bytes]
    """Their names, in order."""
    offender: bytes
    """Fingerprint of the key that signed both."""
    wallet: str
    institution: str


def name_evidence(suite: Suite, consumed: bytes, transfers: Sequence[bytes]) -> bytes:
    """The name of evidence: of the state and the two transfers' names, whatever their order."""
    return suite.digest(_DOMAIN + consumed + b"".join(sorted(transfers)))


def make_evidence(
    trust: TrustStore, transfers: Sequence[bytes], certificates: Sequence[bytes]
) -> bytes:
    """Evidence of two transfers (raw) by one chip, as bytes.

    `certificates`: of that chip, as they came with either transfer; one key may have several, and
    the least is taken. Raises `Refusal`: malformed and its kin, unknown_issuer, no_conflict.
    """
    read = sorted((parse_transfer(trust.suite, raw) for raw in transfers), key=_name_of)
    _check_conflict(read)
    owner = parse_certificate(trust.suite, min(certificates))
    return cbor.encode(
        Evidence(
            VERSION,
            read[0].value.consumed,
            trust.root.fingerprint,
            trust.institution(owner.value.issuer).raw,
            owner.raw,
            read[0].raw,
            read[1].raw,
        )
    )


def verify_evidence(trust: TrustStore, raw: bytes) -> Accusation:
    """Who has spent which state twice; needs nothing of `trust` but its root.

    Validity in time does not matter: a signature that was made stays made. Raises `Refusal`:
    malformed and its kin, not_canonical when the transfers are not in order, bad_certificate,
    wrong_role, no_conflict, bad_signature.
    """
    evidence = cbor.decode(raw, Evidence, limit=MAX_EVIDENCE_BYTES)
    suite = trust.suite
    owner = _owner(trust, evidence)
    transfers = [parse_transfer(suite, each) for each in (evidence.first, evidence.second)]
    _check_conflict(transfers)
    if transfers[0].value.consumed != evidence.consumed:
        raise Refusal(Outcome.NO_CONFLICT, "expected transfers of the state that is named")
    names = transfers[0].name, transfers[1].name
    if names[0] > names[1]:
        raise Refusal(Outcome.NOT_CANONICAL, "expected the transfers in the order of their names")
    for transfer in transfers:
        verify_transfer(suite, owner.value.public_key, transfer)
    return Accusation(
        name_evidence(suite, evidence.consumed, names),
        evidence.consumed,
        names,
        owner.fingerprint,
        owner.value.subject,
        owner.value.issuer,
    )


def _owner(trust: TrustStore, evidence: Evidence) -> SignedCertificate:
    """The certificate of the key, verified up to the root."""
    suite, root = trust.suite, trust.root
    if evidence.root != root.fingerprint:
        raise Refusal(Outcome.BAD_CERTIFICATE, "expected evidence under this network's root")
    institution = parse_certificate(suite, evidence.institution_certificate)
    verify_certificate(suite, institution, root.value, KeyRole.INSTITUTION)
    owner = parse_certificate(suite, evidence.owner_certificate)
    verify_certificate(suite, owner, institution.value, KeyRole.CHIP)
    check_wallet_number(owner.value)
    return owner


def _check_conflict(transfers: Sequence[SignedTransfer]) -> None:
    first, second = transfers
    if first.value.consumed != second.value.consumed:
        raise Refusal(Outcome.NO_CONFLICT, "expected two transfers of one state")
    if first.name == second.name:
        raise Refusal(Outcome.NO_CONFLICT, "the same transfer twice is a repeat, no double spend")


def _name_of(transfer: SignedTransfer) -> bytes:
    return transfer.name
