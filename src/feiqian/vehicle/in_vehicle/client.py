"""The in-vehicle client: what a holder asks once, and everything that then happens by itself.

It opens the link over which a fee is paid: over the bus, or directly to the entity beside it. Directly
it also carries signed messages between an entity without a network and the management server, and
pays from chip to chip (V-10).
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import ClassVar

from feiqian.crypto.cbor import VERSION
from feiqian.crypto.certificates import parse_certificate
from feiqian.outcomes import SUCCESSES, UNDECIDED, Outcome, Refusal
from feiqian.ports import Entropy, Link, Transaction
from feiqian.protocol.service.facts import (
    CancelAsked,
    ChipAuthorised,
    ChipRefused,
    FeeSettled,
    FundsArrived,
    Settlement,
)
from feiqian.protocol.service.fees import read_order
from feiqian.protocol.service.offers import VehicleSetup
from feiqian.protocol.service.records import VehicleService, new_vehicle_service
from feiqian.protocol.service.states import State
from feiqian.protocol.service.vehicle import VehicleMachine
from feiqian.vehicle import post as posts
from feiqian.vehicle import service_rows
from feiqian.vehicle.in_vehicle import grants
from feiqian.vehicle.party import Office, Party, Patience
from feiqian.vehicle.post import Parcel
from feiqian.vehicle.purse import Purse
from feiqian.wire.authorisation import AUTHORISATION, Grant
from feiqian.wire.envelope import decode_message, encode_message
from feiqian.wire.positions import Position
from feiqian.wire.presence import PositionReport
from feiqian.wire.service import Matched, Said
from feiqian.wire.service_kinds import KIND_OF, KINDS
from feiqian.wire.usage import ServiceClass
from feiqian.wire.visit import CarriedMessage, Visit, Visited

ID_BYTES = 16
VISIT_PATIENCE_S = 15
"""How long an entity has to answer a visit."""
PAYMENT_PATIENCE_S = 180
"""How long a payment may take, however slow the link."""

_DRIVING = frozenset({State.AUTHORISED, State.SERVED, State.CANCELLING})
"""While where the vehicle stands matters."""
_ATTENDED = frozenset({State.SERVED, State.CANCELLING})
"""While an entity without a network may have something for the management server."""
_PATIENT = _ATTENDED | {State.OWING}
"""What a slow look is enough for."""
_BUSY = frozenset({State.AUTHORISING, State.PAYING, State.SETTLING, State.OWING}) | _ATTENDED

Approach = Callable[[str], Awaitable[Link]]
"""Opens a direct link to the entity of this name, beside us. `Refusal` unavailable."""


@dataclass(frozen=True, slots=True)
class Wish:
    """What a holder asks for."""

    provider: str
    service: ServiceClass
    ceiling_minor: int
    """Most that may be charged."""
    valid_ms: int
    """How long the authorisation holds, from when it is given."""
    entity: str | None = None


@dataclass(frozen=True, slots=True)
class Trusted:
    """Whom the holder trusts with services: nobody else is asked or obeyed."""

    providers: Mapping[str, bytes]
    """Their keys, by name."""
    managements: frozenset[str]
    membership: bytes
    """Our own."""


class VehicleClient(Party[VehicleService]):
    """The client."""

    RECORD: ClassVar = VehicleService

    def __init__(
        self,
        office: Office,
        trusted: Trusted,
        purse: Purse,
        entropy: Entropy,
        approach: Approach | None = None,
    ) -> None:
        super().__init__(office)
        office.post.keys.update(trusted.providers)
        self._trusted = trusted
        self._purse = purse
        self._entropy = entropy
        self._approach = approach
        self._patience = Patience()
        self._sequence = 0
        self._own = parse_certificate(office.post.suite, purse.certificate)

    def _machine(self, tx: Transaction, record: VehicleService) -> VehicleMachine:
        setup = VehicleSetup(
            name=self.name,
            suite=self.office.post.suite,
            certificate=self._purse.certificate,
            chip_key=self._own.value.public_key,
            providers=self._trusted.providers,
            managements=self._trusted.managements,
            standing=grants.live(tx),
        )
        return VehicleMachine(record, setup)

    def _new(self, request_id: bytes, message: Said) -> None:
        """A vehicle is in no service that it has not asked for."""
        del request_id, message

    # What a holder does --------------------------------------------------------------------------
    async def request(self, wish: Wish) -> bytes:
        """Ask a provider (V-01); the request's id. `Refusal` unknown_name for one not trusted."""
        if wish.provider not in self._trusted.providers:
            raise Refusal(Outcome.UNKNOWN_NAME, f"{wish.provider} is not trusted here")
        request_id, now = self._entropy(ID_BYTES), self.office.clock.now()
        record = new_vehicle_service(
            request_id,
            wish.provider,
            wish.service,
            self._trusted.membership,
            ceiling_minor=wish.ceiling_minor,
            valid_ms=wish.valid_ms,
            entity=wish.entity,
        )

        def job(tx: Transaction) -> None:
            machine = self._machine(tx, record)
            machine.begin(now)
            self._store(tx, machine.record, now.midpoint_ms)
            self.office.post.say(tx, machine.says, now.midpoint_ms)
            service_rows.log_step(tx, request_id, machine, now.midpoint_ms)

        await self.office.store.write(job)
        await self.flush()
        return request_id

    async def allow(self, grant: Grant) -> int:
        """Give a standing authorisation; its number. `Refusal` as the chip says."""
        raw = await self._purse.authorise(grant, self.office.clock.now())
        number = AUTHORISATION.peek(self.office.post.suite, raw).number
        await self.office.store.write(lambda tx: grants.keep(tx, number, raw))
        return number

    async def revoke(self, number: int) -> None:
        """End an authorisation: the chip pays nothing under it any more."""
        await self._purse.revoke(number)
        await self.office.store.write(lambda tx: grants.revoke(tx, number))

    async def cancel(self, request_id: bytes) -> VehicleService | None:
        """Want no more of a service; what was used is still paid."""
        return await self.tell(request_id, CancelAsked())

    async def service(self, request_id: bytes) -> VehicleService | None:
        """Where one stands."""
        return await self.office.store.read(
            lambda tx: service_rows.load(tx, request_id, VehicleService)
        )

    async def services(self) -> list[VehicleService]:
        """All, the newest first."""
        return await self.office.store.read(lambda tx: service_rows.newest(tx, VehicleService))

    async def delivered(self) -> bool:
        """Whether everybody has acknowledged what we said."""
        return not await self.office.store.read(lambda tx: posts.waiting(tx, 1))

    async def standing(self) -> list[grants.Standing]:
        """The standing authorisations."""
        suite = self.office.post.suite
        return await self.office.store.read(lambda tx: grants.shown(tx, suite))

    # Driving -------------------------------------------------------------------------------------
    async def report(self, position: Position) -> None:
        """Tell the management servers that wait for it where we are (V-03)."""
        now_ms = self._now_ms()
        self._sequence = max(self._sequence + 1, now_ms)
        records = await self._in(_DRIVING)
        for management in sorted({record.management for record in records}):
            said = PositionReport(VERSION, self.name, (management,), self._sequence, position)
            await self._publish(self.office.post.sign(said))

    async def _in(self, states: frozenset[State]) -> list[VehicleService]:
        return await self.office.store.read(
            lambda tx: service_rows.in_states(tx, states, VehicleService)
        )

    # Duties --------------------------------------------------------------------------------------
    async def _duties(self) -> bool:
        records = await self._in(_BUSY)
        for record in records:
            if self._patience.may(_effort(record), self._now_ms()):
                await self._attend_to(record)
        return any(record.state not in _PATIENT for record in records)

    async def _attend_to(self, record: VehicleService) -> None:
        before = record.state
        self._patience.failed(_effort(record), self._now_ms())
        match before:
            case State.AUTHORISING:
                after = await self._authorise(record)
            case State.PAYING:
                after = await self._pay(record)
            case State.SETTLING:
                after = await self._settle(record)
            case State.OWING:
                spendable_minor = await self._purse.spendable_minor()
                after = await self.tell(record.request_id, FundsArrived(spendable_minor))
            case _:
                after = None
                await self._carry(record)
        owed = State.OWING in (before, before if after is None else after.state)
        if after is not None and after.state is not before and not owed:
            self._patience.done(_effort(record))
            self._stirred.set()

    async def _authorise(self, record: VehicleService) -> VehicleService | None:
        """Have the chip authorise; with the PIN not given yet, it waits (V-02)."""
        machine = await self.office.store.read(lambda tx: self._machine(tx, record))
        try:
            raw = await self._purse.authorise(*machine.grant)
        except Refusal as refusal:
            if refusal.outcome in UNDECIDED or refusal.outcome is Outcome.PIN_REQUIRED:
                self.office.note(f"not authorised yet: {refusal}")
                return None
            return await self.tell(record.request_id, ChipRefused(refusal))
        return await self.tell(record.request_id, ChipAuthorised(raw))

    async def _pay(self, record: VehicleService) -> VehicleService | None:
        """Pay the order, over the bus or else directly, or learn that it was paid before."""
        order = read_order(self.office.post.suite, record.order)
        known = await self._purse.settlement(order.order_id)
        if known is not None and (known.signed or known.outcome in SUCCESSES):
            return await self.tell(record.request_id, FeeSettled(known))
        settlement = await self._try_paying(record)
        if settlement is None:
            return None
        return await self.tell(record.request_id, FeeSettled(settlement))

    async def _settle(self, record: VehicleService) -> VehicleService | None:
        """The chip has signed: present the same bytes until there is a proof."""
        order = read_order(self.office.post.suite, record.order)
        await self._purse.settle()
        known = await self._purse.settlement(order.order_id)
        if known is None or known.outcome not in SUCCESSES:
            known = await self._try_paying(record)
        if known is None:
            return None
        return await self.tell(record.request_id, FeeSettled(known))

    async def _try_paying(self, record: VehicleService) -> Settlement | None:
        """One attempt over each way to the entity; None when nobody could be reached."""
        session = self._entropy(ID_BYTES)
        try:
            link: Link = self.links.open(record.entity, session)
            return await self._pay_over(link, record, offline=False)
        except (Refusal, TimeoutError) as error:
            self.office.note(f"{record.entity} over the bus: {error}")
        if self._approach is None:
            return None
        try:
            return await self._pay_over(await self._approach(record.entity), record, offline=True)
        except (Refusal, TimeoutError) as error:
            self.office.note(f"{record.entity} beside us: {error}")
        return None

    async def _pay_over(self, link: Link, record: VehicleService, *, offline: bool) -> Settlement:
        suite = self.office.post.suite
        order = read_order(suite, record.order)
        number = AUTHORISATION.peek(suite, record.authorisation).number
        try:
            await self._visit(link, record, record.order, offline=offline)
            async with asyncio.timeout(PAYMENT_PATIENCE_S):
                return await self._purse.pay_fee(link, number, order, offline=offline)
        finally:
            await link.close()

    async def _carry(self, record: VehicleService) -> None:
        """Bring an entity beside us its match, and take along what it has to say."""
        if self._approach is None:
            return
        try:
            link = await self._approach(record.entity)
            try:
                await self._visit(link, record, None, offline=True)
            finally:
                await link.close()
        except (Refusal, TimeoutError) as error:
            self.office.note(f"{record.entity} beside us: {error}")

    async def _visit(
        self, link: Link, record: VehicleService, order: bytes | None, *, offline: bool
    ) -> None:
        """Begin a link. `Refusal` as the entity says; what it gives us is passed on."""
        carried = (CarriedMessage(KIND_OF[Matched], record.matched),) if record.matched else ()
        async with asyncio.timeout(VISIT_PATIENCE_S):
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
        message = KINDS[carried.kind].peek(self.office.post.suite, carried.raw)
        for recipient in message.recipients:
            if recipient != self.name:
                await self._publish(Parcel(recipient, carried.kind, carried.raw))


def _effort(record: VehicleService) -> bytes:
    """What is tried again later each time: a state's duty, so that the next state's begins at once."""
    return record.request_id + record.state.encode()
