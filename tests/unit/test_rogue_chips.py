"""Rogue chips do one thing that a chip cannot, and it is enough to be found out."""

import pytest

from feiqian.chip.commands import Pay
from feiqian.chip.session import ChipSession
from feiqian.money.transfer import parse_transfer
from feiqian.outcomes import Outcome, Refusal
from feiqian.testing.chip_conformance import Bench
from feiqian.testing.chip_conformance.grants import Grants
from feiqian.testing.chips import PIN, personalise
from feiqian.testing.keys import NOW_MS, TrustWorld
from feiqian.testing.rogue_chips import ForgetfulChip, RogueChip
from feiqian.timing.moment import Moment

HELD_MINOR = 10_00


@pytest.fixture
def world():
    """Keys and certificates."""
    return TrustWorld()


def loaded(world, chip):
    """The chip made operational, with one currency; session and identifier."""
    session = personalise(world, chip, "A", "A-ROGUE1")
    currency = world.issue("A", session.status().fingerprint, HELD_MINOR)
    session.load(currency.raw)
    return session, currency.identifier


def payment(world, identifier, payee, nonce):
    """The command that pays all of the piece."""
    return Pay(
        payee=world.chip("B", payee).fingerprint,
        amount_minor=HELD_MINOR,
        nonce=nonce * 16,
        moment=Moment(NOW_MS),
        inputs=(identifier,),
    )


def spent_twice(world, first, second):
    """Whether two transfers are different spends of one state by one key."""
    one, other = (parse_transfer(world.suite, raw) for raw in (first, second))
    return one.value.consumed == other.value.consumed and one.name != other.name


def test_an_honest_chip_pays_a_piece_once(world):
    """What the kit's ordinary chip has paid is gone."""
    session, identifier = loaded(world, RogueChip(world.suite))
    session.pay(payment(world, identifier, "B-PAYEE1", b"1"))
    with pytest.raises(Refusal) as caught:
        session.pay(payment(world, identifier, "B-PAYEE2", b"2"))
    assert caught.value.outcome is Outcome.WRONG_OWNER


def test_a_forgetful_chip_pays_a_piece_again_and_again(world):
    """It stays selected and unlocked, holds what it paid, and signs it over to the next one."""
    session, identifier = loaded(world, ForgetfulChip(world.suite))
    (first,) = session.pay(payment(world, identifier, "B-PAYEE1", b"1"))
    (second,) = session.pay(payment(world, identifier, "B-PAYEE2", b"2"))
    assert spent_twice(world, first, second)
    assert session.status().balance_minor == HELD_MINOR


def test_a_chip_that_is_rolled_back_spends_its_past(world):
    """Put back to an old image it is the old chip, locked as after any reset."""
    chip = RogueChip(world.suite)
    session, identifier = loaded(world, chip)
    image = chip.image
    (first,) = session.pay(payment(world, identifier, "B-PAYEE1", b"1"))
    chip.roll_back(image)
    again = ChipSession(chip)
    with pytest.raises(Refusal) as caught:
        again.pay(payment(world, identifier, "B-PAYEE2", b"2"))
    assert caught.value.outcome is Outcome.PIN_REQUIRED
    again.verify_pin(PIN)
    (second,) = again.pay(payment(world, identifier, "B-PAYEE2", b"2"))
    assert spent_twice(world, first, second)


def test_a_clone_spends_what_its_original_holds(world):
    """Two chips of one key and memory each pay the same piece."""
    chip = RogueChip(world.suite)
    session, identifier = loaded(world, chip)
    twin = ChipSession(chip.clone(seed=1))
    twin.verify_pin(PIN)
    (first,) = session.pay(payment(world, identifier, "B-PAYEE1", b"1"))
    (second,) = twin.pay(payment(world, identifier, "B-PAYEE2", b"2"))
    assert spent_twice(world, first, second)
    assert session.status().fingerprint == twin.status().fingerprint


@pytest.mark.feature("V-09")
def test_a_forgetful_chip_forgets_fees_as_well(world):
    """It pays two fees from one piece under an authorisation for one: only its issuer finds out."""
    bench = Bench(ForgetfulChip(world.suite))
    bench.personalise()
    grants = Grants(bench)
    inputs, number = bench.load(100), grants.authorise().number
    first, second = (bench.session.pay_fee(grants.fee(number, 60, inputs)) for _ in range(2))
    names = {parse_transfer(world.suite, raw).name for raw in (*first, *second)}
    assert len(names) == 2
    assert {parse_transfer(world.suite, raw).value.consumed for raw in (*first, *second)} == {
        inputs[0]
    }
