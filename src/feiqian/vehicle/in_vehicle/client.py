"""The in-vehicle client: what a holder asks once, and everything that then happens by itself.

What a state has to do outside (have the chip authorise, pay, present again, look for funds) is done one
thing at a time, and tried again later each time.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

from feiqian.crypto.cbor import VERSION
from feiqian.crypto.certificates import parse_certificate
from feiqian.outcomes import SUCCESSES, UNDECIDED, Outcome, Refusal
from feiqian.ports import Entropy, Transaction
from feiqian.protocol.service.facts import (
    CancelAsked,
    ChipAuthorised,
    ChipRefused,
    FeeSettled,
    FundsArrived,
)
from feiqian.protocol.service.fees import read_order
from feiqian.protocol.service.offers import VehicleSetup
from feiqian.protocol.service.records import VehicleService, new_vehicle_service
from feiqian.protocol.service.states import State
from feiqian.protocol.service.vehicle import VehicleMachine
from feiqian.vehicle import post as posts
from feiqian.vehicle import service_rows
from feiqian.vehicle.in_vehicle import grants
from feiqian.vehicle.in_vehicle.visits import Approach, Visits
from feiqian.vehicle.party import Office, Party, Patience
from feiqian.vehicle.purse import Purse
from feiqian.wire.authorisation import AUTHORISATION, Grant
from feiqian.wire.positions import Position
from feiqian.wire.presence import PositionReport
from feiqian.wire.service import Said
from feiqian.wire.usage import ServiceClass

ID_BYTES = 16
CARRY_EVERY_MS = 5_000
"""How often an entity beside us is asked what it has to say, so that the fee is not paid late."""

_DRIVING = frozenset({State.AUTHORISED, State.SERVED, State.CANCELLING})
"""While where the vehicle stands matters."""
_ATTENDED = frozenset({State.SERVED, State.CANCELLING})
"""While an entity without a network may have something for the management server."""
_PATIENT = _ATTENDED | {State.OWING, State.PRESENTING}
"""What a slow look is enough for, if nothing can be carried."""
_BUSY = _PATIENT | {State.AUTHORISING, State.PAYING, State.SETTLING}


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
        self._visits = Visits(office, self.links, purse, entropy, approach)
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
        patient = _PATIENT - _ATTENDED if self._visits.can_carry else _PATIENT
        return any(record.state not in patient for record in records)

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
            case State.PRESENTING:
                after = await self._hand_over(record)
            case State.OWING:
                spendable_minor = await self._purse.spendable_minor()
                after = await self.tell(record.request_id, FundsArrived(spendable_minor))
            case _:
                after = None
                if await self._visits.carry(record):
                    self._patience.pause(_effort(record), self._now_ms(), CARRY_EVERY_MS)
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
        return await self._hand_over(record)

    async def _settle(self, record: VehicleService) -> VehicleService | None:
        """The chip has signed: present the same bytes until there is a proof."""
        order = read_order(self.office.post.suite, record.order)
        await self._purse.settle()
        known = await self._purse.settlement(order.order_id)
        if known is None or known.outcome not in SUCCESSES:
            return await self._hand_over(record)
        return await self.tell(record.request_id, FeeSettled(known))

    async def _hand_over(self, record: VehicleService) -> VehicleService | None:
        """Pay at the entity, or hand it once more what the chip has signed for the order."""
        settlement = await self._visits.pay(record)
        if settlement is None:
            return None
        return await self.tell(record.request_id, FeeSettled(settlement))


def _effort(record: VehicleService) -> bytes:
    """What is tried again later each time: a state's duty, so that the next state's begins at once."""
    return record.request_id + record.state.encode()
