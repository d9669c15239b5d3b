"""The outbox: one message a period, the most urgent first, until there is an answer or no more time."""

from itertools import pairwise

import pytest

from feiqian.outcomes import Outcome, Refusal
from feiqian.protocol.carriage.outbox import (
    MAX_OPEN,
    MAX_REST_PERIODS,
    REST_PERIODS,
    STEADY_ROUNDS,
    Effort,
    Outbox,
    Sending,
    Urgency,
)
from feiqian.wire.short_messages import RDSS3_GLOBAL, RDSS3_REGIONAL

PERIOD_MS = RDSS3_GLOBAL.period_ms
LONG_MS = 10_000 * PERIOD_MS


def _posting(content, effort=Effort.UNTIL_SETTLED, urgency=Urgency.PROMPT, expires_ms=LONG_MS):
    return Sending(content, "to", effort, expires_ms, urgency)


def _send_next(outbox):
    """Send what is due next, when it is; the message."""
    now_ms = outbox.due_ms()
    assert now_ms is not None
    message = outbox.next(now_ms)
    assert message is not None
    outbox.sent(message, now_ms)
    return message


def _send_all(outbox, until_ms):
    """Send whatever is due until then; the reading and the parcel of each message."""
    sent = []
    while (now_ms := outbox.due_ms()) is not None and now_ms < until_ms:
        message = outbox.next(now_ms)
        if message is not None:
            sent.append((now_ms, message.parcel))
            outbox.sent(message, now_ms)
    return sent


@pytest.mark.feature("W-06")
def test_one_message_a_period():
    """Messages go out one period apart, a parcel's own number of them before the first rest."""
    outbox = Outbox(RDSS3_GLOBAL)
    outbox.post(_posting(bytes(5 * 64)))
    first, *_ = readings = [reading for reading, _ in _send_all(outbox, 20 * PERIOD_MS)]
    assert readings[:5] == [first + place * PERIOD_MS for place in range(5)]
    assert readings[5] == readings[4] + REST_PERIODS * PERIOD_MS


def test_new_rounds_are_smaller_and_rests_grow_to_a_limit():
    """An unanswered parcel is sent in rounds of half its size; the rests grow up to their limit."""
    outbox = Outbox(RDSS3_GLOBAL)
    outbox.post(_posting(bytes(4 * 64)))
    readings = [reading for reading, _ in _send_all(outbox, LONG_MS)]
    rests = [
        (later - earlier) // PERIOD_MS
        for earlier, later in pairwise(readings)
        if later - earlier > PERIOD_MS
    ]
    first, later = rests[:STEADY_ROUNDS], rests[STEADY_ROUNDS:]
    assert set(first) == {REST_PERIODS}
    assert later[:3] == [REST_PERIODS, 2 * REST_PERIODS, 3 * REST_PERIODS]
    assert rests[-1] == MAX_REST_PERIODS
    assert readings[-1] < LONG_MS
    assert outbox.next(LONG_MS) is None


def test_every_symbol_is_a_new_one():
    """Re-sending sends symbols that were not sent before."""
    outbox = Outbox(RDSS3_GLOBAL)
    outbox.post(_posting(bytes(range(200))))
    frames = set()
    for number in range(40):
        frames.add(_send_next(outbox).content)
        assert len(frames) == number + 1


@pytest.mark.feature("W-06")
def test_the_modules_waiting_time_is_honoured():
    """Nothing is tried before the time that the module named; then the same message is."""
    outbox = Outbox(RDSS3_GLOBAL)
    outbox.post(_posting(b"hello"))
    refused = outbox.next(0)
    outbox.put_off(0, wait_ms=7_000)
    assert outbox.due_ms() == 7_000
    assert outbox.next(6_999) is None
    assert outbox.next(7_000) == refused
    outbox.put_off(7_000)
    assert outbox.due_ms() == 7_000 + PERIOD_MS


def test_the_most_urgent_goes_first():
    """An alarm overtakes what is under way; what is as urgent waits for its turn."""
    outbox = Outbox(RDSS3_GLOBAL)
    routine = outbox.post(_posting(bytes(128), urgency=Urgency.ROUTINE))
    _send_next(outbox)
    prompt = outbox.post(_posting(b"prompt", Effort.WHEN_ASKED))
    alarm = outbox.post(_posting(b"alarm", Effort.WHEN_ASKED, Urgency.ALARM))
    parcels = [parcel for _, parcel in _send_all(outbox, 4 * PERIOD_MS)]
    assert parcels == [alarm, prompt, routine]


def test_what_is_settled_or_expired_is_sent_no_more():
    """After its answer, and after its end, nothing more of a parcel leaves."""
    outbox = Outbox(RDSS3_GLOBAL)
    settled = outbox.post(_posting(b"one"))
    expired = outbox.post(_posting(b"two", expires_ms=3 * PERIOD_MS))
    outbox.settle(settled)
    assert {parcel for _, parcel in _send_all(outbox, LONG_MS)} == {expired}
    outbox.next(LONG_MS)
    assert settled not in outbox
    assert expired not in outbox
    outbox.settle(settled)


def test_an_answer_is_sent_again_when_it_is_asked_for():
    """An answer is sent once, and once more for each time that the other side still asks."""
    outbox = Outbox(RDSS3_GLOBAL)
    answer = outbox.post(_posting(bytes(64 * 4), effort=Effort.WHEN_ASKED))
    assert len(_send_all(outbox, LONG_MS)) == 4
    outbox.ask(answer)
    outbox.ask(answer)
    assert len(_send_all(outbox, LONG_MS)) == 2
    outbox.ask(answer + 1)
    assert outbox.due_ms() is None


def test_a_broadcast_ends_by_itself():
    """A broadcast is sent often enough to survive half of it being lost, and then forgotten."""
    for content, least in ((b"short", 2), (bytes(64 * 20), 40)):
        outbox = Outbox(RDSS3_GLOBAL)
        parcel = outbox.post(_posting(content, effort=Effort.BROADCAST))
        assert len(_send_all(outbox, LONG_MS)) > least
        assert parcel not in outbox


def test_too_much_is_refused():
    """What is too long for the channel, or more than an outbox holds, is refused by name."""
    outbox = Outbox(RDSS3_REGIONAL)
    for content in (b"", bytes(65_537)):
        with pytest.raises(Refusal) as refused:
            outbox.post(_posting(content))
        assert refused.value.outcome is Outcome.TOO_LARGE
    for _ in range(MAX_OPEN):
        outbox.post(_posting(b"x"))
    with pytest.raises(Refusal) as refused:
        outbox.post(_posting(b"x"))
    assert refused.value.outcome is Outcome.BUSY
