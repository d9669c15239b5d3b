"""Chapter 1, life: blank, initialised, operational; and what each stage refuses."""

import pytest

from feiqian.chip.commands import PIN_TRIES, PUK_TRIES, LifeCycle
from feiqian.crypto.certificates import KeyRole
from feiqian.outcomes import Outcome
from feiqian.testing.chip_conformance.bench import NUMBER, Bench, Chapter, refused
from feiqian.testing.chips import PIN, PUK
from feiqian.testing.keys import NOW_MS, TrustWorld


def _initialise(bench: Bench) -> bytes:
    return bench.session.initialise(bench.world.root.certificate.value.public_key, PIN, PUK)


class Life(Chapter):
    """How a chip comes to belong to a wallet."""

    def test_a_blank_chip_says_so(self, blank: Bench) -> None:
        """A chip fresh from the factory has no key and no value."""
        status = blank.status
        assert status.life_cycle is LifeCycle.BLANK
        assert (status.fingerprint, status.public_key, status.balance_minor) == (b"", b"", 0)

    @pytest.mark.feature("C-17")
    def test_the_chip_makes_its_own_key(self, blank: Bench) -> None:
        """INITIALISE answers a public key, and STATUS tells it again after a lost answer."""
        public_key = _initialise(blank)
        blank.reset()
        assert blank.status.public_key == public_key
        assert blank.status.fingerprint == blank.world.suite.fingerprint(public_key)
        assert (blank.status.pin_tries, blank.status.puk_tries) == (PIN_TRIES, PUK_TRIES)

    def test_a_chip_is_initialised_once(self, blank: Bench) -> None:
        """No host can replace the key or the root of a chip."""
        public_key = _initialise(blank)
        with refused(Outcome.CHIP_REFUSED):
            _initialise(blank)
        assert blank.status.public_key == public_key

    def test_the_root_must_be_a_key(self, blank: Bench) -> None:
        """Bytes that are no point on the curve cannot become the root of trust."""
        with refused(Outcome.MALFORMED):
            blank.session.initialise(b"\x05" * 33, PIN, PUK)
        assert blank.status.life_cycle is LifeCycle.BLANK

    def test_value_waits_for_certificates(self, blank: Bench) -> None:
        """An initialised chip takes in, offers and shows no value."""
        _initialise(blank)
        currency = blank.issue(100)
        with refused(Outcome.CHIP_REFUSED):
            blank.session.load(currency.raw)
        with refused(Outcome.CHIP_REFUSED):
            blank.offer()
        with refused(Outcome.CHIP_REFUSED):
            blank.session.pieces()

    def test_certificates_must_chain_to_the_pinned_root(self, blank: Bench) -> None:
        """An institution of another platform cannot certify the chip."""
        public_key = _initialise(blank)
        other = TrustWorld(suite=blank.world.suite, seed="another platform")
        certificate = other.certify("A", NUMBER, public_key)
        with refused(Outcome.BAD_CERTIFICATE):
            blank.session.personalise(other.institutions["A"].certificate.raw, certificate.raw)

    def test_the_certificate_must_be_of_this_key(self, blank: Bench) -> None:
        """The certificate of another chip is of no use."""
        _initialise(blank)
        other = blank.world.chip("A", NUMBER).certificate
        with refused(Outcome.WRONG_OWNER):
            blank.session.personalise(blank.institution.certificate.raw, other.raw)

    def test_an_institution_certificate_is_no_chip_certificate(self, blank: Bench) -> None:
        """Roles are not interchangeable."""
        public_key = _initialise(blank)
        certificate = blank.world.certify("A", NUMBER, public_key, role=KeyRole.INSTITUTION)
        with refused(Outcome.WRONG_ROLE):
            blank.session.personalise(blank.institution.certificate.raw, certificate.raw)

    def test_the_tier_must_be_known(self, blank: Bench) -> None:
        """A certificate whose limits the chip does not know is refused."""
        public_key = _initialise(blank)
        certificate = blank.world.certify("A", NUMBER, public_key, tier=15)
        with refused(Outcome.MALFORMED):
            blank.session.personalise(blank.institution.certificate.raw, certificate.raw)
        assert blank.status.life_cycle is LifeCycle.INITIALISED

    def test_a_personalised_chip_is_operational(self, bench: Bench) -> None:
        """After PERSONALISE the chip shows its certificates and keeps them without power."""
        bench.reset()
        status = bench.status
        assert status.life_cycle is LifeCycle.OPERATIONAL
        assert status.institution_certificate == bench.institution.certificate.raw

    def test_personalising_again_alike_changes_nothing(self, bench: Bench) -> None:
        """A host that lost the answer may repeat PERSONALISE."""
        before = bench.status
        bench.session.personalise(before.institution_certificate, before.certificate)
        assert bench.status == before

    @pytest.mark.feature("P-03")
    def test_a_newer_certificate_moves_the_tier(self, bench: Bench) -> None:
        """A newer certificate brings its tier's limits, and the older one stays behind."""
        older = bench.status.certificate
        newer = bench.world.certify(
            "A", NUMBER, bench.status.public_key, tier=0, not_before_ms=NOW_MS
        )
        bench.session.personalise(bench.institution.certificate.raw, newer.raw)
        with bench.unchanged(Outcome.CERTIFICATE_EXPIRED):
            bench.session.personalise(bench.institution.certificate.raw, older)
        with bench.unchanged(Outcome.OVER_HOLDING_LIMIT):
            bench.load(1_000_01)

    def test_a_chip_keeps_its_wallet(self, bench: Bench) -> None:
        """A certificate under another wallet number is refused."""
        other = bench.world.certify("A", "A-OTHER", bench.status.public_key, not_before_ms=NOW_MS)
        with bench.unchanged(Outcome.UNKNOWN_WALLET):
            bench.session.personalise(bench.institution.certificate.raw, other.raw)

    def test_a_chip_keeps_its_institution(self, bench: Bench) -> None:
        """Another institution, though genuine, cannot take the chip over."""
        other = bench.world.certify("B", NUMBER, bench.status.public_key, not_before_ms=NOW_MS)
        with bench.unchanged(Outcome.BAD_CERTIFICATE):
            bench.session.personalise(bench.world.institutions["B"].certificate.raw, other.raw)
