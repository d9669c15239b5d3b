"""Messages as frames of QR codes, and back."""

import random
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from feiqian.adapters.qr_codes import MAX_CODE_BYTES
from feiqian.adapters.qr_frames import (
    MAX_AHEAD,
    MAX_GATHERED,
    PAYEE,
    PAYER,
    STILL_BYTES,
    Gathering,
    QrFrame,
    frames_of,
)
from feiqian.wire.envelope import MAX_MESSAGE_BYTES


def message_of(size: int) -> bytes:
    """Bytes that differ by length."""
    return random.Random(size).randbytes(size)


def gathered(*frames: QrFrame) -> list[bytes]:
    """What comes of some frames."""
    gathering = Gathering()
    for frame in frames:
        gathering.take(frame)
    return list(gathering.messages())


@pytest.mark.parametrize("size", [0, 1, STILL_BYTES])
def test_a_short_message_is_one_code(size: int) -> None:
    """What fits one code is shown as one."""
    (frame,) = frames_of(b"SESS", PAYER, 3, message_of(size))
    assert QrFrame.decode(frame.encode()) == frame
    assert (frame.side, frame.number, frame.body) == (PAYER, 3, message_of(size))


@settings(max_examples=30, deadline=None)
@given(st.integers(STILL_BYTES + 1, MAX_MESSAGE_BYTES), st.randoms(use_true_random=False))
def test_any_sufficient_part_of_the_frames_is_enough(size: int, chance: random.Random) -> None:
    """Of the frames of a long message a few more than its length needs suffice, in any order."""
    message = message_of(size)
    frames = [QrFrame.decode(frame.encode()) for frame in frames_of(b"SESS", PAYEE, 0, message)]
    needed = -(-size // 560)
    caught = chance.sample(frames, min(needed + 2, len(frames)))
    assert gathered(*[frame for frame in caught if frame is not None]) == [message]


def test_too_few_frames_are_no_message() -> None:
    """Less than the length of a message gives nothing, however often it is shown."""
    frames = frames_of(b"SESS", PAYEE, 0, message_of(6_000))[:10]
    assert gathered(*frames, *frames) == []


def test_messages_come_in_order_and_once() -> None:
    """Whatever the order of the frames, messages come out in the order of their numbers."""
    messages = [message_of(size) for size in (2_000, 5, 3_000)]
    frames = [
        frame
        for number, message in enumerate(messages)
        for frame in frames_of(b"SESS", PAYEE, number, message)
    ]
    random.Random(1).shuffle(frames)
    gathering = Gathering()
    arrived: list[bytes] = []
    for frame in frames * 2:
        gathering.take(frame)
        arrived += gathering.messages()
    assert arrived == messages


def test_a_message_without_its_digest_is_forgotten() -> None:
    """A forged body is no message; the genuine one that comes later is."""
    (genuine,) = frames_of(b"SESS", PAYEE, 0, b"genuine")
    assert gathered(replace(genuine, body=b"forgery"), genuine) == [b"genuine"]
    stream = frames_of(b"SESS", PAYEE, 0, message_of(2_000))
    forged = [replace(frame, body=frame.body[:4] + bytes(560)) for frame in stream]
    assert gathered(*forged) == []
    assert gathered(*forged[:6], *stream) in ([message_of(2_000)], [])


def test_what_strangers_show_is_bounded() -> None:
    """Only the next messages are gathered, and only so many rivals for them."""
    gathering = Gathering()
    for number in range(100):
        frame = frames_of(b"SESS", PAYEE, number, message_of(2_000 + number))[0]
        gathering.take(frame)
        gathering.take(replace(frame, number=0))
    assert len(gathering._fountains) == MAX_GATHERED
    for number in (MAX_AHEAD, 9_999):
        gathering.take(frames_of(b"SESS", PAYEE, number, b"far ahead")[0])
    assert not gathering._whole


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"https://example.org",
        b"FQ1" + bytes(30),
        b"FQ2" + bytes(18),
        b"FQ2SESS\x04" + bytes(14),
        b"FQ2SESS\x00\0\0\0\0\0\x05" + bytes(8) + b"four",
        b"FQ2SESS\x02\0\0\0\0\x08\0" + bytes(8) + b"\1" + bytes(563),
        b"FQ2SESS\x02\0\0\0\0\x08\0" + bytes(8) + b"\0\xff\0\0" + bytes(560),
        b"FQ2SESS\x02\0\0\0\1\x00\1" + bytes(8) + bytes(564),
        b"FQ2SESS\x02\0\0\0\0\0\0" + bytes(8) + bytes(564),
        b"FQ2SESS\x02\0\0\0\0\x08\0" + bytes(8) + bytes(3),
        b"FQ2SESS\x00\0\0\0\0\x04\xe0" + bytes(MAX_CODE_BYTES),
    ],
)
def test_what_is_no_sound_frame_is_nobodys(data: bytes) -> None:
    """Other codes, other versions, and frames that contradict themselves are not read."""
    assert QrFrame.decode(data) is None


@settings(max_examples=300, deadline=None)
@given(
    st.lists(
        st.tuples(
            st.integers(0, 3),
            st.integers(0, 2),
            st.one_of(st.integers(0, 4_000), st.integers(0, 2**32 - 1)),
            st.sampled_from([b"", b"\0\0\0\7", b"\0\0\3\xff"]),
            st.sampled_from([0, 1, 559, 560, 561]),
        ),
        max_size=30,
    ),
    st.binary(max_size=60),
)
def test_strangers_frames_break_nothing(
    shown: list[tuple[int, int, int, bytes, int]], noise: bytes
) -> None:
    """Whatever is shown, gathering goes on and gives nothing that lacks its digest."""
    gathering = Gathering()
    head = b"FQ2SESS"
    codes = [
        head
        + bytes([flags])
        + number.to_bytes(2, "big")
        + length.to_bytes(4, "big")
        + bytes(8)
        + packet_head
        + bytes(size)
        for flags, number, length, packet_head, size in shown
    ]
    for code in [*codes, noise, b"FQ2" + noise]:
        frame = QrFrame.decode(code)
        if frame is not None:
            gathering.take(frame)
    assert list(gathering.messages()) == []
