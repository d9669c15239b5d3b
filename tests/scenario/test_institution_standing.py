"""An institution's dealings with the platform: orders, returns, and booking what was settled."""

import asyncio

import pytest

from feiqian.crypto.cbor import VERSION
from feiqian.institution import books, standing
from feiqian.outcomes import Outcome, Refusal
from feiqian.testing.audit.auditor import audit
from feiqian.testing.bare_wallets import BareWallet, full_item
from feiqian.testing.network import CENTRAL_URL, SimulatedNetwork
from feiqian.testing.network_evidence import evidence_of
from feiqian.wire.request_envelope import Action
from feiqian.wire.wallet_requests import DepositResult, RedeemBody
from tests.scenario.lived_network import pay

ISSUED_MINOR = 100_00


async def _network():
    return await SimulatedNetwork.create(("A", "B"), reserves_minor=ISSUED_MINOR)


def _books(network, code="A"):
    found = network.balances(code)
    return found.get(books.AUTHORISED, 0), found.get(books.HEADROOM, 0)


def _orders(network):
    [[count]] = network.stores["platform"].run(
        lambda tx: tx.query("SELECT COUNT(*) FROM issuance_orders WHERE institution = 'A'")
    )
    return count


@pytest.mark.feature("P-01")
def test_only_free_headroom_can_be_returned():
    """What is in circulation cannot be returned, and the platform is not even asked."""

    async def run():
        network = await _network()
        alice = await BareWallet.open(network, "A", "alice")
        await alice.withdraw(60_00)
        with pytest.raises(Refusal) as refused:
            await standing.order_issuance(network.institutions["A"].office, "back", -50_00)
        assert refused.value.outcome is Outcome.QUOTA_EXCEEDED
        assert _orders(network) == 1
        await standing.order_issuance(network.institutions["A"].office, "back", -40_00)
        assert _books(network) == (60_00, 0)

    asyncio.run(run())


@pytest.mark.feature("P-01", "P-06")
def test_what_is_being_returned_cannot_be_issued():
    """While the platform's answer is under way the amount is set aside, and the audit holds."""

    async def run():
        network = await _network()
        office = network.institutions["A"].office
        alice = await BareWallet.open(network, "A", "alice")
        network.courier.losing_answers.add(CENTRAL_URL)
        with pytest.raises(Refusal) as lost:
            await standing.order_issuance(office, "back", -70_00)
        assert lost.value.outcome is Outcome.TIMED_OUT
        with pytest.raises(Refusal) as refused:
            await alice.withdraw(31_00)
        assert refused.value.outcome is Outcome.QUOTA_EXCEEDED
        report = audit(evidence_of(network))
        assert report.holds
        assert report.ordered_in_transit_minor == -70_00
        network.courier.losing_answers.clear()
        await standing.order_issuance(office, "back", -70_00)
        assert _books(network) == (30_00, 30_00)
        assert audit(evidence_of(network)).holds

    asyncio.run(run())


@pytest.mark.feature("P-01")
def test_a_refused_return_frees_what_was_set_aside():
    """When the platform refuses, the headroom is free again and the key may be used again."""

    async def run():
        network = await _network()
        office = network.institutions["A"].office
        alice = await BareWallet.open(network, "A", "alice")
        bob = await BareWallet.open(network, "B", "bob")
        await pay(alice, bob, await alice.withdraw(60_00), 60_00, full_item)
        await network.settle()
        await pay(bob, alice, bob.holdings[0], 60_00, full_item)
        paid, _ = alice.spend(alice.holdings[0], office.fingerprint, 60_00, bytes(16))
        await alice.ask(Action.DEPOSIT, RedeemBody(VERSION, (full_item(paid),)), DepositResult)
        assert _books(network) == (40_00, ISSUED_MINOR)
        with pytest.raises(Refusal) as refused:
            await standing.order_issuance(office, "back", -41_00)
        assert refused.value.outcome is Outcome.QUOTA_EXCEEDED
        assert _books(network) == (40_00, ISSUED_MINOR)
        await standing.order_issuance(office, "back", -30_00)
        assert _books(network) == (10_00, 70_00)
        assert audit(evidence_of(network)).holds

    asyncio.run(run())


@pytest.mark.feature("P-05")
def test_claims_settled_in_the_same_cycle_cover_obligations():
    """An institution whose claims and obligations cancel out books both, authorised for nothing."""

    async def run():
        network = await _network()
        alice = await BareWallet.open(network, "A", "alice")
        bob = await BareWallet.open(network, "B", "bob")
        await pay(alice, bob, await alice.withdraw(ISSUED_MINOR), ISSUED_MINOR, full_item)
        await network.settle()
        assert _books(network) == (0, 0)
        await pay(bob, alice, bob.holdings[0], 70_00, full_item)
        await pay(alice, bob, alice.holdings[0], 70_00, full_item)
        await network.settle()
        assert _books(network) == (0, 0)
        assert network.balances("A")["obligations:B"] == 0
        assert network.balances("A")["claims:B"] == 0
        report = audit(evidence_of(network))
        assert report.holds

    asyncio.run(run())


@pytest.mark.feature("P-05")
def test_an_obligation_is_booked_as_far_as_claims_have_arrived():
    """While an answer of the debtor is lost the rest is booked, and all of it when it arrives."""

    async def run():
        network = await _network()
        alice = await BareWallet.open(network, "A", "alice")
        bob = await BareWallet.open(network, "B", "bob")
        await pay(alice, bob, await alice.withdraw(ISSUED_MINOR), ISSUED_MINOR, full_item)
        await network.settle()
        change = await pay(bob, alice, bob.holdings[0], 10_00, full_item)
        network.courier.losing_answers.add("http://b/v1/cash")
        with pytest.raises(Refusal):
            await pay(bob, alice, change, 60_00, full_item)
        network.courier.losing_answers.clear()
        await pay(alice, bob, alice.holdings[0], 10_00, full_item)
        await network.settle()
        assert _books(network) == (0, 0)
        assert audit(evidence_of(network)).holds

    asyncio.run(run())


@pytest.mark.feature("P-07")
def test_the_operators_key_stands_for_one_order():
    """The same order under its key is answered again; another amount under it is refused."""

    async def run():
        network = await _network()
        office = network.institutions["A"].office
        first = await standing.order_issuance(office, "back", -10_00)
        assert await standing.order_issuance(office, "back", -10_00) == first
        with pytest.raises(Refusal) as refused:
            await standing.order_issuance(office, "back", -20_00)
        assert refused.value.outcome is Outcome.KEY_REUSED
        assert _books(network) == (90_00, 90_00)

    asyncio.run(run())
