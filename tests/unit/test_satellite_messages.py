"""The header and the seal of satellite messages."""

import pytest

from feiqian.crypto.p256 import P256_SHA256
from feiqian.crypto.sealing import derive
from feiqian.outcomes import LocalProtocolError, Outcome, Refusal
from feiqian.wire.satellite import (
    EVERYBODY,
    HEADER_BYTES,
    MAX_BROADCAST_BYTES,
    MAX_MESSAGE_NUMBER,
    MAX_REPORT_BYTES,
    MAX_SEALED_BYTES,
    Header,
    MessageKind,
    broadcast_message,
    open_message,
    read_header,
    seal_message,
)

WALLET, PLATFORM = (P256_SHA256.load(bytes(31) + bytes([scalar])) for scalar in (5, 6))
KEYS = derive(WALLET, PLATFORM.public, 7)


def _refused(data: bytes) -> Outcome:
    with pytest.raises(Refusal) as caught:
        read_header(data)
    return caught.value.outcome


@pytest.mark.feature("W-06")
def test_message_reads_at_the_other_end_alone():
    """What is sealed for a channel opens with that channel's key, and with no other's."""
    data = seal_message(KEYS.up, Header(MessageKind.REPORT, 7, 1), b"report")
    assert read_header(data) == Header(MessageKind.REPORT, 7, 1)
    assert open_message(derive(PLATFORM, WALLET.public, 7).up, data) == b"report"
    for other in (derive(PLATFORM, WALLET.public, 8).up, KEYS.down):
        with pytest.raises(Refusal) as caught:
            open_message(other, data)
        assert caught.value.outcome is Outcome.BAD_SEAL


@pytest.mark.feature("W-06")
def test_every_bit_counts():
    """A message with any bit changed, header or seal, is not opened."""
    data = seal_message(KEYS.up, Header(MessageKind.REPORT, 7, 1), b"report")
    for place in range(8 * len(data)):
        forged = bytearray(data)
        forged[place // 8] ^= 1 << place % 8
        with pytest.raises(Refusal):
            open_message(KEYS.up, bytes(forged))


@pytest.mark.feature("W-06")
def test_report_of_48_bytes_and_its_signature_fit_two_narrow_messages():
    """A key information set of 48 bytes goes up in two symbols of 64 bytes."""
    data = seal_message(
        KEYS.up, Header(MessageKind.REPORT, 2**32 - 1, MAX_MESSAGE_NUMBER), bytes(48 + 64)
    )
    assert len(data) == MAX_REPORT_BYTES == 128


def test_shapes_that_are_no_message_are_refused_by_name():
    """Unknown kinds, missing bodies, wrong addressees and excess are told apart."""
    assert _refused(b"") is Outcome.MALFORMED
    assert _refused(bytes(HEADER_BYTES + 1)) is Outcome.MALFORMED
    assert _refused(Header(MessageKind.REPORT, 7, 1).encode()) is Outcome.MALFORMED
    assert _refused(Header(MessageKind.REPORT, EVERYBODY, 1).encode() + b"x") is Outcome.MALFORMED
    assert _refused(Header(MessageKind.BROADCAST, 7, 1).encode() + b"x") is Outcome.MALFORMED
    assert (
        _refused(Header(MessageKind.REPORT, 7, 1).encode() + bytes(MAX_SEALED_BYTES))
        is Outcome.TOO_LARGE
    )
    assert _refused(broadcast_message(1, bytes(MAX_BROADCAST_BYTES))) is Outcome.TOO_LARGE


def test_broadcast_is_for_everybody():
    """A broadcast names no channel and is in the clear."""
    data = broadcast_message(3, b"news")
    assert read_header(data) == Header(MessageKind.BROADCAST, EVERYBODY, 3)
    assert data[HEADER_BYTES:] == b"news"


def test_numbers_that_do_not_fit_are_our_own_slip():
    """A channel that ran out of numbers is an error on this side, never sent."""
    with pytest.raises(LocalProtocolError):
        Header(MessageKind.REPORT, 7, MAX_MESSAGE_NUMBER + 1).encode()
