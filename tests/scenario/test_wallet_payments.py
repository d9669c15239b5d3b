"""Two real wallets, two real institutions, one process: what a payment does to all of them."""

import asyncio

import pytest

from feiqian.outcomes import Outcome, Refusal
from feiqian.protocol.payment.effects import Finish
from feiqian.testing.links import Faults, linked_pair
from feiqian.testing.network import SimulatedNetwork
from feiqian.testing.wallets import Device, total_minor
from feiqian.wallet.wallet import Wallet


class World:
    """A network, a payer at A with 100.00, and a payee at B."""

    network: SimulatedNetwork
    payer_device: Device
    payee_device: Device
    payer: Wallet
    payee: Wallet

    @classmethod
    async def create(cls, payee_code: str = "B") -> "World":
        world = cls()
        world.network = await SimulatedNetwork.create()
        world.payer_device = Device(world.network, "A", "payer")
        world.payee_device = Device(world.network, payee_code, "payee")
        world.payer = await world.payer_device.start()
        world.payee = await world.payee_device.start()
        await world.payer.withdraw(100_00)
        return world

    async def pay(
        self,
        wanted: int | None,
        asked: int | None,
        *,
        by_identifier: bool = False,
        payer_faults: Faults | None = None,
        payee_faults: Faults | None = None,
    ) -> tuple[Finish, Finish]:
        """Payer's and payee's ends of one session."""
        payee_link, payer_link = linked_pair(payee_faults, payer_faults)
        received = asyncio.ensure_future(self.payee.receive(payee_link, asked))
        paid = await self.payer.pay(payer_link, wanted, by_identifier=by_identifier)
        return paid, await received

    async def balances(self) -> tuple[int, int]:
        payer, payee = await self.payer.balance(), await self.payee.balance()
        return payer.held_minor, payee.held_minor


@pytest.mark.feature("C-01", "C-02", "C-04", "C-05", "C-08", "C-10", "C-15", "C-24")
def test_the_payer_sets_the_amount() -> None:
    """The payer's amount moves, change included, between wallets of different institutions."""

    async def run() -> None:
        world = await World.create()
        paid, received = await world.pay(12_50, None)
        assert (paid.outcome, received.outcome) == (Outcome.ACCEPTED, Outcome.ACCEPTED)
        assert (paid.amount_minor, received.amount_minor) == (12_50, 12_50)
        assert (paid.peer, received.peer) == (world.payee.number, world.payer.number)
        assert await world.balances() == (87_50, 12_50)

    asyncio.run(run())


@pytest.mark.feature("C-03")
@pytest.mark.parametrize("wanted", [None, 30_00])
def test_the_payee_sets_the_amount(wanted: int | None) -> None:
    """The payer takes the payee's amount over the session, or confirms it with the same one."""

    async def run() -> None:
        world = await World.create("A")
        paid, _ = await world.pay(wanted, 30_00)
        assert paid.outcome is Outcome.ACCEPTED
        assert await world.balances() == (70_00, 30_00)

    asyncio.run(run())


@pytest.mark.feature("C-06", "C-22")
def test_identifiers_are_enough_where_the_issuer_knows_the_history() -> None:
    """Payments go by identifier, one after the other, because each renewal makes the change known."""

    async def run() -> None:
        world = await World.create()
        for count in range(1, 4):
            paid, _ = await world.pay(10_00, None, by_identifier=True)
            assert paid.outcome is Outcome.ACCEPTED
            assert await world.balances() == (100_00 - count * 10_00, count * 10_00)
            items = await world.payer.holder.spendable()
            assert all(chain.history_known for chain in items)

    asyncio.run(run())


@pytest.mark.feature("C-07", "C-13")
@pytest.mark.parametrize(
    ("wanted", "asked", "outcome"),
    [
        (None, None, Outcome.AMOUNT_MISMATCH),
        (5_00, 6_00, Outcome.AMOUNT_MISMATCH),
        (50_001_00, None, Outcome.OVER_PAYMENT_LIMIT),
        (100_01, None, Outcome.INSUFFICIENT_BALANCE),
    ],
)
def test_what_cannot_be_agreed_is_refused_before_anything_moves(
    wanted: int | None, asked: int | None, outcome: Outcome
) -> None:
    """Both sides end with the same name, no payment request leaves, and nothing is stored as paid."""

    async def run() -> None:
        world = await World.create()
        paid, received = await world.pay(wanted, asked)
        assert (paid.outcome, received.outcome) == (outcome, outcome)
        assert await world.balances() == (100_00, 0)
        assert [entry.kind for entry in await world.payer.history()] == ["withdrawn"]

    asyncio.run(run())


@pytest.mark.feature("C-22", "C-24")
def test_a_lost_confirmation_is_fetched_by_synchronising() -> None:
    """A payer whose link tears after the request ends pending, and holds the confirmation later."""

    async def run() -> None:
        world = await World.create()
        paid, received = await world.pay(10_00, None, payee_faults=Faults(tear_before=1))
        assert paid.outcome is Outcome.UNAVAILABLE
        assert received.outcome is Outcome.ACCEPTED
        report = await world.payer.synchronise()
        assert (report.settled, report.pending, report.problems) == (1, 0, ())
        assert await world.balances() == (90_00, 10_00)
        assert all(chain.history_known for chain in await world.payer.holder.spendable())

    asyncio.run(run())


@pytest.mark.feature("C-22")
def test_a_lost_request_is_deposited_for_the_payee() -> None:
    """A request that never arrived is submitted by the payer; the payee finds it by synchronising."""

    async def run() -> None:
        world = await World.create()
        paid, received = await world.pay(10_00, None, payer_faults=Faults(tear_before=0))
        assert (paid.outcome, received.outcome) == (Outcome.UNAVAILABLE, Outcome.UNAVAILABLE)
        assert await world.balances() == (90_00, 0)
        await world.payer.synchronise()
        await world.payee.synchronise()
        assert await world.balances() == (90_00, 10_00)

    asyncio.run(run())


@pytest.mark.feature("C-22")
@pytest.mark.parametrize("cashed_already", [True, False])
def test_a_pending_payment_is_handed_over_on_a_later_link(cashed_already: bool) -> None:
    """The same bytes over a later link give the confirmation, whether or not they arrived before."""

    async def run() -> None:
        world = await World.create()
        if cashed_already:
            await world.pay(10_00, None, payee_faults=Faults(tear_before=1))
        else:
            await world.pay(10_00, None, payer_faults=Faults(tear_before=0))
        nonce = next(
            bytes.fromhex(entry.reference)
            for entry in await world.payer.history()
            if entry.kind == "paid"
        )
        payee_link, payer_link = linked_pair()
        receiving = asyncio.ensure_future(world.payee.receive(payee_link, None))
        paid = await world.payer.present_again(payer_link, nonce)
        received = await receiving
        assert paid.outcome is Outcome.ACCEPTED
        assert received.outcome is (Outcome.REPEATED if cashed_already else Outcome.ACCEPTED)
        assert await world.balances() == (90_00, 10_00)

    asyncio.run(run())


@pytest.mark.feature("C-22")
def test_a_silent_manager_leaves_the_payment_pending_on_both_sides() -> None:
    """With the payee's institution cut off nothing is lost; synchronising finishes on both sides."""

    async def run() -> None:
        world = await World.create()
        world.network.courier.cut_off.add("http://b")
        paid, received = await world.pay(10_00, None)
        assert (paid.outcome, received.outcome) == (Outcome.UNAVAILABLE, Outcome.UNAVAILABLE)
        assert (await world.payer.synchronise()).pending == 1
        world.network.courier.cut_off.clear()
        assert (await world.payee.synchronise()).settled == 1
        assert (await world.payer.synchronise()).settled == 1
        assert await world.balances() == (90_00, 10_00)

    asyncio.run(run())


@pytest.mark.feature("C-22")
def test_repeated_messages_change_nothing() -> None:
    """Every message delivered twice makes one payment."""

    async def run() -> None:
        world = await World.create()
        twice = Faults(repeat=frozenset(range(8)))
        paid, received = await world.pay(10_00, None, payer_faults=twice, payee_faults=twice)
        assert (paid.outcome, received.outcome) == (Outcome.ACCEPTED, Outcome.ACCEPTED)
        assert await world.balances() == (90_00, 10_00)

    asyncio.run(run())


@pytest.mark.feature("C-14", "C-19", "P-04")
def test_several_pieces_become_one_and_go_back_to_the_bank() -> None:
    """Converting keeps the sum in one piece; exporting puts it in the account and is recorded."""

    async def run() -> None:
        world = await World.create()
        await world.payer.withdraw(7_00)
        assert await world.payer.convert() == 107_00
        balance = await world.payer.balance()
        assert (balance.held_minor, balance.piece_count) == (107_00, 1)
        exported_minor, totals = await world.payer.export(None)
        assert exported_minor == 107_00
        assert totals.exported_minor == 2 * 107_00
        assert (await world.payer.account()).balance_minor == 1_000_00
        assert total_minor([world.payer_device]) == 0

    asyncio.run(run())


@pytest.mark.feature("P-04", "C-22")
@pytest.mark.parametrize("errand", ["withdraw", "deposit", "convert"])
def test_a_lost_answer_of_the_bank_is_found_again(errand: str) -> None:
    """An errand whose answer was lost is done once, and synchronising brings its result."""

    async def run() -> None:
        world = await World.create()
        await world.payer.withdraw(5_00)
        world.network.courier.losing_answers.add("http://a")
        with pytest.raises(Refusal) as refused:
            await _do(world.payer, errand)
        assert refused.value.outcome is Outcome.TIMED_OUT
        world.network.courier.losing_answers.clear()
        report = await (await world.payer_device.start()).synchronise()
        assert (report.settled, report.pending, report.problems) == (1, 0, ())
        account = await world.payer.account()
        held = total_minor([world.payer_device])
        assert account.balance_minor + held == 1_000_00
        expected = {"withdraw": 115_00, "deposit": 95_00, "convert": 105_00}
        assert held == expected[errand]

    asyncio.run(run())


async def _do(wallet: Wallet, errand: str) -> None:
    if errand == "withdraw":
        await wallet.withdraw(10_00)
    elif errand == "deposit":
        await wallet.deposit(10_00)
    else:
        await wallet.convert()


@pytest.mark.feature("P-03")
def test_an_anonymous_wallet_has_no_bank_account() -> None:
    """Depositing from a wallet without an account is refused before anything leaves its chip."""

    async def run() -> None:
        network = await SimulatedNetwork.create()
        wallet = await Device(network, "A", "anonymous", tier=0).start()
        with pytest.raises(Refusal) as refused:
            await wallet.deposit(None)
        assert refused.value.outcome is Outcome.UNKNOWN_WALLET

    asyncio.run(run())
