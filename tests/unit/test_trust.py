"""The trust store believes the pinned root and what follows from it, and never goes back."""

import msgspec
import pytest

from feiqian.crypto.certificates import CERTIFICATE, KeyRole, parse_certificate
from feiqian.crypto.trust import DIRECTORY, MAX_DIRECTORY_BYTES, TrustStore
from feiqian.outcomes import Outcome
from tests.golden import NOW_MS, SUITE_NAMES, golden, golden_trust, outcome_of, value_of


@pytest.fixture(params=SUITE_NAMES)
def world(request):
    """The golden samples of each suite in turn."""
    return golden(request.param)


@pytest.fixture
def trust(world):
    """A store that knows the golden directory, number 7."""
    return golden_trust(world)


def directory(world, signer="platform", **fields):
    """The golden directory with fields replaced, signed anew."""
    value = msgspec.structs.replace(value_of(world, "directory"), **fields)
    return DIRECTORY.sign(world.suite, world.keys[signer], value)


def entries_with(world, **fields):
    """The directory's entries, the first one with fields replaced."""
    first, *others = value_of(world, "directory").institutions
    return (msgspec.structs.replace(first, **fields), *others)


def certificate(world, name, signer, **fields):
    """A golden certificate with fields replaced, signed anew."""
    value = msgspec.structs.replace(value_of(world, name), **fields)
    return CERTIFICATE.sign(world.suite, world.keys[signer], value)


@pytest.mark.feature("P-02")
def test_directory_of_the_platform_is_learned(world, trust):
    """Institutions are known by code, with certificate and address, once the platform lists them."""
    assert trust.codes == ("A", "B")
    assert trust.directory_number == 7
    assert trust.url("A") == "https://A.example"
    assert trust.institution("B").fingerprint == world.fingerprint("institution_b")
    assert trust.directory_raw == world.raw("directory")


def test_fresh_store_trusts_nobody(world):
    """Before the first directory no institution is known."""
    trust = TrustStore.pinned(world.suite, world.raw("root_certificate"))
    assert trust.directory_number == 0
    assert outcome_of(lambda: trust.institution("A")) is Outcome.UNKNOWN_ISSUER
    assert outcome_of(lambda: trust.url("A")) is Outcome.UNKNOWN_ISSUER


@pytest.mark.parametrize("number", [1, 6, 7])
def test_directory_never_rolls_back(world, trust, number):
    """An older or equal directory, genuine as it is, changes nothing."""
    assert trust.learn_directory(directory(world, number=number, institutions=())) is False
    assert trust.codes == ("A", "B")
    assert trust.directory_number == 7
    assert trust.directory_raw == world.raw("directory")


def test_newer_directory_replaces_the_older(world, trust):
    """An institution that a newer directory leaves out is unknown, its chips with it."""
    trust.verify_chip(world.raw("payer_certificate"), NOW_MS)
    kept = value_of(world, "directory").institutions[1:]
    assert trust.learn_directory(directory(world, number=8, institutions=kept)) is True
    assert trust.codes == ("B",)
    refused = outcome_of(lambda: trust.verify_chip(world.raw("payer_certificate"), NOW_MS))
    assert refused is Outcome.UNKNOWN_ISSUER


def test_directory_by_another_key_is_refused(world, trust):
    """Nobody but the platform says who the institutions are."""
    forged = directory(world, "institution_a", number=8)
    assert outcome_of(lambda: trust.learn_directory(forged)) is Outcome.BAD_SIGNATURE
    assert trust.directory_number == 7


def test_directory_with_a_bad_entry_changes_nothing(world, trust):
    """One certificate that does not fit its entry, and the whole directory is refused."""
    bad = (
        (world.raw("certificate_b"), Outcome.BAD_CERTIFICATE),
        (world.raw("payer_certificate"), Outcome.WRONG_ROLE),
        (certificate(world, "certificate_a", "payee"), Outcome.BAD_CERTIFICATE),
        (b"", Outcome.MALFORMED),
    )
    for raw, outcome in bad:
        listed = directory(world, number=8, institutions=entries_with(world, certificate=raw))
        assert outcome_of(lambda raw=listed: trust.learn_directory(raw)) is outcome
    assert trust.directory_number == 7
    assert trust.institution("A").raw == world.raw("certificate_a")


def test_institution_is_listed_once(world, trust):
    """A directory that names an institution twice is refused, for it would mean either."""
    first = value_of(world, "directory").institutions[0]
    twice = directory(world, number=8, institutions=(first, first))
    assert outcome_of(lambda: trust.learn_directory(twice)) is Outcome.MALFORMED
    assert trust.directory_number == 7


def test_oversize_directory_is_refused_unread(trust):
    """A directory above its limit is refused before it is read."""
    refused = outcome_of(lambda: trust.learn_directory(bytes(MAX_DIRECTORY_BYTES + 1)))
    assert refused is Outcome.TOO_LARGE


def test_root_must_certify_itself_as_the_platform(world):
    """A root of another role, or one that it did not sign itself, is never pinned."""
    refused = outcome_of(lambda: TrustStore.pinned(world.suite, world.raw("certificate_a")))
    assert refused is Outcome.WRONG_ROLE
    forged = certificate(world, "root_certificate", "institution_a")
    refused = outcome_of(lambda: TrustStore.pinned(world.suite, forged))
    assert refused is Outcome.BAD_CERTIFICATE


@pytest.mark.feature("P-02")
def test_chip_is_verified_up_to_the_root(world, trust):
    """A chip is known by its certificate, also when it is shown again."""
    for _ in range(2):
        chip = trust.verify_chip(world.raw("payer_certificate"), NOW_MS)
        assert chip.fingerprint == world.fingerprint("payer")


@pytest.mark.parametrize(
    ("signer", "fields", "outcome"),
    [
        ("institution_b", {}, Outcome.BAD_CERTIFICATE),
        ("institution_a", {"issuer": "B"}, Outcome.BAD_CERTIFICATE),
        ("institution_a", {"issuer": "C"}, Outcome.UNKNOWN_ISSUER),
        ("platform", {"issuer": "platform"}, Outcome.UNKNOWN_ISSUER),
        ("institution_a", {"role": KeyRole.INSTITUTION}, Outcome.WRONG_ROLE),
        ("institution_a", {"subject": "B-7K2Q9D4M"}, Outcome.BAD_CERTIFICATE),
        ("institution_a", {"subject": "AB-7K2Q9D4M"}, Outcome.BAD_CERTIFICATE),
        ("institution_a", {"subject": "A"}, Outcome.BAD_CERTIFICATE),
        ("institution_a", {"not_after_ms": NOW_MS - 1}, Outcome.CERTIFICATE_EXPIRED),
        ("institution_a", {"not_before_ms": NOW_MS + 1}, Outcome.CERTIFICATE_EXPIRED),
    ],
)
def test_chip_that_is_not_certified_is_refused_by_name(world, trust, signer, fields, outcome):
    """Wrong signer, issuer, role, name or time: each is refused for what it is."""
    raw = certificate(world, "payer_certificate", signer, **fields)
    assert outcome_of(lambda: trust.verify_chip(raw, NOW_MS)) is outcome


def test_certificate_seen_before_still_expires(world, trust):
    """A chip that was verified once is refused after its time, and after its institution's."""
    raw = world.raw("payer_certificate")
    last_ms = parse_certificate(world.suite, raw).value.not_after_ms
    trust.verify_chip(raw, last_ms)
    refused = outcome_of(lambda: trust.verify_chip(raw, last_ms + 1))
    assert refused is Outcome.CERTIFICATE_EXPIRED

    lasting = certificate(world, "payer_certificate", "institution_a", not_after_ms=last_ms + 10)
    refused = outcome_of(lambda: trust.verify_chip(lasting, last_ms + 1))
    assert refused is Outcome.CERTIFICATE_EXPIRED
