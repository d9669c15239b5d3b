"""The management server's register while it serves: what another process writes counts at once."""

import pytest

from feiqian.protocol.service.states import State
from feiqian.testing.service_parties import (
    LATITUDE_E7,
    LONGITUDE_E7,
    MANAGEMENT,
    PROVIDER,
    RADIUS_MM,
    STEP_E7,
)
from feiqian.vehicle.management.members import AreaDrawing, Registered, register
from feiqian.vehicle.provider.provider import state
from feiqian.wire.service import Member
from tests.scenario.service_scenes import FIRST, authorised, play

ELSEWHERE_E7 = LATITUDE_E7 + 50 * STEP_E7


@pytest.mark.feature("V-03", "V-04")
def test_a_member_registered_meanwhile_is_known_at_once():
    """An entity that another process registers is matched, and known by its key, without a restart."""

    async def scene(world):
        (own,) = [each for each in world.own_entities() if each.name == FIRST]
        statement = state(world.suite, world.key(PROVIDER), own)
        area = AreaDrawing(ELSEWHERE_E7, LONGITUDE_E7, RADIUS_MM)
        key = world.key(FIRST).public
        one = Registered(FIRST, Member.ENTITY, key, PROVIDER, statement, area)
        now = world.clock.now()
        await world.stores[MANAGEMENT].write(lambda tx: register(tx, world.suite, one, now))
        await authorised(world, entity=FIRST)
        await world.stand(ELSEWHERE_E7, 25)
        (service,) = await world.management.services()
        assert service.state in (State.MATCHED, State.SERVING)

    play(scene)
