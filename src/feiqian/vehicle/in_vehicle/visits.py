"""Visits to an entity: over the bus, or directly to the one beside us, to pay it and to carry its post.

Directly, the vehicle also carries signed messages between an entity without a network and the
management server, and pays from chip to chip (V-10).
"""

import asyncio
from collections.abc import Awaitable, Callable

from feiqian.outcomes import SUCCESSES, Refusal
from feiqian.ports import Entropy, Link
from feiqian.protocol.service.facts import Settlement
from feiqian.protocol.service.fees import read_order
from feiqian.protocol.service.records import VehicleService
from feiqian.vehicle.bus_link import BusLinks
from feiqian.vehicle.party import Office, publish
from feiqian.vehicle.post import Parcel
from feiqian.vehicle.purse import Purse
from feiqian.wire.authorisation import AUTHORISATION
from feiqian.wire.envelope import decode_message, encode_message
from feiqian.wire.service import Matched
from feiqian.wire.service_kinds import KIND_OF, KINDS
from feiqian.wire.visit import CarriedMessage, Visit, Visited

SESSION_BYTES = 16
VISIT_PATIENCE_S = 15
"""How long an entity has to answer a visit."""
BESIDE_PATIENCE_S = 3
"""How long over the bus when it stands beside us, so that a direct link serves as well."""
PAYMENT_PATIENCE_S = 180
"""How long a payment may take, however slow the link."""

Approach = Callable[[str], Awaitable[Link]]
"""Opens a direct link to the entity of this name, beside us. `Refusal` unavailable."""


class Visits:
    """One vehicle's."""

    def __init__(
        self,
        office: Office,
        links: BusLinks,
        purse: Purse,
        entropy: Entropy,
        approach: Approach | None,
    ) -> None:
        self._office = office
        self._links = links
        self._purse = purse
        self._entropy = entropy
        self._approach = approach

    @property
    def can_carry(self) -> bool:
        """Whether there is a way to an entity beside us."""
        return self._approach is not None

    async def pay(self, record: VehicleService) -> Settlement | None:
        """One attempt over each way to the entity; None when nobody could be reached."""
        session = self._entropy(SESSION_BYTES)
        try:
            link: Link = self._links.open(record.entity, session)
            return await self._pay_over(link, record, offline=False)
        except (Refusal, TimeoutError) as error:
            self._office.note(f"{record.entity} over the bus: {error}")
        if self._approach is None:
            return None
        try:
            return await self._pay_over(await self._approach(record.entity), record, offline=True)
        except (Refusal, TimeoutError) as error:
            self._office.note(f"{record.entity} beside us: {error}")
        return None

    async def _pay_over(self, link: Link, record: VehicleService, *, offline: bool) -> Settlement:
        suite = self._office.post.suite
        order = read_order(suite, record.order)
        number = AUTHORISATION.peek(suite, record.authorisation).number
        try:
            await self._visit(link, record, record.order, offline=offline)
            async with asyncio.timeout(PAYMENT_PATIENCE_S):
                return await self._purse.pay_fee(link, number, order, offline=offline)
        finally:
            await link.close()

    async def carry(self, record: VehicleService) -> bool:
        """Bring an entity beside us its match, and take along what it has to say, if it is there."""
        if self._approach is None:
            return False
        try:
            link = await self._approach(record.entity)
            try:
                await self._visit(link, record, None, offline=True)
            finally:
                await link.close()
        except (Refusal, TimeoutError) as error:
            self._office.note(f"{record.entity} beside us: {error}")
            return False
        return True

    async def _visit(
        self, link: Link, record: VehicleService, order: bytes | None, *, offline: bool
    ) -> None:
        """Begin a link. `Refusal` as the entity says; what it gives us is passed on."""
        carried = (CarriedMessage(KIND_OF[Matched], record.matched),) if record.matched else ()
        waits_s = VISIT_PATIENCE_S if offline or self._approach is None else BESIDE_PATIENCE_S
        async with asyncio.timeout(waits_s):
            await link.send(encode_message(Visit(carried, order, offline)))
            visited = decode_message(await link.receive(), Visited)
        for each in visited.carried:
            await self._pass_on(each)
        if visited.outcome not in SUCCESSES:
            raise Refusal(visited.outcome, visited.detail)

    async def _pass_on(self, carried: CarriedMessage) -> None:
        """Publish for somebody else; who it is for stands in what was signed."""
        if carried.kind not in KINDS:
            return
        message = KINDS[carried.kind].peek(self._office.post.suite, carried.raw)
        for recipient in message.recipients:
            if recipient != self._office.post.name:
                await publish(self._office, Parcel(recipient, carried.kind, carried.raw))
