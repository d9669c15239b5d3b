"""Signed objects: one form, one domain, one suite."""

import pytest

from feiqian.crypto import cose
from feiqian.outcomes import Outcome
from tests.golden import SUITE_NAMES, golden, outcome_of

LIMIT = 70_000


@pytest.fixture(params=SUITE_NAMES)
def world(request):
    """The golden samples of each suite in turn."""
    return golden(request.param)


@pytest.mark.parametrize("length", [0, 23, 24, 255, 256, 65_535, 65_536])
def test_payload_of_any_length_comes_back(world, length):
    """A payload is carried whole whatever the width of its length."""
    key, payload = world.keys["payer"], bytes(length)
    raw = cose.sign(world.suite, key, b"domain", payload)
    signed = cose.parse(world.suite, raw, limit=LIMIT)
    assert signed.payload == payload
    cose.verify(world.suite, key.public, b"domain", signed)


def test_signature_made_elsewhere_fits(world):
    """A chip's payload and signature assemble to the same bytes as signing here."""
    raw = world.raw("transfer_whole")
    signed = cose.parse(world.suite, raw, limit=LIMIT)
    assert cose.assemble(world.suite, signed.payload, signed.signature) == raw


def test_domains_keep_kinds_apart(world):
    """A signature in one domain is none in another."""
    key = world.keys["payer"]
    signed = cose.parse(world.suite, cose.sign(world.suite, key, b"one", b"payload"), limit=LIMIT)
    refused = outcome_of(lambda: cose.verify(world.suite, key.public, b"two", signed))
    assert refused is Outcome.BAD_SIGNATURE


def test_suites_are_told_apart():
    """An object of another network's suite is refused as that, before anything is verified."""
    p256, sm2 = golden("p256"), golden("sm2")
    for ours, theirs in ((p256, sm2), (sm2, p256)):
        raw = theirs.raw("transfer_whole")
        refused = outcome_of(lambda raw=raw, suite=ours.suite: cose.parse(suite, raw, limit=LIMIT))
        assert refused is Outcome.UNKNOWN_SUITE


def test_every_cut_is_malformed(world):
    """A signed object cut anywhere is malformed, not of another suite, not an error of ours."""
    raw = world.raw("transfer_whole")
    for length in range(len(raw)):
        refused = outcome_of(lambda cut=raw[:length]: cose.parse(world.suite, cut, limit=LIMIT))
        assert refused is Outcome.MALFORMED, length


def test_limit_is_checked_first(world):
    """What is too long is refused for that, whatever else is wrong with it."""
    refused = outcome_of(lambda: cose.parse(world.suite, b"\xff" * 11, limit=10))
    assert refused is Outcome.TOO_LARGE


def test_no_byte_of_a_signed_object_is_free(world):
    """Any byte changed, the object is refused or does not verify."""
    raw, public = world.raw("transfer_whole"), world.keys["payer"].public

    def read(data):
        signed = cose.parse(world.suite, data, limit=LIMIT)
        cose.verify(world.suite, public, b"feiqian/transfer", signed)

    read(raw)
    for at in range(len(raw)):
        changed = raw[:at] + bytes([raw[at] ^ 1]) + raw[at + 1 :]
        outcome_of(lambda data=changed: read(data))
