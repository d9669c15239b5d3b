"""Every deviation from the one encoding is refused, and by the name the vectors give."""

import json
from pathlib import Path

import pytest

from feiqian.crypto.suite_names import suite_named
from feiqian.crypto.trust import TrustStore
from feiqian.money.currency import parse_currency, verify_currency
from feiqian.money.transfer import parse_transfer, verify_transfer
from feiqian.outcomes import Refusal
from feiqian.wire.envelope import decode_message
from feiqian.wire.payment import PaymentRequest

VECTORS = Path(__file__).parents[2] / "vectors"
SUITES = ("p256", "sm2")
SAMPLES = {suite: json.loads((VECTORS / f"{suite}.json").read_text()) for suite in SUITES}
REFUSED = [
    pytest.param(suite, entry, id=f"{suite}-{entry['name']}")
    for suite in SUITES
    for entry in json.loads((VECTORS / f"{suite}-refused.json").read_text())
]


def sample(suite, name):
    """The encoding of a golden vector."""
    groups = SAMPLES[suite]["signed"] + SAMPLES[suite]["messages"]
    return bytes.fromhex(next(entry["encoded"] for entry in groups if entry["name"] == name))


def trust_of(suite):
    """A store that trusts the golden root alone."""
    return TrustStore.pinned(suite_named(suite), sample(suite, "root_certificate"))


def read_transfer(suite, raw):
    """A transfer by the golden payer, verified."""
    public = bytes.fromhex(SAMPLES[suite]["keys"]["payer"]["public"])
    verify_transfer(suite_named(suite), public, parse_transfer(suite_named(suite), raw))


def read_currency(suite, raw):
    """A currency by a golden institution, verified."""
    trust = trust_of(suite)
    trust.learn_directory(sample(suite, "directory"))
    verify_currency(trust, parse_currency(trust.suite, raw))


READERS = {
    "Transfer": read_transfer,
    "Currency": read_currency,
    "Directory": lambda suite, raw: trust_of(suite).learn_directory(raw),
    "PaymentRequest": lambda suite, raw: decode_message(raw, PaymentRequest),
}


@pytest.mark.parametrize(("suite", "entry"), REFUSED)
def test_deviation_is_refused_by_name(suite, entry):
    """What deviates in one point is refused, and for that point."""
    with pytest.raises(Refusal) as refused:
        READERS[entry["structure"]](suite, bytes.fromhex(entry["encoded"]))
    assert refused.value.outcome == entry["outcome"]


@pytest.mark.parametrize("suite", SUITES)
def test_what_does_not_deviate_is_read(suite):
    """The encodings that the refused ones deviate from are accepted by the same readers."""
    for structure, name in (
        ("Transfer", "transfer_with_change"),
        ("Currency", "currency"),
        ("Directory", "directory"),
        ("PaymentRequest", "payment_request_full"),
    ):
        READERS[structure](suite, sample(suite, name))
