"""PIN tries against an attacker with a hand on the power supply."""

import random

import pytest

from feiqian.adapters.softchip import SoftChip
from feiqian.chip.card.memory import decode_state
from feiqian.chip.commands import PIN_TRIES, PUK_TRIES
from feiqian.chip.session import ChipSession
from feiqian.crypto.p256 import P256_SHA256
from feiqian.outcomes import Outcome, Refusal
from feiqian.testing.chips import PIN, RemovableChip, personalise
from feiqian.testing.keys import TrustWorld
from feiqian.testing.memories import PowerCutError, TornMemory

WRONG = b"0000"


@pytest.fixture
def memory():
    """The memory of an operational chip."""
    memory = TornMemory()
    personalise(TrustWorld(), _powered(memory), "A", "A-7K2Q9D4M")
    return memory


def _powered(memory):
    return SoftChip(memory, P256_SHA256, random.Random(7).randbytes)


@pytest.mark.feature("C-17")
@pytest.mark.parametrize("guess", [PIN, WRONG])
def test_cutting_the_power_at_a_write_saves_no_try(memory, guess):
    """The first write looks alike for right and wrong PINs, and after it the try is paid."""
    session = ChipSession(_powered(memory))
    memory.tear(1, 0)
    with pytest.raises((PowerCutError, Refusal)):
        session.verify_pin(guess)
    memory.restore_power()
    assert ChipSession(_powered(memory)).status().pin_tries == PIN_TRIES - 1


@pytest.mark.feature("C-17")
def test_no_guess_is_free(memory):
    """However the power is cut, more guesses than tries never open the chip."""
    answered = 0
    for cut in (0, 1, 40, 100) * 10:
        memory.tear(1, cut)
        try:
            ChipSession(_powered(memory)).verify_pin(WRONG)
        except PowerCutError:
            pytest.fail("a wrong PIN has only the write that pays its try")
        except Refusal as refusal:
            answered += refusal.outcome is Outcome.PIN_WRONG
    assert answered == PIN_TRIES


@pytest.mark.parametrize(
    ("attempt", "counter", "tries"),
    [
        (lambda session: session.verify_pin(WRONG), "pin_tries", PIN_TRIES),
        (lambda session: session.change_pin(WRONG, b"4321"), "pin_tries", PIN_TRIES),
        (lambda session: session.unblock_pin(WRONG, b"4321"), "puk_tries", PUK_TRIES),
    ],
    ids=["VERIFY", "CHANGE", "UNBLOCK"],
)
def test_a_wrong_code_is_durable_before_the_answer(memory, attempt, counter, tries):
    """Whoever sees a code refused and pulls the plug finds the lower counter."""
    with pytest.raises(Refusal):
        attempt(ChipSession(_powered(memory)))
    assert getattr(ChipSession(_powered(memory)).status(), counter) == tries - 1


def test_equal_pins_leave_different_traces():
    """Two chips with one PIN store different digests, so one does not give the other away."""
    chips = [RemovableChip(P256_SHA256, seed=seed) for seed in (1, 2)]
    for chip in chips:
        personalise(TrustWorld(), chip, "A", "A-7K2Q9D4M")
    codes = [decode_state(chip.memory.load()).pin for chip in chips]
    assert all(code is not None for code in codes)
    assert len({code.digest for code in codes if code}) == len(codes)
