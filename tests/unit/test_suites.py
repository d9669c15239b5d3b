"""Both suites keep one contract; each is held to examples that others published."""

import hashlib
import sys

import pytest

from feiqian.crypto.p256 import P256_SHA256
from feiqian.crypto.sm2 import SM2_SM3, SM2PrivateKey
from feiqian.crypto.suite_names import SUITE_NAMES, suite_named
from feiqian.outcomes import Outcome, Refusal

SECRET = bytes(31) + b"\x07"
ORDERS = {
    "p256": 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551,
    "sm2": 0xFFFFFFFEFFFFFFFFFFFFFFFFFFFFFFFF7203DF6B21C6052B53BBF40939D54123,
}


@pytest.fixture(params=SUITE_NAMES)
def suite(request):
    """Each suite in turn."""
    return suite_named(request.param)


def test_signature_verifies_under_its_own_key(suite):
    """What a key signs, its public key verifies."""
    key = suite.generate()
    suite.verify(key.public, key.sign(b"message"), b"message")


def test_signing_again_gives_the_same_bytes(suite):
    """A signature is a function of key and message, so a repeat is identical."""
    assert suite.load(SECRET).sign(b"message") == suite.load(SECRET).sign(b"message")
    assert suite.load(SECRET).sign(b"message") != suite.load(SECRET).sign(b"another")


def test_secret_restores_the_key(suite):
    """A key that was stored by its scalar comes back as the same key."""
    key = suite.generate()
    assert len(key.secret) == 32
    assert suite.load(key.secret).public == key.public


def test_another_message_is_refused(suite):
    """A signature says nothing about another message."""
    key = suite.load(SECRET)
    with pytest.raises(Refusal) as refused:
        suite.verify(key.public, key.sign(b"message"), b"messagf")
    assert refused.value.outcome is Outcome.BAD_SIGNATURE


def test_another_key_is_refused(suite):
    """A signature says nothing under another key."""
    with pytest.raises(Refusal) as refused:
        suite.verify(suite.generate().public, suite.load(SECRET).sign(b"message"), b"message")
    assert refused.value.outcome is Outcome.BAD_SIGNATURE


@pytest.mark.parametrize("position", range(64))
def test_every_byte_of_a_signature_counts(suite, position):
    """A signature with one byte changed is refused, whichever byte it is."""
    key = suite.load(SECRET)
    signature = bytearray(key.sign(b"message"))
    signature[position] ^= 1
    with pytest.raises(Refusal) as refused:
        suite.verify(key.public, bytes(signature), b"message")
    assert refused.value.outcome is Outcome.BAD_SIGNATURE


@pytest.mark.parametrize("signature", [b"", bytes(63), bytes(64), b"\xff" * 64, bytes(65)])
def test_degenerate_signature_is_refused(suite, signature):
    """Zeros, values above the order and wrong lengths are refused by name."""
    with pytest.raises(Refusal) as refused:
        suite.verify(suite.load(SECRET).public, signature, b"message")
    assert refused.value.outcome is Outcome.BAD_SIGNATURE


@pytest.mark.parametrize(
    "public", [b"", b"\x02" * 32, b"\x02" + b"\xff" * 32, b"\x05" + bytes(32), b"\x04" + bytes(64)]
)
def test_what_is_no_public_key_is_malformed(suite, public):
    """Only 33 bytes that name a point on the curve are a public key."""
    for use in (suite.fingerprint, lambda key: suite.verify(key, bytes(64), b"message")):
        with pytest.raises(Refusal) as refused:
            use(public)
        assert refused.value.outcome is Outcome.MALFORMED


@pytest.mark.parametrize("length", [31, 33])
def test_secret_of_another_length_is_refused(suite, length):
    """A scalar is 32 bytes, so that a cut one is never taken for a key."""
    with pytest.raises(ValueError, match="scalar"):
        suite.load(b"\x01" * length)


def test_secret_out_of_range_is_refused(suite):
    """Zero and the order of the curve are no private keys."""
    for scalar in (0, ORDERS[suite.name]):
        with pytest.raises(ValueError):  # noqa: PT011  # each library says it in its own words
            suite.load(scalar.to_bytes(32, "big"))


def test_keys_have_different_fingerprints(suite):
    """Two keys, also those that differ by sign alone, never share a fingerprint."""
    public = suite.load(SECRET).public
    negative = bytes([public[0] ^ 1]) + public[1:]
    assert len(suite.fingerprint(public)) == 32
    assert suite.fingerprint(public) != suite.fingerprint(negative)


def test_unknown_suite_is_refused_by_name():
    """A configuration that names no suite of ours is told which there are."""
    with pytest.raises(Refusal, match="p256, sm2") as refused:
        suite_named("ed25519")
    assert refused.value.outcome is Outcome.UNKNOWN_SUITE


def test_sm2_without_its_extra_is_refused_by_name(monkeypatch):
    """Where the extra is not installed, asking for sm2 says what to install."""
    monkeypatch.setitem(sys.modules, "tongsuopy", None)
    for name in [name for name in sys.modules if name.startswith("tongsuopy.")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.delitem(sys.modules, "feiqian.crypto.sm2")
    with pytest.raises(Refusal, match=r"pip install feiqian\[sm\]") as refused:
        suite_named("sm2")
    assert refused.value.outcome is Outcome.UNKNOWN_SUITE


def test_p256_signs_as_rfc_6979_publishes():
    """RFC 6979, A.2.5: P-256 and SHA-256 over "sample"."""
    secret = "C9AFA9D845BA75166B5C215767B1D6934E50C3DB36E89B127B8A622B120F6721"
    signature = P256_SHA256.load(bytes.fromhex(secret)).sign(b"sample")
    assert signature.hex().upper() == (
        "EFD48B2AACB6A8FD1140DD9CD45E81D69D2C877B56AAF991C34D0EA84EAF3716"
        "F7CB1C942D657C41D436C7A1B6E29F65F3E900DBB9AFF4064DC4AB2F843ACDA8"
    )


def test_p256_fingerprint_is_the_thumbprint_of_rfc_9679():
    """RFC 9679, section 6: the published key has the published SHA-256 thumbprint."""
    x = "65eda5a12577c2bae829437fe338701a10aaa375e1bb5b5de108de439c08551d"
    y = "1e52ed75701163f7f9e40ddf9f341b3dc9ba860af7e0ca7ca7e9eecd0084d19c"
    public = bytes([2 | int(y[-1], 16) & 1]) + bytes.fromhex(x)
    assert P256_SHA256.fingerprint(public).hex() == (
        "496bd8afadf307e5b08c64b0421bf9dc01528a344a43bda88fadd1669da253ec"
    )


SM2_EXAMPLE = {  # GB/T 32918.5, A.2: recommended curve, "message digest", the default identity
    "secret": "3945208F7B2144B13F36E38AC6D39F95889393692860B51A42FB81EF4DF7C5B8",
    "x": "09F9DF311E5421A150DD7D161E4BC5C672179FAD1833FC076BB08FF356F35020",
    "y": "CCEA490CE26775A52DC6EA718CC1AA600AED05FBF35E084A6632F6072DA9AD13",
    "identity": "B2E14C5C79C6DF5B85F4FE7ED8DB7A262B9DA7E07CCB0EA9F4747B8CCDA8A4F3",
    "digest": "F0B43E94BA45ACCAACE692ED534382EB17E6AB5A19CE7B31F4486FDFC0D28640",
    "nonce": "59276E27D506861A16680F3AD9C02DCCEF3CC1FA3CDBE4CE6D54B80DEAC1BC21",
    "r": "F5A03B0648D2C4630EEAC513E1BB81A15944DA3827D5B74143AC7EACEEE720B3",
    "s": "B1B6AA29DF212FD8763182BC0D421CA1BB9038FD1F7F42D4840B69C485BBC1AA",
}


def test_sm2_signs_as_the_standard_publishes():
    """GB/T 32918.5, A.2: with the published nonce, the signature is the published one."""
    example = {name: bytes.fromhex(value) for name, value in SM2_EXAMPLE.items()}
    key = SM2PrivateKey(example["secret"])
    assert key.public == b"\x03" + example["x"]
    digest = SM2_SM3.digest(example["identity"] + b"message digest")
    assert digest == example["digest"]
    signature = key.sign_digest(digest, int.from_bytes(example["nonce"], "big"))
    assert signature == example["r"] + example["s"]
    SM2_SM3.verify(key.public, signature, b"message digest")


def test_sm3_hashes_as_the_standard_publishes():
    """GB/T 32905, A.1: the hash of "abc"."""
    assert SM2_SM3.digest(b"abc").hex() == (
        "66c7f0f462eeedd9d1f2d46bdc10e4e24167c4875cf2f7a2297da02b8f4ba8e0"
    )


def test_sm2_nonce_is_refused_where_the_standard_asks_for_another():
    """A nonce that makes r + k the order would reveal the key, so no signature is made with it."""
    order = ORDERS["sm2"]
    key = SM2PrivateKey(SECRET)
    x = int.from_bytes(SM2PrivateKey((5).to_bytes(32, "big")).public[1:], "big")
    r_equal_to_order_less_nonce = (order - 5 - x) % order
    assert key.sign_digest(r_equal_to_order_less_nonce.to_bytes(32, "big"), 5) is None
    r_zero = (order - x) % order
    assert key.sign_digest(r_zero.to_bytes(32, "big"), 5) is None


def test_sm2_thumbprint_is_over_the_private_use_curve():
    """The thumbprint hashes the COSE_Key with the private-use curve number, in key order."""
    x, y = bytes.fromhex(SM2_EXAMPLE["x"]), bytes.fromhex(SM2_EXAMPLE["y"])
    cose_key = bytes.fromhex("a40102203a00010000215820") + x + bytes.fromhex("225820") + y
    assert SM2_SM3.fingerprint(b"\x03" + x) == SM2_SM3.digest(cose_key)
    assert SM2_SM3.fingerprint(b"\x03" + x) != hashlib.sha256(cose_key).digest()
