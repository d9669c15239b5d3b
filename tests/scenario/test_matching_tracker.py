"""What a tracker says of every kind of journey: stays, drives, tunnels, tricks and repeats."""

from dataclasses import replace
from itertools import count
from typing import Any

import msgspec
import pytest

from feiqian.outcomes import LocalProtocolError, Outcome
from feiqian.timing.moment import Moment
from feiqian.vehicle.matching.areas import Disc, Polygon, ServiceArea
from feiqian.vehicle.matching.index import AreaIndex
from feiqian.vehicle.matching.plane import scale_at
from feiqian.vehicle.matching.policy import USUAL
from feiqian.vehicle.matching.tracker import Tracker
from feiqian.vehicle.matching.verdicts import Ambiguous, Departed, Match, NoMatch, Refused
from feiqian.wire.positions import Position, PositionSourceKind

START_MS = 1_790_000_000_000
LATITUDE_E7, LONGITUDE_E7 = 525_200_000, 134_050_000
SCALE = scale_at(LATITUDE_E7)
DWELL_S = USUAL.dwell_ms // 1_000
DEPARTURE_S = USUAL.departure_ms // 1_000


def place(east_m, north_m) -> tuple[int, int]:
    """Latitude and longitude of a spot so many metres from the middle of the map."""
    return (
        LATITUDE_E7 + round(north_m * 1_000_000 / SCALE.north_um),
        LONGITUDE_E7 + round(east_m * 1_000_000 / SCALE.east_um),
    )


def square(entity, east_m, north_m, side_m):
    """A square car park by its south-west corner."""
    corners = [(0, 0), (side_m, 0), (side_m, side_m), (0, side_m)]
    shape = Polygon(tuple(place(east_m + x, north_m + y) for x, y in corners))
    return ServiceArea(entity, "parking", shape)


MAP = AreaIndex.build(
    [
        square("P-1", 0, 0, 60),
        square("P-2", 60, 0, 60),
        ServiceArea("P-3", "parking", Disc(*place(300, 0), 15_000)),
        ServiceArea("C-1", "charging", Disc(*place(30, 30), 30_000)),
    ]
)
"""Two car parks wall to wall, a small one apart, and a charger inside the first."""


class Drive:
    """A vehicle with a clock of its own, reporting to its tracker."""

    def __init__(self, service="parking", areas=MAP, **tracker):
        self.tracker = Tracker(areas, service, **tracker)
        self.seconds = 0
        self.numbers = count(self.tracker.sequence + 1)

    @property
    def now(self):
        return Moment(START_MS + self.seconds * 1_000, 10)

    def position(self, east_m, north_m, accuracy_m=4, speed_m_s=None):
        latitude_e7, longitude_e7 = place(east_m, north_m)
        speed_mm_s = None if speed_m_s is None else speed_m_s * 1_000
        kind = PositionSourceKind.SIMULATED
        return Position(
            self.now, latitude_e7, longitude_e7, accuracy_m * 1_000, speed_mm_s, None, kind
        )

    def report(self, position):
        return self.tracker.report(next(self.numbers), position, self.now)

    def stand(self, east_m, north_m, seconds, **said):
        """Report every second for a while; all that was said on the way."""
        verdicts = []
        for _ in range(seconds):
            self.seconds += 1
            verdicts.append(self.report(self.position(east_m, north_m, **said)))
        return verdicts

    def outcome(self, position):
        return outcome(self.report(position))


def outcome(verdict):
    """Why a position was refused; otherwise the verdict on it."""
    return verdict.outcome if isinstance(verdict, Refused) else verdict


def left(verdicts) -> list[str]:
    """The entities that verdicts call left, each as often as it was told."""
    return [verdict.entity for verdict in verdicts if isinstance(verdict, Departed)]


@pytest.mark.feature("V-04")
def test_standing_inside_is_matched():
    """A vehicle that has stood wholly inside one area for the dwell time is matched, not sooner."""
    drive = Drive()
    verdicts = drive.stand(30, 30, DWELL_S + 2)
    assert set(verdicts[:DWELL_S]) == {NoMatch()}
    assert verdicts[-1] == Match("P-1")
    assert drive.tracker.at(drive.now) == Match("P-1")


@pytest.mark.feature("V-08")
def test_wall_between_two_is_ambiguous():
    """Where the circle touches two areas no one is chosen, and both are named in order."""
    assert Drive().stand(58, 30, DWELL_S + 2)[-1] == Ambiguous(("P-1", "P-2"))
    assert Drive().stand(62, 30, DWELL_S + 2)[-1] == Ambiguous(("P-1", "P-2"))


@pytest.mark.feature("V-08")
def test_edge_of_one_is_a_doubt():
    """Half in and half out of one area is a question to that entity, not a match."""
    assert Drive().stand(30, 2, DWELL_S + 2)[-1] == Ambiguous(("P-1",))
    assert Drive().stand(30, -6, DWELL_S + 2)[-1] == Ambiguous(("P-1",))
    assert Drive().stand(30, -9, DWELL_S + 2)[-1] == NoMatch()


@pytest.mark.feature("V-08")
def test_area_within_an_area_is_ambiguous():
    """Where two areas overlap, standing wholly inside both is a question to both."""
    overlapping = AreaIndex.build([square("P-1", 0, 0, 60), square("P-9", 15, 15, 30)])
    assert Drive(areas=overlapping).stand(30, 30, DWELL_S + 2)[-1] == Ambiguous(("P-1", "P-9"))


@pytest.mark.feature("V-08")
def test_accuracy_decides():
    """At one and the same place a better receiver is matched where a worse one is in doubt."""
    assert Drive().stand(50, 30, DWELL_S + 2, accuracy_m=4)[-1] == Match("P-1")
    doubt = Drive().stand(50, 30, DWELL_S + 2, accuracy_m=6)[-1]
    assert doubt == Ambiguous(("P-1", "P-2"))


def test_too_good_to_be_true_counts_as_two_metres():
    """A receiver that claims a millimetre is believed to two metres."""
    assert Drive().stand(59, 30, DWELL_S + 2, accuracy_m=0)[-1] == Ambiguous(("P-1", "P-2"))
    assert Drive().stand(57, 30, DWELL_S + 2, accuracy_m=0)[-1] == Match("P-1")


@pytest.mark.feature("V-04")
def test_service_decides():
    """On one spot a charging vehicle is at the charger and a parking one in the car park."""
    assert Drive("charging").stand(30, 30, DWELL_S + 2)[-1] == Match("C-1")
    assert Drive("fueling").stand(30, 30, DWELL_S + 2)[-1] == NoMatch()


@pytest.mark.feature("V-08")
def test_driving_through_matches_nothing():
    """A vehicle that crosses an area does not stand there, whether or not it tells its speed."""
    for speed_m_s in (None, 3):
        drive = Drive()
        for second in range(40):
            assert drive.stand(3 * second, 30, 1, speed_m_s=speed_m_s) == [NoMatch()]


@pytest.mark.feature("V-08")
def test_moving_on_the_spot_does_not_stand():
    """A vehicle that says it drives is not matched, wherever it says it is."""
    assert set(Drive().stand(30, 30, 60, speed_m_s=2)) == {NoMatch()}


def test_doubt_that_resolves_is_matched_after_a_dwell_of_its_own():
    """Rolling from the edge to the middle within one stay is matched a whole dwell later."""
    drive = Drive()
    assert drive.stand(46, 30, DWELL_S + 2, accuracy_m=7)[-1] == Ambiguous(("P-1", "P-2"))
    verdicts = drive.stand(46, 30, DWELL_S + 2, accuracy_m=4)
    assert verdicts[0] == Ambiguous(("P-1",))
    assert verdicts[-1] == Match("P-1")


@pytest.mark.feature("V-08")
def test_answer_of_an_entity_decides():
    """An entity that was named in a doubt can say that the vehicle is there; no other can."""
    drive = Drive()
    drive.stand(58, 30, DWELL_S + 2)
    with pytest.raises(LocalProtocolError):
        drive.tracker.resolve("P-3")
    drive.tracker.resolve("P-2")
    assert drive.stand(58, 30, 3) == [Match("P-2")] * 3
    with pytest.raises(LocalProtocolError):
        drive.tracker.resolve("P-1")


@pytest.mark.feature("V-04", "V-08")
def test_leaving_is_certain_too():
    """Once matched, doubt changes nothing; only a while wholly outside is a departure, told once."""
    drive = Drive()
    drive.stand(30, 30, DWELL_S + 2)
    assert set(drive.stand(64, 30, 30)) == {Match("P-1")}
    assert set(drive.stand(90, 30, DEPARTURE_S)) == {Match("P-1")}
    assert set(drive.stand(66, 30, 5)) == {Match("P-1")}
    verdicts = drive.stand(90, 30, DEPARTURE_S + 3)
    assert left(verdicts) == ["P-1"]
    assert not isinstance(drive.tracker.at(drive.now), Departed)
    assert drive.stand(90, 30, DWELL_S)[-1] == Match("P-2")


@pytest.mark.feature("V-08")
def test_tunnel_matches_nothing():
    """Underground nothing begins: a gap ends the stay, and standing must begin anew."""
    drive = Drive()
    drive.stand(30, 30, DWELL_S - 3)
    drive.seconds += 11
    assert drive.outcome(drive.position(30, 30)) == NoMatch()
    assert set(drive.stand(30, 30, DWELL_S)) == {NoMatch()}
    assert drive.stand(30, 30, 1) == [Match("P-1")]


@pytest.mark.feature("V-08")
def test_bad_reception_matches_nothing():
    """Positions that degrade are refused one by one, and what they say of a place is not used."""
    drive = Drive()
    drive.stand(30, 30, 3)
    refused = drive.stand(30, 30, 40, accuracy_m=26)
    assert {verdict.outcome for verdict in refused} == {Outcome.POSITION_INACCURATE}
    assert outcome(drive.tracker.at(drive.now)) is Outcome.POSITION_STALE


def test_parked_underground_stays_matched():
    """Silence is no departure: a vehicle matched before it lost reception is still there."""
    drive = Drive()
    drive.stand(30, 30, DWELL_S + 2)
    drive.seconds += 3_600
    assert drive.tracker.at(drive.now) == Match("P-1")
    assert drive.stand(30, 30, 1) == [Match("P-1")]
    drive.seconds += 3_600
    verdicts = drive.stand(200, 30, DEPARTURE_S + 2)
    assert left(verdicts[-2:]) == ["P-1"]


@pytest.mark.feature("V-08")
def test_every_refusal_in_order():
    """Whatever is wrong with a position has its name, and of two things wrong the first is told."""
    drive = Drive()
    drive.stand(30, 30, 2)
    drive.seconds += 1
    good = drive.position(30, 30)
    wrong: list[tuple[Outcome, dict[str, Any]]] = [
        (Outcome.POSITION_INACCURATE, {"accuracy_mm": 25_001}),
        (Outcome.POSITION_MOMENT_UNCERTAIN, {"moment": Moment(good.moment.midpoint_ms, 501)}),
        (Outcome.POSITION_IMPLAUSIBLE, {"latitude_e7": 0, "longitude_e7": 0}),
        (Outcome.POSITION_IMPLAUSIBLE, {"speed_mm_s": 70_001}),
        (Outcome.POSITION_STALE, {"moment": Moment(good.moment.earliest_ms - 10_011, 0)}),
        (Outcome.POSITION_FUTURE, {"moment": Moment(good.moment.latest_ms + 1, 0)}),
        (Outcome.POSITION_OUT_OF_RANGE, {"latitude_e7": 850_000_000}),
        (Outcome.POSITION_IMPLAUSIBLE, {"moment": Moment(START_MS + 2_000, 10)}),
        (Outcome.POSITION_IMPLAUSIBLE, {"latitude_e7": LATITUDE_E7 + 20_000}),
    ]
    for number, (named, change) in enumerate(wrong):
        bad = msgspec.structs.replace(good, **change)
        assert drive.outcome(bad) is named
        for _, other in wrong[number + 1 :]:
            if not set(other) & set(change):
                assert drive.outcome(msgspec.structs.replace(bad, **other)) is named
    assert drive.outcome(good) == NoMatch()


@pytest.mark.feature("V-08")
def test_numbers_are_taken_once():
    """A repeat is answered as before; an older number, or the same with other words, is refused."""
    drive = Drive()
    drive.stand(30, 30, DWELL_S + 2)
    last, said = drive.tracker.sequence, drive.position(30, 30)
    assert drive.tracker.report(last, said, drive.now) == Match("P-1")
    other = msgspec.structs.replace(said, accuracy_mm=1_000)
    for sequence, position in [(last, other), (last - 1, said), (0, said)]:
        verdict = drive.tracker.report(sequence, position, drive.now)
        assert outcome(verdict) is Outcome.POSITION_REPLAYED
    assert drive.tracker.sequence == last


@pytest.mark.feature("V-08")
def test_recorded_stay_cannot_be_played_again():
    """Reports of an earlier stay, all of them, bring a vehicle that drives on back nowhere."""
    drive = Drive()
    recorded = []
    for _ in range(DWELL_S + 2):
        drive.seconds += 1
        recorded.append((next(drive.numbers), drive.position(30, 30)))
        drive.tracker.report(*recorded[-1], drive.now)
    drive.seconds += 3
    drive.stand(200, 30, DEPARTURE_S + 2)
    for _ in range(2):
        for sequence, position in recorded:
            drive.seconds += 1
            verdict = drive.tracker.report(sequence, position, drive.now)
            assert outcome(verdict) is Outcome.POSITION_REPLAYED
    assert drive.tracker.entity is None


@pytest.mark.feature("V-08")
def test_jump_is_not_believed_before_its_time():
    """A place that cannot have been reached is refused until it can, and then dwells like any."""
    drive = Drive()
    drive.stand(60_000, 0, 5)
    verdicts = drive.stand(30, 30, 850)
    assert {outcome(verdict) for verdict in verdicts} == {Outcome.POSITION_IMPLAUSIBLE}
    verdicts = drive.stand(30, 30, 30)
    assert verdicts[-1] == Match("P-1")
    assert verdicts.count(NoMatch()) >= DWELL_S


@pytest.mark.feature("V-08")
def test_leap_is_suspicious_for_long():
    """After a leap across the town the new place is refused long after it could be reached."""
    drive = Drive()
    drive.stand(3_000, 0, 5)
    suspicion_s = USUAL.suspicion_ms // 1_000
    verdicts = drive.stand(30, 30, suspicion_s)
    assert {outcome(verdict) for verdict in verdicts} == {Outcome.POSITION_IMPLAUSIBLE}
    assert drive.stand(30, 30, 30)[-1] == Match("P-1")


@pytest.mark.feature("V-08")
def test_return_from_a_leap_is_believed():
    """A receiver that says where it was before is believed at once, as if nothing had been said."""
    drive = Drive()
    drive.stand(30, 30, 3)
    drive.seconds += 1
    assert drive.outcome(drive.position(9_000, 0)) is Outcome.POSITION_IMPLAUSIBLE
    assert drive.stand(30, 30, DWELL_S + 2)[-1] == Match("P-1")


@pytest.mark.feature("V-08")
def test_jump_ends_the_stay():
    """One report from elsewhere, and the time stood so far no longer counts."""
    drive = Drive()
    drive.stand(30, 30, DWELL_S - 1)
    drive.seconds += 1
    assert drive.outcome(drive.position(5_000, 0)) is Outcome.POSITION_IMPLAUSIBLE
    assert set(drive.stand(30, 30, DWELL_S)) == {NoMatch()}


@pytest.mark.feature("V-08")
def test_standing_vehicle_does_not_leap():
    """Who stood a second ago, and said so, cannot be in the next car park but one."""
    drive = Drive()
    drive.stand(30, 30, 3, speed_m_s=0)
    drive.seconds += 1
    assert drive.outcome(drive.position(80, 30)) is Outcome.POSITION_IMPLAUSIBLE
    told_nothing = Drive()
    told_nothing.stand(30, 30, 3)
    told_nothing.seconds += 1
    assert told_nothing.outcome(told_nothing.position(80, 30)) == NoMatch()


def test_restart_goes_on():
    """A tracker made anew knows the last number and the match that its server kept."""
    drive = Drive(sequence=500, entity="P-1")
    assert drive.tracker.at(drive.now) == Match("P-1")
    assert drive.tracker.report(500, drive.position(30, 30), drive.now) == Refused(
        Outcome.POSITION_REPLAYED, "expected a number above 500, got 500"
    )
    assert left(drive.stand(200, 30, DEPARTURE_S + 2)[-1:]) == ["P-1"]


def test_policy_is_data():
    """Another dwell time is another figure, not another program."""
    patient = replace(USUAL, dwell_ms=60_000)
    verdicts = Drive(policy=patient).stand(30, 30, 62)
    assert verdicts.index(Match("P-1")) == 61
