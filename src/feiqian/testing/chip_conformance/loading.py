"""Chapter 3, loading: an institution's new currency enters once, in order, and nobody else's does."""

import pytest

from feiqian.chip.commands import MAX_PIECES, HeldPiece
from feiqian.money.currency import sign_currency
from feiqian.money.limits import DEFAULT_TIER, limits_of
from feiqian.outcomes import Outcome
from feiqian.testing.chip_conformance.bench import Bench, Chapter


class Loading(Chapter):
    """How value enters from the institution."""

    @pytest.mark.feature("C-16", "C-19")
    def test_a_currency_is_loaded_and_kept(self, bench: Bench) -> None:
        """A loaded currency is held by its identifier and amount, also without power."""
        currency = bench.issue(12_50)
        answer = bench.session.load(currency.raw)
        assert (answer.repeated, answer.balance_minor) == (False, 12_50)
        bench.reset()
        assert bench.session.pieces() == (HeldPiece(currency.identifier, 12_50),)
        assert bench.status.loaded_sequence == 1

    @pytest.mark.feature("C-22")
    def test_loading_again_is_harmless(self, bench: Bench) -> None:
        """The same currency again, also after it was spent, adds nothing and says so."""
        currency = bench.issue(100)
        bench.session.load(currency.raw)
        assert bench.session.load(currency.raw).repeated
        bench.session.pay(bench.payment(100, (currency.identifier,)))
        bench.reset()
        answer = bench.session.load(currency.raw)
        assert (answer.repeated, answer.balance_minor) == (True, 0)

    def test_numbers_are_loaded_in_order(self, bench: Bench) -> None:
        """A currency whose predecessor is missing is refused until that one was loaded."""
        first, second = bench.issue(1), bench.issue(2)
        with bench.unchanged(Outcome.SEQUENCE_GAP):
            bench.session.load(second.raw)
        bench.session.load(first.raw)
        bench.session.load(second.raw)
        assert bench.balance_minor == 3

    @pytest.mark.feature("C-17")
    def test_only_the_own_institution_loads(self, bench: Bench) -> None:
        """A genuine currency of another institution has to be converted first."""
        foreign = bench.world.issue("B", bench.fingerprint, 100)
        with bench.unchanged(Outcome.UNKNOWN_ISSUER):
            bench.session.load(foreign.raw)

    @pytest.mark.feature("C-17", "C-20")
    def test_a_forged_currency_is_refused(self, bench: Bench) -> None:
        """A currency in the institution's name but not by its key is refused."""
        value = bench.issue(100).value
        forged = sign_currency(bench.world.suite, bench.world.institutions["B"].key, value)
        with bench.unchanged(Outcome.BAD_SIGNATURE):
            bench.session.load(forged.raw)

    @pytest.mark.feature("C-20")
    def test_the_currency_of_another_chip_is_refused(self, bench: Bench) -> None:
        """A currency is loaded by its owner only."""
        other = bench.world.issue("A", bench.stranger.fingerprint, 100)
        with bench.unchanged(Outcome.WRONG_OWNER):
            bench.session.load(other.raw)

    def test_a_renewal_is_not_loaded(self, bench: Bench) -> None:
        """A renewal restates value in circulation, so the chip never loads one."""
        value = bench.issue(100).value
        renewal = type(value)(
            version=value.version,
            issuer=value.issuer,
            serial=value.serial,
            amount_minor=value.amount_minor,
            owner=value.owner,
            issued_at_ms=value.issued_at_ms,
            sequence=0,
            renewal_of=bytes(32),
        )
        signed = sign_currency(bench.world.suite, bench.institution.key, renewal)
        with bench.unchanged(Outcome.MALFORMED):
            bench.session.load(signed.raw)

    @pytest.mark.feature("P-03")
    def test_the_holding_limit_is_exact(self, bench: Bench) -> None:
        """A chip holds its tier's limit, and not one minor unit more."""
        bench.load(limits_of(DEFAULT_TIER).holding_minor - 1)
        with bench.unchanged(Outcome.OVER_HOLDING_LIMIT):
            bench.load(2)

    def test_a_full_chip_says_so(self, bench: Bench) -> None:
        """A chip without room for another piece refuses it and keeps the others."""
        bench.load(*[1] * MAX_PIECES)
        with bench.unchanged(Outcome.CHIP_FULL):
            bench.load(1)
        assert bench.balance_minor == MAX_PIECES
