"""APDUs and status words: all seven command cases, their bounds, and the way of a refusal."""

import pytest

from feiqian.chip.apdu import (
    MAX_DATA_BYTES,
    MAX_EXPECTED_BYTES,
    CommandApdu,
    parse_command,
    parse_response,
)
from feiqian.chip.status_words import StatusError, StatusWord, refusal_of, word_of
from feiqian.outcomes import Outcome, Refusal

CASES = [
    ("00f20000", CommandApdu(0x00, 0xF2, 0, 0)),
    ("00f2000010", CommandApdu(0x00, 0xF2, 0, 0, expected=16)),
    ("00f2000000", CommandApdu(0x00, 0xF2, 0, 0, expected=256)),
    ("00a4040002a0b0", CommandApdu(0x00, 0xA4, 4, 0, b"\xa0\xb0")),
    ("00a4040002a0b000", CommandApdu(0x00, 0xA4, 4, 0, b"\xa0\xb0", 256)),
    ("80f20000000000", CommandApdu(0x80, 0xF2, 0, 0, expected=65_536)),
    ("80f20000000200", CommandApdu(0x80, 0xF2, 0, 0, expected=512)),
    ("80440000000100" + "11" * 256, CommandApdu(0x80, 0x44, 0, 0, b"\x11" * 256)),
    ("80f200000000028101" + "0000", CommandApdu(0x80, 0xF2, 0, 0, b"\x81\x01", 65_536)),
]


@pytest.mark.parametrize(("raw", "command"), CASES)
def test_every_command_case_has_its_bytes(raw, command):
    """Each of the seven cases of ISO/IEC 7816-4 encodes to and parses from its one form."""
    assert command.encode().hex() == raw
    assert parse_command(bytes.fromhex(raw)) == command


@pytest.mark.parametrize(
    "raw",
    [
        "",
        "00a404",
        "00a40400020a",
        "00a4040002a0b00000",
        "00a404000000",
        "00a40400000000" + "00",
        "00a404000000020a",
        "00a404000000020a0b00",
        "00a404000000020a0b000000",
        "00" * 65_545,
    ],
)
def test_lengths_must_add_up(raw):
    """Bytes that have the shape of no command case are refused as a whole."""
    with pytest.raises(StatusError) as caught:
        parse_command(bytes.fromhex(raw))
    assert caught.value.status == StatusWord.WRONG_LENGTH


def test_the_largest_command_fits():
    """The longest data and answer of extended APDUs pass, one byte more does not."""
    largest = CommandApdu(0x80, 0x44, 0, 0, bytes(MAX_DATA_BYTES), MAX_EXPECTED_BYTES)
    assert parse_command(largest.encode()) == largest
    with pytest.raises(ValueError, match="at most"):
        CommandApdu(0x80, 0x44, 0, 0, bytes(MAX_DATA_BYTES + 1)).encode()


@pytest.mark.parametrize(("raw", "outcome"), [(b"", "malformed"), (bytes(65_539), "too_large")])
def test_a_response_has_bounds(raw, outcome):
    """A response without a status word, or longer than any may be, is refused."""
    with pytest.raises(Refusal) as caught:
        parse_response(raw)
    assert caught.value.outcome == outcome


def test_an_outcome_survives_the_status_word():
    """The host raises exactly the refusal that the chip meant, for every word with an outcome."""
    told = {word_of(outcome): outcome for outcome in Outcome}
    told[StatusWord.REFUSED] = Outcome.CHIP_REFUSED
    for word, outcome in told.items():
        assert refusal_of(word).outcome is outcome
    assert len(told) > 25


@pytest.mark.parametrize("status", [0x6985, 0x6700, 0x6D00, 0x6E00, 0x6A86, 0x6F00, 0x6FFF, 0x1234])
def test_other_words_are_a_refusal_of_the_chip(status):
    """A status word without a finer reason, known or not, is chip_refused with its number."""
    refusal = refusal_of(status)
    assert refusal.outcome is Outcome.CHIP_REFUSED
    assert f"{status:04X}" in refusal.detail
