"""Whatever honest parties do, over links that fail, an audit finds nothing at any moment.

Three institutions, a wallet at each, and a courier that loses requests and answers: payments full
and by identifier, offline chains, repeats, deposits, conversions, restarts, orders and returns,
settlement, attempts to spend twice. A refusal is part of life; a discrepancy is not.
"""

import asyncio
from contextlib import suppress
from dataclasses import dataclass, field

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from feiqian.crypto.cbor import VERSION
from feiqian.institution import standing
from feiqian.money.transfer import Acceptor
from feiqian.outcomes import Refusal
from feiqian.testing.audit.auditor import audit
from feiqian.testing.bare_wallets import BareWallet, bring, full_item, identifier_item
from feiqian.testing.network import CENTRAL_URL, SimulatedNetwork, url_of
from feiqian.testing.network_evidence import evidence_of
from feiqian.wire.items import PaymentItem
from feiqian.wire.request_envelope import Action
from feiqian.wire.wallet_requests import ConvertResult, DepositResult, RedeemBody

CODES = ("A", "B", "C")
RESERVES_MINOR = 50_00
MAX_MINOR = 30_00
FAULTS = ("whole", "cut off", "answer lost")

ACTIONS = (
    "withdraw",
    "pay",
    "pay",
    "pay_twice",
    "hand_on",
    "repeat",
    "deposit",
    "convert",
    "order",
    "give_back",
    "settle",
    "restart",
    "fault",
)

places = st.integers(0, len(CODES) - 1)
amounts = st.integers(1, MAX_MINOR)
steps = st.tuples(
    st.sampled_from(ACTIONS),
    places,
    places,
    amounts,
)
histories = st.lists(steps, min_size=4, max_size=24)


@dataclass
class Life:
    """A network, its wallets, and what was handed over so far."""

    network: SimulatedNetwork
    wallets: list[BareWallet]
    brought: list[tuple[BareWallet, bytes, PaymentItem]] = field(default_factory=list)
    """Payee, nonce and item of everything that was ever brought."""
    orders: int = 0

    async def withdraw(self, who, _other, amount_minor):
        await self.wallets[who].withdraw(amount_minor)

    async def pay(self, who, other, amount_minor):
        holding = self._holding(who)
        if holding is None:
            return
        amount_minor = min(amount_minor, holding.output.amount_minor)
        form = full_item if amount_minor % 2 or holding.transfers else identifier_item
        await self._hand(who, other, holding, amount_minor, form)

    async def pay_twice(self, who, other, amount_minor):
        holding = self._holding(who)
        await self.pay(who, other, amount_minor)
        if holding is not None:
            with suppress(Refusal):
                await self._hand(who, other, holding, holding.output.amount_minor, full_item)

    async def hand_on(self, who, other, amount_minor):
        """Offline: to `other`'s chip, which pays all of it to the next wallet."""
        holding = self._holding(who)
        if holding is None:
            return
        payer, chip = self.wallets[who], self.wallets[other]
        amount_minor = min(amount_minor, holding.output.amount_minor)
        nonce = payer.entropy(16)
        handed, _ = payer.spend(holding, chip.fingerprint, amount_minor, nonce, Acceptor.CHIP)
        await self._hand(other, (other + 1) % len(CODES), handed, amount_minor, full_item)

    async def repeat(self, who, _other, amount_minor):
        if self.brought:
            payee, nonce, item = self.brought[(who + amount_minor) % len(self.brought)]
            await bring(payee, nonce, item)

    async def deposit(self, who, _other, amount_minor):
        await self._redeem(who, amount_minor, Action.DEPOSIT, DepositResult)

    async def convert(self, who, _other, amount_minor):
        await self._redeem(who, amount_minor, Action.CONVERT, ConvertResult)

    async def order(self, who, _other, amount_minor):
        await self._order(who, amount_minor)

    async def give_back(self, who, _other, amount_minor):
        await self._order(who, -amount_minor)

    async def settle(self, _who, _other, _amount_minor):
        await self.network.settle()

    async def restart(self, who, _other, _amount_minor):
        await self.network.restart(CODES[who]).finish_pending()

    async def fault(self, who, other, amount_minor):
        """From now on one party cannot be reached, or its answers are lost, or all is well."""
        courier = self.network.courier
        courier.cut_off.clear()
        courier.losing_answers.clear()
        url = CENTRAL_URL if who == other else url_of(CODES[who]) + "/v1/cash"
        kind = FAULTS[amount_minor % len(FAULTS)]
        if kind == "cut off":
            courier.cut_off.add(url)
        elif kind == "answer lost":
            courier.losing_answers.add(url)

    def _holding(self, who):
        holdings = self.wallets[who].holdings
        return holdings[0] if holdings else None

    async def _hand(self, who, other, holding, amount_minor, form):
        payer, payee = self.wallets[who], self.wallets[other]
        nonce = payer.entropy(16)
        handed, _ = payer.spend(holding, payee.fingerprint, amount_minor, nonce)
        self.brought.append((payee, nonce, form(handed)))
        await bring(*self.brought[-1])

    async def _redeem(self, who, amount_minor, action, result):
        wallet, holding = self.wallets[who], self._holding(who)
        if holding is None:
            return
        own = self.network.institutions[wallet.code].office.fingerprint
        amount_minor = min(amount_minor, holding.output.amount_minor)
        handed, _ = wallet.spend(holding, own, amount_minor, wallet.entropy(16))
        await wallet.ask(action, RedeemBody(VERSION, (full_item(handed),)), result)

    async def _order(self, who, amount_minor):
        self.orders += 1
        office = self.network.institutions[CODES[who]].office
        await standing.order_issuance(office, f"order {self.orders}", amount_minor)


async def _live(history):
    network = await SimulatedNetwork.create(CODES, reserves_minor=RESERVES_MINOR)
    wallets = [await BareWallet.open(network, code, f"wallet {code}") for code in CODES]
    life = Life(network, wallets)
    for wallet in wallets:
        await wallet.withdraw(MAX_MINOR)
    for name, *arguments in history:
        with suppress(Refusal):
            await getattr(life, name)(*arguments)
        _check(network)
    await _calm_down(life)


async def _calm_down(life):
    """All links whole again: what is in flight arrives, and is settled."""
    life.network.courier.cut_off.clear()
    life.network.courier.losing_answers.clear()
    for code in CODES:
        await life.network.restart(code).finish_pending()
    await life.network.settle()
    report = _check(life.network)
    assert all(flight.standing == "refused" for flight in report.in_flight)


def _check(network):
    report = audit(evidence_of(network))
    assert report.discrepancies == ()
    assert report.issued_minor == report.circulating_minor + report.redeemed_minor
    total_minor = report.headroom_minor + report.circulating_minor + report.in_flight_minor
    assert report.platform_minor == total_minor + report.ordered_in_transit_minor
    return report


@pytest.mark.feature("P-06", "P-05", "C-11", "C-15")
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(history=histories)
def test_honest_histories_are_proven_at_every_step(history):
    """After every step of every history, with or without faults, all facts hold."""
    asyncio.run(_live(history))
