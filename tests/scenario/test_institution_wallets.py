"""Wallets at their institution: opening, withdrawing, depositing, converting, asking again."""

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from feiqian.crypto.cbor import VERSION
from feiqian.crypto.certificates import CERTIFICATE, KeyRole
from feiqian.institution import accounts, wallets
from feiqian.money.limits import ANONYMOUS_TIER, DEFAULT_TIER, TIERS
from feiqian.money.transfer import Acceptor
from feiqian.outcomes import Outcome, Refusal
from feiqian.testing.bare_wallets import BareWallet, Holding, bring, full_item, identifier_item
from feiqian.testing.network import DEFAULT_OPENING_MINOR, SimulatedNetwork
from feiqian.wire.platform_requests import IssueBody
from feiqian.wire.request_envelope import MAX_AGE_MS, Action, EmptyBody
from feiqian.wire.wallet_requests import (
    AccountResult,
    ConvertResult,
    DepositResult,
    IssuedBody,
    IssuedResult,
    OpenBody,
    OpenResult,
    RedeemBody,
    TransfersBody,
    TransfersResult,
    WithdrawBody,
)

Story = Callable[[SimulatedNetwork], Awaitable[None]]


def play(story: Story, reserves_minor: int = 1_000_000_00) -> None:
    """Run one story on a fresh network."""

    async def run() -> None:
        await story(await SimulatedNetwork.create(reserves_minor=reserves_minor))

    asyncio.run(run())


async def refused(story: Awaitable[object]) -> Outcome:
    """The outcome with which something is refused."""
    with pytest.raises(Refusal) as caught:
        await story
    return caught.value.outcome


def exported(wallet: BareWallet, holding: Holding, amount_minor: int) -> Holding:
    """Value paid to the wallet's own institution."""
    manager = wallet.suite.fingerprint(wallet.network.public_key(wallet.code))
    handed, _ = wallet.spend(holding, manager, amount_minor, wallet.entropy(16))
    return handed


async def account_minor(wallet: BareWallet) -> int:
    """The balance of the bank account behind a wallet."""
    result = await wallet.ask(Action.ACCOUNT, EmptyBody(VERSION), AccountResult)
    return result.balance_minor


@pytest.mark.feature("P-02", "P-03")
def test_opening_certifies_the_chip() -> None:
    """A new wallet's chip gets a certificate of its institution with its tier and number."""

    async def story(network: SimulatedNetwork) -> None:
        wallet = await BareWallet.open(network, "A", "alice", tier=1)
        issuer = network.institutions["A"].office.key.public
        certificate = CERTIFICATE.read(wallet.suite, wallet.certificate, issuer)
        assert certificate.role is KeyRole.CHIP
        assert (certificate.tier, certificate.issuer) == (1, "A")
        assert certificate.public_key == wallet.key.public
        assert certificate.subject == wallet.number != "new"

    play(story)


@pytest.mark.feature("P-02", "P-07")
def test_opening_again_gives_the_same_wallet() -> None:
    """A chip that asks for a wallet twice, even under another request id, has one wallet."""

    async def story(network: SimulatedNetwork) -> None:
        first = await BareWallet.open(network, "A", "alice")
        again = await BareWallet.open(network, "A", "alice")
        assert (again.number, again.certificate) == (first.number, first.certificate)
        assert await account_minor(again) == DEFAULT_OPENING_MINOR

    play(story)


@pytest.mark.feature("P-03")
def test_tier_must_exist_and_anonymous_has_no_account() -> None:
    """An unknown tier is refused; the lowest opens without an account and cannot withdraw."""

    async def story(network: SimulatedNetwork) -> None:
        opening = BareWallet.open(network, "A", "alice", tier=len(TIERS))
        assert await refused(opening) is Outcome.MALFORMED
        anonymous = await BareWallet.open(network, "A", "bob", tier=ANONYMOUS_TIER)
        assert await refused(anonymous.withdraw(100)) is Outcome.UNKNOWN_WALLET

    play(story)


@pytest.mark.feature("P-04", "C-19")
def test_withdraw_moves_bank_money_into_currency() -> None:
    """What leaves the account is what is issued, numbered from one."""

    async def story(network: SimulatedNetwork) -> None:
        wallet = await BareWallet.open(network, "A", "alice")
        one, two = await wallet.withdraw(300_00), await wallet.withdraw(200_00)
        assert [each.currency.value.sequence for each in (one, two)] == [1, 2]
        assert {each.currency.value.owner for each in (one, two)} == {wallet.fingerprint}
        assert await account_minor(wallet) == DEFAULT_OPENING_MINOR - 500_00
        assert network.balances("A")["circulation"] == 500_00

    play(story)


@pytest.mark.feature("P-01", "P-03", "P-04")
def test_withdraw_is_refused_by_name() -> None:
    """Above the account, the tier, or the institution's quota nothing is issued."""

    async def story(network: SimulatedNetwork) -> None:
        wallet = await BareWallet.open(network, "A", "alice", tier=DEFAULT_TIER)
        holding_minor = TIERS[DEFAULT_TIER].holding_minor
        store = network.stores["A"]
        cases = [
            (DEFAULT_OPENING_MINOR + 1, Outcome.INSUFFICIENT_FUNDS),
            (holding_minor + 1, Outcome.OVER_HOLDING_LIMIT),
            (700_00, Outcome.QUOTA_EXCEEDED),
        ]
        for amount_minor, outcome in cases:
            assert await refused(wallet.withdraw(amount_minor)) is outcome
        assert network.balances("A").get("circulation", 0) == 0
        assert store.run(lambda tx: accounts.balance_of(tx, wallet.number)) == 1_000_00
        await wallet.withdraw(600_00)

    play(story, reserves_minor=600_00)


@pytest.mark.feature("P-04", "C-19", "P-07")
def test_deposit_brings_currency_back() -> None:
    """What the chip exports to its institution becomes bank money once, however often asked."""

    async def story(network: SimulatedNetwork) -> None:
        wallet = await BareWallet.open(network, "A", "alice")
        cash = await wallet.withdraw(500_00)
        body = RedeemBody(VERSION, (full_item(exported(wallet, cash, 120_00)),))
        request = wallet.request(Action.DEPOSIT, body)
        first = await wallet.send(request, DepositResult)
        assert (first.amount_minor, first.account_minor) == (120_00, 620_00)
        assert await wallet.send(request, DepositResult) == first
        again = await wallet.ask(Action.DEPOSIT, body, DepositResult)
        assert again.account_minor == 620_00
        assert network.balances("A")["circulation"] == 380_00

    play(story)


@pytest.mark.feature("C-14")
def test_convert_makes_one_own_currency_of_foreign_ones() -> None:
    """Pieces of other issuers become one currency of the own manager with the same sum."""

    async def story(network: SimulatedNetwork) -> None:
        alice = await BareWallet.open(network, "A", "alice")
        bob = await BareWallet.open(network, "B", "bob")
        handed = []
        for amount_minor in (100_00, 50_00):
            cash = await alice.withdraw(amount_minor)
            nonce = bob.entropy(16)
            paid, _ = alice.spend(cash, bob.fingerprint, amount_minor, nonce, Acceptor.CHIP)
            handed.append(paid)
        office = network.institutions["B"].office
        nonce = bob.entropy(16)
        items = [
            bob.spend(each, office.fingerprint, each.output.amount_minor, nonce)[0]
            for each in handed
        ]
        body = RedeemBody(VERSION, tuple(full_item(each) for each in items))
        result = await bob.ask(Action.CONVERT, body, ConvertResult)
        converted = bob.take(result.currency)
        assert converted.currency.value.issuer == "B"
        assert converted.output.amount_minor == 150_00
        assert network.balances("A")["obligations:B"] == 150_00

    play(story)


@pytest.mark.feature("C-21", "C-20")
def test_only_the_exporting_chip_may_deposit() -> None:
    """An intercepted export is worth nothing to another wallet, nor through the payment door."""

    async def story(network: SimulatedNetwork) -> None:
        alice = await BareWallet.open(network, "A", "alice")
        thief = await BareWallet.open(network, "A", "mallory")
        cash = await alice.withdraw(500_00)
        handed = exported(alice, cash, 500_00)
        body = RedeemBody(VERSION, (full_item(handed),))
        stolen = thief.ask(Action.DEPOSIT, body, DepositResult)
        assert await refused(stolen) is Outcome.WRONG_OWNER
        nonce = handed.transfers[-1].value.nonce
        assert await refused(bring(thief, nonce, identifier_item(handed))) is Outcome.UNKNOWN_WALLET
        await alice.ask(Action.DEPOSIT, body, DepositResult)

    play(story)


@pytest.mark.feature("P-07", "C-22")
def test_request_id_stands_for_one_request() -> None:
    """The same request gets the same bytes for ever; another under its id is refused."""

    async def story(network: SimulatedNetwork) -> None:
        wallet = await BareWallet.open(network, "A", "alice")
        body = WithdrawBody(VERSION, 100_00)
        request = wallet.request(Action.WITHDRAW, body, request_id=bytes(16))
        first = await network.institutions["A"].answer(request)
        network.clock.advance(100 * MAX_AGE_MS)
        assert await network.institutions["A"].answer(request) == first
        other = wallet.request(Action.WITHDRAW, WithdrawBody(VERSION, 1), request_id=bytes(16))
        assert await refused(wallet.send(other, IssuedResult)) is Outcome.KEY_REUSED
        assert await account_minor(wallet) == DEFAULT_OPENING_MINOR - 100_00

    play(story)


@pytest.mark.feature("P-07")
def test_requests_are_refused_by_name() -> None:
    """Stale, misaddressed, foreign, unknown or wrongly signed requests do nothing."""

    async def story(network: SimulatedNetwork) -> None:
        wallet = await BareWallet.open(network, "A", "alice")
        other = await BareWallet.open(network, "A", "bob")
        body = WithdrawBody(VERSION, 100_00)
        stale = wallet.request(Action.WITHDRAW, body)
        network.clock.advance(MAX_AGE_MS + 1)
        assert await refused(wallet.send(stale, IssuedResult)) is Outcome.EXPIRED
        wallet.code = "B"
        misaddressed = wallet.request(Action.WITHDRAW, body)
        wallet.code = "A"
        assert await refused(wallet.send(misaddressed, IssuedResult)) is Outcome.WRONG_ADDRESSEE
        name, wallet.number = wallet.number, "A-2345678"
        assert await refused(wallet.withdraw(1)) is Outcome.UNKNOWN_WALLET
        wallet.number = "new"
        assert await refused(wallet.withdraw(1)) is Outcome.UNKNOWN_WALLET
        wallet.number = other.number
        assert await refused(wallet.withdraw(1)) is Outcome.BAD_SIGNATURE
        wallet.number = name
        platform_only = wallet.ask(Action.ISSUE, IssueBody(VERSION, 1), OpenResult)
        assert await refused(platform_only) is Outcome.MALFORMED
        garbage = wallet.ask(Action.WITHDRAW, EmptyBody(VERSION), IssuedResult)
        assert await refused(garbage) is Outcome.MALFORMED
        assert await account_minor(wallet) == DEFAULT_OPENING_MINOR

    play(story)


@pytest.mark.feature("P-02")
def test_opening_needs_the_key_it_names() -> None:
    """Nobody gets a certificate for a key that they cannot sign with."""

    async def story(network: SimulatedNetwork) -> None:
        wallet = await BareWallet.open(network, "A", "alice")
        victim = network.institutions["B"].office.key.public
        wallet.number = "new"
        theft = wallet.ask(Action.OPEN, OpenBody(VERSION, victim, 1), OpenResult)
        assert await refused(theft) is Outcome.BAD_SIGNATURE

    play(story)


@pytest.mark.feature("C-22", "C-19")
def test_issued_currencies_can_be_asked_for_again() -> None:
    """A client that lost its answers gets every currency issued to its chip again, in order."""

    async def story(network: SimulatedNetwork) -> None:
        wallet = await BareWallet.open(network, "A", "alice")
        held = [await wallet.withdraw(amount) for amount in (100, 200, 300)]
        result = await wallet.ask(Action.ISSUED, IssuedBody(VERSION, 1), IssuedResult)
        assert result.currencies == tuple(each.currency.raw for each in held[1:])

    play(story)


@pytest.mark.feature("C-24", "C-22")
def test_payer_learns_what_became_of_a_transfer() -> None:
    """The payer's own institution tells the payer, and nobody else, that a transfer was cashed."""

    async def story(network: SimulatedNetwork) -> None:
        alice = await BareWallet.open(network, "A", "alice")
        carol = await BareWallet.open(network, "A", "carol")
        bob = await BareWallet.open(network, "B", "bob")
        cash = await alice.withdraw(500_00)
        nonce = bob.entropy(16)
        paid, _ = alice.spend(cash, bob.fingerprint, 100, nonce)
        name = paid.transfers[-1].name
        body = TransfersBody(VERSION, (name,))
        (before,) = (await alice.ask(Action.TRANSFERS, body, TransfersResult)).standings
        assert before.outcome is Outcome.UNKNOWN_IDENTIFIER
        result = await bring(bob, nonce, identifier_item(paid))
        (after,) = (await alice.ask(Action.TRANSFERS, body, TransfersResult)).standings
        assert (after.outcome, after.redeemer) == (Outcome.REPEATED, "B")
        assert after.renewal == result.renewals[0]
        (hidden,) = (await carol.ask(Action.TRANSFERS, body, TransfersResult)).standings
        assert hidden.outcome is Outcome.UNKNOWN_IDENTIFIER

    play(story)


@pytest.mark.feature("P-03")
def test_frozen_wallet_cannot_withdraw_or_deposit() -> None:
    """Freezing stops money both ways; unfreezing lets the same request through."""

    async def story(network: SimulatedNetwork) -> None:
        wallet = await BareWallet.open(network, "A", "alice")
        cash = await wallet.withdraw(100_00)
        store = network.stores["A"]
        store.run(lambda tx: wallets.freeze(tx, wallet.number, True))
        assert await refused(wallet.withdraw(1)) is Outcome.WALLET_FROZEN
        body = RedeemBody(VERSION, (full_item(exported(wallet, cash, 100_00)),))
        request = wallet.request(Action.DEPOSIT, body)
        assert await refused(wallet.send(request, DepositResult)) is Outcome.WALLET_FROZEN
        store.run(lambda tx: wallets.freeze(tx, wallet.number, False))
        assert (await wallet.send(request, DepositResult)).amount_minor == 100_00

    play(story)


@pytest.mark.feature("P-05", "P-01")
def test_settlement_reaches_both_books() -> None:
    """After a net cycle nobody owes anybody, and what may be issued has moved with the value."""

    async def story(network: SimulatedNetwork) -> None:
        alice = await BareWallet.open(network, "A", "alice")
        bob = await BareWallet.open(network, "B", "bob")
        cash = await alice.withdraw(500_00)
        nonce = bob.entropy(16)
        paid, _ = alice.spend(cash, bob.fingerprint, 120_00, nonce)
        await bring(bob, nonce, identifier_item(paid))
        for _ in range(2):
            await network.settle()
            books_a, books_b = network.balances("A"), network.balances("B")
            assert (books_a["obligations:B"], books_b["claims:A"]) == (0, 0)
            assert books_a["authorised"] == 1_000_000_00 - 120_00
            assert books_b["authorised"] == 1_000_000_00 + 120_00
            for books in (books_a, books_b):
                claims = sum(v for k, v in books.items() if k.startswith("claims:"))
                owed = sum(v for k, v in books.items() if k.startswith("obligations:"))
                held = books["circulation"] + books["headroom"]
                assert books["authorised"] + claims == held + owed

    play(story)
