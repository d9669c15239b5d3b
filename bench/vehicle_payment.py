"""From the end of a service to both receipts: online, and offline from chip to chip.

All four parties, two institutions and the bus are in one process, with stores in memory and software
chips; messages, signatures and acknowledgements are those of production. The clock is real. A service
ends, the server orders the fee, the vehicle visits and pays, both sides give their receipts and the
server finds that they agree.
"""

import asyncio
import time

from bench.measure import percentile_ms, verification_rate
from feiqian.outcomes import Outcome, Refusal
from feiqian.ports import Delivery, MessageBus
from feiqian.protocol.service.facts import Located
from feiqian.protocol.service.states import State
from feiqian.testing.service_parties import MANAGEMENT, VEHICLE
from feiqian.testing.service_world import ServiceWorld
from feiqian.testing.virtual_time import pass_time
from feiqian.wire.usage import ServiceClass
from feiqian.wire.visit import FRAME_KIND

SERVICES = 40
PLACE = "charging-0"
ENERGY_WH = 2_000
LOOK_EVERY_S = 0.001
PURSE_MINOR = 20_00
"""Withdrawn for each service, so that all are paid by currency of the same, short history."""


def run() -> dict[str, object]:
    """Services one after the other, each way."""
    online = asyncio.run(_measure(offline=False))
    offline = asyncio.run(_measure(offline=True))
    verify = verification_rate()
    return {
        "services": SERVICES,
        "online_p50_ms": percentile_ms(online, 0.5),
        "online_p99_ms": percentile_ms(online, 0.99),
        "offline_p50_ms": percentile_ms(offline, 0.5),
        "offline_p99_ms": percentile_ms(offline, 0.99),
        "online_p50_in_verifications": round(percentile_ms(online, 0.5) / 1000 * verify),
        "offline_p50_in_verifications": round(percentile_ms(offline, 0.5) / 1000 * verify),
    }


async def _measure(*, offline: bool) -> list[float]:
    wrap = _NoLinks if offline else None
    world = await ServiceWorld.create(1, ServiceClass.CHARGING, wrap, 0)
    try:
        return [await _serve(world, offline=offline) for _ in range(SERVICES)]
    finally:
        await world.close()


async def _serve(world: ServiceWorld, *, offline: bool) -> float:
    world.near = PLACE if offline else None
    await world.wallet.withdraw(PURSE_MINOR)
    request = await world.request(entity=PLACE)
    await _reached(world, request, MANAGEMENT, State.TRACKING)
    await world.management.tell(request, Located(PLACE))
    await _reached(world, request, VEHICLE, State.SERVED)
    await _reached(world, request, MANAGEMENT, State.SERVING)
    start = time.perf_counter()
    await world.places[PLACE].site.finish(request, energy_wh=ENERGY_WH)
    # Offline it is reconciled at once where there is a network, which may be sooner than one looks.
    await _reached(world, request, MANAGEMENT, State.PAID_OFFLINE, State.PAID)
    return time.perf_counter() - start


async def _reached(world: ServiceWorld, request: bytes, name: str, *states: State) -> None:
    while (await world.states(request)).get(name) not in states:
        await pass_time(LOOK_EVERY_S)


class _NoLinks:
    """A bus on which no payment can be made: the vehicle pays directly, into the entity's chip."""

    def __init__(self, bus: MessageBus) -> None:
        self._bus = bus

    async def publish(self, recipient: str, kind: str, payload: bytes) -> None:
        if kind == FRAME_KIND:
            raise Refusal(Outcome.UNAVAILABLE, "no links over this bus")
        await self._bus.publish(recipient, kind, payload)

    async def receive(self) -> Delivery:
        return await self._bus.receive()

    async def close(self) -> None:
        await self._bus.close()
