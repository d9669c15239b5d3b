"""A service from request to receipts: every end it can have, with real wallets and virtual time."""

import msgspec
import pytest

from feiqian.outcomes import Outcome
from feiqian.ports import Delivery
from feiqian.protocol.service.states import State
from feiqian.testing.service_parties import (
    LATITUDE_E7,
    MANAGEMENT,
    PROVIDER,
    STEP_E7,
    VEHICLE,
    price,
)
from feiqian.testing.virtual_time import pass_time
from feiqian.vehicle import service_rows
from feiqian.vehicle.service_rows import HISTORY_MS
from feiqian.wire.authorisation import Grant
from feiqian.wire.fees import FEE_ORDER
from feiqian.wire.service import Ending
from feiqian.wire.usage import ServiceClass, Usage
from tests.scenario.service_scenes import (
    EVERYBODY,
    FIRST,
    HOUR_S,
    SECOND,
    authorised,
    endings,
    in_state,
    parked,
    play,
)


@pytest.mark.feature("V-01", "V-02", "V-04", "V-05", "V-11")
def test_a_parked_vehicle_pays_by_itself():
    """Requested, authorised once, matched, served, paid with a locked chip, receipts agreed."""

    async def scene(world):
        request = await parked(world)
        await pass_time(HOUR_S)
        before = world.held_minor()
        await world.places[FIRST].site.finish(request)
        states = await world.ended(request, *EVERYBODY, FIRST)
        after = world.held_minor()
        assert endings(states) == {Ending.PAID}
        paid_minor = before[VEHICLE] - after[VEHICLE]
        assert paid_minor > 0
        assert after[FIRST] - before[FIRST] == paid_minor
        log = await world.management.log(request)
        assert [line.event for line in log][-1] == "receipts agree"

    play(scene)


@pytest.mark.feature("V-07")
def test_nothing_is_paid_at_another_entity():
    """A vehicle that stands at another entity than the authorised one is not served there."""

    async def scene(world):
        before = world.held_minor()
        request = await authorised(world, entity=FIRST)
        await world.stand_at(SECOND)
        states = await world.ended(request, *EVERYBODY)
        assert endings(states) == {Ending.MISMATCH}
        assert world.held_minor() == before

    play(scene)


@pytest.mark.feature("V-07")
def test_without_an_authorisation_nobody_is_served():
    """A vehicle whose chip was never unlocked is tracked by nobody, and its request expires."""

    async def scene(world):
        world.wallet.holder.around.chip.lock()
        request = await world.request(entity=FIRST)
        await world.stand_at(FIRST)
        assert await world.states(request) == {
            VEHICLE: State.AUTHORISING,
            PROVIDER: State.OFFERED,
        }
        await pass_time(2 * HOUR_S)
        assert (await world.vehicle_state(request)) is State.EXPIRED

    play(scene)


def test_a_vehicle_that_never_comes_expires():
    """An offer nobody drives to ends as expired on every side."""

    async def scene(world):
        request = await authorised(world)
        await pass_time(HOUR_S + 600)
        states = await world.ended(request, *EVERYBODY)
        assert endings(states) == {Ending.EXPIRED}

    play(scene)


def test_an_unknown_wish_is_declined():
    """A provider that has no such entity says so by name."""

    async def scene(world):
        request = await world.request(entity="nowhere")
        states = await world.ended(request, VEHICLE, PROVIDER)
        assert endings(states) == {Ending.REFUSED}
        record = await world.vehicle.service(request)
        assert record.outcome is Outcome.UNKNOWN_NAME

    play(scene)


@pytest.mark.parametrize("moment", ["before the match", "while served"])
def test_a_cancelled_service(moment):
    """Cancelled before it is served it costs nothing; later, what was used until then."""

    async def scene(world):
        before = world.held_minor()[VEHICLE]
        request = await (authorised(world) if moment == "before the match" else parked(world))
        await pass_time(HOUR_S)
        await world.vehicle.cancel(request)
        states = await world.ended(request, *EVERYBODY)
        served = moment == "while served"
        assert endings(states) == {Ending.PAID if served else Ending.CANCELLED}
        assert (world.held_minor()[VEHICLE] < before) == served

    play(scene)


@pytest.mark.feature("V-10")
@pytest.mark.parametrize("served", [True, False])
def test_a_vehicle_that_leaves_early(served):
    """Leaving before anything was served costs nothing; leaving later ends the service, and is paid."""

    async def scene(world):
        before = world.held_minor()[VEHICLE]
        world.places[FIRST].site.silent = not served
        request = await authorised(world)
        await world.stand_at(FIRST)
        await in_state(world, request, State.SERVED)
        for minute in range(30):
            await world.stand_at(FIRST, 1)
            await pass_time(9 if minute else 1)
        if served:
            await pass_time(HOUR_S)
        for step in range(1, 60):
            await world.stand(LATITUDE_E7 - step * STEP_E7 // 20, 1)
        states = await world.ended(request, *EVERYBODY, FIRST)
        assert endings(states) == {Ending.PAID if served else Ending.LEFT_EARLY}
        assert (world.held_minor()[VEHICLE] < before) == served

    play(scene)


@pytest.mark.feature("V-10")
@pytest.mark.parametrize("silent", [False, True])
def test_who_has_left_pays_until_then_however_late_the_entity_hears_of_it(silent):
    """A car park without a network charges to the departure; a vehicle that only falls silent stays."""

    async def scene(world):
        request = await parked(world)
        await in_state(world, request, State.SERVING, MANAGEMENT)
        world.cut_off.add(FIRST)
        await pass_time(HOUR_S)
        left_ms = world.clock.now().midpoint_ms
        for step in range(0 if silent else 40):
            await world.stand(LATITUDE_E7 - (step + 1) * STEP_E7 // 20, 1)
        world.near = None
        await pass_time(3 * HOUR_S)
        world.cut_off.clear()
        if silent:
            await world.places[FIRST].site.finish(request)
        states = await world.ended(request, *EVERYBODY, FIRST)
        assert endings(states) == {Ending.PAID}
        [service] = await world.management.services()
        site = world.places[FIRST].site
        until_ms = world.clock.now().midpoint_ms if silent else left_ms
        usage = Usage(site.began_ms[request], until_ms)
        assert service.amount_minor == price(service.tariff, usage).amount_minor
        assert silent or service.left.earliest_ms - left_ms < 10_000

    play(scene)


@pytest.mark.feature("V-08")
@pytest.mark.parametrize(
    ("taken", "state"),
    [((FIRST,), State.SERVED), ((), State.AUTHORISED), ((FIRST, SECOND), State.AUTHORISED)],
)
def test_an_ambiguous_position_is_a_question_and_never_a_guess(taken, state):
    """Between two entities only a single yes matches; none, or two, match nothing."""

    async def scene(world):
        for name in taken:
            world.places[name].site.taken = True
        request = await authorised(world)
        await world.stand(LATITUDE_E7 + STEP_E7 // 2, 40, accuracy_mm=24_000)
        assert await world.vehicle_state(request) is state

    play(scene)


@pytest.mark.feature("V-10")
def test_a_low_balance_owes_and_is_paid_after_a_top_up():
    """The fee stays owed and shown, and is paid without a step once the wallet holds enough."""

    async def scene(world):
        request = await parked(world)
        await pass_time(3 * HOUR_S)
        await world.places[FIRST].site.finish(request)
        await in_state(world, request, State.OWING)
        await in_state(world, request, State.FEE_OWED, MANAGEMENT)
        world.wallet.unlock(b"1234")
        await world.wallet.withdraw(100_00)
        world.wallet.holder.around.chip.lock()
        world.added_minor = 100_00
        states = await world.ended(request, *EVERYBODY, FIRST)
        assert endings(states) == {Ending.PAID}

    play(scene, purse_minor=1_00)


@pytest.mark.feature("V-10")
def test_a_fee_that_stays_owed_ends_unpaid():
    """When the fee order runs out before a top-up, every side says so, and nothing was paid."""

    async def scene(world):
        request = await parked(world, valid_h=6)
        await pass_time(3 * HOUR_S)
        await world.places[FIRST].site.finish(request)
        await in_state(world, request, State.OWING)
        await pass_time(4 * HOUR_S)
        states = await world.ended(request, *EVERYBODY, FIRST)
        assert endings(states) == {Ending.UNPAID}
        record = await world.management.office.store.read(
            lambda tx: service_rows.log_lines(tx, request)
        )
        assert "cannot pay now" in [line.event for line in record]

    play(scene, purse_minor=1_00)


@pytest.mark.feature("V-10")
def test_an_entity_without_a_network_is_matched_paid_and_reconciled():
    """The vehicle carries the signed messages, the chips settle it, and it reconciles later."""

    async def scene(world):
        world.cut_off.add(FIRST)
        url = world.network.url("B")
        world.network.courier.cut_off.add(url)
        request = await authorised(world)
        await world.stand_at(FIRST)
        await in_state(world, request, State.SERVING, FIRST)
        await pass_time(HOUR_S // 3)
        before = world.held_minor()
        await world.places[FIRST].site.finish(request)
        await in_state(world, request, State.PAID_OFFLINE)
        await in_state(world, request, State.PAID_OFFLINE, FIRST)
        paid_minor = before[VEHICLE] - world.held_minor()[VEHICLE]
        assert paid_minor > 0
        assert world.held_minor()[FIRST] - before[FIRST] == paid_minor
        world.cut_off.clear()
        world.network.courier.cut_off.clear()

        async def everybody_paid() -> bool:
            return endings(await world.states(request)) == {Ending.PAID}

        await world.until(everybody_paid)

    play(scene)


def test_a_site_that_is_taken_refuses():
    """An entity that cannot serve ends the service by name, and nothing is paid."""

    async def scene(world):
        world.places[FIRST].site.refusing = Outcome.BUSY
        request = await authorised(world)
        await world.stand_at(FIRST)
        states = await world.ended(request, *EVERYBODY, FIRST)
        assert endings(states) == {Ending.REFUSED}
        assert (await world.vehicle.service(request)).outcome is Outcome.BUSY

    play(scene)


@pytest.mark.feature("V-09")
def test_a_fee_above_the_ceiling_is_not_ordered():
    """What was used beyond the authorised ceiling is nobody's debt."""

    async def scene(world):
        before = world.held_minor()
        request = await parked(world, ceiling_minor=1_00)
        await pass_time(5 * HOUR_S)
        await world.places[FIRST].site.finish(request)
        states = await world.ended(request, *EVERYBODY, FIRST)
        assert endings(states) == {Ending.REFUSED}
        assert (await world.vehicle.service(request)).outcome is Outcome.OVER_CEILING
        assert world.held_minor() == before

    play(scene)


def test_a_short_stop_within_the_free_minutes_is_free():
    """A usage that costs nothing ends without a fee order."""

    async def scene(world):
        request = await parked(world)
        await world.places[FIRST].site.finish(request)
        states = await world.ended(request, *EVERYBODY, FIRST)
        assert endings(states) == {Ending.FREE}

    play(scene)


@pytest.mark.feature("V-02", "V-09")
def test_a_standing_authorisation_has_its_uses_and_can_be_revoked():
    """It covers any entity of the provider without the PIN, as often as it says, until revoked."""

    async def scene(world):
        now_ms = world.clock.now().midpoint_ms
        grant = Grant(
            None,
            world.key(PROVIDER).public,
            ServiceClass.PARKING,
            50_00,
            now_ms - 1_000,
            now_ms + 20 * HOUR_S * 1000,
            2,
        )
        number = await world.vehicle.allow(grant)
        world.wallet.holder.around.chip.lock()
        for name in (FIRST, SECOND):
            request = await world.request(entity=name)
            await in_state(world, request, State.TRACKING, MANAGEMENT)
            await world.stand_at(name, 40)
            await in_state(world, request, State.SERVING, name)
            await pass_time(HOUR_S)
            await world.places[name].site.finish(request)
            assert endings(await world.ended(request, *EVERYBODY, name)) == {Ending.PAID}
        third = await world.request(entity=FIRST)
        assert (await world.ended(third, VEHICLE, MANAGEMENT))[VEHICLE] == Ending.REFUSED
        await world.vehicle.revoke(number)
        fourth = await world.request(entity=FIRST)
        await in_state(world, fourth, State.AUTHORISING)

    play(scene)


@pytest.mark.feature("V-09")
def test_an_ended_service_is_forgotten_only_when_nothing_can_come_for_it():
    """It is kept for longer than an authorisation holds; then a late order is refused by name, unpaid."""

    async def scene(world):
        request = await parked(world)
        await pass_time(HOUR_S)
        await world.places[FIRST].site.finish(request)
        await world.ended(request, *EVERYBODY, FIRST)
        record, after = await world.vehicle.service(request), world.held_minor()
        ended_ms = world.clock.now().midpoint_ms
        for late_ms, kept in ((HISTORY_MS, True), (HISTORY_MS + 1_000_000, False)):
            await world.vehicle.office.store.write(
                lambda tx, at_ms=ended_ms - 1_000 + late_ms: service_rows.forget(tx, at_ms)
            )
            assert (await world.vehicle.service(request) is not None) == kept
        order = FEE_ORDER.peek(world.suite, record.order)
        late = msgspec.structs.replace(order, moment=world.clock.now())
        again = FEE_ORDER.sign(world.suite, world.key(MANAGEMENT), late)
        await world.vehicle.hear(Delivery(MANAGEMENT, "fee-order", again))
        await pass_time(60)
        assert any("unknown_name" in note for note in world.notes)
        assert world.held_minor() == after

    play(scene)
