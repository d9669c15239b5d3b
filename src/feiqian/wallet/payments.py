"""Paying and receiving: sets a machine up from what is stored, and has the driver carry it.

Before anything new is paid, every payment that a crash left undecided between intent and signature
is settled with the chip, which needs no network; so the chip never has to remember more than one.
"""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

from feiqian.driver import Driver, NoLink
from feiqian.driver import Surroundings as Ports
from feiqian.outcomes import UNDECIDED, Outcome, Refusal
from feiqian.ports import Link
from feiqian.protocol.chain import Chain
from feiqian.protocol.effects import Finish, Record, RequestTaken
from feiqian.protocol.machine import PaymentMachine
from feiqian.protocol.payee import PayeeMachine, PayeeSetup
from feiqian.protocol.payer import PayerMachine, PayerPast, PayerSetup
from feiqian.wallet.holder import Holder
from feiqian.wallet.selection import select
from feiqian.wallet.sessions import Stage

Approval = Callable[[int, str], Awaitable[bool]]
"""Asks the holder: amount in minor units, payee's wallet number."""


async def always(amount_minor: int, payee: str) -> bool:
    """Agree: the holder said so by asking for the payment."""
    del amount_minor, payee
    return True


@dataclass(frozen=True, slots=True)
class Payments:
    """What a holder does with other wallets."""

    holder: Holder

    async def pay(
        self,
        link: Link,
        amount_minor: int | None,
        *,
        by_identifier: bool = False,
        approve: Approval = always,
    ) -> Finish:
        """Pay over a link: the amount given (C-02), or None to take the payee's (C-03)."""
        await self._settle_before_paying()
        spendable = await self.holder.spendable()

        def choose(wanted_minor: int) -> Sequence[Chain]:
            return select(spendable, wanted_minor)

        setup = self._payer_setup(choose, amount_minor, by_identifier)
        return await self._run(PayerMachine(setup), link, approve)

    async def receive(self, link: Link, amount_minor: int | None) -> Finish:
        """Be paid over a link: the amount given (C-03), or None to let the payer set it (C-02)."""
        return await self._run(PayeeMachine(await self._payee_setup(amount_minor)), link)

    async def present_again(self, link: Link, nonce: bytes) -> Finish:
        """Hand a pending payment to its payee over a later link, with identical bytes."""
        pending = await self.pending(Stage.SIGNED)
        past = next((each for each in pending if each.intent.nonce == nonce), None)
        if past is None:
            raise Refusal(Outcome.WRONG_SESSION, "expected a payment that is still pending")
        return await self._run(self._payer(past, on_link=True), link)

    # Without the other side ----------------------------------------------------------------------
    async def settle_intents(self) -> list[Finish]:
        """Learn from the chip what became of intended payments, and go on from there."""
        intended = await self.pending(Stage.INTENDED)
        return [await self._run(self._payer(past), NoLink()) for past in intended]

    async def _settle_before_paying(self) -> None:
        finished = await self.settle_intents()
        if await self.pending(Stage.INTENDED):
            raise Refusal(Outcome.UNAVAILABLE, finished[-1].detail)

    async def submit(self, past: PayerPast) -> Finish:
        """Present a signed payment at the payee's institution, for the payee."""
        return await self._run(self._payer(past), NoLink())

    async def cash(self, past: RequestTaken) -> Finish:
        """Present a request taken earlier to our manager again."""
        setup = await self._payee_setup(None)
        return await self._run(PayeeMachine(setup, past), NoLink())

    async def pending(self, stage: Stage) -> list[PayerPast]:
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
        choose: Callable[[int], Sequence[Chain]],
        amount_minor: int | None,
        by_identifier: bool,
    ) -> PayerSetup:
        holder = self.holder
        return PayerSetup(
            holder.around.trust, holder.certificate, choose, amount_minor, by_identifier
        )

    async def _payee_setup(self, amount_minor: int | None) -> PayeeSetup:
        holder = self.holder
        return PayeeSetup(
            trust=holder.around.trust,
            certificate=holder.certificate,
            loaded_sequence=holder.around.chip.status().loaded_sequence,
            fetch_id=holder.fresh_key(),
            amount_minor=amount_minor,
            earlier=await holder.around.store.read(holder.journal.earlier),
        )

    async def _run(self, machine: PaymentMachine, link: Link, approve: Approval = always) -> Finish:
        around = self.holder.around
        ports = Ports(
            chip=around.chip,
            link=link,
            courier=around.courier,
            clock=around.clock,
            keep=self._keep,
            url_of=around.trust.url,
            approve=approve,
        )
        return await Driver(ports).run(machine)

    async def _keep(self, record: Record) -> None:
        around, journal = self.holder.around, self.holder.journal
        await around.store.write(lambda tx: journal.apply(tx, record, around.now_ms()))


def is_pending(finish: Finish) -> bool:
    """Whether a session must be resumed later."""
    return finish.outcome in UNDECIDED


def _no_choice(_: int) -> Sequence[Chain]:
    raise Refusal(Outcome.INSUFFICIENT_BALANCE, "a payment that goes on chooses nothing anew")
