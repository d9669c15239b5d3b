"""Carriage over a service that loses, repeats, reorders and mixes: each parcel out once, or not yet."""

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from feiqian.outcomes import Outcome, Refusal
from feiqian.protocol.carriage.inbox import (
    MAX_GATHERED,
    MAX_GATHERED_EACH,
    MAX_SENDERS,
    MEMORY_MS,
    Arrived,
    ParcelInbox,
    StillSent,
)
from feiqian.protocol.carriage.outbox import Effort, Outbox, Sending
from feiqian.wire.short_messages import (
    CHANNEL_CLASSES,
    RDSS2,
    RDSS3_GLOBAL,
    ShortMessage,
    Symbol,
    decode_frame,
)

CHANNELS = sorted(CHANNEL_CLASSES.values(), key=lambda each: each.name)
DAY_MS = 86_400_000


def _frames(content, channel, count):
    """The first `count` messages that an outbox makes of `content`."""
    outbox = Outbox(channel)
    outbox.post(Sending(content, "to", Effort.UNTIL_SETTLED, expires_ms=100 * DAY_MS))
    frames: list[bytes] = []
    while len(frames) < count:
        now_ms = outbox.due_ms()
        assert now_ms is not None
        message = outbox.next(now_ms)
        assert message is not None
        frames.append(message.content)
        outbox.sent(message, now_ms)
    return frames


def _altered(frame, body):
    symbol = decode_frame(frame)
    assert isinstance(symbol, Symbol)
    return Symbol(symbol.parcel, symbol.number, body).encode()


def _taken(inbox, sender, frames, now_ms=0):
    return [inbox.take(ShortMessage(sender, each), now_ms) for each in frames]


@pytest.mark.feature("R-08")
@settings(max_examples=150, deadline=None)
@given(
    st.sampled_from(CHANNELS),
    st.lists(st.integers(1, 4_000), min_size=1, max_size=4),
    st.sampled_from([0.0, 0.05, 0.2, 0.5]),
    st.integers(0, 2**32),
)
def test_every_parcel_arrives_exactly_once(channel, lengths, loss, seed):
    """Interleaved parcels of several senders, lost, repeated, shuffled: each is delivered once."""
    chance = random.Random(seed)
    contents = {f"{place}": chance.randbytes(length) for place, length in enumerate(lengths)}
    flying = []
    for sender, content in contents.items():
        enough = 4 * channel.messages_for(len(content)) + 24
        for frame in _frames(content, channel, enough):
            copies = 0 if chance.random() < loss else chance.choice([1, 1, 2])
            flying += [ShortMessage(sender, frame)] * copies
    chance.shuffle(flying)
    inbox = ParcelInbox()
    results = [inbox.take(message, 0) for message in flying]
    arrived = [each for each in results if isinstance(each, Arrived)]
    assert {each.parcel.sender: each.content for each in arrived} == contents
    assert len(arrived) == len(contents)
    assert inbox.gathered == 0


@settings(max_examples=100, deadline=None)
@given(st.integers(1, 6_000), st.integers(0, 2**32))
def test_any_symbols_slightly_more_than_the_content_suffice(length, seed):
    """Whichever symbols arrive, a parcel is whole at most four symbols after its own number of them."""
    chance = random.Random(seed)
    content = chance.randbytes(length)
    frames = _frames(content, RDSS3_GLOBAL, 3 * RDSS3_GLOBAL.messages_for(length) + 8)
    chance.shuffle(frames)
    taken = _taken(ParcelInbox(), "a", frames)
    used = [isinstance(each, Arrived) for each in taken].index(True) + 1
    assert used <= RDSS3_GLOBAL.messages_for(length) + 4


@pytest.mark.feature("R-08")
@settings(max_examples=60, deadline=None)
@given(st.integers(100, 4_000), st.integers(0, 2**32), st.booleans())
def test_a_wrong_symbol_does_not_spoil_a_parcel_for_ever(length, seed, in_place):
    """A symbol that was altered unnoticed costs a round at most; nothing altered is ever delivered."""
    chance = random.Random(seed)
    content = chance.randbytes(length)
    frames = _frames(content, RDSS2, 4 * RDSS2.messages_for(length) + 8)
    place = chance.randrange(RDSS2.messages_for(length))
    wrong = _altered(frames[place], chance.randbytes(RDSS2.symbol_bytes))
    frames[place : place + in_place] = [wrong]
    delivered = [
        each.content for each in _taken(ParcelInbox(), "a", frames) if isinstance(each, Arrived)
    ]
    assert delivered == [content]


def test_another_senders_symbols_change_nothing():
    """A stranger who sends symbols under the same name has them gathered for himself alone."""
    content = bytes(range(250))
    frames = _frames(content, RDSS2, 4)
    inbox = ParcelInbox()
    _taken(inbox, "rogue", [_altered(frame, bytes(RDSS2.symbol_bytes)) for frame in frames])
    arrived = [each for each in _taken(inbox, "honest", frames) if isinstance(each, Arrived)]
    assert [(each.parcel.sender, each.content) for each in arrived] == [("honest", content)]


def test_what_is_still_sent_is_told_and_not_delivered_again():
    """Frames of a delivered parcel say that its sender still asks, whole messages and symbols alike."""
    for content in (b"short", bytes(300)):
        inbox = ParcelInbox()
        frames = _frames(content, RDSS2, 8)
        kinds = [type(each) for each in _taken(inbox, "a", frames) if each is not None]
        assert kinds[0] is Arrived
        assert set(kinds[1:]) == {StillSent}


def test_what_is_kept_is_bounded():
    """However many senders begin however many parcels, what is gathered stays within its limits."""
    inbox = ParcelInbox()
    symbol = _frames(bytes(300), RDSS2, 1)[0]
    chance = random.Random(1)
    for number in range(MAX_SENDERS + 100):
        frames = [symbol]
        if number < 80:
            many = range(2 * MAX_GATHERED_EACH)
            frames = [_frames(chance.randbytes(200), RDSS2, 1)[0] for _ in many]
        _taken(inbox, str(number), frames)
        assert inbox.gathered <= MAX_GATHERED
    assert len(inbox._senders) == MAX_SENDERS
    assert max(len(each.gathered) for each in inbox._senders.values()) <= MAX_GATHERED_EACH
    assert sum(len(each.gathered) for each in inbox._senders.values()) == inbox.gathered


def test_a_flood_leaves_those_who_sent_little_their_place():
    """When too much is gathered, it is the one with the most that loses his oldest."""
    inbox = ParcelInbox()
    first, second = _frames(bytes(100), RDSS2, 2)
    inbox.take(ShortMessage("honest", first), 0)
    chance = random.Random(2)
    for number in range(MAX_GATHERED):
        for _ in range(MAX_GATHERED_EACH):
            frame = _frames(chance.randbytes(100), RDSS2, 1)[0]
            inbox.take(ShortMessage(f"rogue {number % 100}", frame), 0)
    assert isinstance(inbox.take(ShortMessage("honest", second), 0), Arrived)


def test_what_gets_no_more_symbols_is_forgotten():
    """A parcel that nothing came for in a day is dropped, and begins anew when it is sent again."""
    inbox = ParcelInbox()
    frames = _frames(bytes(100), RDSS2, 4)
    inbox.take(ShortMessage("a", frames[0]), 0)
    assert inbox.gathered == 1
    later = [
        inbox.take(ShortMessage("a", frame), MEMORY_MS + 1) for frame in (frames[1], frames[0])
    ]
    assert [type(each) for each in later] == [type(None), Arrived]
    assert inbox.gathered == 0


@settings(max_examples=300, deadline=None)
@given(st.binary(max_size=100))
def test_noise_is_refused_or_gathered(noise):
    """Whatever bytes come as a message, they are a frame or malformed, and nothing breaks."""
    inbox = ParcelInbox()
    outcomes = set()
    for sender in ("a", "b"):
        try:
            inbox.take(ShortMessage(sender, noise), 0)
        except Refusal as refusal:
            outcomes.add(refusal.outcome)
    assert outcomes <= {Outcome.MALFORMED}


@settings(max_examples=100, deadline=None)
@given(st.integers(1, 65_536), st.sampled_from(CHANNELS))
def test_a_frame_says_what_it_was_made_of(length, channel):
    """Every frame fits one message of its channel, and is read as what was encoded."""
    content = random.Random(length).randbytes(length)
    for data in _frames(content, channel, 2):
        assert len(data) <= channel.max_bytes
        frame = decode_frame(data)
        assert frame.encode() == data
        if isinstance(frame, Symbol):
            assert frame.parcel.fits(content)
            assert frame.parcel.source_symbols == channel.messages_for(length)
