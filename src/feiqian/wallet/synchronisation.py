"""Synchronising: everything that a crash, a lost link or a silent server left open is taken up again.

Each step stands alone: what cannot be decided now is counted and left for the next time, and what
was decided before is answered the same. Intents come first (chip only); then what was received
without a manager and waits to be verified or accepted, requests to us, payments of ours, errands, what
was issued to us and chains the host has lost; last the newest list, the platform's orders and the chip's offline limits.
"""

from msgspec import Struct

from feiqian.crypto.cbor import VERSION
from feiqian.money.transfer import SignedTransfer
from feiqian.outcomes import SUCCESSES, UNDECIDED, Outcome, Refusal
from feiqian.ports import Transaction
from feiqian.protocol.payment.checks import change_of, paying_transfers, sound_renewals
from feiqian.protocol.payment.setup import PayerPast
from feiqian.wallet import errands, holdings, orders
from feiqian.wallet.banking import Banking
from feiqian.wallet.channel import held_channel, register_channel
from feiqian.wallet.errands import ErrandStage
from feiqian.wallet.holder import Holder
from feiqian.wallet.listing import ListShelf
from feiqian.wallet.loading import fetch, fetch_and_load, load_kept
from feiqian.wallet.orders import Judged
from feiqian.wallet.payments import Payments, is_pending
from feiqian.wallet.reconciliation import Reconciliation, tell_anomaly
from feiqian.wallet.session_rows import SessionStage
from feiqian.wire.request_envelope import MAX_LISTED, Action
from feiqian.wire.wallet_requests import TransfersBody, TransfersResult


class SyncReport(Struct, frozen=True):
    """What synchronising found and did; amounts in minor units."""

    settled: int
    """Sessions and errands that ended now."""
    pending: int
    """Those still open."""
    loaded_minor: int
    """Currency that the chip took in now."""
    unprovable_minor: int
    """What the chip holds and no kept chain can prove."""
    unverified_minor: int
    """Received by the chip, and not verified by its issuer yet."""
    problems: tuple[str, ...]
    judged: tuple[Judged, ...] = ()
    """Control orders that came, and what the chip said to each."""


class SynchronisingRun:
    """One run of synchronising."""

    def __init__(
        self, holder: Holder, payments: Payments, banking: Banking, shelf: ListShelf
    ) -> None:
        self._holder = holder
        self._shelf = shelf
        self._offline = Reconciliation(holder, payments, shelf)
        self._payments = payments
        self._banking = banking
        self._settled = 0
        self._pending = 0
        self._problems: list[str] = []
        self._judged: tuple[Judged, ...] = ()

    async def run(self) -> SyncReport:
        """Take up everything that is open."""
        await self._settle_intents()
        before_minor = self._balance_minor()
        await self._verify_received()
        await self._accept_handovers()
        await self._empty_mailbox()
        await self._cash_requests()
        await self._submit_payments()
        await self._resume_errands()
        await self._load()
        unprovable_minor = await self._restore_chains()
        await self._update_list()
        await self._obey()
        unverified = await self._offline.unverified()
        if not unverified:
            await self._synchronise_chip()
        await orders.settle_due(self._holder, self._shelf)
        return SyncReport(
            settled=self._settled,
            pending=self._pending,
            loaded_minor=max(0, self._balance_minor() - before_minor),
            unprovable_minor=unprovable_minor,
            unverified_minor=sum(taken.amount_minor for taken in unverified),
            problems=tuple(self._problems),
            judged=self._judged,
        )

    def _balance_minor(self) -> int:
        return self._holder.around.chip.status().balance_minor

    async def _settle_intents(self) -> None:
        for finish in await self._payments.settle_intents():
            if finish.outcome is Outcome.CANCELLED:
                self._settled += 1
            elif finish.outcome not in UNDECIDED:
                self._count(finish.outcome, finish.detail)

    async def _verify_received(self) -> None:
        for taken in await self._offline.unverified():
            try:
                verdicts = await self._offline.verify(taken)
            except Refusal as refusal:
                self._problems.append(str(refusal))
                continue
            self._settled += 1
            if verdicts.void:
                suite = self._holder.around.trust.suite
                self._problems.append(tell_anomaly(suite, taken, verdicts))

    async def _accept_handovers(self) -> None:
        for handover in await self._payments.handovers():
            finish = await self._payments.take_in(handover)
            self._count(finish.outcome, finish.detail)

    async def _empty_mailbox(self) -> None:
        try:
            finished = await self._offline.empty_mailbox()
        except Refusal as refusal:
            self._problems.append(str(refusal))
            return
        for finish in finished:
            self._count(finish.outcome, finish.detail)

    async def _update_list(self) -> None:
        try:
            await self._offline.update_list()
        except Refusal as refusal:
            self._problems.append(str(refusal))

    async def _obey(self) -> None:
        """Orders that are open for us; and a satellite channel, for when there is no network."""
        holder = self._holder
        try:
            await orders.take_waiting(holder)
            self._judged = tuple(await orders.exchange(holder))
            if await held_channel(holder.around.store) is None:
                await register_channel(holder)
        except Refusal as refusal:
            self._problems.append(str(refusal))

    async def _synchronise_chip(self) -> None:
        try:
            await self._offline.synchronise_chip()
        except Refusal as refusal:
            self._problems.append(str(refusal))

    async def _cash_requests(self) -> None:
        for taken in await self._payments.open_requests():
            finish = await self._payments.cash(taken)
            self._count(finish.outcome, finish.detail)

    async def _submit_payments(self) -> None:
        left = []
        for past in await self._payments.pending(SessionStage.SIGNED):
            finish = await self._payments.submit(past)
            self._count(finish.outcome, finish.detail)
            if is_pending(finish):
                left.append(past)
        await self._learn_standings(left)

    async def _learn_standings(self, left: list[PayerPast]) -> None:
        """Where the payee's institution is silent, our own may have cashed and renewed already."""
        suite, own = self._holder.around.trust.suite, self._holder.institution
        transfers = [
            transfer
            for past in left
            if past.signed is not None
            for item, transfer in zip(
                past.signed.full.items, paying_transfers(suite, past.signed.full), strict=True
            )
            if item.issuer == own
        ]
        for start in range(0, len(transfers), MAX_LISTED):
            await self._ask_standings(transfers[start : start + MAX_LISTED])

    async def _ask_standings(self, transfers: list[SignedTransfer]) -> None:
        holder, around = self._holder, self._holder.around
        body = TransfersBody(VERSION, tuple(transfer.name for transfer in transfers))
        try:
            result = await holder.look_up(Action.TRANSFERS, body, TransfersResult)
        except Refusal as refusal:
            self._problems.append(str(refusal))
            return
        raws = [each.renewal for each in result.standings if each.renewal is not None]
        owner = holder.certificate.fingerprint
        sound = sound_renewals(around.trust, raws, change_of(transfers), owner)

        def job(tx: Transaction) -> None:
            for raw in sound:
                holdings.renew(tx, around.trust.suite, raw)

        await around.store.write(job)

    async def _resume_errands(self) -> None:
        for errand in await self._holder.around.store.read(errands.open_errands):
            try:
                ended = await self._banking.resume(errand)
            except Refusal as refusal:
                self._count(refusal.outcome, str(refusal), waits=errand.command is not None)
            else:
                done = ended.stage in (ErrandStage.DONE, ErrandStage.REFUSED)
                self._count(Outcome.ACCEPTED if done else Outcome.UNAVAILABLE, "")

    async def _load(self) -> None:
        try:
            await fetch_and_load(self._holder)
        except Refusal as refusal:
            self._problems.append(str(refusal))
            await self._load_kept()

    async def _load_kept(self) -> None:
        try:
            await load_kept(self._holder)
        except Refusal as refusal:
            self._problems.append(str(refusal))

    async def _restore_chains(self) -> int:
        """Fetch chains that the host has lost; what remains unprovable, in minor units."""
        missing_minor = await self._unprovable_minor()
        if not missing_minor:
            return 0
        try:
            await fetch(self._holder, 0)
        except Refusal as refusal:
            self._problems.append(str(refusal))
        return await self._unprovable_minor()

    async def _unprovable_minor(self) -> int:
        around = self._holder.around
        known = await around.store.read(holdings.known_identifiers)
        pieces = around.chip.pieces()
        return sum(piece.amount_minor for piece in pieces if piece.identifier not in known)

    def _count(self, outcome: Outcome, detail: str, *, waits: bool = False) -> None:
        if outcome in UNDECIDED or waits:
            self._pending += 1
        else:
            self._settled += 1
        if outcome not in SUCCESSES:
            self._problems.append(detail)
