"""The commands of a link over NFC."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from feiqian.adapters.nfc_apdus import (
    APPLICATION,
    MAX_CHUNK_BYTES,
    CardApplication,
    exchange_command,
    is_selected,
    read_exchanged,
    select_command,
)
from feiqian.outcomes import Outcome, Refusal


class Ends:
    """Bytes to send, and those that came."""

    def __init__(self, outgoing: bytes = b"", last: bool = False) -> None:
        self.outgoing = outgoing
        self.last = last
        self.arrived: list[tuple[bytes, bool]] = []

    def take(self, limit: int) -> tuple[bytes, bool]:
        data, self.outgoing = self.outgoing[:limit], self.outgoing[limit:]
        return data, self.last and not self.outgoing

    def give(self, data: bytes, last: bool) -> None:
        self.arrived.append((data, last))


def test_bytes_go_both_ways_at_once() -> None:
    """One exchange carries what both sides have, and who has said the last."""
    ends = Ends(b"card's", last=True)
    card = CardApplication(ends)
    assert is_selected(card.handle(select_command()))
    answer = card.handle(exchange_command(b"reader's", last=False))
    assert read_exchanged(answer) == (b"card's", True)
    assert ends.arrived == [(b"reader's", False)]


def test_the_longest_exchange_is_a_short_apdu() -> None:
    """Command and response fit the short APDUs that every reader and phone takes."""
    card = CardApplication(Ends(bytes(1_000)))
    card.handle(select_command())
    command = exchange_command(bytes(MAX_CHUNK_BYTES), last=True)
    assert len(command) <= 261
    assert len(card.handle(command)) <= 258


@pytest.mark.parametrize(
    ("command", "status"),
    [
        (exchange_command(b"early", last=False), "6985"),
        (b"\x00\xa4\x04\x00\x02\xa0\x00\x00", "6a82"),
        (b"\x00\xa4\x00\x00\x08" + APPLICATION + b"\x00", "6a82"),
        (b"\x00\xb0\x00\x00\x10", "6d00"),
        (b"\x90\xe1\x00\x00\x00", "6e00"),
        (b"\x00", "6700"),
        (b"", "6700"),
    ],
)
def test_other_commands_have_their_status(command: bytes, status: str) -> None:
    """What is not for us is answered with the standard's words, and passes nothing on."""
    ends = Ends()
    assert CardApplication(ends).handle(command).hex() == status
    assert not ends.arrived


@given(st.lists(st.one_of(st.binary(max_size=300), st.just(select_command()))))
def test_a_card_survives_any_commands(commands: list[bytes]) -> None:
    """Whatever a reader asks, the answer is a response with a status word."""
    card = CardApplication(Ends(b"some"))
    for command in [*commands, *(b"\x80\xe1" + command for command in commands)]:
        assert 2 <= len(card.handle(command)) <= 258


@given(st.binary(max_size=300))
def test_a_reader_survives_any_response(response: bytes) -> None:
    """Whatever a card answers is bytes of the stream, or refused."""
    try:
        data, _ = read_exchanged(response)
        assert data == response[1:-2]
    except Refusal as refused:
        assert refused.outcome is Outcome.UNAVAILABLE  # noqa: PT017 - either is right
        assert response[-2:] != b"\x90\x00" or len(response) < 3 or response[0] > 1
