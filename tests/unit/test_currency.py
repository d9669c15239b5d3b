"""A currency is what its issuer signed, under an identifier that a renewal keeps."""

import msgspec
import pytest

from feiqian.money.currency import CURRENCY, parse_currency, sign_currency, verify_currency
from feiqian.outcomes import Outcome
from tests.golden import SUITE_NAMES, golden, golden_trust, outcome_of, value_of

FIELDS = {
    "issuer": "B",
    "serial": bytes(16),
    "amount_minor": 100_01,
    "owner": bytes(32),
    "issued_at_ms": 1,
    "sequence": 2,
}


@pytest.fixture(params=SUITE_NAMES)
def world(request):
    """The golden samples of each suite in turn."""
    return golden(request.param)


def changed(world, name="currency", signer="institution_a", **fields):
    """A golden currency with fields replaced, signed anew."""
    value = msgspec.structs.replace(value_of(world, name), **fields)
    return CURRENCY.sign(world.suite, world.keys[signer], value)


def test_issued_currency_verifies(world):
    """What an institution issues is verified from its signature and the directory alone."""
    currency = sign_currency(world.suite, world.keys["institution_a"], value_of(world, "currency"))
    assert currency.raw == world.raw("currency")
    verify_currency(golden_trust(world), currency)


def test_identifier_is_of_the_payload_alone(world):
    """Who signed it does not change which state a currency is, so signing twice makes one state."""
    ours = parse_currency(world.suite, world.raw("currency"))
    forged = parse_currency(world.suite, changed(world, signer="payee"))
    assert ours.identifier == forged.identifier
    assert outcome_of(lambda: verify_currency(golden_trust(world), forged)) is Outcome.BAD_SIGNATURE


@pytest.mark.feature("C-15")
def test_renewal_keeps_the_identifier(world):
    """A renewal is found in the record under the identifier of the state it restates."""
    renewal = parse_currency(world.suite, world.raw("renewal"))
    assert renewal.identifier == renewal.value.renewal_of
    verify_currency(golden_trust(world), renewal)


@pytest.mark.parametrize("field", FIELDS)
def test_every_field_counts_in_the_identifier(world, field):
    """Two currencies that differ in anything are two states."""
    ours = parse_currency(world.suite, world.raw("currency"))
    other = parse_currency(world.suite, changed(world, **{field: FIELDS[field]}))
    assert ours.identifier != other.identifier


@pytest.mark.feature("C-20")
@pytest.mark.parametrize("field", FIELDS)
def test_changed_field_fails_verification(world, field):
    """No field of a currency can be changed under the issuer's signature."""
    value = msgspec.structs.replace(value_of(world, "currency"), **{field: FIELDS[field]})
    other = CURRENCY.sign(world.suite, world.keys["institution_a"], value)
    forged = parse_currency(world.suite, other[:-64] + world.raw("currency")[-64:])
    assert outcome_of(lambda: verify_currency(golden_trust(world), forged)) is Outcome.BAD_SIGNATURE


def test_unknown_issuer_is_refused(world):
    """A currency of an institution outside the directory is worth nothing."""
    currency = parse_currency(world.suite, changed(world, issuer="C"))
    assert (
        outcome_of(lambda: verify_currency(golden_trust(world), currency)) is Outcome.UNKNOWN_ISSUER
    )


@pytest.mark.parametrize(
    ("name", "fields"),
    [
        ("currency", {"sequence": 0}),
        ("currency", {"renewal_of": bytes(32)}),
        ("renewal", {"sequence": 1}),
        ("renewal", {"renewal_of": None}),
        ("renewal", {"renewal_of": b""}),
    ],
)
def test_new_value_and_renewal_are_never_confused(world, name, fields):
    """New value has a sequence, a renewal an identifier; both or neither is malformed."""
    raw = changed(world, name, **fields)
    assert outcome_of(lambda: parse_currency(world.suite, raw)) is Outcome.MALFORMED
