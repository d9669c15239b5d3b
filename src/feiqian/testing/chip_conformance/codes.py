"""Chapter 2, codes: PIN and PUK, their tries, and what the PIN guards."""

import pytest

from feiqian.chip.commands import PIN_TRIES, PUK_TRIES
from feiqian.outcomes import Outcome
from feiqian.testing.chip_conformance.bench import Bench, Chapter, refused
from feiqian.testing.chips import PIN, PUK

WRONG = b"0000"


class Codes(Chapter):
    """Who may spend."""

    @pytest.mark.feature("C-17")
    def test_spending_needs_the_pin(self, bench: Bench) -> None:
        """A locked chip signs no payment, no export and no request."""
        inputs = bench.load(100)
        bench.session.lock()
        with bench.unchanged(Outcome.PIN_REQUIRED):
            bench.session.pay(bench.payment(100, inputs))
        with bench.unchanged(Outcome.PIN_REQUIRED):
            bench.session.export(bench.exportation(100, inputs))
        with bench.unchanged(Outcome.PIN_REQUIRED):
            bench.session.sign_request(b"\x81\x01")

    def test_receiving_needs_no_pin(self, bench: Bench) -> None:
        """A locked chip is loaded and paid."""
        bench.session.lock()
        bench.load(100)
        offer = bench.offer(50)
        bench.session.accept(bench.acceptance(bench.transfer(50, offer.nonce)))
        assert bench.balance_minor == 150

    @pytest.mark.parametrize("forget", ["reset", "lock", "select"])
    def test_the_session_ends_with_the_pin(self, bench: Bench, forget: str) -> None:
        """Reset, LOCK and selecting again each forget that the PIN was given."""
        assert bench.status.unlocked
        if forget == "lock":
            bench.session.lock()
        elif forget == "reset":
            bench.reset()
        else:
            type(bench.session)(bench.chip)
        assert not bench.status.unlocked

    def test_a_wrong_pin_costs_a_try(self, bench: Bench) -> None:
        """A wrong PIN locks the chip and lowers the counter, also across a reset."""
        with refused(Outcome.PIN_WRONG):
            bench.session.verify_pin(WRONG)
        assert not bench.status.unlocked
        bench.reset()
        assert bench.status.pin_tries == PIN_TRIES - 1

    def test_the_refusal_tells_the_tries_left(self, bench: Bench) -> None:
        """The host can warn before the last try."""
        with pytest.raises(Exception, match="tries left: 2"):
            bench.session.verify_pin(WRONG)

    def test_the_right_pin_restores_the_tries(self, bench: Bench) -> None:
        """Wrong tries are forgotten once the right PIN is given."""
        with refused(Outcome.PIN_WRONG):
            bench.session.verify_pin(WRONG)
        bench.unlock()
        assert bench.status.pin_tries == PIN_TRIES

    def test_a_blocked_pin_stays_blocked(self, bench: Bench) -> None:
        """After the last try not even the right PIN opens the chip."""
        _block(bench)
        with bench.unchanged(Outcome.PIN_BLOCKED):
            bench.session.verify_pin(PIN)
        bench.reset()
        with bench.unchanged(Outcome.PIN_BLOCKED):
            bench.session.change_pin(PIN, b"4321")

    def test_the_puk_unblocks(self, bench: Bench) -> None:
        """The PUK sets a new PIN with all its tries, and restores its own."""
        _block(bench)
        with refused(Outcome.PIN_WRONG):
            bench.session.unblock_pin(WRONG, b"4321")
        bench.session.unblock_pin(PUK, b"4321")
        assert (bench.status.pin_tries, bench.status.puk_tries) == (PIN_TRIES, PUK_TRIES)
        assert not bench.status.unlocked
        bench.session.verify_pin(b"4321")
        assert bench.status.unlocked

    def test_the_puk_runs_out(self, bench: Bench) -> None:
        """The PUK cannot be guessed either."""
        for _ in range(PUK_TRIES):
            with refused(Outcome.PIN_WRONG):
                bench.session.unblock_pin(WRONG, WRONG)
        with bench.unchanged(Outcome.PIN_BLOCKED):
            bench.session.unblock_pin(PUK, WRONG)

    def test_changing_the_pin(self, bench: Bench) -> None:
        """CHANGE PIN replaces the PIN for whoever knows the old one, and locks."""
        bench.session.change_pin(PIN, b"4321")
        assert not bench.status.unlocked
        with refused(Outcome.PIN_WRONG):
            bench.session.verify_pin(PIN)
        bench.session.verify_pin(b"4321")

    def test_changing_the_pin_by_guessing(self, bench: Bench) -> None:
        """CHANGE PIN with a wrong old PIN costs a try and changes nothing."""
        with refused(Outcome.PIN_WRONG):
            bench.session.change_pin(WRONG, b"4321")
        assert bench.status.pin_tries == PIN_TRIES - 1
        bench.unlock()

    @pytest.mark.parametrize("pin", [b"", b"123", b"1" * 13])
    def test_a_pin_of_wrong_length_is_no_try(self, bench: Bench, pin: bytes) -> None:
        """What cannot be a PIN is refused before a try is paid."""
        with bench.unchanged(Outcome.MALFORMED):
            bench.session.verify_pin(pin)


def _block(bench: Bench) -> None:
    for _ in range(PIN_TRIES):
        with refused(Outcome.PIN_WRONG):
            bench.session.verify_pin(WRONG)
