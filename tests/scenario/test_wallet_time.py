"""Wallets whose local clocks are wrong: what they know of the time, and what they do without it."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace

import pytest

from feiqian.money.offline_policy import DAY_MS
from feiqian.money.transfer import parse_transfer
from feiqian.outcomes import Outcome, Refusal
from feiqian.protocol.payment.effects import Finish
from feiqian.protocol.payment.verification import ConnectionRule
from feiqian.testing.links import linked_pair
from feiqian.testing.network import RoutingCourier, SimulatedNetwork
from feiqian.testing.timed_devices import TimedDevice
from feiqian.timing.belief import CONTRADICTIONS_TO_VOID
from feiqian.timing.moment import Moment
from feiqian.wallet.overdue import OfflineStanding, OverdueAction, OverdueRule
from feiqian.wallet.payments import Intake
from feiqian.wallet.rules import WalletRules
from feiqian.wallet.status import status_of
from feiqian.wallet.taken import unverified
from feiqian.wallet.timekeeping import UNKNOWN_RADIUS_MS, known_or_none
from feiqian.wallet.wallet import Wallet
from feiqian.wire.time_statement import TIME_PATH

WEEK_MS = 7 * DAY_MS
START_MINOR = 100_00


class World:
    """Anna, whose clock is a week fast and drifts, and Bert, whose clock is a week slow."""

    network: SimulatedNetwork
    anna: TimedDevice
    bert: TimedDevice
    wallets: dict[str, Wallet]

    @classmethod
    async def create(cls, rules: WalletRules | None = None) -> "World":
        world = cls()
        world.network = await SimulatedNetwork.create(("A", "B"))
        await world.network.follow_lists()
        world.anna = TimedDevice(world.network, "A", "anna", offset_ms=WEEK_MS, ppm=100)
        world.bert = TimedDevice(world.network, "B", "bert", offset_ms=-WEEK_MS, ppm=-80)
        if rules is not None:
            world.anna.rules = world.bert.rules = rules
        world.wallets = {"anna": await world.anna.start(), "bert": await world.bert.start()}
        await world.wallets["anna"].withdraw(START_MINOR)
        for wallet in world.wallets.values():
            assert (await wallet.synchronise()).problems == ()
        return world

    @property
    def truth_ms(self) -> int:
        """What time it really is."""
        return self.network.clock.moment.midpoint_ms

    def leave(self, for_ms: int) -> None:
        """Lose the network, and let time pass."""
        self.network.courier.cut_off.add("http://")
        self.network.clock.advance(for_ms)

    async def pay_offline(self, amount_minor: int = 10_00) -> tuple[Finish, Finish]:
        """Anna pays Bert, chip to chip."""
        payee_link, payer_link = linked_pair()
        receiving = asyncio.ensure_future(
            self.wallets["bert"].receive(payee_link, None, Intake.OFFLINE)
        )
        try:
            paid = await self.wallets["anna"].pay(payer_link, amount_minor, offline=True)
        finally:
            await payer_link.close()
        return paid, await receiving


def scenario(story: Callable[[World], Awaitable[None]], rules: WalletRules | None = None) -> None:
    """Tell one story in a world of its own."""

    async def tell() -> None:
        await story(await World.create(rules))

    asyncio.run(tell())


@pytest.mark.feature("W-08")
def test_transactions_carry_the_true_moment_though_local_clocks_are_weeks_apart():
    """Days offline, with local clocks a week wrong, a signed transfer still says when it was."""

    async def story(world: World) -> None:
        for _ in range(6):
            world.leave(DAY_MS)
            for device in (world.anna, world.bert):
                assert await device.timekeeper(online=False).update() == ()
                assert device.truth_is_inside()
        paid, received = await world.pay_offline()
        assert (paid.outcome, received.outcome) == (Outcome.ACCEPTED, Outcome.ACCEPTED)
        (taken,) = await world.bert.store.read(unverified)
        suite = world.bert.suite
        moment = parse_transfer(suite, taken.request.items[0].transfers[-1]).value.moment
        assert moment.earliest_ms <= world.truth_ms <= moment.latest_ms
        assert moment.radius_ms <= 1_000
        assert abs(world.anna.oscillator.read().wall_ms - world.truth_ms) > WEEK_MS

    scenario(story)


@pytest.mark.feature("W-08")
def test_hold_over_keeps_the_truth_without_any_source():
    """With neither sky nor network the interval grows with the drift, and the truth stays inside."""

    async def story(world: World) -> None:
        world.anna.receiver.silent = True
        radii = []
        for _ in range(20):
            world.leave(DAY_MS)
            problems = await world.anna.timekeeper(online=True).update()
            outcomes = [problem.outcome for problem in problems]
            assert outcomes == [Outcome.FIX_MISSING, Outcome.UNAVAILABLE]
            assert world.anna.truth_is_inside()
            radii.append(world.anna.clock.now().radius_ms)
        assert radii == sorted(radii)
        assert 20 * 8_640 <= radii[-1] <= 20 * 8_640 + 1_000

    scenario(story)


@pytest.mark.feature("W-03", "W-08")
def test_what_is_believed_survives_a_restart():
    """A client that starts anew, offline, knows the time as well as before."""

    async def story(world: World) -> None:
        world.leave(DAY_MS)
        before = world.anna.clock.now()
        world.wallets["anna"] = await world.anna.start()
        assert world.anna.clock.now() == before
        assert world.anna.truth_is_inside()
        status = await status_of(world.wallets["anna"].holder, world.anna.clock)
        assert status.overdue.offline is not None
        assert status.overdue.offline.at_least_ms <= DAY_MS <= status.overdue.offline.at_most_ms

    scenario(story)


@pytest.mark.feature("W-12")
@pytest.mark.parametrize("source", ["gnss:gps", "gnss:galileo", "loran", "radio clock"])
def test_any_source_of_fixes_fits(source: str):
    """What tells the time is known by its name alone; every kind is judged alike."""

    async def story(world: World) -> None:
        world.anna.receiver.source = source
        world.leave(DAY_MS)
        assert await world.anna.timekeeper(online=False).update() == ()
        assert world.anna.clock.status().source == source
        assert world.anna.truth_is_inside()

    scenario(story)


@pytest.mark.feature("W-12")
def test_the_institution_tells_the_time_where_there_is_no_sky():
    """The platform's side is one more source behind the same port."""

    async def story(world: World) -> None:
        world.network.clock.advance(DAY_MS)
        assert await world.anna.timekeeper(hears=False).update() == ()
        assert world.anna.clock.status().source == "platform"
        assert world.anna.clock.now().radius_ms < 10

    scenario(story)


@pytest.mark.feature("W-11")
@pytest.mark.parametrize(
    ("lie_ms", "outcome"),
    [
        (3 * DAY_MS, Outcome.FIX_JUMPED),
        (-DAY_MS // 2, Outcome.FIX_JUMPED),
        (-20 * DAY_MS, Outcome.FIX_BACKWARD),
        (3_000 * DAY_MS, Outcome.FIX_JUMPED),
    ],
)
def test_a_lying_sky_is_refused_and_triggers_nothing(lie_ms: int, outcome: Outcome):
    """Spoofed fixes are refused by name; the hold-over goes on, and no wallet becomes overdue."""

    async def story(world: World) -> None:
        world.leave(DAY_MS)
        world.anna.receiver.lie_ms = lie_ms
        problems = await world.anna.timekeeper(online=False).update()
        assert {problem.outcome for problem in problems} == {outcome}
        assert world.anna.truth_is_inside()
        status = await status_of(world.wallets["anna"].holder, world.anna.clock)
        assert status.time.known
        assert status.overdue.standing is not OfflineStanding.OVERDUE

    scenario(story)


@pytest.mark.feature("W-11")
def test_a_stubborn_contradiction_makes_the_time_unknown_and_the_network_heals_it():
    """Fixes that keep contradicting end the belief: then offline nothing moves until one is sure."""

    async def story(world: World) -> None:
        world.leave(DAY_MS)
        world.anna.receiver.lie_ms = 10 * DAY_MS
        for _ in range(CONTRADICTIONS_TO_VOID):
            if world.anna.clock.known() is not None:
                await world.anna.timekeeper(online=False).take(await world.anna.receiver.fix())
        assert world.anna.clock.known() is None
        status = await status_of(world.wallets["anna"].holder, world.anna.clock)
        assert status.overdue.standing is OfflineStanding.UNKNOWN
        paid, _ = await world.pay_offline()
        assert paid.outcome is Outcome.TIME_UNKNOWN
        world.network.courier.cut_off.clear()
        await world.anna.timekeeper(hears=False).update()
        assert world.anna.truth_is_inside()
        assert world.anna.clock.now().radius_ms < 10
        world.leave(0)
        paid, _ = await world.pay_offline()
        assert paid.outcome is Outcome.ACCEPTED

    scenario(story)


@pytest.mark.feature("W-11")
def test_a_clock_set_back_leaves_the_wallet_safe():
    """After its local clock was set back the wallet neither pays nor receives offline, by name."""

    async def story(world: World) -> None:
        world.leave(DAY_MS)
        world.bert.oscillator.offset_ms -= 2 * DAY_MS
        assert world.bert.clock.known() is None
        assert world.bert.clock.now().radius_ms == UNKNOWN_RADIUS_MS
        payee_link, _ = linked_pair()
        with pytest.raises(Refusal) as refused:
            await world.wallets["bert"].receive(payee_link, None, Intake.CHIP)
        assert refused.value.outcome is Outcome.TIME_UNKNOWN
        status = await status_of(world.wallets["bert"].holder, world.bert.clock)
        assert not status.time.known
        assert status.overdue.standing is OfflineStanding.UNKNOWN
        assert status.actions == ()
        assert await world.bert.timekeeper(online=False).update() == ()
        assert world.bert.truth_is_inside()

    scenario(story)


@pytest.mark.feature("W-11")
def test_unknown_time_does_not_stop_what_is_done_online():
    """Without any idea of the time a wallet learns it from its institution, and goes on online."""

    async def story(world: World) -> None:
        world.bert.oscillator.offset_ms = -(10**12)
        world.wallets["bert"] = await world.bert.start()
        assert world.bert.truth_is_inside()
        payee_link, payer_link = linked_pair()
        receiving = asyncio.ensure_future(world.wallets["bert"].receive(payee_link, 5_00))
        paid = await world.wallets["anna"].pay(payer_link, None)
        assert paid.outcome is Outcome.ACCEPTED
        assert (await receiving).outcome is Outcome.ACCEPTED

    scenario(story)


@pytest.mark.feature("W-11")
def test_a_belief_before_the_chips_own_past_is_dropped():
    """What the chip has seen signed since contradicts the hold-over, and the chip is right."""

    async def story(world: World) -> None:
        belief = world.anna.clock.belief
        world.network.clock.advance(DAY_MS)
        await world.anna.timekeeper(hears=False).update()
        await world.wallets["anna"].synchronise()
        world.anna.oscillator.offset_ms -= DAY_MS - 1_000
        world.anna.clock.belief = belief
        world.leave(0)
        world.anna.receiver.silent = True
        await world.anna.timekeeper().update()
        assert world.anna.clock.known() is None

    scenario(story)


class _Untouchable:
    """A library that nobody may ask."""

    async def get(self, url: str) -> bytes:
        raise AssertionError(f"expected no network to be touched, not {url}")


@pytest.mark.feature("W-01")
def test_a_wallet_that_is_to_stay_offline_tells_its_status_without_any_probe():
    """The status says that nobody was asked, though the network is there."""

    async def story(world: World) -> None:
        holder = world.wallets["anna"].holder
        alone = replace(holder, around=replace(holder.around, library=_Untouchable()))
        status = await status_of(alone, world.anna.clock, stays_offline=True)
        assert (status.connection.connected, status.connection.probed) == (False, False)
        assert (await status_of(holder, world.anna.clock)).connection.connected

    scenario(story)


class _Replaying(RoutingCourier):
    """Answers questions for the time with what was answered before."""

    def __init__(self, network: SimulatedNetwork) -> None:
        super().__init__(network.courier.handlers, published=network.courier.published)
        self.first: bytes | None = None

    async def post(self, url: str, body: bytes) -> bytes:
        answer = await super().post(url, body)
        if not url.endswith(TIME_PATH):
            return answer
        self.first = self.first or answer
        return self.first


@pytest.mark.feature("W-11")
def test_an_old_statement_answers_no_new_question():
    """Whoever plays back what the institution said an hour ago is found out by the nonce."""

    async def story(world: World) -> None:
        keeper = world.anna.timekeeper(hears=False)
        assert keeper.institution is not None
        replaying = _Replaying(world.network)
        object.__setattr__(keeper.institution, "courier", replaying)
        assert await keeper.update(anew=True) == ()
        world.network.clock.advance(DAY_MS)
        (problem,) = await keeper.update(anew=True)
        assert problem.outcome is Outcome.WRONG_SESSION
        assert world.anna.truth_is_inside()

    scenario(story)


@pytest.mark.feature("W-09")
def test_an_overdue_wallet_is_restricted_until_it_is_synchronised_if_its_rule_says_so():
    """Overdue by its own rule, a wallet pays nothing offline, warns, and works again after contact."""
    restrict = frozenset({OverdueAction.RESTRICT, OverdueAction.WARN})

    async def story(world: World) -> None:
        world.leave(2 * DAY_MS + 60_000)
        for device in (world.anna, world.bert):
            await device.timekeeper(online=False).update()
        status = await status_of(world.wallets["anna"].holder, world.anna.clock)
        assert status.overdue.standing is OfflineStanding.OVERDUE
        assert set(status.actions) == restrict
        with pytest.raises(Refusal) as refused:
            await world.wallets["bert"].receive(linked_pair()[0], None, Intake.OFFLINE)
        assert refused.value.outcome is Outcome.OVERDUE
        world.network.courier.cut_off.clear()
        await world.network.follow_lists()
        for wallet in world.wallets.values():
            assert (await wallet.synchronise()).problems == ()
        world.leave(60_000)
        paid, _ = await world.pay_offline()
        assert paid.outcome is Outcome.ACCEPTED

    scenario(story, WalletRules(overdue=OverdueRule(2 * DAY_MS, restrict)))


@pytest.mark.feature("W-09")
def test_without_that_rule_overdue_only_warns():
    """By default an overdue wallet is told so, and still pays."""

    async def story(world: World) -> None:
        world.leave(4 * DAY_MS)
        for device in (world.anna, world.bert):
            await device.timekeeper(online=False).update()
        status = await status_of(world.wallets["anna"].holder, world.anna.clock)
        assert status.overdue.standing is OfflineStanding.OVERDUE
        assert OverdueAction.WARN in status.actions
        paid, _ = await world.pay_offline()
        assert paid.outcome is Outcome.ACCEPTED

    scenario(story)


@pytest.mark.feature("W-01")
@pytest.mark.parametrize("attempts", [1, 3])
def test_connection_is_what_the_rule_says(attempts: int):
    """Probes are made as often as the rule says, any answer counts, and the holder is shown both."""

    async def story(world: World) -> None:
        wallet, courier = world.wallets["anna"], world.network.courier
        asked: list[str] = []
        silent = True

        async def answer(name: str) -> bytes:
            asked.append(name)
            if silent or len(asked) < attempts:
                raise Refusal(Outcome.UNAVAILABLE, "nobody answers")
            raise Refusal(Outcome.UNKNOWN_IDENTIFIER, "an answer all the same")

        for prefix in courier.published:
            courier.published[prefix] = answer
        status = await status_of(wallet.holder, world.anna.clock)
        assert (status.connection.connected, len(asked)) == (False, attempts)
        assert status.connection.attempts == attempts
        silent = False
        asked.clear()
        status = await status_of(wallet.holder, world.anna.clock)
        assert (status.connection.connected, len(asked)) == (True, attempts)

    scenario(story, WalletRules(connection=ConnectionRule(attempts=attempts)))


def test_time_is_known_to_an_hour_or_not_at_all():
    """A moment more uncertain than an hour counts as unknown."""
    assert known_or_none(Moment(0, 3_600_000)) == Moment(0, 3_600_000)
    assert known_or_none(Moment(0, 3_600_001)) is None
