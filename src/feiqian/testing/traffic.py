"""Traffic of bare wallets: payments, double spends, deposits and withdrawals, as a seed has it.

Each customer does one thing after the other while all customers go on at the same time. Payments go
in either form and are brought several times at once; now and then a customer signs one currency over
to two others, and exactly one of them may be credited. Customers count what they have themselves, so
what they have in the end is evidence that shares nothing with anybody's books.
"""

import asyncio
import random
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence

from feiqian.crypto.cbor import VERSION
from feiqian.outcomes import Outcome, Refusal
from feiqian.testing.bare_wallets import BareWallet, bring, full_item, identifier_item, present
from feiqian.wire.payment import PaymentResult
from feiqian.wire.requests import Action, DepositResult, RedeemBody

WITHDRAWN_MINOR = 40_00
MAX_COPIES = 3
"""How often one payment is brought at the same time."""
NONCE_BYTES = 16


class Traffic:
    """Customers that go about their business."""

    def __init__(self, customers: Sequence[BareWallet], rng: random.Random) -> None:
        self.done: Counter[str] = Counter()
        self.customers = customers
        self._rng = rng
        self.over = False

    async def flow(self) -> None:
        """Everybody does one thing after the other until `stop`."""
        async with asyncio.TaskGroup() as group:
            for customer in self.customers:
                group.create_task(self._live(customer))

    def stop(self) -> None:
        """Begin nothing new; what has begun is finished."""
        self.over = True

    async def _live(self, customer: BareWallet) -> None:
        while not self.over:
            action = self._choose(customer)
            await action(customer)
            self.done[action.__name__] += 1

    def _choose(self, customer: BareWallet) -> Callable[[BareWallet], Awaitable[None]]:
        if not customer.holdings:
            return self.withdraw
        return self._rng.choice([*[self.pay] * 8, self.double_spend, self.deposit])

    async def withdraw(self, customer: BareWallet) -> None:
        """Bank money into one currency; the account may be empty by now."""
        try:
            await customer.withdraw(WITHDRAWN_MINOR)
        except Refusal as refusal:
            if refusal.outcome is not Outcome.INSUFFICIENT_FUNDS:
                raise

    async def deposit(self, customer: BareWallet) -> None:
        """One holding into the bank account."""
        holding = self._rng.choice(customer.holdings)
        manager = customer.suite.fingerprint(customer.network.public_key(customer.code))
        paid, _ = customer.spend(
            holding, manager, holding.output.amount_minor, customer.entropy(NONCE_BYTES)
        )
        body = RedeemBody(VERSION, (full_item(paid),))
        await customer.ask(Action.DEPOSIT, body, DepositResult)

    async def pay(self, customer: BareWallet) -> None:
        """Part of a holding to somebody, in either form, brought several times at once."""
        payee, holding = self._payee(customer), self._rng.choice(customer.holdings)
        amount_minor = self._rng.randint(1, holding.output.amount_minor)
        nonce = customer.entropy(NONCE_BYTES)
        paid, _ = customer.spend(holding, payee.fingerprint, amount_minor, nonce)
        item = self._rng.choice([full_item, identifier_item])(paid)
        copies = self._rng.randint(1, MAX_COPIES)
        results = await asyncio.gather(*(present(payee, nonce, item) for _ in range(copies)))
        # Taken once for all copies: by the last answer the payee may have paid it on already.
        (currencies,) = {result.currencies for result in results}
        for currency in currencies:
            payee.take(currency)
        for renewal in results[0].renewals:
            customer.renew(renewal)

    async def double_spend(self, customer: BareWallet) -> None:
        """One whole holding to two payees at once; one of them is credited, the other refused."""
        holding = self._rng.choice(customer.holdings)
        amount_minor = holding.output.amount_minor
        attempts = []
        for _ in range(2):
            payee, nonce = self._payee(customer), customer.entropy(NONCE_BYTES)
            paid, _ = customer.spend(holding, payee.fingerprint, amount_minor, nonce)
            attempts.append(bring(payee, nonce, full_item(paid)))
        results = await asyncio.gather(*attempts, return_exceptions=True)
        assert sorted(map(_verdict, results)) == [Outcome.ACCEPTED, Outcome.DOUBLE_SPENT]

    def _payee(self, payer: BareWallet) -> BareWallet:
        return self._rng.choice([each for each in self.customers if each is not payer])


def _verdict(result: PaymentResult | BaseException) -> Outcome:
    if isinstance(result, Refusal):
        return result.outcome
    if isinstance(result, BaseException):
        raise result
    return Outcome.ACCEPTED
