"""Evidence of a double spend: what it takes to accuse somebody, and that no less will do."""

import msgspec
import pytest

from feiqian.crypto import cbor
from feiqian.crypto.trust import TrustStore
from feiqian.money.transfer import TRANSFER, parse_transfer
from feiqian.outcomes import Outcome
from feiqian.wire.evidence import (
    MAX_EVIDENCE_BYTES,
    Evidence,
    make_evidence,
    name_evidence,
    verify_evidence,
)
from tests.golden import SUITE_NAMES, golden, golden_trust, outcome_of, value_of

pytestmark = pytest.mark.feature("D-13", "D-15")


@pytest.fixture(params=SUITE_NAMES)
def world(request):
    """The golden samples of each suite in turn."""
    return golden(request.param)


def pair(world):
    """Two transfers of one currency by one chip."""
    return [world.raw("transfer_whole"), world.raw("transfer_with_change")]


def made(world, transfers=None, certificates=None):
    """Evidence of transfers, as bytes."""
    certificates = certificates or [world.raw("payer_certificate")]
    return make_evidence(golden_trust(world), transfers or pair(world), certificates)


def changed(world, **fields):
    """Genuine evidence with fields replaced."""
    evidence = cbor.decode(made(world), Evidence, limit=MAX_EVIDENCE_BYTES)
    return cbor.encode(msgspec.structs.replace(evidence, **fields))


def signed_by(world, signer, **fields):
    """A transfer like the whole one with fields replaced, signed by anybody."""
    value = msgspec.structs.replace(value_of(world, "transfer_whole"), **fields)
    return TRANSFER.sign(world.suite, world.keys[signer], value)


def test_root_alone_suffices_to_verify(world):
    """A third party with the pinned root, no directory and no network, learns who it was."""
    alone = TrustStore.pinned(world.suite, world.raw("root_certificate"))
    accusation = verify_evidence(alone, made(world))
    assert (accusation.wallet, accusation.institution) == ("A-7K2Q9D4M", "A")
    assert accusation.offender == world.fingerprint("payer")
    names = sorted(parse_transfer(world.suite, raw).name for raw in pair(world))
    assert list(accusation.transfers) == names
    assert accusation.name == name_evidence(world.suite, accusation.consumed, names[::-1])


def test_order_of_discovery_makes_no_difference(world):
    """The same two transfers make the same bytes, also when the key has two certificates."""
    other = world.raw("payee_certificate")
    certificates = [world.raw("payer_certificate"), other]
    assert made(world, pair(world)[::-1]) == made(world)
    assert made(world, certificates=certificates) == made(world, certificates=certificates[::-1])


@pytest.mark.feature("D-08")
def test_the_same_transfer_twice_is_no_evidence(world):
    """A repeat accuses nobody, even when it was signed anew."""
    raw = world.raw("transfer_whole")
    assert outcome_of(lambda: made(world, [raw, raw])) is Outcome.NO_CONFLICT
    twice = changed(world, first=raw, second=raw)
    assert outcome_of(lambda: verify_evidence(golden_trust(world), twice)) is Outcome.NO_CONFLICT


@pytest.mark.feature("D-08")
def test_transfers_of_two_states_are_no_evidence(world):
    """One chip that pays with two currencies has done nothing wrong."""
    elsewhere = signed_by(world, "payer", consumed=bytes(32))
    both = [world.raw("transfer_whole"), elsewhere]
    assert outcome_of(lambda: made(world, both)) is Outcome.NO_CONFLICT
    raws = sorted(both, key=lambda raw: parse_transfer(world.suite, raw).name)
    shown = changed(world, first=raws[0], second=raws[1])
    assert outcome_of(lambda: verify_evidence(golden_trust(world), shown)) is Outcome.NO_CONFLICT
    renamed = changed(world, consumed=bytes(32))
    refused = outcome_of(lambda: verify_evidence(golden_trust(world), renamed))
    assert refused is Outcome.NO_CONFLICT


def test_nobody_is_accused_by_a_signature_that_is_not_his(world):
    """A second transfer that another key signed does not count against the owner."""
    forged = signed_by(world, "payee", amount_minor=99_00, change_minor=1_00)
    raw = made(world, [world.raw("transfer_whole"), forged])
    assert outcome_of(lambda: verify_evidence(golden_trust(world), raw)) is Outcome.BAD_SIGNATURE


def test_evidence_has_one_form(world):
    """The transfers in the other order are refused, so nobody makes two of one."""
    evidence = cbor.decode(made(world), Evidence, limit=MAX_EVIDENCE_BYTES)
    swapped = changed(world, first=evidence.second, second=evidence.first)
    refused = outcome_of(lambda: verify_evidence(golden_trust(world), swapped))
    assert refused is Outcome.NOT_CANONICAL


def test_certificates_must_lead_to_the_root(world):
    """Another root, another institution or an institution in the owner's place is refused."""
    trust = golden_trust(world)
    wrong = {
        "root": (bytes(32), Outcome.BAD_CERTIFICATE),
        "institution_certificate": (world.raw("certificate_b"), Outcome.BAD_CERTIFICATE),
        "owner_certificate": (world.raw("certificate_a"), Outcome.WRONG_ROLE),
    }
    for field, (value, outcome) in wrong.items():
        raw = changed(world, **{field: value})
        assert outcome_of(lambda raw=raw: verify_evidence(trust, raw)) is outcome


def test_evidence_is_bounded(world):
    """Evidence of the largest parts fits its limit, and more is refused unread."""
    assert len(made(world)) <= MAX_EVIDENCE_BYTES
    refused = outcome_of(
        lambda: verify_evidence(golden_trust(world), bytes(MAX_EVIDENCE_BYTES + 1))
    )
    assert refused is Outcome.TOO_LARGE
