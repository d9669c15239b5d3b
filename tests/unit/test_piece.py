"""A piece is verified from the issuer's signature to its last link, without a network."""

import dataclasses

import msgspec
import pytest

from feiqian.money.currency import parse_currency
from feiqian.money.piece import MAX_HOPS, Piece, issued_output, outputs_of, verify_piece, walk
from feiqian.money.transfer import Acceptor, parse_transfer, sign_transfer
from feiqian.outcomes import Outcome
from tests.golden import NOW_MS, SUITE_NAMES, golden, golden_trust, outcome_of, value_of


@pytest.fixture(params=SUITE_NAMES)
def world(request):
    """The golden samples of each suite in turn."""
    return golden(request.param)


def first(world):
    """The golden currency as the state it creates."""
    return issued_output(parse_currency(world.suite, world.raw("currency")))


def link(world, consumed, *, by, to, amount_minor=None, **fields):
    """A transfer of a state by one golden key to another, change staying with the payer."""
    amount_minor = consumed.amount_minor if amount_minor is None else amount_minor
    value = msgspec.structs.replace(
        value_of(world, "transfer_whole"),
        consumed=consumed.identifier,
        payee=world.fingerprint(to),
        amount_minor=amount_minor,
        change_minor=fields.pop("change_minor", consumed.amount_minor - amount_minor),
        **fields,
    )
    return sign_transfer(world.suite, world.keys[by], value)


def piece(world, *transfers, certificates=("payer_certificate", "payee_certificate")):
    """The golden currency with these transfers since."""
    currency = parse_currency(world.suite, world.raw("currency"))
    return Piece(currency, transfers, tuple(world.raw(name) for name in certificates))


def refusal(world, *transfers, **options):
    """The outcome by which such a piece is refused."""
    trust = golden_trust(world)
    return outcome_of(lambda: verify_piece(trust, piece(world, *transfers, **options), NOW_MS))


def chain(world, hops):
    """The golden currency handed to and fro, whole."""
    consumed, parties, transfers = first(world), ("payer", "payee"), []
    for hop in range(hops):
        by, to = parties[hop % 2], parties[1 - hop % 2]
        transfers.append(link(world, consumed, by=by, to=to))
        (consumed,) = outputs_of(transfers[-1], world.fingerprint(by))
    return transfers


def test_currency_alone_is_a_piece(world):
    """What was just issued needs no history."""
    assert verify_piece(golden_trust(world), piece(world), NOW_MS) == []


@pytest.mark.feature("C-15")
def test_both_outputs_can_be_spent_on(world):
    """Payment and change are states of their own: each can be handed on."""
    paid = link(world, first(world), by="payer", to="payee", amount_minor=30_00)
    payment, change = outputs_of(paid, world.fingerprint("payer"))
    assert payment.amount_minor + change.amount_minor == first(world).amount_minor
    assert payment.owner == world.fingerprint("payee")
    assert change.owner == world.fingerprint("payer")
    for consumed, by, to in ((payment, "payee", "payer"), (change, "payer", "payee")):
        onward = link(world, consumed, by=by, to=to)
        steps = verify_piece(golden_trust(world), piece(world, paid, onward), NOW_MS)
        assert steps == [(first(world), paid), (consumed, onward)]


@pytest.mark.feature("C-15")
@pytest.mark.parametrize(
    ("amount_minor", "change_minor"),
    [(100_00, 1), (100_01, 0), (99_99, 0), (50_00, 50_01), (50_00, 49_99), (1, 0)],
)
def test_outputs_are_worth_their_input_to_the_last_minor_unit(world, amount_minor, change_minor):
    """A transfer can neither make nor lose a single minor unit, though its owner signed it."""
    forged = link(
        world,
        first(world),
        by="payer",
        to="payee",
        amount_minor=amount_minor,
        change_minor=change_minor,
    )
    assert refusal(world, forged) is Outcome.VALUE_NOT_CONSERVED


@pytest.mark.feature("C-20")
def test_link_of_another_currency_is_refused(world):
    """A transfer consumes the state before it, and no other."""
    stranger = dataclasses.replace(first(world), identifier=bytes(32))
    assert refusal(world, link(world, stranger, by="payer", to="payee")) is Outcome.BROKEN_CHAIN


def test_links_out_of_order_are_refused(world):
    """A chain is read in the order in which money moved."""
    one, two = chain(world, 2)
    assert refusal(world, two, one) is Outcome.BROKEN_CHAIN
    assert refusal(world, one, one) is Outcome.BROKEN_CHAIN


def test_link_by_who_does_not_own_it_is_refused(world):
    """Only the key that a state belongs to can move it."""
    stolen = link(world, first(world), by="payee", to="payee")
    assert refusal(world, stolen) is Outcome.BAD_SIGNATURE
    assert refusal(world, stolen, certificates=("payee_certificate",)) is Outcome.WRONG_OWNER


def test_change_belongs_to_the_payer(world):
    """The payee of a payment cannot spend its change."""
    paid = link(world, first(world), by="payer", to="payee", amount_minor=30_00)
    change = outputs_of(paid, world.fingerprint("payer"))[1]
    stolen = link(world, change, by="payee", to="payee")
    assert refusal(world, paid, stolen) is Outcome.BAD_SIGNATURE


def test_certificate_of_each_owner_is_required(world):
    """A chain whose signers are not all certified is refused."""
    transfers = chain(world, 2)
    assert refusal(world, *transfers, certificates=("payer_certificate",)) is Outcome.WRONG_OWNER


def test_certificates_are_checked_at_the_moment_in_question(world):
    """A chain is refused when a signer's certificate was not valid then."""
    later_ms = value_of(world, "payer_certificate").not_after_ms + 1
    trust = golden_trust(world)
    held = piece(world, *chain(world, 1))
    refused = outcome_of(lambda: verify_piece(trust, held, later_ms))
    assert refused is Outcome.CERTIFICATE_EXPIRED


def test_chain_has_a_longest_length(world):
    """A chain of the greatest length is read, one link more is refused."""
    transfers = chain(world, MAX_HOPS + 1)
    assert len(walk(first(world), transfers[:MAX_HOPS])) == MAX_HOPS
    refused = outcome_of(lambda: walk(first(world), transfers))
    assert refused is Outcome.CHAIN_TOO_LONG


def test_renewal_starts_a_chain_anew(world):
    """Change that its issuer renewed is spent from the renewal, with no history."""
    renewal = parse_currency(world.suite, world.raw("renewal"))
    onward = link(world, issued_output(renewal), by="payer", to="payee")
    renewed = Piece(renewal, (onward,), (world.raw("payer_certificate"),))
    assert len(verify_piece(golden_trust(world), renewed, NOW_MS)) == 1
    paid = parse_transfer(world.suite, world.raw("transfer_with_change"))
    assert onward.value.consumed == paid.change_output


@pytest.mark.feature("C-11")
def test_what_the_manager_cashes_cannot_be_paid_on(world):
    """The payee's part of an online transfer is redeemed by its manager, and by nobody else."""
    online = {"acceptor": Acceptor.MANAGER, "amount_minor": 30_00}
    paid = link(world, first(world), by="payer", to="payee", **online)
    payment, change = outputs_of(paid, world.fingerprint("payer"))
    assert (
        refusal(world, paid, link(world, payment, by="payee", to="payer")) is Outcome.BROKEN_CHAIN
    )
    onward = link(world, change, by="payer", to="payee")
    verify_piece(golden_trust(world), piece(world, paid, onward), NOW_MS)
