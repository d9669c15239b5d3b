"""Full wallets and a copied one: offline payments, online ones, cuts and crashes in any order.

The same promises as for pockets, kept by the whole client: its store, its sessions, its recovery.
Steps are fewer, for each runs through a real session over a link.
"""

import asyncio
from contextlib import suppress
from dataclasses import dataclass

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from feiqian.crypto.trust import TrustStore
from feiqian.outcomes import Refusal
from feiqian.ports import Row
from feiqian.testing.audit.auditor import audit
from feiqian.testing.links import linked_pair
from feiqian.testing.network import DEFAULT_OPENING_MINOR, SimulatedNetwork, url_of
from feiqian.testing.network_evidence import PLATFORM, evidence_of
from feiqian.testing.power import Power, PoweredLink
from feiqian.testing.wallets import Device
from feiqian.wallet.payments import Intake
from feiqian.wire.evidence import verify_evidence
from tests.property.test_payment_cuts import powered, surviving
from tests.scenario.test_offline_wallets import copy_of, restore

CODES = ("A", "B", "C")
HONEST = ("anna", "bert", "cleo")
ROGUE = "rolf"
PURSE_MINOR = 50_00
HISTORIES = 30
LEAST_STEPS = 400
ROUNDS = 3
"""Of synchronising, until nothing is open."""

people = st.sampled_from((*HONEST, ROGUE))
honest = st.sampled_from(HONEST)
amounts = st.integers(1, 40_00)
cuts = st.none() | st.tuples(st.booleans(), st.integers(0, 40), st.booleans())
steps = st.one_of(
    st.tuples(st.just("pay"), people, honest, amounts, st.sampled_from(Intake), cuts),
    st.tuples(st.just("pay"), honest, honest, amounts, st.just(Intake.OFFLINE), cuts),
    st.tuples(st.just("present_again"), honest, honest),
    st.tuples(st.just("synchronise"), honest),
    st.tuples(st.just("deposit"), honest, amounts),
    st.tuples(st.just("convert"), honest),
    st.tuples(st.just("spend_past"), honest, amounts),
    st.tuples(st.just("cut_off"), st.sampled_from(CODES)),
    st.tuples(st.just("heal")),
    st.tuples(st.just("follow_lists")),
    st.tuples(st.just("restart"), st.sampled_from(CODES)),
)
histories = st.lists(steps, min_size=15, max_size=30)


@dataclass
class Lives:
    """Three honest devices, and one whose past can be brought back."""

    network: SimulatedNetwork
    devices: dict[str, Device]
    past: tuple[bytes, list[Row]] | None = None

    @classmethod
    async def create(cls):
        network = await SimulatedNetwork.create(CODES)
        await network.follow_lists()
        codes = dict(zip((*HONEST, ROGUE), (*CODES, "A"), strict=True))
        lives = cls(network, {name: Device(network, code, name) for name, code in codes.items()})
        for device in lives.devices.values():
            wallet = await device.start()
            await wallet.withdraw(PURSE_MINOR)
            await wallet.synchronise()
        lives.past = copy_of(lives.devices[ROGUE])
        return lives

    async def pay(self, payer, payee, amount_minor, intake, cut):
        """A session; the power of one side may fail at a step of it."""
        if payer == payee:
            return
        powers = {payer: Power(), payee: Power()}
        wallets = {name: await powered(self.devices[name], powers[name]) for name in powers}
        if cut is not None:
            torn, powers_of = (payer if cut[0] else payee), powers
            powers_of[torn].cut_at, powers_of[torn].after = cut[1], cut[2]
        payee_end, payer_end = linked_pair()
        payee_link = PoweredLink(powers[payee], payee_end)
        payer_link = PoweredLink(powers[payer], payer_end)
        await asyncio.gather(
            _ending(wallets[payee].receive(payee_link, None, intake), payee_link),
            _ending(wallets[payer].pay(payer_link, amount_minor), payer_link),
        )

    async def spend_past(self, payee, amount_minor):
        """The rogue pays from a memory that it has paid from before."""
        assert self.past is not None
        restore(self.devices[ROGUE], *self.past)
        await self.pay(ROGUE, payee, amount_minor, Intake.OFFLINE, None)

    async def present_again(self, payer, payee):
        """What is pending is handed over on a later link."""
        wallets = {name: await self.devices[name].start() for name in {payer, payee}}
        for entry in await wallets[payer].history():
            if payer != payee and (entry.kind, entry.standing) == ("paid", "pending"):
                payee_link, payer_link = linked_pair()
                again = wallets[payer].present_again(payer_link, bytes.fromhex(entry.reference))
                receiving = wallets[payee].receive(payee_link, None, Intake.OFFLINE)
                await asyncio.gather(_ending(again, payer_link), _ending(receiving, payee_link))

    async def synchronise(self, name):
        await (await self.devices[name].start()).synchronise()

    async def deposit(self, name, amount_minor):
        await (await self.devices[name].start()).deposit(amount_minor)

    async def convert(self, name):
        await (await self.devices[name].start()).convert()

    async def cut_off(self, code):
        self.network.courier.cut_off.add(url_of(code))

    async def heal(self):
        self.network.courier.cut_off.clear()

    async def follow_lists(self):
        await self.network.follow_lists()

    async def restart(self, code):
        await self.network.restart(code).finish_pending()

    # The end -------------------------------------------------------------------------------------
    async def reconcile(self):
        """Everything is brought to its end; every problem that is left is a double spend."""
        await self.heal()
        for code in CODES:
            await self.restart(code)
        reports = []
        for _ in range(ROUNDS):
            await self.network.follow_lists()
            wallets = [await self.devices[name].start() for name in HONEST]
            reports = [await wallet.synchronise() for wallet in wallets]
        for report in reports:
            assert (report.unverified_minor, report.unprovable_minor) == (0, 0)

    async def check_sums(self):
        """What is sound becomes bank money, all of it; what is left was set aside as void.

        Sound currency that was paid together with void one stays with a payee who refused both.
        """
        accounts_minor = refused = 0
        for name in HONEST:
            wallet = await self.devices[name].start()
            while (await wallet.balance()).spendable_minor:
                await wallet.deposit(None)
            accounts_minor += (await wallet.account()).balance_minor
            refused += sum(entry.standing == "refused" for entry in await wallet.history())
        rogue_minor, stuck_minor = self._circulating_minor()
        opened_minor = len(HONEST) * DEFAULT_OPENING_MINOR + PURSE_MINOR
        assert accounts_minor + rogue_minor + stuck_minor == opened_minor
        assert stuck_minor == 0 or refused

    def _circulating_minor(self):
        """What the rogue owns by the issuers' records, and what the honest do."""
        rogue_minor = honest_minor = 0
        rogue = self._fingerprint_of(ROGUE)
        for code in CODES:
            rows = self._rows(code, "SELECT owner, amount_minor FROM record WHERE state = 0")
            rogue_minor += sum(amount for owner, amount in rows if owner == rogue)
            honest_minor += sum(amount for owner, amount in rows if owner != rogue)
        return rogue_minor, honest_minor

    async def check_evidence(self):
        """Who holds something anomalous has evidence for it, and it accuses the rogue alone."""
        alone = TrustStore.pinned(self.network.suite, self.network.platform.root())
        number = self._number_of(ROGUE)
        for code in CODES:
            for (raw,) in self._rows(code, "SELECT raw FROM evidence"):
                assert verify_evidence(alone, raw).wallet == number
            frozen = self._rows(code, "SELECT number FROM wallets WHERE frozen = 1")
            assert set(frozen) <= {(number,)}
        listed = self._rows(PLATFORM, "SELECT wallet FROM listed_offenders")
        assert set(listed) <= {(number,)}
        histories = [await (await self.devices[name].start()).history() for name in HONEST]
        victims = [e for own in histories for e in own if e.verification == "anomalous"]
        assert listed or not victims

    def _number_of(self, name):
        fingerprint = self._fingerprint_of(name)
        [(number,)] = self._rows(
            self.devices[name].code, "SELECT number FROM wallets WHERE fingerprint = ?", fingerprint
        )
        return number

    def _fingerprint_of(self, name):
        return self.devices[name].surroundings().chip.status().fingerprint

    def _rows(self, party, sql, *parameters):
        return self.network.stores[party].run(lambda tx: tx.query(sql, parameters))


async def _ending(work, link):
    await surviving(work)
    await link.close()


async def _live(history):
    lives = await Lives.create()
    for name, *arguments in history:
        with suppress(Refusal):
            await getattr(lives, name)(*arguments)
    await lives.reconcile()
    await lives.check_evidence()
    assert audit(evidence_of(lives.network)).discrepancies == ()
    await lives.check_sums()
    assert audit(evidence_of(lives.network)).discrepancies == ()
    return len(history)


@pytest.mark.feature("C-22", "D-05", "D-11", "D-12", "D-13", "D-15", "D-17")
@pytest.mark.timeout(600)
def test_full_wallets_keep_the_promises_of_the_offline_world():
    """In hundreds of steps of real sessions value is conserved and only the copied chip is accused."""
    taken = 0

    @settings(
        max_examples=HISTORIES,
        deadline=None,
        # The same histories in every run: a new one must not fail an unrelated change.
        derandomize=True,
        suppress_health_check=list(HealthCheck),
        phases=(Phase.explicit, Phase.reuse, Phase.generate),
    )
    @given(history=histories)
    def live(history):
        nonlocal taken
        taken += asyncio.run(_live(history))

    live()
    assert taken >= LEAST_STEPS
