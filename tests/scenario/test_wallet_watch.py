"""A wallet in the mountains, over days: it takes the time, reports itself when overdue, and obeys."""

import asyncio

import pytest

from feiqian.central.control_documents import (
    ListingWish,
    OrderLimits,
    OrderName,
    ProposalDecision,
    ScopeName,
)
from feiqian.chip.session import ChipSession
from feiqian.crypto.cbor import VERSION
from feiqian.outcomes import Outcome
from feiqian.satellite.constellation import Conditions
from feiqian.testing import virtual_time
from feiqian.testing.links import linked_pair
from feiqian.testing.network import key_of
from feiqian.testing.satellite_world import FIRST_OPERATOR, SECOND_OPERATOR, satellite_world
from feiqian.wallet import orders
from feiqian.wallet.overdue import OfflineStanding, OverdueAction, OverdueRule
from feiqian.wallet.payments import Intake
from feiqian.wallet.relay import ask_neighbour
from feiqian.wire.control import (
    CONTROL_ORDER,
    FreezeParameter,
    OrderKind,
    make_order,
    wallet_scope,
)

MINUTE_MS = 60_000
HOUR_MS = 60 * MINUTE_MS
DAY_MS = 24 * HOUR_MS
WEEK_MS = 7 * DAY_MS
PRESET_MS = 3 * DAY_MS
RULE = OverdueRule(PRESET_MS, frozenset({OverdueAction.WARN, OverdueAction.CORRECT_CLOCK}))
STORMY = Conditions(loss=0.3, repetition=0.2, delay_min_ms=500, delay_max_ms=180_000)


@pytest.mark.feature("W-02", "W-03", "W-05", "W-06", "W-07", "W-08", "W-10")
def test_an_overdue_wallet_reports_itself_and_is_synchronised_by_satellite():
    """With no network and a clock a week wrong, the report goes up and the answer moves the moment."""

    async def scenario():
        async with satellite_world(rule=RULE) as world:
            holder = world.holders["silent"]
            holder.oscillator.error_ms = WEEK_MS
            holder.oscillator.drift_ppm = 40
            await holder.watch.look()
            before = chip_of(holder).synchronised_at
            holder.cut()
            world.clock.advance(PRESET_MS + 2 * HOUR_MS)
            sights, heard = await holder.live(40)
            assert sights[0].judgement.standing is OfflineStanding.OVERDUE
            assert sights[0].reporting
            assert [each.synchronised for each in heard] == [True]
            after = chip_of(holder).synchronised_at
            assert after.midpoint_ms - before.midpoint_ms > PRESET_MS
            assert sights[-1].judgement.standing is OfflineStanding.NOT_OVERDUE
            [report] = await world.reports(holder.wallet.number)
            assert report.synchronised
            assert abs(report.received_at_ms - world.clock.now().midpoint_ms) < HOUR_MS

    virtual_time.run(scenario())


@pytest.mark.feature("W-04", "W-10")
def test_a_wallet_that_was_synchronised_reports_as_soon_as_it_is_overdue_again():
    """Only an answer that did not synchronise makes the next report wait."""

    async def scenario():
        async with satellite_world(rule=OverdueRule(10 * MINUTE_MS)) as world:
            holder = world.holders["silent"]
            await holder.watch.look()
            holder.cut()
            world.clock.advance(15 * MINUTE_MS)
            _, heard = await holder.live(10)
            assert True in [each.synchronised for each in heard]
            world.clock.advance(20 * MINUTE_MS)
            assert (await holder.watch.look()).reporting

    virtual_time.run(scenario())


@pytest.mark.feature("W-03", "W-04")
@pytest.mark.parametrize(("over_ms", "standing"), [(-1, "not_overdue"), (1, "overdue")])
def test_only_longer_than_the_preset_is_reported(over_ms, standing):
    """Certainly longer than the preset triggers a report; exactly, or less, or perhaps, does not."""

    async def scenario():
        async with satellite_world(rule=RULE) as world:
            holder = world.holders["silent"]
            await holder.watch.look()
            holder.cut()
            await hold_over_until(world, holder, PRESET_MS + over_ms)
            sight = await holder.watch.look()
            assert sight.judgement.standing is OfflineStanding(standing)
            assert sight.reporting is (over_ms > 0)

    virtual_time.run(scenario())


@pytest.mark.feature("W-01")
def test_a_connected_wallet_synchronises_and_sends_nothing_by_satellite():
    """While the network answers, no message goes up, however long it has been since."""

    async def scenario():
        async with satellite_world(rule=RULE) as world:
            holder = world.holders["silent"]
            world.clock.advance(30 * DAY_MS)
            sight = await holder.watch.look()
            assert sight.connected
            assert not sight.reporting
            assert sight.judgement.standing is OfflineStanding.NOT_OVERDUE
            assert world.simulator.constellation.taken == 0

    virtual_time.run(scenario())


@pytest.mark.feature("W-11")
def test_without_a_fix_nothing_is_triggered():
    """A wallet that knows no time sends no report, and says why."""

    async def scenario():
        async with satellite_world(rule=RULE) as world:
            holder = world.holders["silent"]
            await holder.watch.look()
            holder.cut()
            holder.oscillator.error_ms = -30 * DAY_MS
            world.cover(holder.address, covered=False)
            world.clock.advance(30 * DAY_MS - HOUR_MS)
            sight = await holder.watch.look()
            assert sight.judgement.standing is OfflineStanding.UNKNOWN
            assert not sight.reporting
            assert any("fix_missing" in each for each in sight.problems)

    virtual_time.run(scenario())


@pytest.mark.feature("W-11", "W-04")
def test_a_local_clock_that_jumped_ahead_triggers_nothing_while_fixes_contradict_it():
    """A clock set forward by a week, an hour after synchronising, makes no report by itself."""

    async def scenario():
        async with satellite_world(rule=RULE) as world:
            holder = world.holders["silent"]
            await holder.watch.look()
            holder.cut()
            world.clock.advance(HOUR_MS)
            holder.oscillator.error_ms = WEEK_MS
            sights, _ = await holder.live(35)
            assert not any(sight.reporting for sight in sights)
            assert {sight.judgement.standing for sight in sights} == {
                OfflineStanding.UNKNOWN,
                OfflineStanding.NOT_OVERDUE,
            }
            assert sights[-1].judgement.standing is OfflineStanding.NOT_OVERDUE

    virtual_time.run(scenario())


@pytest.mark.feature("R-01", "R-03", "R-04", "R-07")
@pytest.mark.parametrize("conditions", [Conditions(), STORMY], ids=["calm", "stormy"])
def test_a_wallet_is_frozen_and_thawed_from_orbit(conditions):
    """The order goes down by satellite, the chip refuses to pay, the platform sees it executed."""

    async def scenario():
        async with satellite_world(("silent", "payee"), conditions=conditions) as world:
            holder, payee = world.holders["silent"], world.holders["payee"]
            await holder.wallet.withdraw(50_00)
            await holder.watch.look()
            await payee.watch.look()
            holder.cut()
            payee.cut()
            for name, outcome in (
                (OrderName.FREEZE, Outcome.WALLET_FROZEN),
                (OrderName.UNFREEZE, None),
            ):
                number = await world.order(name, addressee=holder.wallet.number)
                await live_until_final(world, holder, number)
                standing = await world.standing(number)
                assert [each.state for each in standing.deliveries] == ["executed"]
                paid = await pay(holder, payee, 5_00)
                assert paid.outcome is (outcome or Outcome.ACCEPTED)
            assert chip_of(payee).balance_minor == 5_00

    virtual_time.run(scenario())


@pytest.mark.feature("R-02", "D-14", "R-06")
def test_a_risk_wallet_is_refused_by_those_who_only_hear_satellites():
    """Two operators list a wallet; the change is broadcast, and an offline payee refuses it."""

    async def scenario():
        async with satellite_world(("risky", "payee"), conditions=STORMY) as world:
            risky, payee = world.holders["risky"], world.holders["payee"]
            await risky.wallet.withdraw(50_00)
            for each in (risky, payee):
                await each.watch.look()
                each.cut()
            assert (await pay(risky, payee, 5_00)).outcome is Outcome.ACCEPTED
            await list_wallet(world, risky.wallet.number)
            await world.order(OrderName.LIST, ScopeName.ALL)
            before = await list_number(payee)
            await payee.live(90)
            assert await list_number(payee) > before
            refused = await pay(risky, payee, 5_00)
            assert refused.outcome not in (Outcome.ACCEPTED, Outcome.REPEATED)
            assert chip_of(payee).balance_minor == 5_00

    virtual_time.run(scenario())


@pytest.mark.feature("R-03", "R-04")
def test_limits_change_without_replacing_the_card():
    """A limits order makes the chip refuse what its tier allows."""

    async def scenario():
        async with satellite_world(("silent", "payee")) as world:
            holder, payee = world.holders["silent"], world.holders["payee"]
            await holder.wallet.withdraw(50_00)
            for each in (holder, payee):
                await each.watch.look()
                each.cut()
            limits = OrderLimits(100_00, 10_00, 5_00, 20_00, 3)
            number = await world.order(
                OrderName.LIMITS, addressee=holder.wallet.number, limits=limits
            )
            await live_until_final(world, holder, number)
            assert (await pay(holder, payee, 5_01)).outcome is Outcome.OVER_OFFLINE_LIMIT
            assert (await pay(holder, payee, 5_00)).outcome is Outcome.ACCEPTED

    virtual_time.run(scenario())


@pytest.mark.feature("R-03")
def test_an_order_to_synchronise_makes_a_wallet_report_before_it_is_overdue():
    """Synchronise now: the wallet reports by satellite, and the order is struck off."""

    async def scenario():
        async with satellite_world() as world:
            holder = world.holders["silent"]
            await holder.watch.look()
            holder.cut()
            world.clock.advance(HOUR_MS)
            await world.order(OrderName.SYNCHRONISE, addressee=holder.wallet.number)
            sights, heard = await holder.live(50)
            assert any(sight.reporting for sight in sights)
            assert any(each.synchronised for each in heard)
            assert sights[-1].due == ()

    virtual_time.run(scenario())


@pytest.mark.feature("W-13", "W-06")
def test_a_wallet_without_coverage_is_synchronised_over_its_neighbour():
    """In a valley without satellites, the neighbour's terminal carries the report and the answer."""

    async def scenario():
        async with satellite_world(("valley", "ridge"), rule=RULE) as world:
            valley, ridge = world.holders["valley"], world.holders["ridge"]
            for each in (valley, ridge):
                await each.watch.look()
                each.cut()
            world.cover(valley.address, covered=False)
            world.clock.advance(PRESET_MS + HOUR_MS)
            before = chip_of(valley).synchronised_number
            await ask_neighbour_once(ridge, valley)
            await ridge.live(20)
            heard = await ask_neighbour_once(ridge, valley, report=False)
            assert [each.synchronised for each in heard].count(True) == 1
            assert chip_of(valley).synchronised_number > before

    virtual_time.run(scenario())


def chip_of(holder):
    """The status of a holder's chip."""
    return ChipSession(holder.device.chip).status()


async def list_number(holder):
    """The version of the list that a holder has."""
    held = await holder.wallet.shelf.held()
    assert held is not None
    return held.state.number


async def hold_over_until(world, holder, at_least_ms):
    """Without any fix, let time pass until the shortest duration that fits is this long."""
    world.cover(holder.address, covered=False)
    missing_ms = at_least_ms
    while missing_ms:
        world.clock.advance(missing_ms)
        sight = await holder.watch.look()
        missing_ms = at_least_ms - sight.judgement.offline.at_least_ms


async def live_until_final(world, holder, number, *, turns=60):
    """Let the holder live until the order has its last state there."""
    for _ in range(turns):
        await holder.live(5)
        deliveries = (await world.standing(number)).deliveries
        if deliveries and deliveries[0].state in ("executed", "refused", "expired"):
            return
    raise AssertionError(f"order {number} was not final in time")


async def pay(payer, payee, amount_minor):
    """An offline payment from chip to chip; how it ended for the payer."""
    payee_link, payer_link = linked_pair()
    receiving = asyncio.ensure_future(payee.wallet.receive(payee_link, None, Intake.OFFLINE))
    paid = await payer.wallet.pay(payer_link, amount_minor, offline=True)
    await payer_link.close()
    await receiving
    return paid


async def list_wallet(world, number):
    """Two operators put a wallet on the list."""
    wish = ListingWish(world.key(), number, "stolen")
    proposed = await world.network.desk.list_wallet(wish, FIRST_OPERATOR)
    decision = ProposalDecision(world.key(), proposed.number)
    await world.network.desk.approve(decision, SECOND_OPERATOR)


async def ask_neighbour_once(carrier, asker, *, report=True):
    """One visit: the neighbour serves one question over a direct link; what was heard."""
    ours, theirs = linked_pair()
    serving = asyncio.ensure_future(carrier.air.relay.serve(theirs))
    heard = await ask_neighbour(ours, asker.air.desk, report=report)
    await serving
    return heard


@pytest.mark.feature("R-08")
def test_an_order_that_the_chip_was_not_asked_about_is_judged_without_a_network():
    """What a power cut left unjudged is put to the chip at the next look, not at the next network."""

    async def scenario():
        async with satellite_world(rule=RULE) as world:
            holder, network = world.holders["silent"], world.network
            await holder.watch.look()
            holder.cut()
            now_s = world.clock.now().midpoint_ms // 1000
            scope, valid_s = wallet_scope(holder.wallet.number), (now_s, now_s + 3600)
            frozen = FreezeParameter(VERSION, True)
            order = make_order(1, scope, OrderKind.FREEZE, valid_s, frozen)
            raw = CONTROL_ORDER.sign(
                network.suite, key_of(network.suite, network.seed, "root"), order
            )
            store = holder.wallet.holder.around.store
            await store.write(lambda tx: orders._keep(tx, order, raw, now_s * 1000))
            assert not chip_of(holder).frozen
            await holder.watch.look()
            assert chip_of(holder).frozen

    virtual_time.run(scenario())
