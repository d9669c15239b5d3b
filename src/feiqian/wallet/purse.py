"""A wallet as the purse of a vehicle or an entity: it fits `vehicle.purse.Purse` without knowing it."""

from dataclasses import dataclass, replace

from feiqian.crypto.certificates import parse_certificate
from feiqian.outcomes import SUCCESSES, UNDECIDED, Outcome
from feiqian.ports import Link
from feiqian.protocol.payment.effects import Finish
from feiqian.protocol.payment.setup import FeeTerms
from feiqian.protocol.payment.states import Role
from feiqian.protocol.service.facts import Settlement
from feiqian.timing.moment import Moment
from feiqian.wallet.fees import FeeRecord
from feiqian.wallet.payments import Intake
from feiqian.wallet.session_rows import Verification
from feiqian.wallet.wallet import Wallet
from feiqian.wire.authorisation import ENTITY_STATEMENT, Grant
from feiqian.wire.fees import FeeOrder, Side


@dataclass(frozen=True, slots=True)
class WalletPurse:
    """`vehicle.purse.Purse` of a wallet."""

    wallet: Wallet

    @property
    def number(self) -> str:
        """The wallet's number."""
        return self.wallet.number

    @property
    def fingerprint(self) -> bytes:
        """Of the chip's key."""
        return self.wallet.holder.certificate.fingerprint

    @property
    def certificate(self) -> bytes:
        """Of the chip."""
        return self.wallet.holder.certificate.raw

    async def authorise(self, grant: Grant, moment: Moment) -> bytes:
        """The chip's signed authorisation."""
        return self.wallet.holder.around.chip.authorise(grant, moment)

    async def revoke(self, number: int) -> None:
        """End an authorisation."""
        self.wallet.holder.around.chip.revoke(number)

    async def pay_fee(
        self, link: Link, authorisation: int, order: FeeOrder, *, offline: bool
    ) -> Settlement:
        """Pay an order under an authorisation."""
        suite = self.wallet.holder.around.trust.suite
        payee = ENTITY_STATEMENT.peek(suite, order.statement).wallet
        terms = FeeTerms(payee, authorisation, order.order_id, order.statement)
        finish = await self.wallet.pay_fee(link, terms, order.amount_minor, offline=offline)
        return await self._settlement(order.order_id, Side.PAYER, finish)

    async def receive_fee(self, link: Link, order: FeeOrder, *, offline: bool) -> Settlement:
        """Be paid exactly what the order says."""
        finish = await self.wallet.receive_fee(
            link, order.order_id, order.amount_minor, offline=offline
        )
        return await self._settlement(order.order_id, Side.PAYEE, finish)

    async def check_offline(self) -> None:
        """Whether the chip may be paid with no network."""
        await self.wallet.check_intake(Intake.OFFLINE)

    async def _settlement(self, order_id: bytes, side: Side, finish: Finish) -> Settlement:
        """What the session ended as; what the wallet kept of it counts more than its outcome."""
        known = await self.settlement(order_id)
        outcome = finish.outcome
        if known is not None and (known.outcome in SUCCESSES or known.signed):
            return replace(known, heard=outcome in SUCCESSES)
        if outcome in SUCCESSES:
            outcome = Outcome.UNAVAILABLE
        return Settlement(outcome, finish.detail, side, by_chip=finish.by_chip)

    async def settlement(self, order_id: bytes) -> Settlement | None:
        """What is known of an order's payment."""
        record = await self.wallet.fee(order_id)
        return None if record is None else self._told(record)

    def _told(self, record: FeeRecord) -> Settlement:
        suite = self.wallet.holder.around.trust.suite
        payer = record.role is Role.PAYER
        return Settlement(
            outcome=record.outcome,
            detail=record.detail,
            side=Side.PAYER if payer else Side.PAYEE,
            amount_minor=record.amount_minor,
            payee=parse_certificate(suite, record.payee_certificate).fingerprint,
            nonce=record.nonce,
            transfers=record.transfers,
            offline=record.offline,
            proof=record.proof,
            certificate=record.payee_certificate,
            signed=payer and record.outcome in UNDECIDED and bool(record.transfers),
            reconciled=record.verification is not Verification.UNVERIFIED,
        )

    async def settle(self) -> None:
        """Take up what was left open; what stays open is tried again later."""
        await self.wallet.settle_fees()

    async def spendable_minor(self) -> int:
        """What could be paid now."""
        return (await self.wallet.balance()).spendable_minor
