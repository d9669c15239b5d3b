"""A chip key that two institutions have certified gets every payment once, through one of them."""

import asyncio

import pytest

from feiqian.outcomes import Outcome, Refusal
from feiqian.testing.audit.auditor import audit
from feiqian.testing.bare_wallets import BareWallet, bring, full_item
from feiqian.testing.network import SimulatedNetwork
from feiqian.testing.network_evidence import evidence_of

pytestmark = pytest.mark.feature("C-11")


@pytest.mark.parametrize("first", ["A", "B", "C"])
def test_a_transfer_is_cashed_through_one_institution_only(first):
    """Whoever brings it second is refused, also while other value of the issuer is in flight."""

    async def run():
        network = await SimulatedNetwork.create(("A", "B", "C"))
        alice = await BareWallet.open(network, "A", "alice")
        twins = {
            code: await BareWallet.open(network, code, "twin") for code in network.institutions
        }
        assert len({twin.fingerprint for twin in twins.values()}) == 1
        for code in network.institutions:
            await _leave_in_flight(network, alice, code)
        nonce = alice.entropy(16)
        handed, _ = alice.spend(await alice.withdraw(5_00), twins["A"].fingerprint, 5_00, nonce)
        await bring(twins.pop(first), nonce, full_item(handed))
        for twin in twins.values():
            with pytest.raises(Refusal) as refused:
                await bring(twin, nonce, full_item(handed))
            assert refused.value.outcome is Outcome.WRONG_ADDRESSEE
            assert twin.balance_minor == 0
        assert audit(evidence_of(network)).discrepancies == ()

    asyncio.run(run())


async def _leave_in_flight(network, alice, code):
    """More is owed to `code` than it has credited, so that its totals would cover a mistake."""
    payee = await BareWallet.open(network, code, f"payee {code}")
    nonce = alice.entropy(16)
    handed, _ = alice.spend(await alice.withdraw(9_00), payee.fingerprint, 9_00, nonce)
    if code == "A":
        return
    network.courier.losing_answers.add("http://a/v1/cash")
    with pytest.raises(Refusal):
        await bring(payee, nonce, full_item(handed))
    network.courier.losing_answers.clear()
