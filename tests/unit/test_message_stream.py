"""Messages cut from a stream of bytes, and the inbox of a link."""

import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st

from feiqian.adapters.message_stream import MAX_WAITING, LinkInbox, MessageReader, framed
from feiqian.outcomes import Outcome, Refusal
from feiqian.wire.envelope import MAX_MESSAGE_BYTES


@given(st.lists(st.binary(max_size=300), max_size=8), st.lists(st.integers(1, 97), min_size=1))
def test_messages_come_back_however_the_stream_is_cut(
    messages: list[bytes], cuts: list[int]
) -> None:
    """Whatever pieces the bytes come in, the same messages come out."""
    stream = b"".join(framed(message) for message in messages)
    reader, at = MessageReader(), 0
    arrived: list[bytes] = []
    while at < len(stream):
        size = cuts[at % len(cuts)]
        arrived += reader.feed(stream[at : at + size])
        at += size
    assert arrived == messages


@given(st.lists(st.binary(max_size=40), max_size=20))
def test_any_bytes_are_messages_or_refused(pieces: list[bytes]) -> None:
    """Whatever a stranger sends, there is no other exception, and little is kept."""

    async def run() -> None:
        inbox = LinkInbox()
        for piece in pieces:
            inbox.take(piece)
        assert len(inbox._reader._buffer) <= sum(map(len, pieces))
        inbox.end(Refusal(Outcome.UNAVAILABLE, "over"))
        arrived = inbox._messages
        while arrived:
            assert len(await inbox.next()) <= MAX_MESSAGE_BYTES
        with pytest.raises(Refusal) as refused:
            await inbox.next()
        assert refused.value.outcome in (Outcome.UNAVAILABLE, Outcome.TOO_LARGE)

    asyncio.run(run())


def test_the_limit_is_refused_before_anything_is_kept() -> None:
    """A length above the limit ends the stream at once; the limit itself passes."""
    longest = bytes(MAX_MESSAGE_BYTES)
    assert list(MessageReader().feed(framed(longest))) == [longest]
    reader = MessageReader()
    with pytest.raises(Refusal) as refused:
        list(reader.feed((MAX_MESSAGE_BYTES + 1).to_bytes(4, "big") + bytes(100)))
    assert refused.value.outcome is Outcome.TOO_LARGE
    assert not reader._buffer
    with pytest.raises(Refusal):
        framed(bytes(MAX_MESSAGE_BYTES + 1))


def test_an_inbox_holds_only_so_many_messages() -> None:
    """Who sends more than anybody reads loses the link; what came before is still read."""

    async def run() -> None:
        inbox = LinkInbox()
        for number in range(MAX_WAITING + 5):
            inbox.take(framed(bytes([number])))
        arrived = [await inbox.next() for _ in range(MAX_WAITING)]
        assert arrived == [bytes([number]) for number in range(MAX_WAITING)]
        with pytest.raises(Refusal) as refused:
            await inbox.next()
        assert refused.value.outcome is Outcome.UNAVAILABLE
        inbox.take(framed(b"late"))
        with pytest.raises(Refusal):
            await inbox.next()

    asyncio.run(run())
