"""A transfer is bound to what it consumes, to whom it pays, to its session and to its signer."""

import msgspec
import pytest

from feiqian.money.transfer import (
    TRANSFER,
    Acceptor,
    parse_transfer,
    sign_transfer,
    verify_transfer,
)
from feiqian.outcomes import Outcome
from feiqian.timing.moment import Moment
from tests.golden import SUITE_NAMES, golden, outcome_of, value_of

FIELDS = {
    "consumed": bytes(32),
    "payee": bytes(32),
    "amount_minor": 12_51,
    "change_minor": 87_49,
    "counter": 3,
    "moment": Moment(1, 1),
    "nonce": bytes(16),
    "acceptor": Acceptor.CHIP,
}


@pytest.fixture(params=SUITE_NAMES)
def world(request):
    """The golden samples of each suite in turn."""
    return golden(request.param)


def changed(world, field):
    """The golden transfer with one field replaced, and its signature kept."""
    value = msgspec.structs.replace(
        value_of(world, "transfer_with_change"), **{field: FIELDS[field]}
    )
    raw = TRANSFER.sign(world.suite, world.keys["payer"], value)
    return parse_transfer(world.suite, raw[:-64] + world.raw("transfer_with_change")[-64:])


def test_fields_are_all_there():
    """The cases below cover every field that a transfer has."""
    fields = {field.name for field in msgspec.structs.fields(TRANSFER.shape)}
    assert set(FIELDS) | {"version"} == fields


def test_signed_transfer_verifies(world):
    """The payer's signature verifies under the payer's key, and again gives the same bytes."""
    value = value_of(world, "transfer_whole")
    transfer = sign_transfer(world.suite, world.keys["payer"], value)
    assert transfer.raw == world.raw("transfer_whole")
    verify_transfer(world.suite, world.keys["payer"].public, transfer)


@pytest.mark.feature("C-20")
@pytest.mark.parametrize("field", FIELDS)
def test_changed_field_fails_verification(world, field):
    """Amount, payee, session, currency: none can be changed under the payer's signature."""
    forged = changed(world, field)
    public = world.keys["payer"].public
    assert outcome_of(lambda: verify_transfer(world.suite, public, forged)) is Outcome.BAD_SIGNATURE


@pytest.mark.feature("C-20")
def test_every_changed_byte_is_refused(world):
    """A transfer with any one bit of any byte changed is refused."""
    raw, public = world.raw("transfer_with_change"), world.keys["payer"].public

    def read(data):
        verify_transfer(world.suite, public, parse_transfer(world.suite, data))

    for at in range(len(raw)):
        bit = 1 << at % 8
        data = raw[:at] + bytes([raw[at] ^ bit]) + raw[at + 1 :]
        outcome_of(lambda data=data: read(data))


@pytest.mark.feature("C-21")
@pytest.mark.parametrize("thief", ["payee", "institution_a", "institution_b"])
def test_transfer_pays_nobody_but_the_payee_it_names(world, thief):
    """Whoever intercepts a transfer can name another payee only under the payer's own key."""
    stolen = msgspec.structs.replace(
        value_of(world, "transfer_with_change"), payee=world.fingerprint(thief), nonce=bytes(16)
    )
    forged = sign_transfer(world.suite, world.keys[thief], stolen)
    public = world.keys["payer"].public
    assert outcome_of(lambda: verify_transfer(world.suite, public, forged)) is Outcome.BAD_SIGNATURE


@pytest.mark.parametrize("field", FIELDS)
def test_every_field_counts_in_the_names(world, field):
    """Transfers that differ in anything have different names and create different states."""
    ours = parse_transfer(world.suite, world.raw("transfer_with_change"))
    other = changed(world, field)
    assert ours.name != other.name
    assert ours.payee_output != other.payee_output
    assert ours.change_output != other.change_output


def test_names_do_not_depend_on_the_signature(world):
    """The same transfer signed twice is one transfer, so a repeat is never a double spend."""
    value = value_of(world, "transfer_with_change")
    ours = sign_transfer(world.suite, world.keys["payer"], value)
    again = sign_transfer(world.suite, world.keys["payee"], value)
    assert ours.raw != again.raw
    assert (ours.name, ours.payee_output) == (again.name, again.payee_output)


def test_states_of_one_transfer_are_told_apart(world):
    """Transfer, payment and change have three different names; a whole payment has no change."""
    ours = parse_transfer(world.suite, world.raw("transfer_with_change"))
    assert len({ours.name, ours.payee_output, ours.change_output}) == 3
    whole = parse_transfer(world.suite, world.raw("transfer_whole"))
    assert whole.change_output is None
    assert whole.value.input_minor == whole.value.amount_minor
