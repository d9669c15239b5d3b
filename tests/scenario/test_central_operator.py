"""The operator's actions: every outcome once, then repeats; and a report that tells the truth."""

import pytest

from feiqian.central.documents import ReservesChange
from feiqian.money.amounts import MAX_AMOUNT_MINOR
from feiqian.outcomes import Outcome, Refusal
from feiqian.testing.platform_world import PlatformWorld, run

pytestmark = pytest.mark.feature("P-01")


@pytest.fixture
def world():
    """A and B with reserves of 1,000 each."""
    with PlatformWorld(("A", "B"), reserves_minor=1_000) as opened:
        yield opened


@pytest.mark.parametrize(
    ("change", "outcome"),
    [
        (ReservesChange("k", "A", 0), Outcome.MALFORMED),
        (ReservesChange("k", "Z", 1), Outcome.UNKNOWN_ISSUER),
        (ReservesChange("first-A", "A", 1), Outcome.KEY_REUSED),
        (ReservesChange("k", "A", MAX_AMOUNT_MINOR - 1_999), Outcome.OVER_HOLDING_LIMIT),
        (ReservesChange("k", "A", -1_001), Outcome.INSUFFICIENT_RESERVES),
    ],
)
def test_a_change_of_reserves_that_cannot_be_is_refused_by_name(world, change, outcome):
    """Nothing moves, and the key stays free for a change that can be."""
    with pytest.raises(Refusal) as refused:
        run(world.platform.change_reserves(change))
    assert refused.value.outcome is outcome
    assert world.position("A").reserves_minor == 1_000
    if outcome is not Outcome.KEY_REUSED:
        good = ReservesChange(change.key, "A", 1)
        assert run(world.platform.change_reserves(good)).reserves_minor == 1_001


def test_reserves_are_paid_in_and_out(world):
    """What is paid in can be paid out to the last unit, and the report follows."""
    run(world.platform.change_reserves(ReservesChange("in", "A", MAX_AMOUNT_MINOR - 2_000)))
    out = ReservesChange("out", "A", -(MAX_AMOUNT_MINOR - 1_000))
    assert run(world.platform.change_reserves(out)).reserves_minor == 0
    assert run(world.platform.report()).paid_in_minor == 1_000


@pytest.mark.feature("P-07")
def test_a_change_repeated_under_its_key_is_made_once(world):
    """The repeat answers with the balance of then, and credits nothing."""
    change = ReservesChange("salary", "A", 500)
    first = run(world.platform.change_reserves(change))
    world.issue("A", 1_500)
    assert run(world.platform.change_reserves(change)) == first
    assert world.position("A").reserves_minor == 0


@pytest.mark.feature("P-06")
def test_the_report_adds_up(world):
    """What was paid in is in reserves or issued; every invariant is named and holds."""
    world.issue("A", 400)
    world.settle("B", [world.statement("A", "B", 150)])
    report = run(world.platform.report())
    reserves_minor = sum(standing.reserves_minor for standing in report.institutions)
    assert report.paid_in_minor == reserves_minor + report.authorised_minor == 2_000
    assert [standing.authorised_minor for standing in report.institutions] == [250, 150]
    assert [owed.settled_total_minor for owed in report.obligations] == [150]
    assert len(report.invariants) == 6
    assert report.in_order


@pytest.mark.feature("P-06")
def test_the_report_shows_what_is_wrong(world):
    """Books that were tampered with are out of order, and the report says which promise broke."""
    world.issue("A", 400)
    world.store.run(
        lambda tx: tx.execute(
            "UPDATE balances SET balance_minor = 401 WHERE account = 'issuance:A'"
        )
    )
    report = run(world.platform.report())
    assert not report.in_order
    found = {entry.promise: entry.found for entry in report.invariants if not entry.holds}
    assert found["every balance is the sum of its postings"] == "issuance:A 401 400"
