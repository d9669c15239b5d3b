"""Certificates: a key, a role, a name, a tier, a time, under one signature."""

import msgspec
import pytest

from feiqian.crypto.certificates import (
    CERTIFICATE,
    KeyRole,
    check_validity,
    parse_certificate,
    verify_certificate,
)
from feiqian.outcomes import Outcome
from tests.golden import SUITE_NAMES, golden, outcome_of, value_of


@pytest.fixture(params=SUITE_NAMES)
def world(request):
    """The golden samples of each suite in turn."""
    return golden(request.param)


def changed(world, name, signer, **fields):
    """A golden certificate with fields replaced, signed anew by `signer`."""
    value = msgspec.structs.replace(value_of(world, name), **fields)
    return parse_certificate(world.suite, CERTIFICATE.sign(world.suite, world.keys[signer], value))


def refusal(world, certificate, issuer="certificate_a", role=KeyRole.CHIP):
    """The outcome by which a certificate is refused under an issuer's."""
    above = value_of(world, issuer)
    return outcome_of(lambda: verify_certificate(world.suite, certificate, above, role))


@pytest.mark.feature("P-02")
def test_chain_of_certificates_verifies(world):
    """The root certifies itself and institutions, an institution its chips."""
    for name, issuer, role in (
        ("root_certificate", "root_certificate", KeyRole.PLATFORM),
        ("certificate_a", "root_certificate", KeyRole.INSTITUTION),
        ("payer_certificate", "certificate_a", KeyRole.CHIP),
    ):
        certificate = parse_certificate(world.suite, world.raw(name))
        verify_certificate(world.suite, certificate, value_of(world, issuer), role)


def test_fingerprint_is_of_the_certified_key(world):
    """A certificate names its key by the fingerprint that money is owned by."""
    certificate = parse_certificate(world.suite, world.raw("payer_certificate"))
    assert certificate.fingerprint == world.fingerprint("payer")


def test_genuine_certificate_of_another_role_is_refused(world):
    """A chip is not an institution, however well it is certified."""
    chip = parse_certificate(world.suite, world.raw("payer_certificate"))
    assert refusal(world, chip, role=KeyRole.INSTITUTION) is Outcome.WRONG_ROLE


def test_institution_cannot_be_made_by_an_institution(world):
    """Only the platform certifies institutions."""
    forged = changed(world, "certificate_b", "institution_a", issuer="A")
    assert (
        refusal(world, forged, "root_certificate", KeyRole.INSTITUTION) is Outcome.BAD_CERTIFICATE
    )


def test_issuer_must_be_the_one_named(world):
    """A certificate that names another issuer is refused, also when that issuer exists."""
    chip = parse_certificate(world.suite, world.raw("payee_certificate"))
    assert refusal(world, chip) is Outcome.BAD_CERTIFICATE


def test_signature_must_be_the_issuers(world):
    """Naming an issuer does not make its signature."""
    forged = changed(world, "payer_certificate", "payee")
    assert refusal(world, forged) is Outcome.BAD_CERTIFICATE


def test_validity_includes_both_ends(world):
    """A certificate is valid from its first to its last millisecond."""
    value = value_of(world, "payer_certificate")
    check_validity(value, value.not_before_ms)
    check_validity(value, value.not_after_ms)
    for at_ms in (value.not_before_ms - 1, value.not_after_ms + 1):
        assert (
            outcome_of(lambda at_ms=at_ms: check_validity(value, at_ms))
            is Outcome.CERTIFICATE_EXPIRED
        )


@pytest.mark.parametrize(
    "fields",
    [
        {"public_key": b"\x02" + b"\xff" * 32},
        {"public_key": bytes(33)},
        {"subject": ""},
        {"subject": "A-7K2Q9D4M\n"},
        {"subject": "A" * 25},
        {"tier": 16},
        {"tier": -1},
        {"role": 3},
        {"role": True},
        {"not_after_ms": 2**53},
    ],
    ids=str,
)
def test_certificate_out_of_bounds_is_malformed(world, fields):
    """A field out of its bounds, or a key that is no point, is refused when it is read."""
    assert (
        outcome_of(lambda: changed(world, "payer_certificate", "institution_a", **fields))
        is Outcome.MALFORMED
    )
