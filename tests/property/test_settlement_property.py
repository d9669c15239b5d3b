"""Whatever is stated, in whatever order and however often, the books stay true.

The economy here is honest: it redeems only what circulates, so that every obligation is covered
once all claims are in. The liars sign what they like.
"""

from dataclasses import dataclass, field

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from feiqian.central.documents import ModeChange
from feiqian.central.netting import Claim, covered_claims, net_positions
from feiqian.central.settlement import SettlementMode
from feiqian.testing.platform_world import PlatformWorld, run

pytestmark = [pytest.mark.feature("P-05"), pytest.mark.feature("P-06")]

CODES = ("A", "B", "C", "D")
RESERVES_MINOR = 1_000
ISSUED_MINOR = 600

pairs = st.permutations(CODES).map(lambda codes: (codes[0], codes[1]))
amounts = st.integers(1, 2 * ISSUED_MINOR)
payments = st.tuples(st.just("pay"), pairs, amounts)
presentations = st.tuples(st.just("present"), pairs, st.integers(0, 5))
cycles = st.tuples(st.just("cycle"), pairs, st.just(0))
histories = st.lists(st.one_of(payments, payments, presentations, cycles), max_size=25)


@dataclass
class Economy:
    """What circulates of each issuer, and every statement that was made of what it owes."""

    circulating: dict[str, int] = field(default_factory=lambda: dict.fromkeys(CODES, ISSUED_MINOR))
    totals: dict[tuple[str, str], list[int]] = field(default_factory=dict)

    def pay(self, issuer, redeemer, wanted_minor):
        """Currency of `issuer` is redeemed by `redeemer`, which issues as much of its own."""
        amount_minor = min(wanted_minor, self.circulating[issuer])
        self.circulating[issuer] -= amount_minor
        self.circulating[redeemer] += amount_minor
        stated = self.totals.setdefault((issuer, redeemer), [])
        stated.append((stated[-1] if stated else 0) + amount_minor)

    def stated(self, pair, back):
        """A statement of the pair, `back` before the newest."""
        totals = self.totals[pair]
        return totals[max(0, len(totals) - 1 - back)]


def _world(mode):
    world = PlatformWorld(CODES, RESERVES_MINOR)
    run(world.platform.choose_mode(ModeChange("mode", mode)))
    for code in CODES:
        world.issue(code, ISSUED_MINOR)
    return world


def _live(world, history):
    """Live through a history, then present all that is left and run a cycle; the report."""
    economy = Economy()
    for step, (first, second), number in history:
        if step == "pay":
            economy.pay(first, second, number)
        elif step == "cycle":
            world.cycle()
        elif (first, second) in economy.totals:
            stated_minor = economy.stated((first, second), number)
            world.settle(second, [world.statement(first, second, stated_minor)])
    for debtor, creditor in sorted(economy.totals):
        stated_minor = economy.stated((debtor, creditor), 0)
        world.settle(creditor, [world.statement(debtor, creditor, stated_minor)])
    world.cycle()
    return economy, run(world.platform.report())


@settings(max_examples=60, deadline=None)
@given(history=histories)
def test_gross_and_net_end_in_the_same_place(history):
    """When all claims are in, each institution may issue what circulates of it, in either mode."""
    for mode in SettlementMode:
        with _world(mode) as world:
            economy, report = _live(world, history)
        authorised = {inst.code: inst.authorised_minor for inst in report.institutions}
        assert authorised == economy.circulating
        assert all(
            owed.settled_total_minor == economy.stated((owed.debtor, owed.creditor), 0)
            for owed in report.obligations
        )
        assert report.in_order


@settings(max_examples=60, deadline=None)
@given(
    mode=st.sampled_from(SettlementMode),
    lies=st.lists(st.tuples(pairs, st.integers(0, 5_000), st.booleans()), max_size=20),
)
def test_no_statement_can_unbalance_the_books(mode, lies):
    """Institutions that sign for more than they have move what they have, and nothing else."""
    with _world(mode) as world:
        for (debtor, creditor), total_minor, cycle in lies:
            world.settle(creditor, [world.statement(debtor, creditor, total_minor)])
            if cycle:
                world.cycle()
            report = run(world.platform.report())
            assert report.in_order
            assert report.authorised_minor == len(CODES) * ISSUED_MINOR
            assert report.paid_in_minor == len(CODES) * RESERVES_MINOR


@given(
    claims=st.lists(st.builds(lambda pair, minor: Claim(pair[0], pair[1], minor), pairs, amounts)),
    cover=st.dictionaries(st.sampled_from(CODES), st.integers(0, 1_000)),
)
def test_covered_claims_are_covered_and_nobody_is_left_out_without_reason(claims, cover):
    """Positions add up to zero and are covered; who covers everything is never left out."""
    kept = covered_claims(claims, cover)
    positions = net_positions(kept)
    assert sum(positions.values()) == 0
    assert all(minor + cover.get(code, 0) >= 0 for code, minor in positions.items())
    left_out = {claim.debtor for claim in claims} - {claim.debtor for claim in kept}
    for code in left_out:
        owes_minor = sum(claim.amount_minor for claim in claims if claim.debtor == code)
        assert owes_minor > cover.get(code, 0)
