"""Real wallets without a network: paid from chip to chip, passed on, and reconciled afterwards."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence

import pytest

from feiqian.institution import books
from feiqian.money.limits import ANONYMOUS_TIER, limits_of
from feiqian.money.offline_policy import DAY_MS
from feiqian.outcomes import Outcome, Refusal
from feiqian.ports import Row, Transaction
from feiqian.protocol.payment.effects import Finish
from feiqian.testing.audit.auditor import audit
from feiqian.testing.links import Faults, linked_pair
from feiqian.testing.network import SimulatedNetwork, url_of
from feiqian.testing.network_evidence import evidence_of
from feiqian.testing.wallets import Device
from feiqian.wallet.payments import Intake
from feiqian.wallet.wallet import Wallet

START_MINOR = 100_00
NAMES = ("anna", "bert", "cleo")
CODES = ("A", "B", "C")


class World:
    """Three institutions, a wallet at each; the first has 100.00, and everybody has the list."""

    network: SimulatedNetwork
    devices: dict[str, Device]
    wallets: dict[str, Wallet]

    @classmethod
    async def create(cls, *, with_list: bool = True) -> "World":
        world = cls()
        world.network = await SimulatedNetwork.create(CODES)
        if with_list:
            await world.network.follow_lists()
        world.devices = {
            name: Device(world.network, code, name) for name, code in zip(NAMES, CODES, strict=True)
        }
        world.wallets = {name: await device.start() for name, device in world.devices.items()}
        await world.wallets["anna"].withdraw(START_MINOR)
        for wallet in world.wallets.values():
            assert (await wallet.synchronise()).problems == ()
        return world

    async def add_anonymous(self, name: str) -> None:
        """One more wallet, of the lowest tier, with the list."""
        self.devices[name] = Device(self.network, "A", name, tier=ANONYMOUS_TIER)
        self.wallets[name] = await self.devices[name].start()
        await self.wallets[name].synchronise()

    def cut_off(self) -> None:
        """No institution can be reached from now on."""
        self.network.courier.cut_off.add("http://")

    def reconnect(self) -> None:
        """Everything can be reached again."""
        self.network.courier.cut_off.clear()

    async def pay(
        self,
        payer: str,
        payee: str,
        amount_minor: int,
        *,
        intake: Intake = Intake.OFFLINE,
        payer_faults: Faults | None = None,
        payee_faults: Faults | None = None,
    ) -> tuple[Finish, Finish]:
        """Payer's and payee's ends of one session."""
        payee_link, payer_link = linked_pair(payee_faults, payer_faults)
        receiving = asyncio.ensure_future(self.wallets[payee].receive(payee_link, None, intake))
        paid = await self.wallets[payer].pay(payer_link, amount_minor, offline=True)
        await payer_link.close()
        return paid, await receiving

    async def present_again(self, payer: str, payee: str) -> tuple[Finish, Finish]:
        """The oldest pending payment over a later link."""
        nonce = next(
            bytes.fromhex(entry.reference)
            for entry in reversed(await self.wallets[payer].history())
            if (entry.kind, entry.standing) == ("paid", "pending")
        )
        payee_link, payer_link = linked_pair()
        receiving = asyncio.ensure_future(
            self.wallets[payee].receive(payee_link, None, Intake.OFFLINE)
        )
        paid = await self.wallets[payer].present_again(payer_link, nonce)
        await payer_link.close()
        return paid, await receiving

    async def held(self) -> tuple[int, ...]:
        """What each chip holds."""
        return tuple([(await self.wallets[name].balance()).held_minor for name in NAMES])

    async def posted_since(self, count: int) -> int:
        """How many requests have gone to any server since."""
        return len(self.network.courier.posted) - count

    async def settle(self) -> None:
        """Synchronise everybody until nothing is open, and audit the books."""
        self.reconnect()
        for _ in range(2):
            for name in NAMES:
                report = await self.wallets[name].synchronise()
        for name in NAMES:
            report = await self.wallets[name].synchronise()
            assert (report.pending, report.unverified_minor, report.problems) == (0, 0, ())
        assert not audit_of(self.network)
        circulating = sum(self.network.balances(code).get(books.CIRCULATION, 0) for code in CODES)
        assert abs(circulating) == START_MINOR == sum(await self.held())


def audit_of(network: SimulatedNetwork) -> Sequence[object]:
    """What contradicts the evidence."""
    return audit(evidence_of(network)).discrepancies


def scenario(story: Callable[[World], Awaitable[None]], *, with_list: bool = True) -> None:
    """Tell one story in a world of its own."""

    async def tell() -> None:
        await story(await World.create(with_list=with_list))

    asyncio.run(tell())


@pytest.mark.feature("C-15", "C-18", "C-24", "D-01", "D-03")
def test_a_payment_needs_no_network() -> None:
    """With every server gone, value moves with its change, and the payer holds a receipt."""

    async def story(world: World) -> None:
        world.cut_off()
        before = len(world.network.courier.posted)
        paid, received = await world.pay("anna", "bert", 12_50)
        assert (paid.outcome, received.outcome) == (Outcome.ACCEPTED, Outcome.ACCEPTED)
        assert "checked by: list 1 of" in received.detail
        assert await world.posted_since(before) == 0
        assert await world.held() == (87_50, 12_50, 0)
        balance = await world.wallets["bert"].balance()
        assert (balance.unverified_minor, balance.spendable_minor) == (12_50, 12_50)
        assert balance.offline_to_receive_minor == limits_of(2).offline_total_minor - 12_50
        await world.settle()

    scenario(story)


@pytest.mark.feature("C-14", "C-18", "C-22", "D-12")
def test_a_piece_goes_round_three_hands_and_home() -> None:
    """A pays B, B pays C, C pays A, all offline; afterwards everything is verified and adds up."""

    async def story(world: World) -> None:
        world.cut_off()
        for payer, payee, amount_minor in (
            ("anna", "bert", 30_00),
            ("bert", "cleo", 20_00),
            ("cleo", "anna", 15_00),
        ):
            paid, _ = await world.pay(payer, payee, amount_minor)
            assert paid.outcome is Outcome.ACCEPTED
        assert await world.held() == (85_00, 10_00, 5_00)
        await world.settle()
        for name in ("bert", "cleo"):
            held_minor = (await world.wallets[name].balance()).held_minor
            assert await world.wallets[name].convert() == held_minor
            chains = await world.wallets[name].holder.spendable()
            assert {chain.issuer for chain in chains} == {world.devices[name].code}
        assert await world.held() == (85_00, 10_00, 5_00)
        assert not audit_of(world.network)

    scenario(story)


@pytest.mark.feature("C-14", "P-04")
def test_foreign_currency_becomes_bank_money() -> None:
    """What was received offline from another institution's wallet goes to the own bank account."""

    async def story(world: World) -> None:
        world.cut_off()
        await world.pay("anna", "bert", 30_00)
        world.reconnect()
        before_minor = (await world.wallets["bert"].account()).balance_minor
        await world.wallets["bert"].deposit(12_00)
        assert (await world.wallets["bert"].account()).balance_minor == before_minor + 12_00
        assert await world.held() == (70_00, 18_00, 0)
        assert not audit_of(world.network)

    scenario(story)


@pytest.mark.feature("D-12", "C-06")
def test_verifying_makes_chains_short() -> None:
    """Once verified, what was received is one signature long, and is paid on by identifier."""

    async def story(world: World) -> None:
        world.cut_off()
        await world.pay("anna", "bert", 30_00)
        world.reconnect()
        report = await world.wallets["bert"].synchronise()
        assert (report.unverified_minor, report.problems) == (0, ())
        (chain,) = await world.wallets["bert"].holder.spendable()
        assert chain.history_known
        (entry,) = await world.wallets["bert"].history()
        assert (entry.verification, entry.checked_by) == ("verified", "back end")

    scenario(story)


@pytest.mark.feature("D-02", "D-04")
def test_with_a_connection_the_back_end_verifies_at_once() -> None:
    """The chip takes the payment in, but the issuer has verified it before: nothing is left to do."""

    async def story(world: World) -> None:
        _, received = await world.pay("anna", "bert", 30_00, intake=Intake.CHIP)
        assert "checked by: back end" in received.detail
        assert (await world.wallets["bert"].balance()).unverified_minor == 0
        (chain,) = await world.wallets["bert"].holder.spendable()
        assert chain.history_known
        await world.settle()

    scenario(story)


class Untouchable:
    """A network that nobody may use."""

    async def post(self, url: str, body: bytes) -> bytes:
        raise AssertionError(url)

    async def get(self, url: str) -> bytes:
        raise AssertionError(url)


@pytest.mark.feature("D-03")
def test_who_wants_no_network_touches_none() -> None:
    """Forced offline nothing is sent or read, whatever comes: not even what a manager must cash."""

    async def story(world: World) -> None:
        payee_link, payer_link = linked_pair(None, Faults(tear_before=0))
        receiving = asyncio.ensure_future(world.wallets["bert"].receive(payee_link, None))
        await world.wallets["anna"].pay(payer_link, 10_00)
        await receiving
        nothing = Untouchable()
        world.wallets["bert"] = await world.devices["bert"].start(courier=nothing, library=nothing)
        _, received = await world.pay("anna", "bert", 30_00, intake=Intake.OFFLINE)
        assert "checked by: list" in received.detail
        _, received = await world.present_again("anna", "bert")
        assert received.outcome is Outcome.UNAVAILABLE
        assert await world.held() == (60_00, 30_00, 0)

    scenario(story)


@pytest.mark.feature("D-11")
@pytest.mark.parametrize("with_list", [True, False])
def test_a_connection_lost_during_the_check(with_list: bool) -> None:
    """Reached by the probe and lost in the check: the list decides, or the payment waits for sync."""

    async def story(world: World) -> None:
        world.network.courier.cut_off.add(url_of("B") + "/v1/verifications")
        paid, received = await world.pay("anna", "bert", 30_00, intake=Intake.CHIP)
        if with_list:
            assert "checked by: list 1" in received.detail
            assert paid.outcome is Outcome.ACCEPTED
        else:
            assert (paid.outcome, received.outcome) == (Outcome.UNAVAILABLE, Outcome.UNAVAILABLE)
            assert "stale_list" in received.detail
            assert await world.held() == (70_00, 0, 0)
        await world.settle()
        assert await world.held() == (70_00, 30_00, 0)

    scenario(story, with_list=with_list)


@pytest.mark.feature("D-11", "D-16")
def test_without_a_list_no_session_is_opened() -> None:
    """A payee that could verify nothing refuses by name before anybody signs anything."""

    async def story(world: World) -> None:
        world.cut_off()
        payee_link, _ = linked_pair()
        with pytest.raises(Refusal) as refused:
            await world.wallets["bert"].receive(payee_link, None, Intake.CHIP)
        assert refused.value.outcome is Outcome.STALE_LIST

    scenario(story, with_list=False)


@pytest.mark.feature("D-16")
@pytest.mark.parametrize(("days", "percent"), [(2, 50), (6, 20)])
def test_an_older_list_lowers_what_is_offered(days: int, percent: int) -> None:
    """The payee's offer says how much its list is good for, and the payer keeps to it."""

    async def story(world: World) -> None:
        await world.wallets["anna"].withdraw(800_00)
        world.cut_off()
        world.network.clock.advance(days * DAY_MS)
        most = limits_of(2).offline_payment_minor * percent // 100
        paid, _ = await world.pay("anna", "bert", most + 1)
        assert paid.outcome is Outcome.OVER_OFFLINE_LIMIT
        paid, _ = await world.pay("anna", "bert", most)
        assert paid.outcome is Outcome.ACCEPTED

    scenario(story)


@pytest.mark.feature("D-05", "D-12")
def test_what_turns_out_to_be_anomalous_is_not_passed_on() -> None:
    """A copied chip pays twice; the second payee learns it by synchronising, and holds it apart."""

    async def story(world: World) -> None:
        world.cut_off()
        image, chains = copy_of(world.devices["anna"])
        await world.pay("anna", "bert", 30_00)
        restore(world.devices["anna"], image, chains)
        world.wallets["anna"] = await restarted(world.devices["anna"])
        await world.pay("anna", "cleo", 40_00)
        world.reconnect()
        assert (await world.wallets["bert"].synchronise()).problems == ()
        report = await world.wallets["cleo"].synchronise()
        (problem,) = report.problems
        assert problem.startswith("double_spent: 40.00 received offline from ")
        balance = await world.wallets["cleo"].balance()
        assert (balance.held_minor, balance.spendable_minor) == (40_00, 0)
        (entry,) = await world.wallets["cleo"].history()
        assert entry.verification == "anomalous"
        assert (await world.wallets["cleo"].synchronise()).problems == ()

    scenario(story)


@pytest.mark.feature("D-05", "D-12")
def test_what_is_left_of_an_anomalous_piece_is_not_passed_on_either() -> None:
    """Who paid part of it on before learning what it is keeps the change apart as well."""

    async def story(world: World) -> None:
        world.cut_off()
        image, chains = copy_of(world.devices["anna"])
        await world.pay("anna", "bert", 30_00)
        restore(world.devices["anna"], image, chains)
        world.wallets["anna"] = await restarted(world.devices["anna"])
        await world.pay("anna", "cleo", 40_00)
        await world.pay("cleo", "bert", 10_00)
        world.reconnect()
        assert len((await world.wallets["bert"].synchronise()).problems) == 1
        assert len((await world.wallets["cleo"].synchronise()).problems) == 1
        balance = await world.wallets["cleo"].balance()
        assert (balance.held_minor, balance.spendable_minor) == (30_00, 0)
        assert (await world.wallets["bert"].balance()).spendable_minor == 30_00

    scenario(story)


@pytest.mark.feature("C-22", "D-12")
def test_what_was_paid_together_with_void_currency_is_worth_what_it_says() -> None:
    """Of a payment of two pieces only the anomalous one is lost to its payee."""

    async def story(world: World) -> None:
        await world.wallets["cleo"].withdraw(5_00)
        world.cut_off()
        image, chains = copy_of(world.devices["anna"])
        await world.pay("anna", "bert", 30_00)
        restore(world.devices["anna"], image, chains)
        world.wallets["anna"] = await restarted(world.devices["anna"])
        await world.pay("anna", "cleo", 40_00)
        world.reconnect()
        await world.wallets["bert"].synchronise()
        world.cut_off()
        await world.pay("cleo", "bert", 43_00)
        world.reconnect()
        (problem,) = (await world.wallets["bert"].synchronise()).problems
        balance = await world.wallets["bert"].balance()
        void_minor = balance.held_minor - balance.spendable_minor
        assert f": {void_minor // 100}.{void_minor % 100:02} received offline" in problem
        assert void_minor in {38_00, 40_00}
        await world.wallets["bert"].deposit(None)
        assert (await world.wallets["bert"].balance()).held_minor == void_minor

    scenario(story)


def copy_of(device: Device) -> tuple[bytes, list[Row]]:
    """A chip's memory and its host's chains: what no honest chip lets anybody copy."""
    chains = device.store.run(lambda tx: tx.query("SELECT * FROM chains"))
    return device.chip.memory.load(), chains


def restore(device: Device, image: bytes, chains: list[Row]) -> None:
    """Put the copy back."""
    device.chip.memory.commit(image)

    def job(tx: Transaction) -> None:
        tx.execute("DELETE FROM chains")
        for row in chains:
            tx.execute("INSERT INTO chains VALUES (?, ?, ?, ?, ?)", row)

    device.store.run(job)


async def restarted(device: Device) -> Wallet:
    """The wallet anew, without a network."""
    device.chip.reset()
    return await device.start()


@pytest.mark.feature("D-05")
def test_a_listed_piece_is_refused_offline() -> None:
    """Once the double spend is listed, who has the list refuses what came of it without a network."""

    async def story(world: World) -> None:
        world.cut_off()
        image, chains = copy_of(world.devices["anna"])
        await world.pay("anna", "bert", 30_00)
        restore(world.devices["anna"], image, chains)
        world.wallets["anna"] = await restarted(world.devices["anna"])
        await world.pay("anna", "cleo", 40_00)
        world.reconnect()
        for name in ("bert", "cleo"):
            await world.wallets[name].synchronise()
        await world.network.follow_lists()
        await world.wallets["bert"].synchronise()
        world.cut_off()
        paid, received = await world.pay("anna", "bert", 5_00)
        assert received.outcome is Outcome.DOUBLE_SPENT
        assert paid.outcome is Outcome.UNAVAILABLE
        assert (await world.wallets["bert"].balance()).held_minor == 30_00
        told = {
            (each.standing, each.checked_by[:6]) for each in await world.wallets["bert"].history()
        }
        assert told == {("done", "back e"), ("refused", "list 2")}

    scenario(story)


@pytest.mark.feature("C-22", "C-24")
def test_a_lost_receipt_comes_again() -> None:
    """The same bytes over a later link give the same receipt, and nothing moves twice."""

    async def story(world: World) -> None:
        world.cut_off()
        paid, received = await world.pay("anna", "bert", 10_00, payee_faults=Faults(tear_before=1))
        assert (paid.outcome, received.outcome) == (Outcome.UNAVAILABLE, Outcome.ACCEPTED)
        paid, received = await world.present_again("anna", "bert")
        assert (paid.outcome, received.outcome) == (Outcome.ACCEPTED, Outcome.REPEATED)
        assert await world.held() == (90_00, 10_00, 0)
        await world.settle()

    scenario(story)


@pytest.mark.feature("C-22")
@pytest.mark.parametrize("sessions_between", [0, 20])
def test_a_lost_request_is_handed_over_later(sessions_between: int) -> None:
    """However many sessions the payee has opened meanwhile, the payment still enters."""

    async def story(world: World) -> None:
        world.cut_off()
        paid, _ = await world.pay("anna", "bert", 10_00, payer_faults=Faults(tear_before=0))
        assert paid.outcome is Outcome.UNAVAILABLE
        for _ in range(sessions_between):
            await world.pay("anna", "bert", START_MINOR * 10)
        paid, received = await world.present_again("anna", "bert")
        assert (paid.outcome, received.outcome) == (Outcome.ACCEPTED, Outcome.ACCEPTED)
        assert await world.held() == (90_00, 10_00, 0)
        await world.settle()

    scenario(story)


@pytest.mark.feature("C-22", "D-16")
def test_what_a_wrong_entry_refused_can_be_presented_again() -> None:
    """An anomaly is final for the session, not for the value: without the entry it is taken in."""

    async def story(world: World) -> None:
        world.cut_off()
        await world.pay("anna", "bert", 10_00, payer_faults=Faults(tear_before=0))
        refused = "UPDATE sessions SET stage = 'refused' WHERE stage = 'offered'"
        assert world.devices["bert"].store.run(lambda tx: tx.execute(refused)) == 1
        paid, received = await world.present_again("anna", "bert")
        assert (paid.outcome, received.outcome) == (Outcome.ACCEPTED, Outcome.ACCEPTED)
        assert await world.held() == (90_00, 10_00, 0)

    scenario(story)


@pytest.mark.feature("C-22", "P-03")
def test_what_has_no_room_waits_for_synchronising() -> None:
    """A payment that was signed when there was room enters once the chip has room again."""

    async def story(world: World) -> None:
        await world.add_anonymous("dora")
        await world.wallets["anna"].withdraw(500_00)
        await world.pay("anna", "dora", 10_00, payer_faults=Faults(tear_before=0))
        await world.wallets["anna"].synchronise()
        for amount_minor in (200_00, 200_00, 100_00):
            paid, _ = await world.pay("anna", "dora", amount_minor)
            assert paid.outcome is Outcome.ACCEPTED
        report = await world.wallets["dora"].synchronise()
        assert (report.pending, report.unverified_minor) == (1, 0)
        assert (await world.wallets["dora"].synchronise()).pending == 0
        assert (await world.wallets["dora"].balance()).held_minor == 510_00

    scenario(story)


@pytest.mark.feature("C-22")
def test_a_lost_request_goes_by_the_mailbox() -> None:
    """The payer leaves it at the payee's institution; the payee's chip takes it in by synchronising."""

    async def story(world: World) -> None:
        world.cut_off()
        await world.pay("anna", "bert", 10_00, payer_faults=Faults(tear_before=0))
        world.reconnect()
        assert (await world.wallets["anna"].synchronise()).pending == 1
        assert (await world.wallets["anna"].synchronise()).pending == 1
        report = await world.wallets["bert"].synchronise()
        assert (report.settled, report.problems) == (1, ())
        assert await world.held() == (90_00, 10_00, 0)
        assert (await world.wallets["anna"].synchronise()).pending == 0
        await world.settle()

    scenario(story)


@pytest.mark.feature("C-11", "C-22")
def test_no_manager_cashes_what_a_chip_takes_in() -> None:
    """An offline payment that is presented at a manager is refused by name."""

    async def story(world: World) -> None:
        paid, _ = await world.pay("anna", "bert", 10_00, payer_faults=Faults(tear_before=0))
        assert paid.outcome is Outcome.UNAVAILABLE
        rows = world.devices["anna"].store.run(
            lambda tx: tx.query("SELECT full_request FROM sessions WHERE stage = 'signed'")
        )
        with pytest.raises(Refusal) as refused:
            await world.network.courier.post(url_of("B") + "/v1/payments", rows[0][0])
        assert refused.value.outcome is Outcome.WRONG_SESSION

    scenario(story)


@pytest.mark.feature("P-03", "W-10")
def test_synchronising_begins_the_limits_anew() -> None:
    """What was paid and received offline counts until the institution has been in touch again."""

    async def story(world: World) -> None:
        world.cut_off()
        await world.pay("anna", "bert", 40_00)
        whole = limits_of(2).offline_total_minor
        balance = await world.wallets["anna"].balance()
        assert balance.offline_to_pay_minor == whole - 40_00
        synchronised_at_ms = balance.synchronised_at_ms
        assert synchronised_at_ms is not None
        await world.wallets["anna"].synchronise()
        assert (await world.wallets["anna"].balance()).offline_to_pay_minor == whole - 40_00
        world.reconnect()
        world.network.clock.advance(1_000)
        for name in ("anna", "bert"):
            await world.wallets[name].synchronise()
            balance = await world.wallets[name].balance()
            assert balance.offline_to_pay_minor == balance.offline_to_receive_minor == whole
            assert balance.synchronised_at_ms == synchronised_at_ms + 1_000

    scenario(story)


@pytest.mark.feature("D-12", "P-03")
def test_the_limits_stay_while_something_is_unverified() -> None:
    """As long as an issuer cannot be asked, the chip's offline totals do not begin anew."""

    async def story(world: World) -> None:
        world.cut_off()
        await world.pay("anna", "bert", 40_00)
        world.reconnect()
        world.network.courier.cut_off.add(url_of("A"))
        report = await world.wallets["bert"].synchronise()
        assert report.unverified_minor == 40_00
        balance = await world.wallets["bert"].balance()
        assert balance.offline_to_receive_minor == limits_of(2).offline_total_minor - 40_00

    scenario(story)


@pytest.mark.feature("P-03", "D-09")
def test_a_piece_passes_so_many_hands_and_no_more() -> None:
    """A payer does not offer what the payee's tier would refuse; verified, the piece goes on."""

    async def story(world: World) -> None:
        await world.add_anonymous("dora")
        world.cut_off()
        whole = START_MINOR
        for payer, payee in (("anna", "bert"), ("bert", "cleo"), ("cleo", "bert")):
            paid, _ = await world.pay(payer, payee, whole)
            assert paid.outcome is Outcome.ACCEPTED
        paid, _ = await world.pay("bert", "dora", whole)
        assert paid.outcome is Outcome.INSUFFICIENT_BALANCE
        world.reconnect()
        await world.wallets["bert"].synchronise()
        world.cut_off()
        paid, _ = await world.pay("bert", "dora", whole)
        assert paid.outcome is Outcome.ACCEPTED

    scenario(story)


@pytest.mark.feature("C-22", "D-12")
def test_synchronising_twice_is_synchronising_once() -> None:
    """After everything was reconciled, synchronising again finds nothing and changes nothing."""

    async def story(world: World) -> None:
        world.cut_off()
        await world.pay("anna", "bert", 30_00)
        await world.pay("bert", "cleo", 10_00)
        await world.settle()
        before = await world.held()
        for name in NAMES:
            report = await world.wallets[name].synchronise()
            assert (report.settled, report.pending, report.loaded_minor) == (0, 0, 0)
        assert await world.held() == before

    scenario(story)
