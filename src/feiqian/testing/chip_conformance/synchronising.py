"""Chapter 7, synchronising: the institution's word begins the offline totals anew, once each."""

import pytest

from feiqian.money.transfer import Acceptor
from feiqian.outcomes import Outcome
from feiqian.testing.chip_conformance.bench import NOW, Bench, Chapter
from feiqian.testing.keys import NOW_MS
from feiqian.timing.moment import Moment

LATER = Moment(NOW_MS + 1_000, 5)


class Synchronising(Chapter):
    """How the time without a network ends."""

    @pytest.mark.feature("W-10", "P-03")
    def test_synchronising_begins_the_totals_anew(self, bench: Bench) -> None:
        """The statement's moment and number stay, also after a reset, and both totals are zero."""
        bench.accept(70)
        bench.session.pay(bench.payment(30, bench.load(30), acceptor=Acceptor.CHIP))
        before = bench.status
        assert (before.offline_paid_minor, before.offline_received_minor) == (30, 70)
        assert (before.synchronised_at, before.synchronised_number) == (None, 0)
        assert bench.session.synchronise(bench.synchronisation(1))
        bench.reset()
        after = bench.status
        assert (after.offline_paid_minor, after.offline_received_minor) == (0, 0)
        assert (after.synchronised_at, after.synchronised_number) == (NOW, 1)
        assert after.balance_minor == before.balance_minor

    @pytest.mark.feature("C-22", "P-03")
    @pytest.mark.parametrize("number", [1, 4, 5])
    def test_a_statement_counts_once(self, bench: Bench, number: int) -> None:
        """The same statement, or an older one, changes nothing: no limit is passed twice by it."""
        bench.session.synchronise(bench.synchronisation(5))
        bench.accept(70)
        before = bench.status
        assert not bench.session.synchronise(bench.synchronisation(number, moment=LATER))
        assert bench.status == before
        assert bench.session.synchronise(bench.synchronisation(6, moment=LATER))
        assert bench.status.synchronised_at == LATER

    @pytest.mark.feature("W-10")
    def test_only_the_own_institution_synchronises(self, bench: Bench) -> None:
        """Another's statement, or one for another wallet, is refused."""
        other = bench.world.institutions["B"]
        with bench.unchanged(Outcome.BAD_SIGNATURE):
            bench.session.synchronise(bench.synchronisation(1, by=other))
        with bench.unchanged(Outcome.WRONG_ADDRESSEE):
            bench.session.synchronise(bench.synchronisation(1, wallet="A-OTHER"))
        with bench.unchanged(Outcome.MALFORMED):
            bench.session.synchronise(b"\x80")
