"""The entity as a party: its site serves, its purse is paid, and a visitor may carry its messages."""

import asyncio
from typing import ClassVar

from feiqian.crypto.cbor import VERSION
from feiqian.outcomes import SUCCESSES, Outcome, Refusal
from feiqian.ports import Link, Transaction
from feiqian.protocol.service.entity import EntityMachine
from feiqian.protocol.service.facts import (
    FeeSettled,
    Reconciled,
    SiteEnded,
    SiteRefused,
    SiteStarted,
)
from feiqian.protocol.service.fees import read_order
from feiqian.protocol.service.records import EntityService
from feiqian.protocol.service.states import State
from feiqian.tasks import end_tasks
from feiqian.timing.moment import Moment
from feiqian.vehicle import post as posts
from feiqian.vehicle import service_rows
from feiqian.vehicle.entity.site import Site, SiteOrder
from feiqian.vehicle.party import Office, Party, Patience
from feiqian.vehicle.post import Letter
from feiqian.vehicle.purse import Purse
from feiqian.wire.envelope import decode_message, encode_message
from feiqian.wire.fees import FEE_ORDER, FeeOrder
from feiqian.wire.presence import PresenceAnswer, PresenceQuestion
from feiqian.wire.service import Matched, Said, ServiceStop
from feiqian.wire.service_kinds import KIND_OF
from feiqian.wire.usage import Usage
from feiqian.wire.visit import MAX_CARRIED, CarriedMessage, Visit, Visited

VISIT_PATIENCE_S = 30
"""How long a visitor has to say why it came."""
MAX_VISITS = 16
"""At once."""
_AT_SITE = frozenset({State.STARTING, State.SERVING, State.ENDING})
_UNSETTLED = frozenset({State.AWAITING_PAYMENT, State.UNPAID, State.PAID_OFFLINE})


class Entity(Party[EntityService]):
    """A service entity."""

    RECORD: ClassVar = EntityService

    def __init__(self, office: Office, management: str, purse: Purse, site: Site) -> None:
        super().__init__(office)
        self._management = management
        self._purse = purse
        self._site = site
        self._told: dict[bytes, State] = {}
        """What the site was last told, by request."""
        self._patience = Patience()
        self._visits: set[asyncio.Task[None]] = set()

    def _machine(self, tx: Transaction, record: EntityService) -> EntityMachine:
        del tx
        return EntityMachine(record, self.name, self._management, self.office.post.suite)

    def _new(self, request_id: bytes, message: Said) -> EntityService | None:
        known = isinstance(message, Matched | ServiceStop)
        return EntityService(VERSION, request_id) if known else None

    def _hear_plainly(self, tx: Transaction, letter: Letter, now: Moment) -> None:
        question = letter.message
        if not isinstance(question, PresenceQuestion) or question.sender != self._management:
            super()._hear_plainly(tx, letter, now)
            return
        answer = PresenceAnswer(
            VERSION,
            self.name,
            (question.sender,),
            question.question_id,
            self._site.occupied(),
            now,
        )
        self.office.post.say(tx, (answer,), now.midpoint_ms)

    # The site ------------------------------------------------------------------------------------
    async def started(self, request_id: bytes) -> None:
        """`SiteNews`: the service has begun."""
        await self.tell(request_id, SiteStarted())

    async def ended(self, request_id: bytes, *, served: bool, usage: Usage) -> None:
        """`SiteNews`: the service is over."""
        await self.tell(request_id, SiteEnded(served, usage))

    async def refused(self, request_id: bytes, refusal: Refusal) -> None:
        """`SiteNews`: it cannot be rendered."""
        await self.tell(request_id, SiteRefused(refusal))

    async def _duties(self) -> bool:
        at_site, unsettled = await self._in(_AT_SITE), await self._in(_UNSETTLED)
        for record in at_site:
            await self._instruct(record)
        for record in unsettled:
            if self._patience.may(record.request_id, self._now_ms()):
                await self._follow_up(record)
        return bool(unsettled)

    async def _in(self, states: frozenset[State]) -> list[EntityService]:
        return await self.office.store.read(
            lambda tx: service_rows.in_states(tx, states, EntityService)
        )

    async def _instruct(self, record: EntityService) -> None:
        """Tell the site what a state wants, once in a run of this program."""
        request_id = record.request_id
        ending = record.state is State.ENDING
        if self._told.get(request_id) is (State.ENDING if ending else State.STARTING):
            return
        self._told[request_id] = State.ENDING if ending else State.STARTING
        if ending:
            await self._site.end(request_id)
            return
        order = SiteOrder(
            request_id,
            record.vehicle,
            record.service,
            record.tariff,
            record.ceiling_minor,
            record.until_ms,
        )
        try:
            await self._site.begin(order, self)
        except Refusal as refusal:
            await self.refused(request_id, refusal)

    async def _follow_up(self, record: EntityService) -> None:
        """Learn from the purse what became of a payment that a crash or a lost link left open."""
        order = read_order(self.office.post.suite, record.order)
        self._patience.failed(record.request_id, self._now_ms())
        if record.state is State.PAID_OFFLINE:
            await self._purse.settle()
        settlement = await self._purse.settlement(order.order_id)
        if settlement is None:
            return
        if record.state is not State.PAID_OFFLINE and settlement.outcome in SUCCESSES:
            await self.tell(record.request_id, FeeSettled(settlement))
        elif record.state is State.PAID_OFFLINE and settlement.reconciled:
            await self.tell(record.request_id, Reconciled(settlement.outcome))
            self._patience.done(record.request_id)

    # Visits --------------------------------------------------------------------------------------
    def visited(self, link: Link) -> None:
        """Somebody opens a link to us. `Refusal` busy."""
        if len(self._visits) >= MAX_VISITS:
            raise Refusal(Outcome.BUSY, f"expected at most {MAX_VISITS} visits at once")
        visit = asyncio.ensure_future(self.receive_visit(link))
        self._visits.add(visit)
        visit.add_done_callback(self._visits.discard)

    async def run(self) -> None:
        """As every party; visits end with it."""
        try:
            await super().run()
        finally:
            await end_tasks(self._visits)

    async def receive_visit(self, link: Link) -> None:
        """Answer a visitor: take what it carries, give what is for others, be paid if it pays."""
        try:
            async with asyncio.timeout(VISIT_PATIENCE_S):
                visit = decode_message(await link.receive(), Visit)
                await self._take_carried(visit)
                order = await self._payable(visit)
                await link.send(encode_message(await self._answer(order)))
            if isinstance(order, FeeOrder):
                await self._be_paid(link, order, offline=visit.offline)
        except (Refusal, TimeoutError) as error:
            self.office.note(f"a visit: {error}")
        finally:
            await link.close()

    async def _take_carried(self, visit: Visit) -> None:
        """What is for us, in its order; whatever is not sound is noted, as from the bus."""
        order = () if visit.order is None else (CarriedMessage(KIND_OF[FeeOrder], visit.order),)
        for carried in (*visit.carried, *order):
            try:
                await self.hear_said(carried.kind, carried.raw)
            except Refusal as refusal:
                self.office.note(f"carried: {carried.kind}: {refusal}")

    async def _payable(self, visit: Visit) -> FeeOrder | Refusal | None:
        """The order that the visitor may pay now, why not, or that it wants to pay none."""
        if visit.order is None:
            return None
        raw, suite = visit.order, self.office.post.suite
        try:
            request_id = FEE_ORDER.peek(suite, raw).request_id
            record = await self.office.store.read(
                lambda tx: service_rows.load(tx, request_id, EntityService)
            )
            if record is None:
                raise Refusal(Outcome.NOT_AUTHORISED, "no such service was matched here")
            machine = EntityMachine(record, self.name, self._management, suite)
            order = machine.check_payable(raw)
            if visit.offline:
                await self._purse.check_offline()
        except Refusal as refusal:
            return refusal
        return order

    async def _answer(self, order: FeeOrder | Refusal | None) -> Visited:
        parcels = await self.office.store.read(lambda tx: posts.waiting(tx, MAX_CARRIED))
        carried = tuple(CarriedMessage(parcel.kind, parcel.raw) for parcel in parcels)
        if isinstance(order, Refusal):
            return Visited(carried, order.outcome, order.detail)
        return Visited(carried, Outcome.ACCEPTED, "")

    async def _be_paid(self, link: Link, order: FeeOrder, *, offline: bool) -> None:
        settlement = await self._purse.receive_fee(link, order, offline=offline)
        await self.tell(order.request_id, FeeSettled(settlement))
        self._patience.done(order.request_id)
