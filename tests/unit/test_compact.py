"""The compact form of signed objects: every golden object, and what is no compact form."""

import pytest

from feiqian.crypto import compact
from feiqian.outcomes import Outcome
from tests.golden import SUITE_NAMES, golden, outcome_of


@pytest.mark.feature("W-06")
@pytest.mark.parametrize("suite_name", SUITE_NAMES)
def test_what_was_shortened_is_restored_exactly(suite_name):
    """Every kind of signed object comes back byte for byte, and saves what COSE added."""
    samples = golden(suite_name)
    for sample in samples.signed:
        short = compact.shorten(samples.suite, sample.raw)
        assert compact.restore(samples.suite, short) == sample.raw
        assert len(short) <= len(sample.raw) - 10


def test_signatures_still_have_to_hold():
    """A compact form with one bit changed is restored to something that does not verify."""
    samples = golden()
    sample = samples.signed[0]
    short = bytearray(compact.shorten(samples.suite, sample.raw))
    short[-1] ^= 1
    restored = compact.restore(samples.suite, bytes(short))
    public = samples.keys[sample.signer].public
    outcome = outcome_of(lambda: sample.kind.read(samples.suite, restored, public))
    assert outcome is Outcome.BAD_SIGNATURE


@pytest.mark.parametrize("short", [b"", bytes(64)])
def test_too_little_is_no_compact_form(short):
    """A signature alone restores nothing."""
    assert outcome_of(lambda: compact.restore(golden().suite, short)) is Outcome.MALFORMED


def test_only_signed_objects_are_shortened():
    """What is no COSE_Sign1, or one of another network, is refused by name."""
    raw = golden("sm2").signed[0].raw
    suite = golden("p256").suite
    assert outcome_of(lambda: compact.shorten(suite, raw)) is Outcome.UNKNOWN_SUITE
    assert outcome_of(lambda: compact.shorten(suite, b"no")) is Outcome.MALFORMED
