"""A network that has lived, for audits: its stores hold every kind of movement.

Payments by full piece and by identifier, within and between institutions, an offline chain, change,
deposit, conversion, a double spend, a settlement, and something in flight.
"""

from dataclasses import dataclass

import pytest

from feiqian.crypto.cbor import VERSION
from feiqian.money.transfer import Acceptor
from feiqian.outcomes import Refusal
from feiqian.testing.audit.auditor import audit
from feiqian.testing.bare_wallets import BareWallet, bring, full_item, identifier_item
from feiqian.testing.network import SimulatedNetwork, url_of
from feiqian.testing.network_evidence import evidence_of
from feiqian.wire.request_envelope import Action
from feiqian.wire.wallet_requests import ConvertResult, DepositResult, RedeemBody

IN_FLIGHT_MINOR = 700


@dataclass
class Lived:
    """A network with a history, and its wallets."""

    network: SimulatedNetwork
    alice: BareWallet
    bob: BareWallet
    carol: BareWallet

    def audit(self):
        return audit(evidence_of(self.network))

    def change(self, party, sql, *parameters):
        """Change a store as only somebody with the file in hands could; it must hit something."""
        changed = self.network.stores[party].run(lambda tx: tx.execute(sql, parameters))
        assert changed >= 1

    def one(self, party, sql, *parameters):
        """The first row of a query."""
        return self.network.stores[party].run(lambda tx: tx.query(sql, parameters))[0]


async def live():
    """Live through it all."""
    network = await SimulatedNetwork.create(("A", "B"))
    alice = await BareWallet.open(network, "A", "alice")
    bob = await BareWallet.open(network, "B", "bob")
    carol = await BareWallet.open(network, "A", "carol")
    lived = Lived(network, alice, bob, carol)
    change = await pay(alice, bob, await alice.withdraw(100_00), 30_00, full_item)
    change = await pay(alice, carol, change, 10_00, identifier_item)
    await _hand_on(alice, bob, carol, change)
    await network.settle()
    for holder in (carol, bob):
        await _redeem(holder, holder.holdings[0], 5_00)
    await _double_spend(bob, carol, await bob.withdraw(20_00))
    await _leave_in_flight(network, alice, bob)
    return lived


async def pay(payer, payee, holding, amount_minor, form):
    """Pay and bring the payment in `form`; the payer's change."""
    nonce = payer.entropy(16)
    handed, change = payer.spend(holding, payee.fingerprint, amount_minor, nonce)
    await bring(payee, nonce, form(handed))
    return change


async def _hand_on(alice, bob, carol, holding):
    """Offline from alice to bob, who hands all of it on to carol."""
    handed, _ = alice.spend(holding, bob.fingerprint, 8_00, alice.entropy(16), Acceptor.CHIP)
    nonce = bob.entropy(16)
    last, _ = bob.spend(handed, carol.fingerprint, 8_00, nonce)
    await bring(carol, nonce, full_item(last))


async def _redeem(holder, holding, amount_minor):
    """Part of a holding into the bank, part converted into one new currency."""
    own = holder.network.institutions[holder.code].office.fingerprint
    paid, change = holder.spend(holding, own, amount_minor, holder.entropy(16))
    await holder.ask(Action.DEPOSIT, RedeemBody(VERSION, (full_item(paid),)), DepositResult)
    paid, _ = holder.spend(change, own, amount_minor, holder.entropy(16))
    await holder.ask(Action.CONVERT, RedeemBody(VERSION, (full_item(paid),)), ConvertResult)


async def _double_spend(payer, payee, holding):
    await pay(payer, payee, holding, 5_00, full_item)
    with pytest.raises(Refusal):
        await pay(payer, payee, holding, 6_00, full_item)


async def _leave_in_flight(network, alice, bob):
    """A redeems for B, and B never hears of it."""
    network.courier.losing_answers.add(url_of("A") + "/v1/cash")
    with pytest.raises(Refusal):
        await pay(alice, bob, await alice.withdraw(7_00), IN_FLIGHT_MINOR, full_item)
    network.courier.losing_answers.clear()
