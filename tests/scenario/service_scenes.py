"""How the scenes of a service begin, and how they are played."""

from collections.abc import Awaitable, Callable

from feiqian.protocol.service.states import State
from feiqian.testing import virtual_time
from feiqian.testing.service_parties import (
    MANAGEMENT,
    PROVIDER,
    VEHICLE,
)
from feiqian.testing.service_world import ServiceWorld

FIRST, SECOND = "parking-0", "parking-1"
HOUR_S = 3_600
EVERYBODY = (VEHICLE, PROVIDER, MANAGEMENT)


def play(scene: Callable[[ServiceWorld], Awaitable[None]], **options) -> None:
    """Run a scene in a world of its own; at its end value is conserved."""

    async def run() -> None:
        world = await ServiceWorld.create(**options)
        before = sum(world.held_minor().values())
        try:
            await scene(world)
            assert sum(world.held_minor().values()) <= before + getattr(world, "added_minor", 0)
        finally:
            await world.close()

    virtual_time.run(run())


async def in_state(world: ServiceWorld, request: bytes, state: State, name: str = VEHICLE) -> None:
    """Wait until a party is there."""

    async def there() -> bool:
        return (await world.states(request)).get(name) == state.value

    await world.until(there)


async def authorised(
    world: ServiceWorld, ceiling_minor: int = 50_00, entity: str = FIRST, valid_h: int = 24
) -> bytes:
    """Requested and authorised; the chip is locked from then on."""
    request = await world.request(ceiling_minor, entity, valid_h)
    await in_state(world, request, State.TRACKING, MANAGEMENT)
    world.wallet.holder.around.chip.lock()
    return request


async def parked(world: ServiceWorld, ceiling_minor: int = 50_00, valid_h: int = 24) -> bytes:
    """Matched at the first place, and being served."""
    request = await authorised(world, ceiling_minor, valid_h=valid_h)
    await world.stand_at(FIRST)
    await in_state(world, request, State.SERVING, FIRST)
    return request


def endings(states: dict[str, str]) -> set[str]:
    """How it ended, on all sides that know of it."""
    return set(states.values())
