"""Paying and receiving: sets a machine up from what is stored, and has the driver carry it.

Before anything new is paid, every payment that a crash left undecided between intent and signature
is settled with the chip, which needs no network; so the chip never has to remember more than one. The
same goes for what a crash left between the check of an offline payment and the chip's receipt.
"""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

from feiqian.driver import Driver, NoLink, SessionPorts
from feiqian.money.offline_policy import ceiling_with_back_end, ceiling_with_list
from feiqian.money.transfer import Acceptor
from feiqian.outcomes import UNDECIDED, Outcome, Refusal
from feiqian.ports import Link
from feiqian.protocol.payment.chain import Chain, Chooser
from feiqian.protocol.payment.checks import check_request, payer_of
from feiqian.protocol.payment.effects import Finish
from feiqian.protocol.payment.machine import PaymentMachine
from feiqian.protocol.payment.payee import PayeeMachine
from feiqian.protocol.payment.payer import PayerMachine
from feiqian.protocol.payment.records import HandoverTaken, Record, RequestTaken
from feiqian.protocol.payment.setup import FeeTerms, PayeeSetup, PayerPast, PayerSetup
from feiqian.timing.moment import Moment
from feiqian.wallet import taken
from feiqian.wallet.connection import NoCourier, is_connected, never_connected
from feiqian.wallet.holder import Holder
from feiqian.wallet.listing import ListShelf
from feiqian.wallet.overdue import check_unrestricted, judge_overdue
from feiqian.wallet.selection import select, select_offline
from feiqian.wallet.session_rows import SessionStage
from feiqian.wallet.timekeeping import check_known
from feiqian.wire.payment import PaymentRequest

Approval = Callable[[int, str], Awaitable[bool]]
"""Asks the holder: amount in minor units, payee's wallet number."""


async def always(amount_minor: int, payee: str) -> bool:
    """Agree: the holder said so by asking for the payment."""
    del amount_minor, payee
    return True


class Intake(StrEnum):
    """How a payee takes a payment in."""

    MANAGER = "manager"
    """Its manager cashes it."""
    CHIP = "chip"
    """Its chip accepts it; the back end verifies it if there is a connection, else the list."""
    OFFLINE = "offline"
    """Its chip accepts it, and no network is touched."""


@dataclass(frozen=True, slots=True)
class Payments:
    """What a holder does with other wallets."""

    holder: Holder
    shelf: ListShelf

    async def pay(
        self,
        link: Link,
        amount_minor: int | None,
        *,
        by_identifier: bool = False,
        offline: bool = False,
        approve: Approval = always,
        fee: FeeTerms | None = None,
    ) -> Finish:
        """Pay over a link: the amount given (C-02), or None to take the payee's (C-03).

        The payee's offer says who takes it in; `offline` refuses all but its chip. A `fee` is paid
        under an authorisation of the chip (V-05).
        """
        await self._settle_before_paying()
        spendable = await self.holder.spendable()
        suite, now = self.holder.around.trust.suite, self.holder.around.clock.now()

        def choose(wanted_minor: int, offline_tier: int | None) -> Sequence[Chain]:
            if offline_tier is None:
                return select(spendable, wanted_minor)
            self._check_offline(now)
            return select_offline(suite, spendable, wanted_minor, offline_tier, now)

        setup = self._payer_setup(choose, amount_minor, by_identifier, offline)
        return await self._run(PayerMachine(replace(setup, fee=fee)), link, approve)

    async def receive(
        self,
        link: Link,
        amount_minor: int | None,
        intake: Intake = Intake.MANAGER,
        fee_order: bytes | None = None,
    ) -> Finish:
        """Be paid over a link: the amount given (C-03), or None to let the payer set it (C-02).

        Raises `Refusal` when the chip is to take it in: time_unknown, overdue, and stale_list when
        nothing could be verified.
        """
        await self.check_intake(intake)
        if intake is not Intake.MANAGER:
            await self._settle_before_receiving()
        setup = replace(await self._payee_setup(amount_minor, intake), fee_order=fee_order)
        return await self._run(PayeeMachine(setup), link, offline=intake is Intake.OFFLINE)

    async def check_intake(self, intake: Intake) -> None:
        """Whether anything may be received so now. `Refusal` time_unknown, overdue, stale_list."""
        if intake is not Intake.MANAGER:
            self._check_offline(self.holder.around.clock.now())
        if intake is Intake.OFFLINE:
            await self._ceiling(intake)

    async def present_again(self, link: Link, nonce: bytes) -> Finish:
        """Hand a signed payment to its payee over a later link, with identical bytes.

        Also one that is confirmed: its payer may have been confirmed without its payee hearing of it.
        """
        await self.settle_intents()
        journal = self.holder.journal
        past = await self.holder.around.store.read(lambda tx: journal.payment(tx, nonce))
        if past is None:
            raise Refusal(Outcome.WRONG_SESSION, "expected a payment that the chip has signed")
        return await self._run(self._payer(past, on_link=True), link)

    def _check_offline(self, now: Moment) -> None:
        """Whether value may change hands without a manager now. `Refusal` time_unknown, overdue."""
        check_known(now)
        around = self.holder.around
        rule, synchronised_at = around.rules.overdue, around.chip.status().synchronised_at
        check_unrestricted(rule, judge_overdue(now, synchronised_at, rule.preset_ms))

    # Without the other side ----------------------------------------------------------------------
    async def settle_intents(self) -> list[Finish]:
        """Learn from the chip what became of intended payments, and go on from there."""
        intended = await self.pending(SessionStage.INTENDED)
        return [await self._run(self._payer(past), NoLink()) for past in intended]

    async def _settle_before_paying(self) -> None:
        finished = await self.settle_intents()
        if await self.pending(SessionStage.INTENDED):
            raise Refusal(Outcome.UNAVAILABLE, finished[-1].detail)

    async def _settle_before_receiving(self) -> None:
        """Have the chip accept what was judged sound before a crash; it remembers few receipts."""
        for handover in await self.handovers():
            if handover.judgement is not None:
                await self.take_in(handover)

    async def take_in(self, handover: HandoverTaken) -> Finish:
        """Go on with an offline request that was handed to us: check it, have the chip accept it."""
        setup = await self._payee_setup(None, Intake.MANAGER)
        return await self._run(PayeeMachine(setup, handover), NoLink())

    async def handovers(self) -> list[HandoverTaken]:
        """Offline requests to us that our chip has not accepted."""
        return await self.holder.around.store.read(taken.handovers)

    async def keep_handover(self, request: PaymentRequest) -> HandoverTaken | None:
        """Keep an offline request that came without a link, if it is of one of our sessions.

        Raises `Refusal` by name when it is not sound.
        """
        holder, now = self.holder, self.holder.around.clock.now()
        earlier = (await self._earlier()).get(request.nonce)
        if earlier is None or earlier.offer.acceptor is not Acceptor.CHIP:
            raise Refusal(Outcome.WRONG_SESSION, "expected a request in a session of our chip")
        if earlier.answered is not None:
            return None
        trust = holder.around.trust
        amount_minor = check_request(trust, request, earlier.offer, holder.certificate, now)
        payer = payer_of(trust, request, now)
        handover = HandoverTaken(request.nonce, request, amount_minor, payer, earlier.offer_raw)
        await self._keep(handover)
        return handover

    async def _earlier(self) -> taken.EarlierSessions:
        around = self.holder.around
        return await around.store.read(lambda tx: taken.earlier(tx, around.trust.suite))

    async def submit(self, past: PayerPast) -> Finish:
        """Present a signed payment at the payee's institution, for the payee."""
        return await self._run(self._payer(past), NoLink())

    async def cash(self, past: RequestTaken) -> Finish:
        """Present a request taken earlier to our manager again."""
        setup = await self._payee_setup(None, Intake.MANAGER)
        return await self._run(PayeeMachine(setup, past), NoLink())

    async def pending(self, stage: SessionStage) -> list[PayerPast]:
        """Our payments at this stage."""
        journal = self.holder.journal
        return await self.holder.around.store.read(lambda tx: journal.payments(tx, stage))

    async def open_requests(self) -> list[RequestTaken]:
        """Requests to us that are not answered."""
        return await self.holder.around.store.read(self.holder.journal.open_requests)

    # Wiring --------------------------------------------------------------------------------------
    def _payer(self, past: PayerPast, *, on_link: bool = False) -> PayerMachine:
        setup = self._payer_setup(_no_choice, None, past.intent.by_identifier)
        again = PayerPast(past.intent, past.payee, past.chains, past.signed, on_link)
        return PayerMachine(setup, again)

    def _payer_setup(
        self,
        choose: Chooser,
        amount_minor: int | None,
        by_identifier: bool,
        offline_only: bool = False,
    ) -> PayerSetup:
        holder = self.holder
        return PayerSetup(
            holder.around.trust,
            holder.certificate,
            choose,
            amount_minor,
            by_identifier,
            offline_only,
        )

    async def _payee_setup(self, amount_minor: int | None, intake: Intake) -> PayeeSetup:
        holder, by_chip = self.holder, intake is not Intake.MANAGER
        return PayeeSetup(
            trust=holder.around.trust,
            certificate=holder.certificate,
            loaded_sequence=holder.around.chip.status().loaded_sequence,
            fetch_id=holder.fresh_key(),
            amount_minor=amount_minor,
            acceptor=Acceptor.CHIP if by_chip else Acceptor.MANAGER,
            ceiling_minor=await self._ceiling(intake) if by_chip else None,
            listed=await self.shelf.held(),
            earlier=await self._earlier(),
        )

    async def _ceiling(self, intake: Intake) -> int:
        """Most that can be verified now. `Refusal` stale_list when nothing can."""
        holder, tier = self.holder, self.holder.certificate.value.tier
        if intake is Intake.CHIP and await self._connected(holder.institution):
            return ceiling_with_back_end(tier)
        held = await self.shelf.held()
        issued_at_ms = None if held is None else held.state.issued_at_ms
        return ceiling_with_list(tier, issued_at_ms, holder.around.clock.now())

    async def _connected(self, institution: str) -> bool:
        around = self.holder.around
        url = around.trust.url(institution)
        return await is_connected(around.library, url, around.rules.connection)

    async def _run(
        self,
        machine: PaymentMachine,
        link: Link,
        approve: Approval = always,
        *,
        offline: bool = False,
    ) -> Finish:
        around = self.holder.around
        ports = SessionPorts(
            chip=around.chip,
            link=link,
            courier=NoCourier() if offline else around.courier,
            clock=around.clock,
            keep=self._keep,
            url_of=around.trust.url,
            approve=approve,
            connected=never_connected if offline else self._connected,
        )
        return await Driver(ports).run(machine)

    async def _keep(self, record: Record) -> None:
        around, journal = self.holder.around, self.holder.journal
        await around.store.write(lambda tx: journal.apply(tx, record, around.now_ms()))


def is_pending(finish: Finish) -> bool:
    """Whether a session must be resumed later."""
    return finish.outcome in UNDECIDED


def _no_choice(_: int, __: int | None) -> Sequence[Chain]:
    raise Refusal(Outcome.INSUFFICIENT_BALANCE, "a payment that goes on chooses nothing anew")
