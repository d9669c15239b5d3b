"""Parties die wherever they stand, start again on what they had stored, and come to the same end."""

import random

import pytest

from feiqian.testing import virtual_time
from feiqian.testing.service_parties import MANAGEMENT, PROVIDER, VEHICLE
from feiqian.testing.service_world import ServiceWorld
from feiqian.testing.virtual_time import pass_time
from feiqian.wire.service import Ending

PLACE = "parking-0"
PARTIES = (VEHICLE, PROVIDER, MANAGEMENT, PLACE)


@pytest.mark.feature("V-05", "V-11")
@pytest.mark.parametrize("victim", PARTIES)
@pytest.mark.parametrize("seed", range(3))
def test_a_party_that_dies_again_and_again_changes_nothing(victim, seed):
    """One party is killed every few seconds through the whole service: still one fee, paid once."""
    rng = random.Random(f"{victim}/{seed}")

    async def kill(world: ServiceWorld) -> None:
        await world.restart(victim)

    async def run():
        world = await ServiceWorld.create(1)
        before = world.held_minor()
        try:
            request = await world.request(entity=PLACE)
            for _ in range(6):
                await pass_time(rng.random() * 3)
                await kill(world)
            for _ in range(12):
                await world.stand_at(PLACE, rng.randrange(8, 24))
                await kill(world)
            await pass_time(30)
            await world.stand_at(PLACE, 30)
            await pass_time(1_200)
            await kill(world)
            await pass_time(rng.random())
            await world.places[PLACE].site.finish(request)
            for _ in range(8):
                await pass_time(rng.random() / 4)
                await kill(world)
            states = await world.ended(request, *PARTIES, seconds=900)
            return before, world.held_minor(), states
        finally:
            await world.close()

    before, after, states = virtual_time.run(run())
    assert set(states.values()) == {Ending.PAID}
    paid_minor = before[VEHICLE] - after[VEHICLE]
    assert paid_minor > 0
    assert after[PLACE] - before[PLACE] == paid_minor
