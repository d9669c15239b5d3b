"""Traffic of bare wallets: payments, double spends, deposits and withdrawals, as a seed has it.

Each customer does one thing after the other while all customers go on at the same time. Payments go
in either form and are brought several times at once. Every few customers there is a fraudster, who
withdraws and signs one currency over to two others; exactly one of them may be credited. Sooner or
later its institution freezes it, and it goes. Customers count what they have themselves, so
what they have in the end is evidence that shares nothing with anybody's books.
"""

import asyncio
import random
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from typing import TypeVar

from feiqian.crypto.cbor import VERSION
from feiqian.outcomes import Outcome, Refusal
from feiqian.testing.bare_wallets import BareWallet, full_item, identifier_item, present
from feiqian.wire.payment import PaymentResult
from feiqian.wire.request_envelope import Action
from feiqian.wire.wallet_requests import (
    DepositResult,
    IssuedResult,
    RedeemBody,
    WithdrawBody,
)

T = TypeVar("T")

MOST_WITHDRAWN_MINOR = 20_00
FRAUDSTER_EVERY = 3
"""One customer in so many is a fraudster; nobody pays one, for a frozen wallet is not credited."""
MAX_COPIES = 3
"""How often one request is sent at the same time."""
NONCE_BYTES = 16


_ENDS_A_FRAUDSTER = frozenset({Outcome.INSUFFICIENT_FUNDS, Outcome.WALLET_FROZEN})


class CustomerTraffic:
    """Customers that go about their business."""

    def __init__(
        self, customers: Sequence[BareWallet], rng: random.Random, most_actions: int | None = None
    ) -> None:
        """With `most_actions` it ebbs away by itself; without, it flows until `stop`."""
        self.done: Counter[str] = Counter()
        self.customers = customers
        self._fraudsters = {each.number for each in customers[::FRAUDSTER_EVERY]}
        self._gone: set[str] = set()
        self._rng = rng
        self.over = False
        self._most_actions = most_actions

    async def flow(self) -> None:
        """Everybody does one thing after the other until `stop`."""
        async with asyncio.TaskGroup() as group:
            for customer in self.customers:
                group.create_task(self._live(customer))

    def stop(self) -> None:
        """Begin nothing new; what has begun is finished."""
        self.over = True

    async def _live(self, customer: BareWallet) -> None:
        while not self.over and customer.number not in self._gone:
            action = self._choose(customer)
            await action(customer)
            self.done[action.__name__] += 1
            if self.done.total() == self._most_actions:
                self.stop()

    def _choose(self, customer: BareWallet) -> Callable[[BareWallet], Awaitable[None]]:
        if not customer.holdings:
            return self.withdraw
        if customer.number in self._fraudsters:
            return self.double_spend
        return self._rng.choice([*[self.pay] * 6, *[self.withdraw] * 2, self.deposit])

    async def withdraw(self, customer: BareWallet) -> None:
        """Bank money into one currency; the account may be empty by now, or the wallet frozen."""
        body = WithdrawBody(VERSION, self._rng.randint(1, MOST_WITHDRAWN_MINOR))
        raw = customer.request(Action.WITHDRAW, body)
        try:
            results = await self._copies(lambda: customer.send(raw, IssuedResult))
        except Refusal as refusal:
            if customer.number in self._fraudsters and refusal.outcome in _ENDS_A_FRAUDSTER:
                self._gone.add(customer.number)
            elif refusal.outcome is not Outcome.INSUFFICIENT_FUNDS:
                raise
        else:
            self._take(customer, {result.currencies for result in results})

    async def deposit(self, customer: BareWallet) -> None:
        """One holding into the bank account."""
        holding = self._rng.choice(customer.holdings)
        manager = customer.suite.fingerprint(customer.network.public_key(customer.code))
        paid, _ = customer.spend(
            holding, manager, holding.output.amount_minor, customer.entropy(NONCE_BYTES)
        )
        raw = customer.request(Action.DEPOSIT, RedeemBody(VERSION, (full_item(paid),)))
        await self._copies(lambda: customer.send(raw, DepositResult))

    async def pay(self, customer: BareWallet) -> None:
        """Part of a holding to somebody, in either form, brought several times at once."""
        payee, holding = self._payee(customer), self._rng.choice(customer.holdings)
        amount_minor = self._rng.randint(1, holding.output.amount_minor)
        nonce = customer.entropy(NONCE_BYTES)
        paid, _ = customer.spend(holding, payee.fingerprint, amount_minor, nonce)
        item = self._rng.choice([full_item, identifier_item])(paid)
        results = await self._copies(lambda: present(payee, nonce, item))
        self._take(payee, {result.currencies for result in results})
        for renewal in results[0].renewals:
            customer.renew(renewal)

    async def double_spend(self, customer: BareWallet) -> None:
        """One whole holding to two payees at once; one of them is credited, the other refused."""
        holding = self._rng.choice(customer.holdings)
        amount_minor = holding.output.amount_minor
        payees, attempts = [], []
        for _ in range(2):
            payee, nonce = self._payee(customer), customer.entropy(NONCE_BYTES)
            paid, _ = customer.spend(holding, payee.fingerprint, amount_minor, nonce)
            payees.append(payee)
            attempts.append(present(payee, nonce, full_item(paid)))
        results = await asyncio.gather(*attempts, return_exceptions=True)
        assert sorted(map(_verdict, results)) == [Outcome.ACCEPTED, Outcome.DOUBLE_SPENT]
        for payee, result in zip(payees, results, strict=True):
            if isinstance(result, PaymentResult):
                self._take(payee, {result.currencies})

    async def _copies(self, ask: Callable[[], Awaitable[T]]) -> list[T]:
        """The answers to one request that is sent several times at once."""
        copies = self._rng.randint(1, MAX_COPIES)
        return await asyncio.gather(*(ask() for _ in range(copies)))

    @staticmethod
    def _take(owner: BareWallet, answers: set[tuple[bytes, ...]]) -> None:
        """Take what was issued, once: all copies of a request must be answered the same."""
        (currencies,) = answers
        for currency in currencies:
            owner.take(currency)

    def _payee(self, payer: BareWallet) -> BareWallet:
        honest = [each for each in self.customers if each.number not in self._fraudsters]
        return self._rng.choice([each for each in honest if each is not payer])


def _verdict(result: PaymentResult | BaseException) -> Outcome:
    if isinstance(result, Refusal):
        return result.outcome
    if isinstance(result, BaseException):
        raise result
    return Outcome.ACCEPTED
