"""Every golden vector is what the standards say it is, checked without the project's own codec."""

import json
from pathlib import Path

import pytest

from feiqian.wire import envelope
from tests.vectors import rfc8949, verification
from tools.make_vectors import vector_files

VECTORS = Path(__file__).parents[2] / "vectors"
SUITES = ("p256", "sm2")
FILES = {suite: json.loads((VECTORS / f"{suite}.json").read_text()) for suite in SUITES}
ALGORITHMS = {"p256": -7, "sm2": -65_537}


def samples(*groups):
    """Each sample of these groups, by suite and name."""
    return [
        pytest.param(suite, sample, id=f"{suite}-{sample['name']}")
        for suite in SUITES
        for group in groups
        for sample in FILES[suite][group]
    ]


def signed(suite, name):
    """The sample of that name."""
    return next(sample for sample in FILES[suite]["signed"] if sample["name"] == name)


def take_apart(encoded):
    """Protected header, payload and signature of a COSE_Sign1 (RFC 9052, 4.2), read by hand."""
    raw = bytes.fromhex(encoded)
    tag, array, rest = raw[:1], raw[1:2], raw[2:]
    assert (tag, array) == (b"\xd2", b"\x84")
    length = rest[0] & 0x1F
    protected, rest = rest[1 : 1 + length], rest[1 + length :]
    assert rest[:1] == b"\xa0", "the unprotected header is an empty map"
    payload, signature = rfc8949.decode(b"\x82" + rest[1:])
    return protected, payload, signature


def listed(value):
    """A readable value as the array that is encoded: fields in order, ``h'00'`` as bytes."""
    if isinstance(value, dict):
        return [listed(item) for item in value.values()]
    if isinstance(value, list):
        return [listed(item) for item in value]
    if isinstance(value, str) and value.startswith("h'"):
        return bytes.fromhex(value[2:-1])
    return value


def test_the_generator_makes_these_files():
    """The vectors in the tree are what the code makes today, byte for byte."""
    kept = {path.name: path.read_text() for path in VECTORS.glob("*.json")}
    assert vector_files() == kept


@pytest.mark.parametrize("suite", SUITES)
def test_keys_are_the_fixed_ones(suite):
    """Each key is a byte 32 times, and its fingerprint the thumbprint of RFC 9679."""
    for number, key in enumerate(FILES[suite]["keys"].values(), start=1):
        assert key["secret"] == f"{number:02x}" * 32
        public = bytes.fromhex(key["public"])
        assert verification.fingerprint(suite, public).hex() == key["fingerprint"]


@pytest.mark.parametrize(("suite", "sample"), samples("signed"))
def test_signature_verifies_by_the_library_alone(suite, sample):
    """Any COSE implementation that knows the domain verifies every signed object."""
    protected, payload, signature = take_apart(sample["encoded"])
    assert protected == b"\xa1\x01" + rfc8949.encode(ALGORITHMS[suite])
    domain = sample["domain"].encode()
    to_be_signed = rfc8949.encode(["Signature1", protected, domain, payload])
    public = bytes.fromhex(FILES[suite]["keys"][sample["signer"]]["public"])
    verification.verify(suite, public, signature, to_be_signed)


@pytest.mark.parametrize(("suite", "sample"), samples("signed"))
def test_payload_says_what_the_vector_says(suite, sample):
    """A strict decoder of another hand reads the values shown, and encodes them to the same."""
    _, payload, _ = take_apart(sample["encoded"])
    assert rfc8949.decode(payload) == listed(sample["value"])
    assert rfc8949.encode(listed(sample["value"])) == payload


@pytest.mark.parametrize(("suite", "sample"), samples("bodies"))
def test_body_says_what_the_vector_says(suite, sample):
    """Bodies and results of requests are read alike by another decoder."""
    assert rfc8949.encode(listed(sample["value"])).hex() == sample["encoded"]
    assert rfc8949.decode(bytes.fromhex(sample["encoded"])) == listed(sample["value"])


@pytest.mark.parametrize(("suite", "sample"), samples("messages"))
def test_message_says_what_the_vector_says(suite, sample):
    """A message is version, kind and fields, in an array that another decoder reads."""
    version, kind, *fields = rfc8949.decode(bytes.fromhex(sample["encoded"]))
    assert (version, fields) == (1, listed(sample["value"]))
    assert rfc8949.encode([version, kind, *fields]).hex() == sample["encoded"]


def currency_identifier(suite, sample):
    """The circulation identifier of a currency, from the bytes."""
    _, payload, _ = take_apart(sample["encoded"])
    renewal_of = rfc8949.decode(payload)[7]
    return renewal_of or verification.digest(suite, b"feiqian/identifier/currency\0" + payload)


def transfer_names(suite, sample):
    """The names of a transfer and of its outputs, from the bytes."""
    _, payload, _ = take_apart(sample["encoded"])
    prefixes = {
        "transfer": b"feiqian/transfer-id\0",
        "payee_output": b"feiqian/identifier/output\0\0",
        "change_output": b"feiqian/identifier/output\0\1",
    }
    if rfc8949.decode(payload)[4] == 0:
        del prefixes["change_output"]
    return {
        name: verification.digest(suite, prefix + payload).hex()
        for name, prefix in prefixes.items()
    }


@pytest.mark.parametrize(("suite", "sample"), samples("signed"))
def test_identifiers_are_the_hashes_described(suite, sample):
    """Identifiers are hashes of domain and payload, which anybody can compute again."""
    expected = {}
    if sample["structure"] == "Currency":
        expected = {"circulation": currency_identifier(suite, sample).hex()}
    if sample["structure"] == "Transfer":
        expected = transfer_names(suite, sample)
    assert sample["identifiers"] == expected


@pytest.mark.feature("C-15")
@pytest.mark.parametrize("suite", SUITES)
def test_change_lives_on_under_its_identifier(suite):
    """A renewal restates the change of a transfer: same serial, same amount, same identifier."""
    transfer, currency = signed(suite, "transfer_with_change"), signed(suite, "currency")
    renewal = signed(suite, "renewal")
    change = transfer["identifiers"]["change_output"]
    assert renewal["identifiers"]["circulation"] == change
    assert renewal["value"]["serial"] == currency["value"]["serial"]
    assert renewal["value"]["amount_minor"] == transfer["value"]["change_minor"]
    assert currency["value"]["amount_minor"] == (
        transfer["value"]["amount_minor"] + transfer["value"]["change_minor"]
    )


@pytest.mark.feature("C-05", "C-06")
@pytest.mark.parametrize("suite", SUITES)
def test_payment_goes_full_or_by_identifier_alone(suite):
    """The same transfer travels with its currency, or with nothing but what it consumes."""
    items = {
        sample["name"]: sample["value"]["items"][0]
        for sample in FILES[suite]["messages"]
        if sample["structure"] == "PaymentRequest"
    }
    full, alone = items["payment_request_full"], items["payment_request_identifier"]
    assert full["currency"] == f"h'{signed(suite, 'currency')['encoded']}'"
    assert alone["currency"] is None
    assert alone["transfers"] == full["transfers"]


@pytest.mark.parametrize("suite", SUITES)
def test_every_message_of_the_wire_has_a_vector(suite):
    """Each message kind that this release speaks is among the vectors, with its number."""
    kinds = {
        sample["structure"]: rfc8949.decode(bytes.fromhex(sample["encoded"]))[1]
        for sample in FILES[suite]["messages"]
    }
    ours = {
        cls.__name__: kind
        for cls, kind in envelope._KINDS.items()
        if cls.__module__.startswith("feiqian.wire.")
    }
    assert kinds == ours
