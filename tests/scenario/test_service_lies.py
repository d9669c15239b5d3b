"""What is forged, replayed or false in a service serves nobody and moves nothing."""

import msgspec
import pytest

from feiqian.outcomes import Outcome
from feiqian.ports import Delivery
from feiqian.protocol.service.fees import order_id_of
from feiqian.protocol.service.records import VehicleService
from feiqian.protocol.service.states import State
from feiqian.testing.service_parties import (
    LATITUDE_E7,
    MANAGEMENT,
    PROVIDER,
    STEP_E7,
    VEHICLE,
)
from feiqian.testing.service_world import ServiceWorld
from feiqian.testing.virtual_time import pass_time
from feiqian.timing.moment import Moment
from feiqian.vehicle import service_rows
from feiqian.wire.authorisation import ENTITY_STATEMENT, EntityStatement
from feiqian.wire.fees import FEE_ORDER, FEE_RECEIPT, FeeOrder
from feiqian.wire.positions import Position
from feiqian.wire.presence import POSITION, PositionReport
from feiqian.wire.service import MATCHED, OFFER, Ending, ServiceOffer
from feiqian.wire.usage import ServiceClass
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


@pytest.mark.feature("V-09")
def test_a_repeated_fee_order_charges_once():
    """The same order again, and a second one for the same request, move nothing more."""

    async def scene(world):
        request = await parked(world)
        await pass_time(HOUR_S)
        await world.places[FIRST].site.finish(request)
        await world.ended(request, *EVERYBODY, FIRST)
        after = world.held_minor()
        record = await world.vehicle.service(request)
        order = FEE_ORDER.peek(world.suite, record.order)
        again = msgspec.structs.replace(order, amount_minor=order.amount_minor + 1)
        forged = FEE_ORDER.sign(world.suite, world.key(MANAGEMENT), again)
        for raw in (record.order, forged):
            await world.vehicle.hear_said("fee-order", raw)
        await pass_time(60)
        assert world.held_minor() == after

    play(scene)


_CHANGES: dict[str, dict[str, object]] = {
    "amount above the ceiling": {"amount_minor": 60_00},
    "another order id": {"order_id": bytes(16)},
    "another entity": {"entity": SECOND},
    "another vehicle": {"vehicle": "car-2"},
    "run out": {"expires_at_ms": 1_000},
}


@pytest.mark.feature("V-07", "V-09")
@pytest.mark.parametrize("change", [*_CHANGES, "signed by the entity", "no statement"])
def test_a_forged_fee_order_is_not_paid(change):
    """An order that is not the server's, or not for this service, moves nothing."""

    async def scene(world):
        request = await parked(world)
        now, before = world.clock.now(), world.held_minor()
        sound = await _order(world, request, now)
        signer = world.key(FIRST if change == "signed by the entity" else MANAGEMENT)
        fields = _CHANGES.get(change, {"statement": b""} if change == "no statement" else {})
        raw = FEE_ORDER.sign(world.suite, signer, msgspec.structs.replace(sound, **fields))
        await world.vehicle.hear(Delivery(MANAGEMENT, "fee-order", raw))
        await pass_time(30)
        assert await world.vehicle_state(request) is State.SERVED
        assert world.held_minor() == before

    play(scene)


async def _order(world: ServiceWorld, request: bytes, now) -> FeeOrder:
    """What the server would order for this service."""
    record = await world.vehicle.office.store.read(
        lambda tx: service_rows.load(tx, request, VehicleService)
    )
    assert record is not None
    statement = OFFER.peek(world.suite, record.offer).statement
    return FeeOrder(
        1,
        MANAGEMENT,
        (VEHICLE, FIRST),
        request,
        order_id_of(world.suite, request),
        VEHICLE,
        FIRST,
        5_00,
        (),
        statement,
        now.midpoint_ms + 3_600_000,
        now,
    )


@pytest.mark.feature("V-11")
def test_receipts_that_disagree_are_disputed_with_both_as_evidence():
    """A proof of another payment is genuine and does not agree: the log shows both, and both are kept."""

    async def scene(world):
        first = await parked(world)
        await pass_time(HOUR_S)
        await world.places[FIRST].site.finish(first)
        assert endings(await world.ended(first, *EVERYBODY, FIRST)) == {Ending.PAID}
        world.wallet.unlock(b"1234")
        await world.stand(LATITUDE_E7 - STEP_E7, 60)
        second = await parked(world)
        await pass_time(HOUR_S)
        world.cut_off.add(VEHICLE)
        await world.places[FIRST].site.finish(second)
        await in_state(world, second, State.FEE_DUE, MANAGEMENT)
        before = {one.request_id: one for one in await world.management.services()}
        earlier = FEE_RECEIPT.peek(world.suite, before[first].payee_receipt)
        lie = msgspec.structs.replace(earlier, request_id=second, order_id=before[second].order)
        raw = FEE_RECEIPT.sign(world.suite, world.key(FIRST), lie)
        await world.management.hear(Delivery(FIRST, "fee-receipt", raw))
        world.cut_off.clear()

        async def disputed() -> bool:
            return endings(await world.states(second)) == {Ending.DISPUTED}

        await world.until(disputed)
        after = {one.request_id: one for one in await world.management.services()}[second]
        kept = (after.payer_receipt, after.payee_receipt)
        told = [FEE_RECEIPT.peek(world.suite, each) for each in kept]
        line = (await world.management.log(second))[-1]
        assert line.event == "receipts disagree"
        for receipt in told:
            assert all(name.hex()[:16] in line.detail for name in receipt.transfers)
        assert told[0].transfers != told[1].transfers

    play(scene)


@pytest.mark.feature("V-07")
def test_a_replayed_match_begins_nothing():
    """An old match, or one altered to another request, serves nobody and moves nothing."""

    async def scene(world):
        request = await parked(world)
        await pass_time(HOUR_S)
        await world.places[FIRST].site.finish(request)
        await world.ended(request, *EVERYBODY, FIRST)
        after, begun = world.held_minor(), dict(world.places[FIRST].site.began_ms)
        raw = (await world.vehicle.service(request)).matched
        matched = MATCHED.peek(world.suite, raw)
        again = MATCHED.sign(world.suite, world.key(MANAGEMENT), matched)
        other = msgspec.structs.replace(matched, request_id=bytes(16))
        forged = MATCHED.sign(world.suite, world.key(VEHICLE), other)
        for each in (raw, again, forged):
            await world.places[FIRST].entity.hear(Delivery(MANAGEMENT, "service-matched", each))
            await world.vehicle.hear(Delivery(MANAGEMENT, "service-matched", each))
        await pass_time(60)
        assert (await world.states(request))[FIRST] == Ending.PAID
        assert world.places[FIRST].site.began_ms == begun
        assert world.held_minor() == after

    play(scene)


@pytest.mark.feature("V-07")
@pytest.mark.parametrize("flaw", ["no statement", "another provider's", "expired"])
def test_an_entity_that_its_provider_does_not_state_is_not_authorised(flaw):
    """Offered with no, a foreign or an outdated statement, an entity is refused before the PIN."""

    async def scene(world):
        world.cut_off.add(PROVIDER)
        request = await world.request(entity=FIRST)
        now_ms, wallet = world.clock.now().midpoint_ms, world.places[FIRST].wallet
        until_ms = now_ms + (-1_000 if flaw == "expired" else 1_000_000)
        fingerprint = wallet.holder.certificate.fingerprint
        statement = EntityStatement(1, FIRST, ServiceClass.PARKING, fingerprint, until_ms)
        signer = world.key("provider-2" if flaw == "another provider's" else PROVIDER)
        stated = ENTITY_STATEMENT.sign(world.suite, signer, statement)
        offer = ServiceOffer(
            1,
            PROVIDER,
            (VEHICLE,),
            request,
            ServiceClass.PARKING,
            b"" if flaw == "no statement" else stated,
            MANAGEMENT,
            "parking-centre",
            now_ms + 1_000_000,
        )
        raw = OFFER.sign(world.suite, world.key(PROVIDER), offer)
        await world.vehicle.hear(Delivery(PROVIDER, "service-offer", raw))
        assert await world.vehicle_state(request) is State.REFUSED
        names = {
            "no statement": Outcome.MALFORMED,
            "another provider's": Outcome.BAD_SIGNATURE,
            "expired": Outcome.EXPIRED,
        }
        assert (await world.vehicle.service(request)).outcome is names[flaw]

    play(scene)


@pytest.mark.feature("V-08")
@pytest.mark.parametrize("flaw", ["stale", "replayed", "signed by another", "leapt"])
def test_a_position_that_is_not_believed_matches_nothing(flaw):
    """Old, repeated, foreign and impossible positions at the entity leave the vehicle unmatched."""

    async def scene(world):
        request = await authorised(world)
        number = world.clock.now().midpoint_ms
        far = world.position(LATITUDE_E7 + 5_000_000)
        await _reported(world, far, number)
        for second in range(1, 40):
            await pass_time(1)
            here = world.position(LATITUDE_E7)
            if flaw == "stale":
                moment = Moment(here.moment.midpoint_ms - 30_000, 100)
                here = msgspec.structs.replace(here, moment=moment)
            key = world.key(PROVIDER if flaw == "signed by another" else VEHICLE)
            await _reported(world, here, number + (-1 if flaw == "replayed" else second), key)
        assert await world.vehicle_state(request) is State.AUTHORISED
        assert (await world.states(request))[MANAGEMENT] == State.TRACKING

    play(scene)


async def _reported(world: ServiceWorld, position: Position, number: int, key=None) -> None:
    """Have the server take in a report."""
    report = PositionReport(1, VEHICLE, (MANAGEMENT,), number, position)
    raw = POSITION.sign(world.suite, key or world.key(VEHICLE), report)
    await world.management.hear(Delivery(VEHICLE, "position-report", raw))
