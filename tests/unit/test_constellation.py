"""The simulated constellation: pace, coverage, delay, loss and broadcast, the same from the same seed."""

import random
from dataclasses import replace

import pytest

from feiqian.satellite.constellation import (
    ALWAYS,
    NEVER,
    Conditions,
    Constellation,
    Coverage,
    Subscription,
)
from feiqian.satellite.sky import BROADCAST_ADDRESS, STATION_ADDRESS, terminal_addresses
from feiqian.wire.rdss.module import Feedback, ModuleIdentity, ModuleMessage, Reason

FIRST, SECOND = terminal_addresses(2)
PERIOD_S = 60


def _constellation(conditions=None, seed=1, coverage=ALWAYS, **changes):
    station = ModuleIdentity(STATION_ADDRESS, BROADCAST_ADDRESS, 1, 3, 2)
    others = [ModuleIdentity(each, BROADCAST_ADDRESS, PERIOD_S, 3) for each in (FIRST, SECOND)]
    subscriptions = (
        Subscription(station, 70),
        *(Subscription(each, 70, coverage) for each in others),
    )
    subscriptions = tuple(replace(each, **changes) for each in subscriptions)
    return Constellation(subscriptions, conditions or Conditions(), random.Random(seed).random)


@pytest.mark.feature("W-06")
def test_the_pace_is_enforced_with_the_time_to_wait():
    """A second message within the period is refused with what is left of it, rounded up."""
    sky = _constellation()
    assert sky.submit(FIRST, SECOND, b"1", 0) == Feedback(None)
    assert sky.submit(FIRST, SECOND, b"2", 500) == Feedback(Reason.TOO_OFTEN, 60)
    assert sky.submit(FIRST, SECOND, b"2", 59_999) == Feedback(Reason.TOO_OFTEN, 1)
    assert sky.submit(FIRST, SECOND, b"2", 60_000) == Feedback(None)
    assert sky.taken == 2


def test_what_may_not_be_sent_is_refused_by_reason():
    """Too long, not permitted, or without a satellite in sight: each has its reason, nothing flies."""
    assert _constellation().submit(FIRST, SECOND, bytes(71), 0).reason is Reason.NO_PERMISSION
    unpermitted = _constellation(permitted=False)
    assert unpermitted.submit(FIRST, SECOND, b"1", 0).reason is Reason.NO_PERMISSION
    uncovered = _constellation(coverage=NEVER)
    assert uncovered.submit(FIRST, SECOND, b"1", 0).reason is Reason.NO_SIGNAL
    assert uncovered.beams(FIRST, 0) == 0
    assert uncovered.due_ms() is None


def test_messages_take_their_time():
    """A message comes down within the delays of the conditions, not before, to its recipient."""
    sky = _constellation(Conditions(delay_min_ms=700, delay_max_ms=900))
    sky.submit(FIRST, SECOND, b"1", 1_000)
    due_ms = sky.due_ms()
    assert due_ms is not None
    assert 1_700 <= due_ms <= 1_900
    assert sky.come_down(due_ms - 1) == []
    assert sky.come_down(due_ms) == [(SECOND, ModuleMessage(FIRST, b"1"))]
    assert sky.come_down(10_000) == []


def test_a_broadcast_reaches_all_subordinates_alone():
    """The commander's message to its broadcast address reaches all others; from others it reaches nobody."""
    sky = _constellation()
    sky.submit(STATION_ADDRESS, BROADCAST_ADDRESS, b"all", 0)
    sky.submit(FIRST, BROADCAST_ADDRESS, b"not mine", 0)
    sky.submit(SECOND, "12345", b"nobody", 0)
    arrived = sorted(sky.come_down(10_000), key=lambda each: each[0])
    assert arrived == [(each, ModuleMessage(STATION_ADDRESS, b"all")) for each in (FIRST, SECOND)]


def test_what_comes_down_out_of_sight_is_lost():
    """A terminal that is not covered when a message comes down does not hear it later either."""
    sky = _constellation()
    sky.submit(FIRST, SECOND, b"1", 0)
    sky.cover(SECOND, NEVER)
    assert sky.come_down(10_000) == []
    assert sky.lost == 1


@pytest.mark.parametrize(
    ("now_ms", "left_ms"), [(0, 500), (499, 1), (500, 0), (599, 0), (600, 900), (1_499, 1)]
)
def test_windows_of_coverage_come_round(now_ms, left_ms):
    """A pass begins at its offset, lasts as long as it is visible, and comes again each round."""
    coverage = Coverage(round_ms=1_000, visible_ms=100, offset_ms=500)
    assert coverage.until_covered_ms(now_ms) == left_ms
    assert coverage.covers(now_ms) is (left_ms == 0)


def test_loss_and_repetition_are_as_ordered():
    """Of many messages, the share lost and the share repeated are about those of the conditions."""
    sky = _constellation(Conditions(loss=0.2, repetition=0.1))
    for number in range(5_000):
        sky.submit(FIRST, SECOND, b"%d" % number, number * PERIOD_S * 1000)
    arrived = [heard.content for _, heard in sky.come_down(10**10)]
    assert 0.16 < sky.lost / (len(arrived) + sky.lost) < 0.24
    assert 1.05 < (len(arrived) + sky.lost) / sky.taken < 1.15


def test_later_messages_can_be_first():
    """With delays longer than the period, messages overtake each other."""
    sky = _constellation(Conditions(delay_min_ms=0, delay_max_ms=600_000))
    for number in range(20):
        sky.submit(FIRST, SECOND, bytes([number]), number * PERIOD_S * 1000)
    order = [heard.content for _, heard in sky.come_down(10**10)]
    assert sorted(order) != order
    assert len(order) == 20


def test_the_same_seed_gives_the_same_sky():
    """Two constellations of one seed lose and delay the same messages; of another seed, others."""

    def story(seed):
        sky = _constellation(Conditions(loss=0.3, repetition=0.3), seed)
        for number in range(50):
            sky.submit(FIRST, SECOND, bytes([number]), number * PERIOD_S * 1000)
        return [heard.content for _, heard in sky.come_down(10**10)]

    assert story(1) == story(1)
    assert story(1) != story(2)
