"""Sentences of BeiDou modules: examples of real ones, both directions, and damage refused by name."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from feiqian.outcomes import Outcome, Refusal
from feiqian.wire.rdss.bds2 import Bds2
from feiqian.wire.rdss.bds3 import Bds3
from feiqian.wire.rdss.module import (
    AskIdentity,
    AskSend,
    Dialect,
    Feedback,
    ModuleIdentity,
    ModuleMessage,
    Reason,
    Signal,
)
from feiqian.wire.rdss.sentences import MAX_SENTENCE_BYTES, Sentence, parse_sentence
from feiqian.wire.short_messages import RDSS3_GLOBAL

DIALECTS: list[Dialect] = [Bds2(), Bds3(), Bds3(RDSS3_GLOBAL)]
TEXT = bytes.fromhex("90000000000065c1faf4b2e2cad4")

SAID_BY_MODULES = [
    (
        Bds2(),
        b"$BDICI,0242286,00242286,0000011,6,60,3,N,0*38",
        ModuleIdentity("242286", "242286", 60, 3, 0),
    ),
    (Bds2(), b"$BDICI,4207733,0,0,3,60,2,N,22*3A", ModuleIdentity("4207733", "0", 60, 2, 22)),
    (
        Bds2(),
        b"$BDTXR,1,4207733,1,2337,90000000000065C1FAF4B2E2CAD4*3F",
        ModuleMessage("4207733", TEXT),
    ),
    (Bds2(), b"$BDSNR,0,0,0,0,0,0,48,0,0,0,0,0,41,0,0,0,44,44,0,0,0*5C", Signal(4)),
    (
        Bds3(),
        b"$BDICP,15240507,2032472,1,3,0,N,1,Y,1,0,0,3,1,1,5,1,1,2,2,500,100,10,10*65",
        ModuleIdentity("15240507", "2032472", 1, 5, 500),
    ),
    (Bds3(), b"$BDPWI,000000.00,00,01,51,40,33,0*7B", Signal(1)),
]


@pytest.mark.feature("W-06")
@pytest.mark.parametrize(("dialect", "line", "meaning"), SAID_BY_MODULES)
def test_what_real_modules_say_is_understood(dialect, line, meaning):
    """Sentences recorded from modules are read, checksum and all, in either line end or none."""
    for end in (b"", b"\n", b"\r\n"):
        assert dialect.read_report(parse_sentence(line + end)) == meaning


def test_what_hosts_ask_has_the_published_form():
    """Requests are, to the byte, those of the interface documents."""
    assert Bds2().request(AskIdentity()).encode() == b"$CCICA,0,00*7B\r\n"
    assert Bds3().request(AskIdentity()).encode() == b"$CCICR,0,00*68\r\n"
    two = Bds2().request(AskSend("242286", b"\x01\xab"))
    assert (two.address, two.fields) == ("CCTXA", ("0242286", "1", "2", "A401AB"))
    three = Bds3().request(AskSend("4238473", b"\x01\xab"))
    assert (three.address, three.fields) == ("CCTCQ", ("4238473", "2", "1", "2", "01AB", "0"))


@pytest.mark.parametrize(
    ("dialect", "fields", "feedback"),
    [
        (Bds2(), ("TXA", "Y", "Y", "0", "0000"), Feedback(None)),
        (Bds2(), ("TXA", "N", "N", "0", "0042"), Feedback(Reason.TOO_OFTEN, 42)),
        (Bds2(), ("TXA", "N", "Y", "1", "0000"), Feedback(Reason.SUPPRESSED)),
        (Bds2(), ("TXA", "N", "Y", "3", "0000"), Feedback(Reason.SILENT)),
        (Bds2(), ("TXA", "N", "Y", "4", "0000"), Feedback(Reason.NO_SIGNAL)),
        (Bds2(), ("DWA", "N", "Y", "4", "0000"), None),
        (Bds3(), ("080432", "TCQ", "Y", "0", "0"), Feedback(None)),
        (Bds3(), ("080432", "TCQ", "N", "1", "17"), Feedback(Reason.TOO_OFTEN, 17)),
        (Bds3(), ("080432", "TCQ", "N", "6", "0"), Feedback(Reason.NO_PERMISSION)),
        (Bds3(), ("080432", "ICR", "Y", "0", "0"), None),
    ],
)
def test_feedback_tells_why_and_how_long(dialect, fields, feedback):
    """A module's feedback is read with its reason and its waiting time; of other requests it is not ours."""
    assert dialect.read_report(Sentence("BDFKI", fields)) == feedback


@settings(max_examples=100, deadline=None)
@given(st.sampled_from(DIALECTS), st.binary(min_size=1, max_size=70), st.integers(1, 9_999_999))
def test_both_directions_of_a_dialect_agree(dialect, content, number):
    """What one side says is what the other understands, for every request and report."""
    address = str(number)
    for request in (AskIdentity(), AskSend(address, content)):
        line = dialect.request(request).encode()
        assert dialect.read_request(parse_sentence(line)) == request
    reports = [
        ModuleIdentity(address, str(number % 1000), 60, 3, number % 7),
        ModuleMessage(address, content),
        Feedback(None),
        Feedback(Reason.TOO_OFTEN, number % 600 + 1),
        Feedback(Reason.SILENT),
        Signal(number % 4),
    ]
    for report in reports:
        line = dialect.report(report).encode()
        assert dialect.read_report(parse_sentence(line)) == report


def test_the_longest_message_fits_a_sentence():
    """A message of the longest class is one line within the limit."""
    for dialect in DIALECTS:
        content = bytes(dialect.channel.max_bytes)
        line = dialect.request(AskSend("4238473", content)).encode()
        assert len(line) < MAX_SENTENCE_BYTES
        assert dialect.read_request(parse_sentence(line)) == AskSend("4238473", content)
        too_long = dialect.request(AskSend("4238473", content + b"\0"))
        with pytest.raises(Refusal) as refused:
            dialect.read_request(too_long)
        assert refused.value.outcome is Outcome.TOO_LARGE


def test_content_in_the_mixed_form_is_read():
    """A4 and hexadecimal is content in both generations; Chinese text is none of ours."""
    mixed = Sentence("BDTXR", ("1", "4207733", "2", "2337", "A4" + TEXT.hex()))
    assert Bds2().read_report(mixed) == ModuleMessage("4207733", TEXT)
    third = Sentence("BDTCI", ("04207733", "4207734", "2", "023242", "3", "0", "A4" + TEXT.hex()))
    assert Bds3().read_report(third) == ModuleMessage("4207733", TEXT)
    chinese = Sentence("BDTXR", ("1", "4207733", "0", "2337", "hello"))
    assert Bds2().read_report(chinese) is None
    assert Bds3().read_report(Sentence("BDTCI", (*third.fields[:4], "1", "0", "hello"))) is None


@pytest.mark.parametrize("dialect", DIALECTS)
def test_unknown_sentences_are_nobodys_mistake(dialect):
    """Receivers' and makers' own sentences mean nothing here, and are no damage."""
    for line in (b"$GNZDA,070728.00,07,03,2024,00,00*72", b"$BDVRX,1*4E"):
        body = line[1 : line.index(b"*")]
        fields = tuple(body.decode().split(","))
        sentence = Sentence(fields[0], fields[1:])
        assert dialect.read_report(sentence) is None
        assert dialect.read_request(sentence) is None


DAMAGED = [
    b"",
    b"$",
    b"$BDICI",
    b"BDICI,4207733,0,0,3,60,2,N,22*3A",
    b"$BDICI,4207733,0,0,3,60,2,N,22*3B",
    b"$BDICI,4207733,0,0,3,60,2,N,22*",
    b"$BDICI,4207733,0,0,3,60,2,N,22",
    b"$bdici,4207733,0,0,3,60,2,N,22*1A",
    b"$BDICI,4207733,0,\xff,3,60,2,N,22*3A",
    b"$BDICI,4207733$BDICI,4207733,0,0,3,60,2,N,22*3A",
    Sentence("BDXXX", ("",) * 200).encode(),
]


@pytest.mark.parametrize("line", DAMAGED)
def test_a_damaged_sentence_is_malformed(line):
    """What has not the form or the checksum of a sentence is refused as malformed."""
    with pytest.raises(Refusal) as refused:
        parse_sentence(line)
    assert refused.value.outcome is Outcome.MALFORMED


def test_a_line_beyond_the_limit_is_too_large():
    """A line longer than the limit is refused before it is looked at."""
    with pytest.raises(Refusal) as refused:
        parse_sentence(b"$" * (MAX_SENTENCE_BYTES + 1))
    assert refused.value.outcome is Outcome.TOO_LARGE


@pytest.mark.parametrize(
    ("dialect", "sentence"),
    [
        (Bds2(), Sentence("BDICI", ("4207733", "0", "0"))),
        (Bds2(), Sentence("BDICI", ("42x7733", "0", "0", "3", "60", "2", "N", "22"))),
        (Bds2(), Sentence("BDICI", ("4207733", "0", "0", "3", "-60", "2", "N", "22"))),
        (Bds2(), Sentence("BDTXR", ("1", "4207733", "1", "", "123"))),
        (Bds2(), Sentence("BDTXR", ("1", "4207733", "1", "", "12 34"))),
        (Bds2(), Sentence("BDTXR", ("1", "4207733", "1", "", "zz"))),
        (Bds2(), Sentence("BDTXR", ("1", "9" * 40, "1", "", "00"))),
        (Bds2(), Sentence("BDFKI", ("TXA", "N", "Y", "9", "0"))),
        (Bds3(), Sentence("BDICP", ("1", "2"))),
        (Bds3(), Sentence("BDFKI", ("0", "TCQ", "N", "7", "0"))),
        (Bds3(), Sentence("BDPWI", ("0", "00", "05", "1", "40", "0"))),
        (Bds3(), Sentence("BDPWI", ("0", "99", "01"))),
        (Bds3(), Sentence("BDTCI", ("1", "2", "2", "0", "9", "0", "00"))),
    ],
)
def test_fields_that_cannot_be_are_malformed(dialect, sentence):
    """A sound sentence of ours with a field that cannot be is refused as malformed."""
    with pytest.raises(Refusal) as refused:
        dialect.read_report(sentence)
    assert refused.value.outcome is Outcome.MALFORMED


@settings(max_examples=300, deadline=None)
@given(
    st.sampled_from(DIALECTS),
    st.sampled_from(
        ["BDICI", "BDTXR", "BDFKI", "BDSNR", "BDICP", "BDTCI", "BDPWI", "CCTXA", "CCTCQ"]
    ),
    st.lists(st.text("0123456789ANTXCQY.- ", max_size=8), min_size=1, max_size=30),
)
def test_no_sentence_breaks_a_reader(dialect, address, fields):
    """Whatever stands in the fields, a reader answers with a meaning, with none, or with a refusal."""
    refused = set()
    for read in (dialect.read_report, dialect.read_request):
        try:
            read(parse_sentence(Sentence(address, tuple(fields)).encode()))
        except Refusal as refusal:
            refused.add(refusal.outcome)
    assert refused <= {Outcome.MALFORMED, Outcome.TOO_LARGE}
