"""Between chip and bank account: withdraw, deposit, convert (C-14, C-19, P-04).

Value leaves the chip by EXPORT, transfers to the institution's own key, and becomes bank money or one
new currency. From then on the errand is repeated until it is answered; before, it can be refused.
"""

from collections.abc import Sequence
from dataclasses import replace

from feiqian.chip.commands import Export
from feiqian.crypto import cbor
from feiqian.crypto.cbor import VERSION
from feiqian.money.transfer import SignedTransfer, parse_transfer
from feiqian.outcomes import UNDECIDED, LocalProtocolError, Outcome, Refusal
from feiqian.ports import Transaction
from feiqian.protocol.payment.chain import Chain
from feiqian.protocol.payment.checks import change_of, check_issued, sound_renewals
from feiqian.wallet import errands, holdings
from feiqian.wallet.errands import Errand, ErrandStage
from feiqian.wallet.holder import Holder
from feiqian.wallet.loading import load_all
from feiqian.wallet.selection import select
from feiqian.wire.items import MAX_ITEMS
from feiqian.wire.request_envelope import MAX_BODY_BYTES, WALLET_REQUEST, Action
from feiqian.wire.wallet_requests import (
    ConvertResult,
    DepositResult,
    IssuedResult,
    RedeemBody,
    WithdrawBody,
)

NOTHING = b""


class Banking:
    """What a holder does at the own institution."""

    def __init__(self, holder: Holder) -> None:
        self._holder = holder
        self._around = holder.around

    async def withdraw(self, amount_minor: int) -> int:
        """Take bank money as digital currency; the sum that the chip has loaded.

        Raises `Refusal`: insufficient_funds, over_holding_limit and whatever else the institution
        says (nothing happened); or an undecided one: then synchronising finishes it.
        """
        holder, nonce = self._holder, self._holder.fresh_key()
        body = cbor.encode(WithdrawBody(VERSION, amount_minor))
        signed = holder.sign_request(nonce, Action.WITHDRAW, body)
        errand = Errand(
            nonce, Action.WITHDRAW, ErrandStage.SIGNED, amount_minor, None, body, signed
        )
        await self._open(errand)
        await self.carry(errand)
        return await load_all(holder)

    async def deposit(self, amount_minor: int | None) -> int:
        """Put currency worth `amount_minor` (None: all) into the bank account; the sum.

        Raises `Refusal` unknown_wallet when there is no account, insufficient_balance.
        """
        if not self._holder.account:
            raise Refusal(Outcome.UNKNOWN_WALLET, "expected a wallet with a bank account")
        chains = await self._holder.spendable()
        if amount_minor is None:
            inputs = _all_of(chains)
            amount_minor = sum(chain.amount_minor for chain in inputs)
        else:
            inputs = select(chains, amount_minor)
        await self._redeem(Action.DEPOSIT, inputs, amount_minor)
        return amount_minor

    async def convert(self) -> int:
        """Change currencies of other issuers (C-14), or else small own ones, into one; the sum.

        Raises `Refusal` insufficient_balance when there is nothing to convert.
        """
        chains = await self._holder.spendable()
        inputs = _to_convert(chains, self._holder.institution)
        amount_minor = sum(chain.amount_minor for chain in inputs)
        await self._redeem(Action.CONVERT, inputs, amount_minor)
        await load_all(self._holder)
        return amount_minor

    async def _redeem(self, action: Action, inputs: Sequence[Chain], amount_minor: int) -> None:
        nonce = self._holder.fresh_key()
        command = Export(
            amount_minor=amount_minor,
            nonce=nonce,
            moment=self._around.clock.now(),
            inputs=tuple(chain.identifier for chain in inputs),
        )
        errand = Errand(
            nonce, action, ErrandStage.EXPORTING, amount_minor, command, NOTHING, NOTHING
        )
        await self._open(errand)
        await self.carry(await self._export(errand))

    async def _open(self, errand: Errand) -> None:
        def job(tx: Transaction) -> None:
            if errand.command is not None:
                holdings.reserve(tx, errand.command.inputs, errand.nonce)
            errands.open_errand(tx, errand, self._around.now_ms())

        await self._around.store.write(job)

    # Stages --------------------------------------------------------------------------------------
    async def resume(self, errand: Errand) -> Errand:
        """Go on with an errand found after a crash; how far it has come now."""
        if errand.stage is ErrandStage.EXPORTING:
            errand = await self._recover(errand)
        return await self.carry(errand)

    async def carry(self, errand: Errand) -> Errand:
        """From whatever is stored to its end. `Refusal` when it cannot be ended now."""
        if errand.stage is ErrandStage.EXPORTED:
            errand = await self._sign(errand)
        if errand.stage is not ErrandStage.SIGNED:
            return errand
        try:
            return await self._send(errand)
        except Refusal as refusal:
            if refusal.outcome is not Outcome.EXPIRED or errand.command is None:
                await self._put_off(errand, refusal)
                raise
        # Expired means that it was never done; what has left the chip needs a new request.
        return await self._send(await self._sign(errand))

    async def _recover(self, errand: Errand) -> Errand:
        held = {piece.identifier for piece in self._around.chip.pieces()}
        if held.isdisjoint(_command(errand).inputs):
            return await self._export(errand)
        return await self._refuse(errand, "the chip had not signed; nothing moved")

    async def _export(self, errand: Errand) -> Errand:
        try:
            transfers = self._around.chip.export(_command(errand))
        except Refusal as refusal:
            if refusal.outcome not in UNDECIDED:
                await self._refuse(errand, str(refusal))
            raise
        return await self._around.store.write(lambda tx: self._exported(tx, errand, transfers))

    def _exported(self, tx: Transaction, errand: Errand, transfers: Sequence[bytes]) -> Errand:
        own = self._holder.certificate.raw
        inputs = _command(errand).inputs
        chains = holdings.reserved(tx, inputs)
        items = tuple(
            chain.item(transfer, own, by_identifier=False)
            for chain, transfer in zip(chains, transfers, strict=True)
        )
        holdings.spend(tx, self._around.trust.suite, inputs, transfers[-1], own)
        body = cbor.encode(RedeemBody(VERSION, items))
        moved = replace(errand, stage=ErrandStage.EXPORTED, body=body)
        errands.advance(tx, moved, self._around.now_ms())
        return moved

    async def _sign(self, errand: Errand) -> Errand:
        request_id = self._holder.fresh_key()
        signed = self._holder.sign_request(request_id, errand.action, errand.body)
        return await self._advance(replace(errand, stage=ErrandStage.SIGNED, signed=signed))

    async def _send(self, errand: Errand) -> Errand:
        holder = self._holder
        request_id = WALLET_REQUEST.peek(self._around.trust.suite, errand.signed).request_id
        if errand.action is Action.WITHDRAW:
            issued = await holder.ask(request_id, errand.signed, IssuedResult)
            return await self._finish(errand, issued.currencies, ())
        if errand.action is Action.DEPOSIT:
            deposited = await holder.ask(request_id, errand.signed, DepositResult)
            return await self._finish(errand, (), deposited.renewals)
        converted = await holder.ask(request_id, errand.signed, ConvertResult)
        return await self._finish(errand, (converted.currency,), converted.renewals)

    async def _finish(
        self, errand: Errand, currencies: Sequence[bytes], renewals: Sequence[bytes]
    ) -> Errand:
        trust, own = self._around.trust, self._holder.certificate
        for raw in currencies:
            check_issued(trust, raw, own)
        change = change_of(self._transfers(errand))
        sound = sound_renewals(trust, renewals, change, own.fingerprint)
        done = replace(errand, stage=ErrandStage.DONE)

        def job(tx: Transaction) -> None:
            for raw in currencies:
                holdings.add_issued(tx, trust.suite, raw)
            for raw in sound:
                holdings.renew(tx, trust.suite, raw)
            errands.advance(tx, done, self._around.now_ms())

        await self._around.store.write(job)
        return done

    def _transfers(self, errand: Errand) -> list[SignedTransfer]:
        if errand.command is None:
            return []
        items = cbor.decode(errand.body, RedeemBody, limit=MAX_BODY_BYTES).items
        return [parse_transfer(self._around.trust.suite, item.transfers[-1]) for item in items]

    async def _put_off(self, errand: Errand, refusal: Refusal) -> None:
        """A refused withdrawal is over; what has left the chip waits until it is taken."""
        if refusal.outcome in UNDECIDED:
            return
        if errand.command is None:
            await self._refuse(errand, str(refusal))
        else:
            await self._advance(errand, str(refusal))

    async def _refuse(self, errand: Errand, detail: str) -> Errand:
        refused = replace(errand, stage=ErrandStage.REFUSED)

        def job(tx: Transaction) -> None:
            holdings.release(tx, errand.nonce)
            errands.advance(tx, refused, self._around.now_ms(), detail)

        await self._around.store.write(job)
        return refused

    async def _advance(self, errand: Errand, detail: str = "") -> Errand:
        now_ms = self._around.now_ms()
        await self._around.store.write(lambda tx: errands.advance(tx, errand, now_ms, detail))
        return errand


def _command(errand: Errand) -> Export:
    if errand.command is None:
        raise LocalProtocolError("expected an errand that exports")
    return errand.command


def _all_of(chains: Sequence[Chain]) -> tuple[Chain, ...]:
    if not chains:
        raise Refusal(Outcome.INSUFFICIENT_BALANCE, "there is nothing to export")
    return tuple(chains[:MAX_ITEMS])


def _to_convert(chains: Sequence[Chain], own: str) -> tuple[Chain, ...]:
    foreign = [chain for chain in chains if chain.issuer != own]
    small_first = sorted(chains, key=lambda chain: chain.amount_minor)
    chosen = foreign or (small_first if len(chains) > 1 else [])
    if not chosen:
        raise Refusal(Outcome.INSUFFICIENT_BALANCE, "there is nothing to convert")
    return tuple(chosen[:MAX_ITEMS])
