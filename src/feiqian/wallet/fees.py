"""Fees: what a wallet pays and is paid by order, and what it can prove of each order afterwards.

An order id names at most one payment of ours. Whatever was begun for it is gone on with before
anything new is begun, and everything here works without the PIN: the chip pays under an authorisation,
and what has to be presented again needs no signature. So a vehicle left alone settles its fees.
"""

from collections.abc import Awaitable, Sequence
from dataclasses import dataclass

from feiqian.money.transfer import SignedTransfer
from feiqian.outcomes import UNDECIDED, Outcome, Refusal
from feiqian.ports import Link, Row, Transaction
from feiqian.protocol.payment.checks import paying_transfers
from feiqian.protocol.payment.effects import Finish
from feiqian.protocol.payment.setup import FeeTerms
from feiqian.protocol.payment.states import Role
from feiqian.wallet.payments import Intake, Payments
from feiqian.wallet.reconciliation import Reconciliation
from feiqian.wallet.session_rows import (
    SessionStage,
    Verification,
    read_bytes,
    read_confirmed,
    read_int,
    read_request,
)

_BEST = (
    SessionStage.ACCEPTED,
    SessionStage.CONFIRMED,
    SessionStage.SIGNED,
    SessionStage.HANDED,
    SessionStage.REQUESTED,
)
"""Which session of an order counts, if there are several: those that only offered do not."""
_SIGNED = frozenset({SessionStage.SIGNED, SessionStage.CONFIRMED})
"""Of a payer: by the chip, once for an order."""


@dataclass(frozen=True, slots=True)
class FeeRecord:
    """What the wallet knows of the payment of an order."""

    role: Role
    stage: SessionStage
    nonce: bytes
    amount_minor: int
    transfers: tuple[bytes, ...]
    """Names."""
    offline: bool
    proof: bytes
    """The confirmation, or the receipt; empty while there is none."""
    payee_certificate: bytes
    verification: Verification
    detail: str

    @property
    def proven(self) -> bool:
        """Whether it was paid, and can be shown to have been."""
        return bool(self.proof)

    @property
    def outcome(self) -> Outcome:
        """In the list of results."""
        if self.verification is Verification.ANOMALOUS:
            return Outcome.DOUBLE_SPENT
        return Outcome.ACCEPTED if self.proven else Outcome.UNAVAILABLE


@dataclass(frozen=True, slots=True)
class FeePayments:
    """The fees of one wallet."""

    payments: Payments
    reconciliation: Reconciliation

    async def pay(self, link: Link, terms: FeeTerms, amount_minor: int, *, offline: bool) -> Finish:
        """Pay an order over a link, or hand over again what was signed for it before."""
        await self.payments.settle_intents()
        known = await self.record(terms.order_id)
        if known is not None and known.stage in _SIGNED:
            return await self.payments.present_again(link, known.nonce)
        return await self.payments.pay(link, amount_minor, offline=offline, fee=terms)

    async def receive(
        self, link: Link, order_id: bytes, amount_minor: int, *, offline: bool
    ) -> Finish:
        """Be paid exactly this, for this order."""
        intake = Intake.OFFLINE if offline else Intake.MANAGER
        return await self.payments.receive(link, amount_minor, intake, order_id)

    async def record(self, order_id: bytes) -> FeeRecord | None:
        """What is known of an order; None while nothing more than an offer was made for it."""
        holder = self.payments.holder
        suite, own = holder.around.trust.suite, holder.certificate.raw
        rows = await holder.around.store.read(lambda tx: _rows(tx, order_id))
        if not rows:
            return None
        best = min(rows, key=lambda row: _rank(SessionStage(row[1])))
        request = best[5]
        transfers: Sequence[SignedTransfer] = ()
        if request is not None:
            transfers = paying_transfers(suite, read_request(request))
        return _read(best, own, tuple(transfer.name for transfer in transfers))

    async def settle(self) -> None:
        """Go on with everything of any order that is still open; what stays open is tried later."""
        payments = self.payments
        await self._quietly(payments.settle_intents())
        for past in await payments.pending(SessionStage.SIGNED):
            await self._quietly(payments.submit(past))
        for request in await payments.open_requests():
            await self._quietly(payments.cash(request))
        for handover in await payments.handovers():
            await self._quietly(payments.take_in(handover))
        for accepted in await self.reconciliation.unverified():
            await self._quietly(self.reconciliation.verify(accepted))

    async def _quietly(self, step: Awaitable[object]) -> None:
        try:
            await step
        except Refusal as refusal:
            if refusal.outcome not in UNDECIDED:
                raise


def _rank(stage: SessionStage) -> int:
    return _BEST.index(stage) if stage in _BEST else len(_BEST)


def _rows(tx: Transaction, order_id: bytes) -> list[Row]:
    return tx.query(
        "SELECT role, stage, nonce, amount_minor, acceptor, COALESCE(full_request, request),"
        " confirmed, receipt, peer_certificate, verification, detail FROM sessions"
        " WHERE fee_order = ? AND stage NOT IN (?, ?) ORDER BY opened_at_ms",
        (order_id, SessionStage.OFFERED, SessionStage.REFUSED),
    )


def _read(row: Row, own: bytes, transfers: tuple[bytes, ...]) -> FeeRecord:
    role, stage, nonce, amount, acceptor, _, confirmed_raw, receipt, certificate = row[:9]
    confirmed = read_confirmed(confirmed_raw)
    proof = receipt if confirmed is None else confirmed.confirmation
    payee = own if role == Role.PAYEE else read_bytes(certificate)
    return FeeRecord(
        role=Role(role),
        stage=SessionStage(stage),
        nonce=read_bytes(nonce),
        amount_minor=read_int(amount),
        transfers=transfers,
        offline=bool(acceptor) if role == Role.PAYEE else confirmed is None and proof is not None,
        proof=b"" if proof is None else read_bytes(proof),
        payee_certificate=payee,
        verification=Verification(row[9]),
        detail=str(row[10]),
    )
