"""Obligations become claims, claims are settled gross or net, and nothing is settled twice."""

import pytest

from feiqian.central.documents import CycleOrder, ModeChange, OpenClaim
from feiqian.central.settlement import SettlementMode
from feiqian.crypto.cbor import VERSION
from feiqian.money.amounts import MAX_AMOUNT_MINOR
from feiqian.outcomes import Outcome, Refusal
from feiqian.testing.platform_world import PlatformWorld, run
from feiqian.wire.platform_requests import IssueBody, IssueResult, SettledPair
from feiqian.wire.request_envelope import Action

MAX_STATEMENTS = 256

pytestmark = pytest.mark.feature("P-05")


@pytest.fixture
def world():
    """A, B and C with 1,000 issued each, settling gross."""
    with PlatformWorld(reserves_minor=1_000) as opened:
        for code in ("A", "B", "C"):
            opened.issue(code, 1_000)
        yield opened


@pytest.fixture
def net_world(world):
    """The same, settling net."""
    run(world.platform.choose_mode(ModeChange("to-net", SettlementMode.NET)))
    return world


def _claim(world, creditor, raw):
    [claim] = world.settle(creditor, [raw]).claims
    return claim


def _authorised(world, codes="ABC"):
    return {code: world.position(code).authorised_minor for code in codes}


def test_gross_moves_issuance_at_once(world):
    """A claim presented in gross mode is settled in the answer to it."""
    claim = _claim(world, "B", world.statement("A", "B", 300))
    assert (claim.outcome, claim.debtor) == (Outcome.ACCEPTED, "A")
    assert (claim.claimed_total_minor, claim.settled_total_minor) == (300, 300)
    assert _authorised(world) == {"A": 700, "B": 1_300, "C": 1_000}


def test_only_the_growth_of_a_total_is_settled(world):
    """Statements are totals: the second moves the difference, whatever came before."""
    _claim(world, "B", world.statement("A", "B", 300))
    _claim(world, "B", world.statement("A", "B", 350))
    assert _authorised(world)["B"] == 1_350


@pytest.mark.feature("P-07")
@pytest.mark.parametrize("total_minor", [300, 299, 0])
def test_an_equal_or_older_statement_is_a_repeat(world, total_minor):
    """A statement that says no more than a known one is harmless, and says where things stand."""
    _claim(world, "B", world.statement("A", "B", 300))
    claim = _claim(world, "B", world.statement("A", "B", total_minor))
    assert claim.outcome is Outcome.REPEATED
    assert (claim.claimed_total_minor, claim.settled_total_minor) == (300, 300)
    assert _authorised(world)["B"] == 1_300


@pytest.mark.parametrize(
    ("make", "outcome"),
    [
        (lambda world: world.statement("Z", "B", 1, key=world.keys["A"]), Outcome.UNKNOWN_ISSUER),
        (lambda world: world.statement("A", "B", 1, key=world.keys["B"]), Outcome.BAD_SIGNATURE),
        (lambda world: world.statement("A", "C", 1), Outcome.WRONG_ADDRESSEE),
    ],
)
def test_one_bad_statement_does_not_spoil_the_others(world, make, outcome):
    """Each statement has its own result; what is not the debtor's word to this creditor is none."""
    claims = world.settle("B", [make(world), world.statement("C", "B", 50)]).claims
    assert [claim.outcome for claim in claims] == [outcome, Outcome.ACCEPTED]
    assert claims[0].settled_total_minor == 0
    assert _authorised(world) == {"A": 1_000, "B": 1_050, "C": 950}


def test_a_full_request_gets_a_whole_answer(world):
    """The most statements that one request holds are answered one by one, refused or not."""
    stranger = world.statement("ZZZZZZZZZZZ", "B", MAX_AMOUNT_MINOR, key=world.keys["A"])
    claims = world.settle("B", [stranger] * MAX_STATEMENTS).claims
    assert [claim.outcome for claim in claims] == [Outcome.UNKNOWN_ISSUER] * MAX_STATEMENTS


def test_a_position_can_be_read_whatever_was_claimed(world):
    """Claims that add up to more than any amount do not make the position unreadable."""
    for debtor in ("A", "C"):
        _claim(world, "B", world.statement(debtor, "B", MAX_AMOUNT_MINOR))
    assert world.position("B").owed_to_minor == MAX_AMOUNT_MINOR


def test_gross_settles_as_far_as_it_is_covered_and_the_rest_waits(world):
    """More than the debtor's issuance waits, and settles when it is presented with cover."""
    claim = _claim(world, "B", world.statement("A", "B", 1_001))
    assert (claim.outcome, claim.detail) == (Outcome.ACCEPTED, "1 waits")
    assert claim.settled_total_minor == 1_000
    assert world.position("B").owed_to_minor == 1
    assert world.position("A").owes_minor == 1
    _claim(world, "A", world.statement("C", "A", 1))
    claim = _claim(world, "B", world.statement("A", "B", 1_001))
    assert (claim.outcome, claim.settled_total_minor) == (Outcome.ACCEPTED, 1_001)


def test_net_waits_for_the_cycle(net_world):
    """In net mode a claim is recorded and moves nothing."""
    claim = _claim(net_world, "B", net_world.statement("A", "B", 300))
    assert (claim.outcome, claim.detail, claim.settled_total_minor) == (
        Outcome.ACCEPTED,
        "300 waits",
        0,
    )
    assert _authorised(net_world)["B"] == 1_000
    assert net_world.position("B").owed_to_minor == 300


def test_a_cycle_moves_positions_and_settles_every_claim(net_world):
    """The example of docs/settlement.md: 600 in claims settle by moving 200."""
    _claim(net_world, "B", net_world.statement("A", "B", 300))
    _claim(net_world, "C", net_world.statement("B", "C", 200))
    _claim(net_world, "A", net_world.statement("C", "A", 100))
    report = net_world.cycle()
    assert report.positions_minor == {"A": -200, "B": 100, "C": 100}
    assert sum(claim.amount_minor for claim in report.settled) == 600
    assert report.left_out == ()
    assert _authorised(net_world) == {"A": 800, "B": 1_100, "C": 1_100}
    assert net_world.position("A").settled == (
        SettledPair("A", "B", 300),
        SettledPair("C", "A", 100),
    )
    assert net_world.position("A").owes_minor == 0


def test_a_cycle_is_one_ledger_entry(net_world):
    """The whole cycle is booked at once: the ledger never shows half of one."""
    _claim(net_world, "B", net_world.statement("A", "B", 300))
    _claim(net_world, "C", net_world.statement("B", "C", 200))
    net_world.cycle()
    rows = net_world.store.run(lambda tx: tx.query("SELECT number FROM entries WHERE kind = 'net'"))
    assert len(rows) == 1


@pytest.mark.feature("P-07")
def test_a_cycle_repeated_under_its_key_settles_nothing_more(net_world):
    """A cycle is run once per key; claims that came since wait for the next."""
    order = CycleOrder("monday")
    _claim(net_world, "B", net_world.statement("A", "B", 300))
    first = run(net_world.platform.run_cycle(order))
    _claim(net_world, "B", net_world.statement("A", "B", 400))
    assert run(net_world.platform.run_cycle(order)) == first
    assert _authorised(net_world)["B"] == 1_300
    assert net_world.cycle().settled == (OpenClaim("A", "B", 100),)


def test_a_cycle_leaves_out_who_cannot_cover_its_position(net_world):
    """A debtor that signed for more than it has waits alone; the others settle."""
    _claim(net_world, "B", net_world.statement("A", "B", 1_001))
    _claim(net_world, "C", net_world.statement("B", "C", 10))
    report = net_world.cycle()
    assert report.left_out == (OpenClaim("A", "B", 1_001),)
    assert _authorised(net_world) == {"A": 1_000, "B": 990, "C": 1_010}
    assert net_world.position("B").owed_to_minor == 1_001


def test_a_cycle_frees_claims_that_wait_for_one_another(world):
    """In gross mode, too, a cycle settles by offset what nobody could pay first."""
    for code in ("A", "B"):
        world.ask(code, Action.RETURN, IssueBody(VERSION, 1_000), IssueResult)
    _claim(world, "B", world.statement("A", "B", 70))
    _claim(world, "A", world.statement("B", "A", 70))
    assert world.position("A").owes_minor == 70
    report = world.cycle()
    assert len(report.settled) == 2
    assert report.positions_minor == {"A": 0, "B": 0}
    assert world.position("A").owes_minor == 0


def test_an_empty_cycle_is_harmless(net_world):
    """A cycle with nothing to settle books nothing."""
    report = net_world.cycle()
    assert (report.settled, report.left_out, report.positions_minor) == ((), (), {})


@pytest.mark.feature("P-01")
def test_what_others_have_claimed_cannot_be_returned(net_world):
    """An institution cannot turn issuance back into reserves that its net position will need."""
    _claim(net_world, "B", net_world.statement("A", "B", 300))
    _claim(net_world, "A", net_world.statement("C", "A", 100))
    too_much = net_world.request("A", Action.RETURN, IssueBody(VERSION, 801))
    assert net_world.send(too_much).outcome is Outcome.QUOTA_EXCEEDED
    enough = net_world.request("A", Action.RETURN, IssueBody(VERSION, 800))
    assert net_world.send(enough).outcome is Outcome.ACCEPTED
    assert net_world.cycle().left_out == ()


def test_changing_the_mode_settles_nothing_by_itself(net_world):
    """What waits goes on waiting until it is presented again or a cycle runs."""
    _claim(net_world, "B", net_world.statement("A", "B", 300))
    run(net_world.platform.choose_mode(ModeChange("back", SettlementMode.GROSS)))
    assert _authorised(net_world)["B"] == 1_000
    assert _claim(net_world, "B", net_world.statement("A", "B", 300)).settled_total_minor == 300


@pytest.mark.feature("P-07")
def test_operator_keys_are_one_space(net_world):
    """A key used for one kind of action is refused for another."""
    with pytest.raises(Refusal) as refused:
        run(net_world.platform.run_cycle(CycleOrder("to-net")))
    assert refused.value.outcome is Outcome.KEY_REUSED
