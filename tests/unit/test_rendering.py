"""A service at its place: what begins it, what ends it, and what was used, whatever the equipment says."""

from typing import Any

import pytest

from feiqian.outcomes import Outcome, Refusal
from feiqian.protocol.equipment import (
    Began,
    Begin,
    Finished,
    Metered,
    NotBegun,
    Paused,
    Stop,
    key_of,
)
from feiqian.vehicle.services.machine import (
    START_PATIENCE_MS,
    STOP_PATIENCE_MS,
    Ended,
    Refused,
    RenderingMachine,
    Started,
)
from feiqian.vehicle.services.rendered import Rendered, Stage
from feiqian.vehicle.tariffs.pricing import fee_of
from feiqian.vehicle.tariffs.shelf import example_tariff
from feiqian.wire.usage import MAX_SLICES, ServiceClass, check_usage

pytestmark = pytest.mark.feature("V-06")

REQUEST = bytes(range(16))
KEY = key_of(REQUEST)
NOON_MS = 1_772_424_000_000
"""12:00 in Shanghai, on a Monday."""
MINUTE_MS, HOUR_MS = 60_000, 3_600_000
DAY_MS = 24 * HOUR_MS


def machine_of(service: ServiceClass, ceiling_minor: int = 100_00) -> RenderingMachine:
    """A machine of an order at noon, valid for a day."""
    tariff = example_tariff(service.value)
    record = Rendered(REQUEST, service, tariff.name, ceiling_minor, NOON_MS + DAY_MS, NOON_MS)
    return RenderingMachine(record, tariff)


def drained(machine: RenderingMachine) -> tuple[list[Any], list[Any]]:
    """Commands and news since the last time."""
    commands, machine.commands = machine.commands, []
    news, machine.news = machine.news, []
    return commands, news


def usage_of(news: list[Any]):
    """The usage of a service that ended, once."""
    (ended,) = news
    assert isinstance(ended, Ended)
    check_usage(ended.usage)
    return ended.usage


def charging(ceiling_minor: int = 100_00) -> RenderingMachine:
    """A machine that charges since noon, its meter at 5,000 Wh."""
    machine = machine_of(ServiceClass.CHARGING, ceiling_minor)
    machine.begin(NOON_MS)
    machine.hear(Began(KEY, NOON_MS, 5_000, "tx-1"), NOON_MS)
    assert drained(machine) == ([Begin(KEY)], [Started()])
    return machine


# Charging ----------------------------------------------------------------------------------------
def test_charging_is_what_the_meter_says_between_begin_and_end():
    """Energy, time and idling are those between the first and the last reading, in slices."""
    machine = charging()
    for quarter in range(1, 5):
        at_ms = NOON_MS + quarter * 15 * MINUTE_MS
        machine.hear(Metered(KEY, at_ms, 5_000 + quarter * 2_000), at_ms)
    machine.hear(Paused(KEY, NOON_MS + HOUR_MS, paused=True), NOON_MS + HOUR_MS)
    end_ms = NOON_MS + HOUR_MS + 20 * MINUTE_MS
    machine.hear(Finished(KEY, end_ms, 13_000), end_ms)
    usage = usage_of(drained(machine)[1])
    assert (usage.energy_wh, usage.duration_ms, usage.idle_ms) == (
        8_000,
        80 * MINUTE_MS,
        20 * MINUTE_MS,
    )
    assert [part.energy_wh for part in usage.slices] == [2_000] * 4
    assert machine.timer_ms is None


def test_readings_that_cannot_be_change_nothing():
    """A meter that runs backwards, a moment before the last, another's key: nothing of it counts."""
    machine = charging()
    now_ms = NOON_MS + HOUR_MS
    machine.hear(Metered(KEY, now_ms, 9_000), now_ms)
    before = machine.record
    for event in (
        Metered(KEY, now_ms + 1, 8_999),
        Metered(KEY, NOON_MS + 1, 10_000),
        Metered("another", now_ms, 10_000),
        Metered(KEY, now_ms, 10**12),
        Began(KEY, now_ms, 0, "tx-2"),
    ):
        machine.hear(event, now_ms)
    assert machine.record == before


def test_moments_of_the_future_are_those_of_now():
    """Equipment whose clock runs ahead cannot make a service longer than it was."""
    machine = charging()
    end_ms = NOON_MS + HOUR_MS
    machine.hear(Finished(KEY, NOON_MS + 20 * HOUR_MS, 9_000), end_ms)
    usage = usage_of(drained(machine)[1])
    assert usage.until_ms == end_ms


def test_a_service_does_not_begin_before_it_was_ordered():
    """What equipment says to have begun earlier begins with the order."""
    machine = machine_of(ServiceClass.CHARGING)
    machine.begin(NOON_MS)
    machine.hear(Began(KEY, NOON_MS - HOUR_MS, 0, "tx"), NOON_MS + MINUTE_MS)
    assert machine.record.from_ms == NOON_MS


def test_a_long_session_keeps_within_its_slices():
    """A week of readings a minute is a usage that can be said."""
    machine = charging(10**9)
    for minute in range(1, 7 * 24 * 60, 30):
        at_ms = NOON_MS + minute * MINUTE_MS
        machine.hear(Metered(KEY, at_ms, 5_000 + minute), at_ms)
    at_ms = NOON_MS + 7 * DAY_MS
    machine.hear(Finished(KEY, at_ms, 50_000), at_ms)
    usage = usage_of(drained(machine)[1])
    assert len(usage.slices) <= MAX_SLICES
    assert sum(part.energy_wh for part in usage.slices) == usage.energy_wh == 45_000


@pytest.mark.feature("V-09")
def test_charging_stops_before_the_ceiling():
    """When one more reading like the last would pass the ceiling, the equipment is told to stop."""
    machine = charging(10_00)
    tariff, at_ms, register = example_tariff("charging"), NOON_MS, 5_000
    while not machine.commands:
        at_ms, register = at_ms + MINUTE_MS, register + 500
        machine.hear(Metered(KEY, at_ms, register), at_ms)
    assert drained(machine)[0] == [Stop(KEY, "tx-1")]
    assert fee_of(tariff, machine.record.usage(at_ms)).amount_minor <= 10_00
    machine.hear(Finished(KEY, at_ms + 5_000, register + 40), at_ms + 5_000)
    usage = usage_of(drained(machine)[1])
    assert 8_50 < fee_of(tariff, usage).amount_minor <= 10_00


@pytest.mark.feature("V-09")
def test_what_flows_beyond_the_ceiling_is_not_charged():
    """Equipment that stops late has given away what it gave."""
    machine = charging(1_00)
    at_ms = NOON_MS + HOUR_MS
    machine.hear(Finished(KEY, at_ms, 95_000), at_ms)
    usage = usage_of(drained(machine)[1])
    assert fee_of(example_tariff("charging"), usage).amount_minor <= 1_00
    assert usage.energy_wh < 1_000


@pytest.mark.feature("V-09")
def test_time_alone_ends_charging_at_the_ceiling():
    """A car that takes nothing and stays is stopped when the time it takes reaches the ceiling."""
    machine = charging(3_00)
    timer_ms = machine.timer_ms
    assert timer_ms == NOON_MS + 150 * MINUTE_MS + 14_999
    machine.pass_time(timer_ms - 1)
    assert machine.commands == []
    machine.pass_time(timer_ms)
    assert drained(machine)[0] == [Stop(KEY, "tx-1")]


def test_equipment_that_does_not_stop_is_not_waited_for():
    """After a while without an answer the last reading counts, and nothing later does."""
    machine = charging()
    machine.hear(Metered(KEY, NOON_MS + MINUTE_MS, 6_000), NOON_MS + MINUTE_MS)
    machine.end(NOON_MS + HOUR_MS)
    machine.end(NOON_MS + HOUR_MS)
    assert drained(machine)[0] == [Stop(KEY, "tx-1")] * 2
    assert machine.timer_ms == NOON_MS + HOUR_MS + STOP_PATIENCE_MS
    machine.pass_time(NOON_MS + HOUR_MS + STOP_PATIENCE_MS)
    assert usage_of(drained(machine)[1]).energy_wh == 1_000
    machine.hear(Finished(KEY, NOON_MS + 2 * HOUR_MS, 99_000), NOON_MS + 2 * HOUR_MS)
    assert drained(machine) == ([], [])


def test_a_service_that_never_begins_is_refused_in_time():
    """Nobody plugs in: the equipment is told to forget it, and the entity hears why."""
    machine = machine_of(ServiceClass.CHARGING)
    machine.begin(NOON_MS)
    drained(machine)
    assert machine.timer_ms == NOON_MS + START_PATIENCE_MS
    machine.pass_time(NOON_MS + START_PATIENCE_MS)
    commands, (refused,) = drained(machine)
    assert commands == [Stop(KEY)]
    assert isinstance(refused, Refused)
    assert refused.refusal.outcome is Outcome.TIMED_OUT


def test_equipment_that_refuses_is_a_refusal_by_its_name():
    """The entity hears what the equipment has against it."""
    machine = machine_of(ServiceClass.CHARGING)
    machine.begin(NOON_MS)
    refusal = Refusal(Outcome.UNAVAILABLE, "the charge point is not connected")
    machine.hear(NotBegun(KEY, refusal), NOON_MS)
    assert drained(machine)[1] == [Refused(refusal)]
    assert machine.record.stage is Stage.OVER


def test_an_end_before_the_begin_means_nothing_was_served():
    """A service that is ended while it waits was not served, and used nothing."""
    machine = machine_of(ServiceClass.CHARGING)
    machine.begin(NOON_MS)
    drained(machine)
    machine.end(NOON_MS + 1)
    commands, (ended,) = drained(machine)
    assert commands == [Stop(KEY)]
    assert (ended.served, ended.usage.duration_ms, ended.usage.energy_wh) == (False, 0, 0)


@pytest.mark.parametrize("stage", list(Stage))
def test_a_restart_goes_on_where_it_stood(stage):
    """Whatever the stage, what is begun again commands and tells the same as before, once more."""
    machine = charging()
    machine.hear(Metered(KEY, NOON_MS + 1, 6_000), NOON_MS + 1)
    match stage:
        case Stage.WAITING:
            machine = machine_of(ServiceClass.CHARGING)
        case Stage.STOPPING:
            machine.end(NOON_MS + 2)
        case Stage.OVER:
            machine.hear(Finished(KEY, NOON_MS + 2, 6_000), NOON_MS + 2)
        case _:
            pass
    again = RenderingMachine(machine.record, example_tariff("charging"))
    again.begin(NOON_MS + 3)
    commands, news = drained(again)
    running = Begin(KEY, "tx-1")
    assert (commands, [type(item) for item in news]) == {
        Stage.WAITING: ([Begin(KEY)], []),
        Stage.RUNNING: ([running], [Started]),
        Stage.STOPPING: ([running, Stop(KEY, "tx-1")], []),
        Stage.OVER: ([], [Ended]),
    }[stage]


# Parking and fueling -----------------------------------------------------------------------------
def test_parking_lasts_from_the_match_to_the_departure():
    """The stay begins with the order and ends when the entity says that the car has left."""
    machine = machine_of(ServiceClass.PARKING)
    machine.begin(NOON_MS)
    assert drained(machine)[1] == [Started()]
    machine.end(NOON_MS + HOUR_MS)
    commands, news = drained(machine)
    assert commands == [Stop(KEY)]
    usage = usage_of(news)
    assert usage.duration_ms == HOUR_MS
    assert fee_of(example_tariff("parking"), usage).amount_minor == 600


@pytest.mark.feature("V-09")
def test_parking_ends_with_what_is_paid_for():
    """A stay that nobody ends, ends at the last moment that its ceiling pays for."""
    machine = machine_of(ServiceClass.PARKING, 6_00)
    machine.begin(NOON_MS)
    drained(machine)
    machine.pass_time(NOON_MS + DAY_MS)
    usage = usage_of(drained(machine)[1])
    assert usage.duration_ms == 75 * MINUTE_MS
    assert fee_of(example_tariff("parking"), usage).amount_minor == 6_00


def test_parking_ends_with_its_authorisation():
    """However much the ceiling pays for, the stay ends when the authorisation does."""
    machine = machine_of(ServiceClass.PARKING, 10**9)
    machine.begin(NOON_MS)
    assert machine.timer_ms == NOON_MS + DAY_MS


@pytest.mark.feature("V-09")
def test_a_pump_is_told_the_most_that_may_flow():
    """Each grade has its own limit, in steps of the pump, within the ceiling."""
    machine = machine_of(ServiceClass.FUELING, 100_00)
    machine.begin(NOON_MS)
    (begin,), _ = drained(machine)
    assert begin.limits == {"92": 12_660, "95": 11_830}


def test_fueling_is_the_difference_of_the_totaliser():
    """Litres are those between the lifted nozzle and the hung one, of the grade that was taken."""
    machine = machine_of(ServiceClass.FUELING)
    machine.begin(NOON_MS)
    machine.hear(Began(KEY, NOON_MS, 7_000_000, product="92"), NOON_MS)
    drained(machine)
    machine.hear(Metered(KEY, NOON_MS + 1, 7_005_000), NOON_MS + 1)
    machine.hear(Finished(KEY, NOON_MS + 2, 7_012_340), NOON_MS + 2)
    usage = usage_of(drained(machine)[1])
    assert (usage.volume_ml, usage.product, usage.energy_wh) == (12_340, "92", 0)
