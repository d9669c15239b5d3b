"""Reconciliation: what was done without a network meets it again (D-12), in a fixed order.

First what our chip took in unverified is verified by its issuers; then what waits for our chip, here
or in the mailbox, is checked and accepted; then comes the newest list, and last the institution's word
that begins the offline totals anew, which is asked for only when nothing unverified is left. Every
step may be cut off and done again.
"""

from dataclasses import dataclass

from feiqian.crypto.cbor import VERSION
from feiqian.crypto.suites import Suite
from feiqian.money.amounts import format_amount
from feiqian.money.transfer import parse_transfer
from feiqian.outcomes import UNDECIDED, Refusal
from feiqian.protocol.payment.checks import paid_by, paying_transfers, sound_renewals
from feiqian.protocol.payment.effects import Finish
from feiqian.protocol.payment.records import HandoverTaken
from feiqian.protocol.payment.verification import Verdicts, Verifier
from feiqian.wallet import taken
from feiqian.wallet.holder import Holder
from feiqian.wallet.listing import ListShelf
from feiqian.wallet.payments import Payments
from feiqian.wire.envelope import decode_message
from feiqian.wire.payment import PaymentRequest
from feiqian.wire.request_envelope import Action, EmptyBody
from feiqian.wire.verification import VERIFICATIONS_PATH
from feiqian.wire.wallet_requests import MailboxBody, MailboxResult, SynchroniseResult

MAX_ROUNDS = 16
"""Most times that the mailbox is emptied in one run."""


@dataclass(frozen=True, slots=True)
class Reconciliation:
    """One run's way to the network."""

    holder: Holder
    payments: Payments
    shelf: ListShelf

    async def verify(self, accepted: HandoverTaken) -> Verdicts:
        """Have the issuers verify what our chip accepted on the word of a list; keep what they say.

        Raises `Refusal` while nothing is decided.
        """
        around, own = self.holder.around, self.holder.certificate
        verifier = Verifier(around.trust, own.value.tier)
        url = around.trust.url(self.holder.institution) + VERIFICATIONS_PATH
        body = await around.courier.post(url, verifier.question(accepted.request))
        verdicts = verifier.verdicts(accepted.request, body)
        paid = paid_by(paying_transfers(around.trust.suite, accepted.request))
        sound = sound_renewals(around.trust, verdicts.renewals, paid, own.fingerprint)
        suite = around.trust.suite
        await around.store.write(
            lambda tx: taken.keep_verdict(tx, suite, accepted.nonce, verdicts, sound)
        )
        return verdicts

    async def unverified(self) -> list[HandoverTaken]:
        """What is still to be verified."""
        return await self.holder.around.store.read(taken.unverified)

    async def empty_mailbox(self) -> list[Finish]:
        """Check and accept what payers left for our chip; how each ended. `Refusal` by name."""
        finished: list[Finish] = []
        answered = MailboxBody(VERSION, (), ())
        for _ in range(MAX_ROUNDS):
            result = await self.holder.look_up(Action.MAILBOX, answered, MailboxResult)
            receipts, refused = [], []
            for letter in result.letters:
                request = decode_message(letter, PaymentRequest)
                finish = await self._take(request)
                if finish is not None:
                    finished.append(finish)
                receipt = await self._receipt_of(request)
                if receipt is not None:
                    receipts.append(receipt)
                elif finish is not None and not _waits(finish):
                    transfer = paying_transfers(self.holder.around.trust.suite, request)[0]
                    refused.append(transfer.name)
            if not receipts and not refused:
                break
            answered = MailboxBody(VERSION, tuple(receipts), tuple(refused))
        return finished

    async def _take(self, request: PaymentRequest) -> Finish | None:
        try:
            handover = await self.payments.keep_handover(request)
        except Refusal as refusal:
            return Finish(refusal.outcome, f"in the mailbox: {refusal.detail}")
        return None if handover is None else await self.payments.take_in(handover)

    async def _receipt_of(self, request: PaymentRequest) -> bytes | None:
        store = self.holder.around.store
        return await store.read(lambda tx: taken.receipt_of(tx, request.nonce))

    async def update_list(self) -> None:
        """Take the newest double-spending list. `Refusal` by name."""
        around = self.holder.around
        await self.shelf.update(around.library, around.trust.url(self.holder.institution))

    async def synchronise_chip(self) -> None:
        """Begin the chip's offline totals anew. `Refusal` by name, also of the chip."""
        body = EmptyBody(VERSION)
        result = await self.holder.look_up(Action.SYNCHRONISE, body, SynchroniseResult)
        self.holder.around.chip.synchronise(result.statement)


def _waits(finish: Finish) -> bool:
    return finish.outcome in UNDECIDED


def tell_anomaly(suite: Suite, accepted: HandoverTaken, verdicts: Verdicts) -> str:
    """What the holder is told of an accepted payment of which something turned out worthless."""
    paying = [parse_transfer(suite, item.transfers[-1]) for item in verdicts.void]
    amount = format_amount(sum(transfer.value.amount_minor for transfer in paying))
    judgement = verdicts.judgement
    return (
        f"{judgement.outcome}: {amount} received offline from {accepted.payer} is anomalous and will"
        f" not be credited: {judgement.detail}"
    )
