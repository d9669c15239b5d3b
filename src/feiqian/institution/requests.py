"""Signed requests of wallets: who asks, whether it was asked before, and what is answered.

Order: bytes, signature, addressee; then the stored answer if the request is known (the same bytes
again, for ever); then freshness; then the action. An answer is stored in the transaction that did
what it says. Refusals are not stored: nothing was done, and the reason may pass.
"""

import hashlib
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TypeVar

from msgspec import Struct

from feiqian.crypto import cbor
from feiqian.crypto.cbor import VERSION
from feiqian.crypto.certificates import parse_certificate
from feiqian.institution import accounts, banking, mailbox, passing_on, record, wallets
from feiqian.institution.issuing import issued_after
from feiqian.institution.office import Office
from feiqian.institution.presenting import Presenter
from feiqian.institution.synchronising import synchronise
from feiqian.institution.wallets import CustomerWallet
from feiqian.outcomes import Outcome, Refusal
from feiqian.ports import Transaction
from feiqian.wire.channels import RegisterChannelBody
from feiqian.wire.control_delivery import OrderNews
from feiqian.wire.request_envelope import (
    ANSWER,
    MAX_AGE_MS,
    MAX_BODY_BYTES,
    MAX_LISTED,
    NEW_WALLET,
    WALLET_REQUEST,
    Action,
    Answer,
    EmptyBody,
    Request,
)
from feiqian.wire.wallet_requests import (
    AccountResult,
    IssuedBody,
    IssuedResult,
    MailboxBody,
    OpenBody,
    RedeemBody,
    TransfersBody,
    TransfersResult,
    TransferStanding,
    WithdrawBody,
)

B = TypeVar("B", bound=Struct)


@dataclass(frozen=True, slots=True)
class GenuineRequest:
    """A request whose signature holds."""

    request: Request
    sender: str
    """The wallet's number; for a new wallet its public key in hexadecimal."""
    digest: bytes
    """Of the request's payload: what the idempotency key stands for."""
    raw: bytes
    """As it was signed (COSE)."""

    def body(self, shape: type[B]) -> B:
        """The action's body. `Refusal` malformed and its kin."""
        return cbor.decode(self.request.body, shape, limit=MAX_BODY_BYTES)


class Counter:
    """Where an institution serves the wallets it holds."""

    def __init__(self, office: Office, presenter: Presenter, opening_minor: int) -> None:
        """`opening_minor`: what a new bank account starts with."""
        self._office = office
        self._presenter = presenter
        self._opening_minor = opening_minor
        self._actions: dict[
            Action, Callable[[GenuineRequest, CustomerWallet], Awaitable[bytes]]
        ] = {
            Action.WITHDRAW: self._withdraw,
            Action.DEPOSIT: self._deposit,
            Action.CONVERT: self._convert,
            Action.ISSUED: self._issued,
            Action.TRANSFERS: self._transfers,
            Action.ACCOUNT: self._account,
            Action.SYNCHRONISE: self._synchronise,
            Action.MAILBOX: self._mailbox,
            Action.CHANNEL: self._channel,
            Action.ORDERS: self._orders,
        }

    async def answer(self, raw: bytes) -> bytes:
        """The signed answer to a signed request. `Refusal` by name: then nothing was done."""
        office = self._office
        signed, request = WALLET_REQUEST.parse(office.suite, raw)
        wallet, public = await self._sender(request)
        WALLET_REQUEST.verify(office.suite, public, signed)
        if request.addressee != office.code:
            raise Refusal(Outcome.WRONG_ADDRESSEE, f"expected a request to {office.code}")
        digest = hashlib.sha256(signed.payload).digest()
        asked = GenuineRequest(request, wallet.number if wallet else public.hex(), digest, raw)
        known = await office.store.read(lambda tx: _stored_answer(tx, asked))
        if known is not None:
            return known
        if abs(office.now_ms() - request.sent_at_ms) > MAX_AGE_MS:
            raise Refusal(Outcome.EXPIRED, f"expected a request sent within {MAX_AGE_MS} ms")
        if wallet is None:
            return await self._write(asked, self._open)
        if request.action not in self._actions:
            raise Refusal(Outcome.MALFORMED, f"expected an action for wallets: {request.action}")
        return await self._actions[request.action](asked, wallet)

    async def _sender(self, request: Request) -> tuple[CustomerWallet | None, bytes]:
        """The wallet that asks (None for a new one) and the key that must have signed."""
        if request.sender == NEW_WALLET:
            if request.action is not Action.OPEN:
                raise Refusal(Outcome.UNKNOWN_WALLET, "expected a new wallet to open first")
            body = cbor.decode(request.body, OpenBody, limit=MAX_BODY_BYTES)
            return None, body.public_key
        wallet = await self._office.store.read(lambda tx: wallets.find(tx, request.sender))
        return wallet, parse_certificate(self._office.suite, wallet.certificate).value.public_key

    def _open(self, tx: Transaction, asked: GenuineRequest) -> Struct:
        return wallets.open_wallet(tx, self._office, asked.body(OpenBody), self._opening_minor)

    async def _withdraw(self, asked: GenuineRequest, wallet: CustomerWallet) -> bytes:
        body, request_id = asked.body(WithdrawBody), asked.request.request_id

        def job(tx: Transaction, _: GenuineRequest) -> Struct:
            return banking.withdraw(tx, self._office, wallet, body, request_id)

        return await self._write(asked, job)

    async def _deposit(self, asked: GenuineRequest, wallet: CustomerWallet) -> bytes:
        body = asked.body(RedeemBody)
        result = await banking.deposit(self._office, self._presenter, wallet, body)
        return await self._write(asked, lambda _tx, _asked: result)

    async def _convert(self, asked: GenuineRequest, wallet: CustomerWallet) -> bytes:
        body = asked.body(RedeemBody)
        result = await banking.convert(self._office, self._presenter, wallet, body)
        return await self._write(asked, lambda _tx, _asked: result)

    async def _issued(self, asked: GenuineRequest, wallet: CustomerWallet) -> bytes:
        body = asked.body(IssuedBody)
        return await self._read(asked, lambda tx: _issued_result(tx, wallet, body))

    async def _transfers(self, asked: GenuineRequest, wallet: CustomerWallet) -> bytes:
        body = asked.body(TransfersBody)
        return await self._read(asked, lambda tx: self._standings(tx, wallet, body))

    async def _account(self, asked: GenuineRequest, wallet: CustomerWallet) -> bytes:
        asked.body(EmptyBody)
        return await self._read(asked, lambda tx: _account_result(tx, wallet))

    async def _synchronise(self, asked: GenuineRequest, wallet: CustomerWallet) -> bytes:
        asked.body(EmptyBody)
        office = self._office
        return await self._write(asked, lambda tx, _: synchronise(tx, office, wallet))

    async def _mailbox(self, asked: GenuineRequest, wallet: CustomerWallet) -> bytes:
        """Not stored: collecting again is harmless, and letters would be kept twice."""
        body, office = asked.body(MailboxBody), self._office
        result = await office.store.write(lambda tx: mailbox.collect(tx, office, wallet, body))
        return self._signed(asked, result)

    async def _channel(self, asked: GenuineRequest, wallet: CustomerWallet) -> bytes:
        """Not stored: a channel key gets the same channel again."""
        body = asked.body(RegisterChannelBody)
        result = await passing_on.register_channel(self._office, wallet, body, asked.raw)
        return self._signed(asked, result)

    async def _orders(self, asked: GenuineRequest, wallet: CustomerWallet) -> bytes:
        """Not stored: bringing news again is harmless."""
        body = asked.body(OrderNews)
        return self._signed(asked, await passing_on.pass_on_news(self._office, wallet, body))

    def _standings(
        self, tx: Transaction, wallet: CustomerWallet, body: TransfersBody
    ) -> TransfersResult:
        payer = wallets.chip_of(tx, wallet.number)
        return TransfersResult(
            VERSION, tuple(self._standing(tx, payer, name) for name in body.transfers)
        )

    def _standing(self, tx: Transaction, payer: bytes, name: bytes) -> TransferStanding:
        office = self._office
        found = record.find_redemption(tx, office.suite, name)
        if found is None or found[1].payer != payer:
            return TransferStanding(name, Outcome.UNKNOWN_IDENTIFIER, "", None)
        redeemer, redemption = found
        renewal = redemption.renewal(office.suite, office.key, office.code)
        return TransferStanding(name, Outcome.REPEATED, redeemer, renewal)

    async def _write(
        self, asked: GenuineRequest, job: Callable[[Transaction, GenuineRequest], Struct]
    ) -> bytes:
        """Do `job` and store its answer in one transaction."""

        def whole(tx: Transaction) -> bytes:
            known = _stored_answer(tx, asked)
            if known is not None:
                return known
            answer = self._signed(asked, job(tx, asked))
            tx.execute(
                "INSERT INTO requests (sender, request_id, digest, answer) VALUES (?, ?, ?, ?)",
                (asked.sender, asked.request.request_id, asked.digest, answer),
            )
            return answer

        return await self._office.store.write(whole)

    async def _read(self, asked: GenuineRequest, job: Callable[[Transaction], Struct]) -> bytes:
        """A look-up changes nothing and is not stored."""
        return self._signed(asked, await self._office.store.read(job))

    def _signed(self, asked: GenuineRequest, result: Struct) -> bytes:
        office = self._office
        answer = Answer(
            version=VERSION,
            request_id=asked.request.request_id,
            outcome=Outcome.ACCEPTED,
            detail="",
            answered_at_ms=office.now_ms(),
            result=cbor.encode(result),
        )
        return ANSWER.sign(office.suite, office.key, answer)


def _stored_answer(tx: Transaction, asked: GenuineRequest) -> bytes | None:
    rows = tx.query(
        "SELECT digest, answer FROM requests WHERE sender = ? AND request_id = ?",
        (asked.sender, asked.request.request_id),
    )
    if not rows:
        return None
    digest, answer = rows[0]
    if digest != asked.digest:
        raise Refusal(Outcome.KEY_REUSED, "the request id was used for another request")
    return bytes(answer)


def _issued_result(tx: Transaction, wallet: CustomerWallet, body: IssuedBody) -> IssuedResult:
    owner = wallets.chip_of(tx, wallet.number)
    return IssuedResult(VERSION, issued_after(tx, owner, body.after, MAX_LISTED))


def _account_result(tx: Transaction, wallet: CustomerWallet) -> AccountResult:
    balance_minor = accounts.balance_of(tx, wallet.account) if wallet.account else 0
    return AccountResult(VERSION, wallet.account, balance_minor, wallet.issued_sequence)
