"""Services in one process, played: a vehicle asks, drives, stands and leaves, and time passes.

Run what uses it with `virtual_time.run`; an hour of standing takes no time.
"""

import asyncio
from collections.abc import Callable

from feiqian.protocol.service.states import ENDS, State
from feiqian.testing.service_parties import (
    ACCURACY_MM,
    LONGITUDE_E7,
    PROVIDER,
    VEHICLE,
    ServiceParties,
)
from feiqian.testing.virtual_time import pass_time
from feiqian.vehicle.in_vehicle.client import Wish
from feiqian.wire.positions import Position, PositionSourceKind


class ServiceWorld(ServiceParties):
    """The parties, and what can be done with them."""

    async def request(
        self, ceiling_minor: int = 50_00, entity: str | None = None, valid_h: int = 24
    ) -> bytes:
        """The vehicle asks."""
        wish = Wish(PROVIDER, self.service, ceiling_minor, valid_h * 3600 * 1000, entity)
        return await self.vehicle.request(wish)

    async def stand_at(self, name: str, seconds: int = 25, accuracy_mm: int = ACCURACY_MM) -> None:
        """Report the middle of an entity, once a second."""
        self.near = name
        await self.stand(self.places[name].latitude_e7, seconds, accuracy_mm)

    async def stand(self, latitude_e7: int, seconds: int, accuracy_mm: int = ACCURACY_MM) -> None:
        """Report a place, once a second."""
        for _ in range(seconds):
            await self.vehicle.report(self.position(latitude_e7, accuracy_mm))
            await pass_time(1)

    def position(self, latitude_e7: int, accuracy_mm: int = ACCURACY_MM) -> Position:
        """Standing there, now."""
        simulated = PositionSourceKind.SIMULATED
        now = self.clock.now()
        return Position(now, latitude_e7, LONGITUDE_E7, accuracy_mm, 0, None, simulated)

    async def until(self, holds: Callable[[], object], seconds: int = 600) -> None:
        """Let time pass until something holds. What a party died of is raised here."""
        for _ in range(seconds * 4):
            for task in self._running.values():
                if task.done():
                    task.result()
            found = holds()
            if asyncio.iscoroutine(found):
                found = await found
            if found:
                return
            await pass_time(0.25)
        raise AssertionError(f"still not after {seconds} s; {self.notes[-5:]}")

    async def vehicle_state(self, request_id: bytes) -> State:
        """Where the vehicle says it stands."""
        record = await self.vehicle.service(request_id)
        assert record is not None
        return record.state

    async def states(self, request_id: bytes) -> dict[str, str]:
        """Where each party says it stands; those that never heard of it are left out."""
        found = {}
        for name, store in self.stores.items():
            rows = await store.read(
                lambda tx: tx.query(
                    "SELECT state FROM services WHERE request_id = ?", (request_id,)
                )
            )
            if rows:
                found[name] = str(rows[0][0])
        return found

    async def ended(self, request_id: bytes, *names: str, seconds: int = 600) -> dict[str, str]:
        """Wait until these parties have ended; where everybody stands."""
        ends = {state.value for state in ENDS}

        async def all_ended() -> bool:
            states = await self.states(request_id)
            return all(states.get(name) in ends for name in names)

        try:
            await self.until(all_ended, seconds)
        except AssertionError as error:
            raise AssertionError(f"{await self.states(request_id)}: {error}") from error
        return await self.states(request_id)

    def held_minor(self) -> dict[str, int]:
        """What each chip holds."""
        wallets = {VEHICLE: self.wallet} | {
            name: place.wallet for name, place in self.places.items()
        }
        return {
            name: wallet.holder.around.chip.status().balance_minor
            for name, wallet in wallets.items()
        }
