"""Institutions join under the platform's root, and everybody learns it from the signed directory."""

import pytest
from msgspec import ValidationError, convert

from feiqian.central import membership
from feiqian.central.authority import self_signed_root, take_office
from feiqian.central.documents import Admission
from feiqian.crypto.certificates import check_validity
from feiqian.crypto.trust import DIRECTORY, TrustStore
from feiqian.outcomes import LocalProtocolError, Outcome, Refusal
from feiqian.testing.platform_world import START_MS, SUITE, PlatformWorld, run

pytestmark = pytest.mark.feature("P-02")

YEARS_MS = 4 * 365 * 24 * 60 * 60 * 1000


@pytest.fixture
def world():
    """A and B are admitted."""
    with PlatformWorld(("A", "B")) as opened:
        yield opened


def _admission(world, key, code="A", owner="A", url="https://a.example"):
    return Admission(key, code, world.keys[owner].public.hex(), url)


def test_the_directory_verifies_under_the_pinned_root_alone(world):
    """Who has only the root certificate learns every institution's key and address."""
    trust = TrustStore.pinned(SUITE, world.platform.root())
    assert trust.learn_directory(world.platform.directory())
    assert trust.codes == ("A", "B")
    assert trust.institution("B").value.public_key == world.keys["B"].public
    assert trust.url("B") == "https://b.example"


def test_every_admission_makes_the_next_directory(world):
    """The directory's number grows by one with each change, so no older one can replace it."""
    before = DIRECTORY.peek(SUITE, world.platform.directory()).number
    admitted = run(world.platform.admit(_admission(world, "moved", url="https://new.example")))
    assert admitted.directory_number == before + 1
    assert DIRECTORY.peek(SUITE, world.platform.directory()).number == before + 1


def test_the_same_admission_again_changes_nothing(world):
    """An admission repeated under its key gives the first answer and no new directory."""
    before = world.platform.directory()
    first = run(world.platform.admit(_admission(world, "admit-A")))
    world.clock.advance(1)
    assert run(world.platform.admit(_admission(world, "admit-A"))) == first
    assert world.platform.directory() == before


def test_a_renewed_certificate_covers_the_time_before_it(world):
    """Renewal extends validity at the end and keeps it at the beginning."""
    world.clock.advance(YEARS_MS)
    run(world.platform.admit(_admission(world, "renewal")))
    trust = TrustStore.pinned(SUITE, world.platform.root())
    trust.learn_directory(world.platform.directory())
    renewed = trust.institution("A").value
    check_validity(renewed, START_MS)
    check_validity(renewed, START_MS + 2 * YEARS_MS)
    with pytest.raises(Refusal):
        check_validity(trust.institution("B").value, START_MS + 2 * YEARS_MS)


def test_a_key_that_is_none_is_refused(world):
    """A public key that is no point of the curve is malformed, and nothing is published."""
    before = run(world.platform.report())
    admission = Admission("bad", "C", "02" + "ff" * 32, "https://c.example")
    with pytest.raises(Refusal) as refused:
        run(world.platform.admit(admission))
    assert refused.value.outcome is Outcome.MALFORMED
    assert run(world.platform.report()) == before


def test_another_key_cannot_take_over_a_code(world):
    """An admitted code stays with its key: what it signed is in circulation."""
    with pytest.raises(Refusal) as refused:
        run(world.platform.admit(_admission(world, "theft", code="A", owner="B")))
    assert refused.value.outcome is Outcome.WRONG_OWNER


def test_a_used_operator_key_is_refused_for_something_else(world):
    """Another admission under a used key is key_reused, even of the same institution."""
    with pytest.raises(Refusal) as refused:
        run(world.platform.admit(_admission(world, "admit-A", url="https://other.example")))
    assert refused.value.outcome is Outcome.KEY_REUSED


def test_a_full_directory_takes_nobody_more(world, monkeypatch):
    """Above the named limit a new institution is refused, a renewal is not."""
    monkeypatch.setattr(membership, "MAX_INSTITUTIONS", 2)
    with pytest.raises(Refusal) as refused:
        run(world.platform.admit(_admission(world, "third", code="C")))
    assert refused.value.outcome is Outcome.TOO_LARGE
    run(world.platform.admit(_admission(world, "renewal")))


def test_a_front_end_learns_what_another_has_published(world):
    """Two platforms over one store: who is admitted at one is believed by the other."""
    other = run(
        type(world.platform).open(SUITE, world.root_raw, world.root_key, world.store, world.clock)
    )
    world.keys["C"] = SUITE.load((77).to_bytes(32, "big"))
    world.admit("C")
    world.platform = other
    assert world.position("C").reserves_minor == 0


def test_office_is_taken_only_with_the_roots_own_key(world):
    """A root certificate with another key is our own mistake, found at the start."""
    with pytest.raises(LocalProtocolError):
        take_office(SUITE, world.root_raw, world.keys["A"])


def test_a_root_that_did_not_sign_itself_is_no_root(world):
    """Only a certificate of role platform that is signed by its own key is a root."""
    genuine = bytearray(self_signed_root(SUITE, world.root_key, START_MS))
    genuine[-1] ^= 1
    with pytest.raises(Refusal) as refused:
        take_office(SUITE, bytes(genuine), world.root_key)
    assert refused.value.outcome is Outcome.BAD_CERTIFICATE


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("key", ""),
        ("code", "lower"),
        ("public_key", "02ff"),
        ("url", "ftp://a.example"),
        ("url", "https://a.example/?x"),
        ("url", "https://" + "a" * 200),
    ],
)
def test_an_admission_outside_its_bounds_is_not_read(world, field, value):
    """Every field an operator sends has a form and a limit."""
    good = {"key": "k", "code": "A", "public_key": "02" + "00" * 32, "url": "https://a.example"}
    convert(good, Admission)
    with pytest.raises(ValidationError):
        convert({**good, field: value}, Admission)
