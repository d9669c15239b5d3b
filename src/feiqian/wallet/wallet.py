"""The wallet as its holder knows it: everything one can do with it, one thing at a time.

A facade without rules of its own. Operations that touch value wait for each other; looking does not.
"""

import asyncio

from msgspec import Struct

from feiqian.crypto.cbor import VERSION
from feiqian.money.limits import limits_of
from feiqian.ports import Link
from feiqian.protocol.payment.effects import Finish
from feiqian.protocol.payment.setup import FeeTerms
from feiqian.protocol.payment.verification import describe
from feiqian.wallet import history, holdings, opening, taken
from feiqian.wallet.banking import Banking
from feiqian.wallet.fees import FeePayments, FeeRecord
from feiqian.wallet.holder import Holder
from feiqian.wallet.listing import ListShelf
from feiqian.wallet.payments import Approval, Intake, Payments, always
from feiqian.wallet.reconciliation import Reconciliation
from feiqian.wallet.synchronisation import SynchronisingRun, SyncReport
from feiqian.wire.request_envelope import Action, EmptyBody
from feiqian.wire.wallet_requests import AccountResult


class Balance(Struct, frozen=True):
    """What the wallet holds; amounts in minor units."""

    held_minor: int
    """On the chip."""
    spendable_minor: int
    """Held, provable and not promised to a payment that has not ended."""
    arriving_minor: int
    """Issued to us, not on the chip yet."""
    piece_count: int
    unverified_minor: int
    """Received by the chip, not verified by its issuer yet."""
    offline_to_pay_minor: int
    """Left to pay without a manager until the next synchronisation, as the chip counts."""
    offline_to_receive_minor: int
    """Left to receive, likewise."""
    synchronised_at_ms: int | None
    """None: never."""
    listed_by: str
    """The double-spending list that is held, in words."""


class ExportTotals(Struct, frozen=True):
    """What the chip has ever exported (C-19)."""

    exported_count: int
    exported_minor: int


class Wallet:
    """An open wallet. The chip must be unlocked for what spends or asks."""

    def __init__(self, holder: Holder) -> None:
        self.holder = holder
        self.shelf = ListShelf(holder.around.trust, holder.around.store)
        self._payments = Payments(holder, self.shelf)
        self._banking = Banking(holder)
        self._fees = FeePayments(self._payments, Reconciliation(holder, self._payments, self.shelf))
        self._busy = asyncio.Lock()

    @property
    def number(self) -> str:
        """The wallet's number."""
        return self.holder.number

    def unlock(self, pin: bytes) -> None:
        """Unlock the chip. `Refusal` pin_wrong, pin_blocked."""
        self.holder.around.chip.verify_pin(pin)

    async def balance(self) -> Balance:
        """What there is; needs neither PIN nor network."""
        holder = self.holder
        status = holder.around.chip.status()
        arriving = await holder.around.store.read(
            lambda tx: holdings.issued_after(tx, status.loaded_sequence)
        )
        spendable = await holder.spendable()
        unverified = await holder.around.store.read(taken.unverified)
        limits = limits_of(holder.certificate.value.tier)
        synchronised = status.synchronised_at
        return Balance(
            held_minor=status.balance_minor,
            spendable_minor=sum(chain.amount_minor for chain in spendable),
            arriving_minor=sum(chain.amount_minor for chain in arriving),
            piece_count=status.piece_count,
            unverified_minor=sum(each.amount_minor for each in unverified),
            offline_to_pay_minor=limits.offline_total_minor - status.offline_paid_minor,
            offline_to_receive_minor=limits.offline_total_minor - status.offline_received_minor,
            synchronised_at_ms=None if synchronised is None else synchronised.midpoint_ms,
            listed_by=describe(await self.shelf.held()),
        )

    async def account(self) -> AccountResult:
        """The bank account, asked at the institution."""
        async with self._busy:
            return await self.holder.look_up(Action.ACCOUNT, EmptyBody(VERSION), AccountResult)

    async def history(self, limit: int = history.MAX_SHOWN) -> list[history.HistoryLine]:
        """The past, newest first."""
        return await self.holder.around.store.read(lambda tx: history.entries(tx, limit))

    async def withdraw(self, amount_minor: int) -> int:
        """Bank money into the chip; see `Banking.withdraw`."""
        async with self._busy:
            return await self._banking.withdraw(amount_minor)

    async def deposit(self, amount_minor: int | None) -> int:
        """Currency from the chip into the bank account; see `Banking.deposit`."""
        async with self._busy:
            return await self._banking.deposit(amount_minor)

    async def export(self, amount_minor: int | None) -> tuple[int, ExportTotals]:
        """Take currency back from the chip, with the chip's own record of it."""
        exported_minor = await self.deposit(amount_minor)
        status = self.holder.around.chip.status()
        return exported_minor, ExportTotals(status.exported_count, status.exported_minor)

    async def convert(self) -> int:
        """Several pieces into one own; see `Banking.convert`."""
        async with self._busy:
            return await self._banking.convert()

    async def pay(
        self,
        link: Link,
        amount_minor: int | None,
        *,
        by_identifier: bool = False,
        offline: bool = False,
        approve: Approval = always,
    ) -> Finish:
        """Pay over a link; see `Payments.pay`."""
        async with self._busy:
            return await self._payments.pay(
                link, amount_minor, by_identifier=by_identifier, offline=offline, approve=approve
            )

    async def receive(
        self, link: Link, amount_minor: int | None, intake: Intake = Intake.MANAGER
    ) -> Finish:
        """Be paid over a link; see `Payments.receive`."""
        async with self._busy:
            return await self._payments.receive(link, amount_minor, intake)

    async def pay_fee(
        self, link: Link, terms: FeeTerms, amount_minor: int, *, offline: bool
    ) -> Finish:
        """Pay a fee order under an authorisation, without PIN; see `Fees.pay`."""
        async with self._busy:
            return await self._fees.pay(link, terms, amount_minor, offline=offline)

    async def receive_fee(
        self, link: Link, order_id: bytes, amount_minor: int, *, offline: bool
    ) -> Finish:
        """Be paid a fee order; see `Fees.receive`."""
        async with self._busy:
            return await self._fees.receive(link, order_id, amount_minor, offline=offline)

    async def fee(self, order_id: bytes) -> FeeRecord | None:
        """What is known of the payment of a fee order."""
        return await self._fees.record(order_id)

    async def settle_fees(self) -> None:
        """Go on with what is open of fee orders; needs no PIN, see `Fees.settle`."""
        async with self._busy:
            await self._fees.settle()

    async def check_intake(self, intake: Intake) -> None:
        """Whether it makes sense to wait for a payer; see `Payments.check_intake`."""
        await self._payments.check_intake(intake)

    async def update_list(self) -> None:
        """Follow the institution's double-spending list, which needs no PIN. `Refusal` by name."""
        around = self.holder.around
        await self.shelf.update(around.library, around.trust.url(self.holder.institution))

    async def present_again(self, link: Link, nonce: bytes) -> Finish:
        """Hand a pending payment over once more; see `Payments.present_again`."""
        async with self._busy:
            return await self._payments.present_again(link, nonce)

    async def synchronise(self) -> SyncReport:
        """Take up everything that is open."""
        async with self._busy:
            run = SynchronisingRun(self.holder, self._payments, self._banking, self.shelf)
            return await run.run()

    async def learn_directory(self, raw: bytes) -> bool:
        """Take in a newer directory of institutions."""
        return await opening.learn_directory(self.holder.around, raw)
