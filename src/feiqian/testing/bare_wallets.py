"""A wallet without chip or client: a key in the test's own hands.

It speaks to its institution like any wallet, but signs whatever the test wants, which no chip
would. Honest methods are for convenience; the rest is for opponents. Its network may be simulated
or served over HTTP.
"""

from dataclasses import dataclass, field, replace
from typing import Protocol, Self, TypeVar

from msgspec import Struct

from feiqian.crypto import cbor
from feiqian.crypto.cbor import VERSION
from feiqian.crypto.certificates import parse_certificate
from feiqian.crypto.suites import PrivateKey, Suite
from feiqian.money.currency import SignedCurrency, parse_currency
from feiqian.money.identifiers import CHANGE_OUTPUT, PAYEE_OUTPUT
from feiqian.money.limits import DEFAULT_TIER
from feiqian.money.piece import Output, issued_output, outputs_of
from feiqian.money.transfer import Acceptor, SignedTransfer, Transfer, sign_transfer
from feiqian.ports import Clock, Courier, Entropy
from feiqian.testing.network import SeededEntropy, key_of
from feiqian.timing.moment import Moment
from feiqian.wire.envelope import decode_message, encode_message
from feiqian.wire.items import PaymentItem
from feiqian.wire.payment import PAYMENTS_PATH, PaymentRequest, PaymentResult
from feiqian.wire.request_envelope import (
    ANSWER,
    MAX_BODY_BYTES,
    NEW_WALLET,
    REQUESTS_PATH,
    WALLET_REQUEST,
    Action,
    Request,
)
from feiqian.wire.wallet_requests import (
    IssuedResult,
    OpenBody,
    OpenResult,
    WithdrawBody,
)

R = TypeVar("R", bound=Struct)


class Network(Protocol):
    """What a bare wallet needs of a network; `SimulatedNetwork` is one."""

    @property
    def seed(self) -> str:
        """What keys and randomness come from."""
        ...

    @property
    def suite(self) -> Suite:
        """The suite of the network."""
        ...

    @property
    def courier(self) -> Courier:
        """The way to the institutions."""
        ...

    @property
    def clock(self) -> Clock:
        """The time."""
        ...

    def url(self, code: str) -> str:
        """Where an institution answers."""
        ...

    def public_key(self, code: str) -> bytes:
        """An institution's."""
        ...


@dataclass(frozen=True, slots=True)
class Holding:
    """A state of value and the chain that proves it."""

    output: Output
    currency: SignedCurrency
    transfers: tuple[SignedTransfer, ...] = ()
    certificates: tuple[bytes, ...] = ()


@dataclass
class BareWallet:
    """A key, its certificate, and whatever it was given."""

    network: Network
    code: str
    key: PrivateKey
    number: str
    certificate: bytes
    entropy: Entropy
    counter: int = 0
    holdings: list[Holding] = field(default_factory=list)

    @classmethod
    async def open(cls, network: Network, code: str, label: str, tier: int = DEFAULT_TIER) -> Self:
        """Open a wallet at institution `code`; `label` decides its key."""
        key = key_of(network.suite, network.seed, label)
        entropy = SeededEntropy(f"{network.seed}/{label}")
        wallet = cls(network, code, key, NEW_WALLET, b"", entropy)
        body = OpenBody(VERSION, key.public, tier)
        opened = await wallet.ask(Action.OPEN, body, OpenResult)
        wallet.certificate = opened.chip_certificate
        wallet.number = parse_certificate(wallet.suite, opened.chip_certificate).value.subject
        return wallet

    @property
    def suite(self) -> Suite:
        """The suite of the network."""
        return self.network.suite

    @property
    def fingerprint(self) -> bytes:
        """Of the wallet's key."""
        return self.suite.fingerprint(self.key.public)

    @property
    def balance_minor(self) -> int:
        """What it believes to hold."""
        return sum(holding.output.amount_minor for holding in self.holdings)

    def request(self, action: Action, body: Struct, request_id: bytes | None = None) -> bytes:
        """A signed request."""
        request = Request(
            version=VERSION,
            request_id=request_id or self.entropy(16),
            sender=self.number,
            addressee=self.code,
            sent_at_ms=self.network.clock.now().midpoint_ms,
            action=action,
            body=cbor.encode(body),
        )
        return WALLET_REQUEST.sign(self.suite, self.key, request)

    async def ask(self, action: Action, body: Struct, shape: type[R]) -> R:
        """Ask its institution; the result. `Refusal` by name."""
        return await self.send(self.request(action, body), shape)

    async def send(self, raw: bytes, shape: type[R]) -> R:
        """Send a signed request as it is; the result."""
        answered = await self.network.courier.post(self.network.url(self.code) + REQUESTS_PATH, raw)
        answer = ANSWER.read(self.suite, answered, self.network.public_key(self.code))
        return cbor.decode(answer.result, shape, limit=MAX_BODY_BYTES)

    async def withdraw(self, amount_minor: int) -> Holding:
        """Bank money into one currency."""
        body = WithdrawBody(VERSION, amount_minor)
        result = await self.ask(Action.WITHDRAW, body, IssuedResult)
        return self.take(result.currencies[0])

    def take(self, currency_raw: bytes) -> Holding:
        """Hold a currency issued to this wallet."""
        currency = parse_currency(self.suite, currency_raw)
        holding = Holding(issued_output(currency), currency)
        self.holdings.append(holding)
        return holding

    def renew(self, renewal_raw: bytes) -> None:
        """Hold the issuer's restatement of a piece in its place, if the piece is still held."""
        renewal = parse_currency(self.suite, renewal_raw)
        for place, holding in enumerate(self.holdings):
            if holding.output.identifier == renewal.identifier:
                self.holdings[place] = Holding(issued_output(renewal), renewal)

    def sign(self, consumed: bytes, payee: bytes, amount: int, change: int, nonce: bytes) -> bytes:
        """A transfer of anything to anybody."""
        self.counter += 1
        moment = Moment(self.network.clock.now().midpoint_ms, 500)
        transfer = Transfer(
            VERSION, consumed, payee, amount, change, self.counter, moment, nonce, Acceptor.MANAGER
        )
        return sign_transfer(self.suite, self.key, transfer).raw

    def spend(
        self,
        holding: Holding,
        payee: bytes,
        amount_minor: int,
        nonce: bytes,
        acceptor: Acceptor = Acceptor.MANAGER,
    ) -> tuple[Holding, Holding | None]:
        """Hand over part of a holding: the payee's part with its chain, and the change."""
        self.counter += 1
        change_minor = holding.output.amount_minor - amount_minor
        moment = Moment(self.network.clock.now().midpoint_ms, 500)
        transfer = sign_transfer(
            self.suite,
            self.key,
            Transfer(
                VERSION,
                holding.output.identifier,
                payee,
                amount_minor,
                change_minor,
                self.counter,
                moment,
                nonce,
                acceptor,
            ),
        )
        if holding in self.holdings:
            self.holdings.remove(holding)
        outputs = outputs_of(transfer, self.fingerprint)
        chain = Holding(
            outputs[PAYEE_OUTPUT],
            holding.currency,
            (*holding.transfers, transfer),
            tuple(dict.fromkeys((*holding.certificates, self.certificate))),
        )
        if not change_minor:
            return chain, None
        change = replace(chain, output=outputs[CHANGE_OUTPUT])
        self.holdings.append(change)
        return chain, change


def full_item(handed: Holding) -> PaymentItem:
    """The payment item with the full digital currency."""
    return PaymentItem(
        handed.currency.value.issuer,
        handed.currency.raw,
        tuple(transfer.raw for transfer in handed.transfers),
        handed.certificates,
    )


def identifier_item(handed: Holding) -> PaymentItem:
    """The payment item with the circulation identifier only."""
    return PaymentItem(
        handed.currency.value.issuer,
        None,
        (handed.transfers[-1].raw,),
        (handed.certificates[-1],),
    )


async def present(payee: BareWallet, nonce: bytes, *items: PaymentItem) -> PaymentResult:
    """Bring a payment request to the payee's manager."""
    request = encode_message(PaymentRequest(nonce, tuple(items)))
    raw = await payee.network.courier.post(payee.network.url(payee.code) + PAYMENTS_PATH, request)
    return decode_message(raw, PaymentResult)


async def bring(payee: BareWallet, nonce: bytes, *items: PaymentItem) -> PaymentResult:
    """Bring a payment request to the payee's manager, and hold what it issues."""
    result = await present(payee, nonce, *items)
    known = {holding.currency.raw for holding in payee.holdings}
    for currency in result.currencies:
        if currency not in known:
            payee.take(currency)
    return result
