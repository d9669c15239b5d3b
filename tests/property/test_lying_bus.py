"""Whatever a message bus does, money moves only as it was ordered, once, and in the end it does."""

from collections import Counter

import pytest

from feiqian.protocol.service.states import State
from feiqian.testing import virtual_time
from feiqian.testing.lying_bus import Liar
from feiqian.testing.service_parties import MANAGEMENT, PROVIDER, VEHICLE
from feiqian.testing.service_world import ServiceWorld
from feiqian.testing.virtual_time import pass_time
from feiqian.wire.service import Ending

PLACE = "parking-0"
ROUNDS = 10
SEEDS = (*range(6), 12, 16, 40)
"""The last three: a payee that did not hear of its payment, and a link that says what only a chip may."""


@pytest.mark.feature("V-07", "V-09", "V-11")
def test_a_lying_bus_never_causes_a_wrong_payment():
    """It drops, repeats, swaps, changes and invents: never a wrong payment, and most are paid in the end."""
    endings = Counter(virtual_time.run(_lied_to(seed)) for seed in SEEDS)
    assert endings[State.PAID] > len(SEEDS) // 2, endings


async def _lied_to(seed: int) -> str:
    """Where the server stands at the end of a service whose bus lies, until it delivers at last."""
    liar = Liar(seed)
    world = await ServiceWorld.create(1, wrap=liar.wrap)
    before = world.held_minor()
    try:
        request = await world.request(entity=PLACE)
        for _ in range(ROUNDS):
            await world.stand_at(PLACE, 30)
            _check_moved(world, before, await _ordered_minor(world, request))
        await pass_time(1_800)
        if request in world.places[PLACE].site.began_ms:
            await world.places[PLACE].site.finish(request)
        await pass_time(600)
        _check_moved(world, before, await _ordered_minor(world, request))
        liar.honest = True
        states = await world.ended(request, VEHICLE, PROVIDER, MANAGEMENT, seconds=9_000)
        _check_moved(world, before, await _ordered_minor(world, request))
        paid_minor = before[VEHICLE] - world.held_minor()[VEHICLE]
    finally:
        await world.close()
    assert liar.lies > 20
    if paid_minor:
        assert set(states.values()) <= {Ending.PAID, Ending.PAID_OFFLINE}, seed
    else:
        assert Ending.PAID not in states.values(), seed
    return states[MANAGEMENT]


async def _ordered_minor(world: ServiceWorld, request: bytes) -> int:
    """What the server ordered, if it did."""
    for service in await world.management.services():
        if service.request_id == request:
            return service.amount_minor
    return 0


def _check_moved(world: ServiceWorld, before: dict[str, int], ordered_minor: int) -> None:
    """Nothing, or exactly the fee, has left the vehicle's chip, and no more has arrived."""
    after = world.held_minor()
    paid_minor = before[VEHICLE] - after[VEHICLE]
    assert paid_minor in (0, ordered_minor)
    assert after[PLACE] - before[PLACE] in (0, paid_minor)
