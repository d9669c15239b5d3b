"""Verification: what certificates a chip believes, from nothing but the root key pinned in it."""

from feiqian.chip.card.memory import CardState
from feiqian.crypto.cbor import VERSION
from feiqian.crypto.certificates import (
    PLATFORM,
    Certificate,
    KeyRole,
    SignedCertificate,
    parse_certificate,
    verify_certificate,
)
from feiqian.crypto.suites import Suite
from feiqian.crypto.trust import check_wallet_number
from feiqian.timing.moment import MAX_MS


def verified_institution(suite: Suite, state: CardState, raw: bytes) -> SignedCertificate:
    """The institution certificate in `raw`, signed by the pinned root.

    Raises `Refusal`: malformed and its kin, wrong_role, bad_certificate.
    """
    institution = parse_certificate(suite, raw)
    verify_certificate(suite, institution, _root(state), KeyRole.INSTITUTION)
    return institution


def verified_chip(suite: Suite, institution: SignedCertificate, raw: bytes) -> SignedCertificate:
    """The chip certificate in `raw`, of a wallet of `institution`; errors as above."""
    chip = parse_certificate(suite, raw)
    verify_certificate(suite, chip, institution.value, KeyRole.CHIP)
    check_wallet_number(chip.value)
    return chip


def _root(state: CardState) -> Certificate:
    """The pinned key in the form that certificates are verified against."""
    return Certificate(
        version=VERSION,
        role=KeyRole.PLATFORM,
        subject=PLATFORM,
        public_key=state.root_public_key,
        issuer=PLATFORM,
        tier=0,
        not_before_ms=0,
        not_after_ms=MAX_MS,
    )
