"""Whatever happens offline, value is conserved, fraud is found, and nobody honest is accused.

Pockets with real chips at three institutions, three rogue wallets among them, and everything that
can go wrong at any step. Hypothesis looks for a history that breaks a promise: here among the same
histories in every run, so that a new one does not fail an unrelated change; `make campaign` looks among
new ones.
"""

import asyncio
import os
from contextlib import suppress

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule, run_state_machine_as_test

from feiqian.outcomes import Refusal
from feiqian.testing.network_evidence import PLATFORM
from feiqian.testing.offline_promises import Promises
from feiqian.testing.offline_world import CODES, HONEST, Fault, OfflineWorld

STEPS = 400
HISTORIES = 64
CAMPAIGN = int(os.environ.get("FEIQIAN_CAMPAIGN_HISTORIES", "0"))
"""So many new histories in place of the usual ones, and the failing one made as short as can be."""
LEAST_STEPS = 20_000
AUDIT_EVERY = 125
ROGUES = 4
HOUR_MS = 3_600_000

TORN = (Fault.PAYER_TORN, Fault.PAYEE_TORN)
CUT = (Fault.CUT_BEFORE, Fault.CUT_AFTER)

anybody = st.integers(0, len(HONEST) + ROGUES - 1)
honest = st.integers(0, len(HONEST) - 1)
rogues = st.integers(0, ROGUES - 1)
amounts = st.integers(1, 30_00)
places = st.integers(0, 7)
cuts = st.integers(0, 6_000)


class OfflineLife(RuleBasedStateMachine):
    """The rules of the world; a refusal is part of life."""

    steps = 0
    evidence = 0

    def __init__(self):
        super().__init__()
        self.loop = asyncio.new_event_loop()
        self.world = self.loop.run_until_complete(OfflineWorld.create("offline"))
        self.promises = Promises(self.world)
        self.own_steps = 0

    def live(self, action):
        self.own_steps += 1
        type(self).steps += 1
        with suppress(Refusal):
            self.loop.run_until_complete(action)

    def hand(self, payer, payee, amount_minor, fault=Fault.NONE, *, cut=0, checked=False):
        payer, payee = self.world.pockets[payer], self.world.pockets[payee]
        self.live(self.world.pay(payer, payee, amount_minor, fault, cut, checked))

    @rule(payer=anybody, payee=anybody, amount_minor=amounts)
    def pay(self, payer, payee, amount_minor):
        self.hand(payer, payee, amount_minor)

    @rule(payer=anybody, payee=honest, third=honest, amount_minor=amounts)
    def pay_on(self, payer, payee, third, amount_minor):
        self.hand(payer, payee, amount_minor)
        self.hand(payee, third, amount_minor, cut=1)

    @rule(payer=anybody, payee=honest, amount_minor=amounts)
    def pay_connected(self, payer, payee, amount_minor):
        self.hand(payer, payee, amount_minor, checked=True)

    @rule(payer=honest, payee=honest, amount_minor=amounts, fault=st.sampled_from(TORN), cut=cuts)
    def pay_torn(self, payer, payee, amount_minor, fault, cut):
        self.hand(payer, payee, amount_minor, fault, cut=cut)

    @rule(payer=anybody, payee=honest, amount_minor=amounts, fault=st.sampled_from(CUT))
    def pay_cut(self, payer, payee, amount_minor, fault):
        self.hand(payer, payee, amount_minor, fault)

    @rule(rogue=rogues, first=anybody, second=anybody, amount_minor=amounts)
    def double_spend(self, rogue, first, second, amount_minor):
        self.live(self._double_spend(self.world.rogues[rogue], first, second, amount_minor))

    async def _double_spend(self, rogue, first, second, amount_minor):
        world, past = self.world, rogue.remember()
        payees = [world.pockets[place] for place in (first, second)]
        for payee in payees:
            with suppress(Refusal):
                await world.pay(rogue, payee, amount_minor, Fault.NONE, 0, False)
            rogue.roll_back(past)

    @rule(place=places, checked=st.booleans())
    def hand_over(self, place, checked):
        self.live(self.world.hand_over_waiting(place, checked))

    @rule(who=honest)
    def verify(self, who):
        self.live(self.world.pockets[who].verify())

    @rule(who=anybody, amount_minor=amounts)
    def withdraw(self, who, amount_minor):
        self.live(self.world.pockets[who].withdraw(amount_minor))

    @rule(who=anybody, place=places)
    def deposit(self, who, place):
        self.live(self.world.deposit(self.world.pockets[who], place))

    @rule(who=anybody)
    def settle_errands(self, who):
        self.live(self.world.pockets[who].settle_errands())

    @rule(who=anybody)
    def read_list(self, who):
        self.live(self.world.pockets[who].read_list())

    @rule()
    def follow_lists(self):
        self.live(self.world.network.follow_lists())

    @rule(rogue=rogues)
    def roll_back(self, rogue):
        self.live(self._roll_back(self.world.rogues[rogue]))

    async def _roll_back(self, rogue):
        rogue.roll_back(self.world.pasts[rogue.label])

    @rule(rogue=rogues)
    def remember(self, rogue):
        self.live(self._remember(self.world.rogues[rogue]))

    async def _remember(self, rogue):
        self.world.pasts[rogue.label] = rogue.remember()

    @rule(who=anybody)
    def power_up(self, who):
        self.live(self._power_up(self.world.pockets[who]))

    async def _power_up(self, pocket):
        pocket.power_up()

    @rule(code=st.sampled_from(CODES))
    def restart(self, code):
        self.live(self.world.network.restart(code).finish_pending())

    @rule(party=st.sampled_from((*CODES, PLATFORM)), answers_only=st.booleans())
    def cut_off(self, party, answers_only):
        self.live(self._cut_off(party, answers_only))

    async def _cut_off(self, party, answers_only):
        self.world.cut_off(party, answers_only=answers_only)

    @rule()
    def heal(self):
        self.live(self._heal())

    async def _heal(self):
        self.world.heal()

    @rule(hours=st.integers(1, 12))
    def time_passes(self, hours):
        self.live(self._time_passes(hours))

    async def _time_passes(self, hours):
        self.world.network.clock.advance(hours * HOUR_MS)

    @invariant()
    def nobody_honest_is_accused(self):
        self.promises.check_honest()
        if self.own_steps % AUDIT_EVERY == AUDIT_EVERY - 1:
            self.promises.check_audit()

    def teardown(self):
        try:
            self.loop.run_until_complete(self._end())
        finally:
            self.loop.close()

    async def _end(self):
        """Reconciled, every promise holds; asked and reconciled again, nothing changes."""
        world, promises = self.world, self.promises
        await world.reconcile()
        promises.check_value()
        found = promises.check_evidence()
        type(self).evidence += found
        for pocket in world.honest:
            await pocket.ask_again()
        await world.reconcile()
        await promises.cash_up()
        assert promises.check_evidence() == found
        promises.check_reported()
        promises.check_honest()
        promises.check_audit()


@pytest.mark.feature("C-22", "D-05", "D-08", "D-12", "D-13", "D-15", "D-17")
@pytest.mark.timeout(0 if CAMPAIGN else 600)
def test_offline_world_keeps_its_promises():
    """In twenty thousand steps and more, no history breaks one of them."""
    OfflineLife.steps = OfflineLife.evidence = 0
    run_state_machine_as_test(
        OfflineLife,
        settings=settings(
            max_examples=CAMPAIGN or HISTORIES,
            stateful_step_count=STEPS,
            deadline=None,
            derandomize=not CAMPAIGN,
            print_blob=True,
            suppress_health_check=list(HealthCheck),
            phases=(Phase.explicit, Phase.generate, *([Phase.shrink] if CAMPAIGN else [])),
        ),
    )
    if not CAMPAIGN:
        assert OfflineLife.steps >= LEAST_STEPS
        assert OfflineLife.evidence > HISTORIES
