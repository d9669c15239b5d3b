"""Payments between the clients of two institutions, and everything a payee's manager refuses."""

import asyncio
from collections.abc import Awaitable, Callable
from functools import partial

import pytest

from feiqian.crypto.suites import Suite
from feiqian.institution import wallets
from feiqian.institution.tracing import Trace, trace
from feiqian.money.transfer import Acceptor
from feiqian.outcomes import Outcome, Refusal
from feiqian.ports import Transaction
from feiqian.testing.bare_wallets import (
    BareWallet,
    Holding,
    bring,
    full_item,
    identifier_item,
)
from feiqian.testing.network import SimulatedNetwork, url_of
from feiqian.wire.items import PaymentItem, read_item
from feiqian.wire.payment import CONFIRMATION

AMOUNT = 123_45
WITHDRAWN = 500_00


class Scene:
    """Alice at A holds 500.00; Bob is at B, Carol at A."""

    network: SimulatedNetwork
    alice: BareWallet
    bob: BareWallet
    carol: BareWallet
    cash: Holding

    @classmethod
    async def open(cls) -> "Scene":
        """A network in which Alice has withdrawn."""
        scene = cls()
        scene.network = await SimulatedNetwork.create()
        scene.alice = await BareWallet.open(scene.network, "A", "alice")
        scene.bob = await BareWallet.open(scene.network, "B", "bob")
        scene.carol = await BareWallet.open(scene.network, "A", "carol")
        scene.cash = await scene.alice.withdraw(WITHDRAWN)
        return scene


def play(story: Callable[[Scene], Awaitable[None]]) -> None:
    """Run one story on a fresh scene."""

    async def run() -> None:
        await story(await Scene.open())

    asyncio.run(run())


async def refused(story: Awaitable[object]) -> Outcome:
    """The outcome with which something is refused."""
    with pytest.raises(Refusal) as caught:
        await story
    return caught.value.outcome


@pytest.mark.feature("C-05", "C-08", "C-09", "C-10", "C-15")
def test_full_currency_pays_across_institutions() -> None:
    """The full currency buys exactly its amount at the other institution, and change is renewed."""

    async def story(scene: Scene) -> None:
        nonce = scene.bob.entropy(16)
        paid, change = scene.alice.spend(scene.cash, scene.bob.fingerprint, AMOUNT, nonce)
        result = await bring(scene.bob, nonce, full_item(paid))
        assert scene.bob.balance_minor == AMOUNT
        assert scene.bob.holdings[0].currency.value.issuer == "B"
        renewed = read_item(scene.alice.suite, full_item_of(scene, result.renewals[0])).piece
        assert renewed is not None
        assert change is not None
        assert renewed.currency.identifier == change.output.identifier
        assert renewed.currency.value.amount_minor == WITHDRAWN - AMOUNT
        books_a, books_b = scene.network.balances("A"), scene.network.balances("B")
        assert books_a["circulation"] == WITHDRAWN - AMOUNT
        assert books_a["obligations:B"] == books_b["claims:A"] == AMOUNT
        assert books_b["circulation"] == AMOUNT

    play(story)


def full_item_of(scene: Scene, renewal: bytes) -> PaymentItem:
    """A renewal with some transfer behind it, to read it by."""
    paid, _ = scene.alice.spend(scene.alice.holdings[0], scene.bob.fingerprint, 1, bytes(16))
    return replace_currency(full_item(paid), renewal)


def replace_currency(item: PaymentItem, raw: bytes) -> PaymentItem:
    """The same item on another currency."""
    return PaymentItem(item.issuer, raw, item.transfers[-1:], item.certificates[-1:])


@pytest.mark.feature("C-06")
def test_identifier_alone_pays() -> None:
    """The transfer of an identifier, without the currency, buys the same."""

    async def story(scene: Scene) -> None:
        nonce = scene.bob.entropy(16)
        paid, _ = scene.alice.spend(scene.cash, scene.bob.fingerprint, AMOUNT, nonce)
        item = identifier_item(paid)
        assert item.currency is None
        await bring(scene.bob, nonce, item)
        assert scene.bob.balance_minor == AMOUNT

    play(story)


@pytest.mark.feature("C-10")
def test_payment_within_one_institution() -> None:
    """Payer and payee at one institution: the same protocol, and nobody owes anybody."""

    async def story(scene: Scene) -> None:
        nonce = scene.carol.entropy(16)
        paid, _ = scene.alice.spend(scene.cash, scene.carol.fingerprint, AMOUNT, nonce)
        await bring(scene.carol, nonce, identifier_item(paid))
        books = scene.network.balances("A")
        assert scene.carol.balance_minor == AMOUNT
        assert books["circulation"] == WITHDRAWN
        assert books["obligations:A"] == 0

    play(story)


@pytest.mark.feature("C-24")
def test_confirmation_is_signed_by_the_payees_manager() -> None:
    """Both clients can verify who confirmed what, with the platform's directory alone."""

    async def story(scene: Scene) -> None:
        nonce = scene.bob.entropy(16)
        paid, _ = scene.alice.spend(scene.cash, scene.bob.fingerprint, AMOUNT, nonce)
        result = await bring(scene.bob, nonce, full_item(paid))
        manager = scene.network.institutions["A"].office.trust.institution("B")
        public = manager.value.public_key
        confirmation = CONFIRMATION.read(scene.alice.suite, result.confirmation, public)
        assert confirmation.amount_minor == AMOUNT
        assert confirmation.payee == scene.bob.fingerprint
        assert confirmation.transfers == (paid.transfers[-1].name,)

    play(story)


@pytest.mark.feature("C-11", "C-22", "P-07")
@pytest.mark.parametrize("again", [full_item, identifier_item])
def test_repeat_gives_the_same_answer(again: Callable[[Holding], PaymentItem]) -> None:
    """The same payment, again and in either form, gets the same bytes and moves nothing."""

    async def story(scene: Scene) -> None:
        nonce = scene.bob.entropy(16)
        paid, _ = scene.alice.spend(scene.cash, scene.bob.fingerprint, AMOUNT, nonce)
        first = await bring(scene.bob, nonce, full_item(paid))
        before = scene.network.balances("A"), scene.network.balances("B")
        assert await bring(scene.bob, nonce, again(paid)) == first
        assert (scene.network.balances("A"), scene.network.balances("B")) == before

    play(story)


@pytest.mark.feature("C-11")
@pytest.mark.parametrize("second_payee", ["bob", "carol"])
def test_identifier_is_cashed_once(second_payee: str) -> None:
    """Another transfer of a cashed identifier is a double spend, whoever presents it."""

    async def story(scene: Scene) -> None:
        nonce = scene.bob.entropy(16)
        first, _ = scene.alice.spend(scene.cash, scene.bob.fingerprint, AMOUNT, nonce)
        await bring(scene.bob, nonce, full_item(first))
        payee: BareWallet = getattr(scene, second_payee)
        other = payee.entropy(16)
        second, _ = scene.alice.spend(scene.cash, payee.fingerprint, AMOUNT, other)
        held = payee.balance_minor
        assert await refused(bring(payee, other, full_item(second))) is Outcome.DOUBLE_SPENT
        assert await refused(bring(payee, other, identifier_item(second))) is Outcome.DOUBLE_SPENT
        assert payee.balance_minor == held
        assert scene.network.balances("A")["obligations:B"] == AMOUNT

    play(story)


@pytest.mark.feature("C-11")
def test_identifier_is_cashed_once_under_concurrency() -> None:
    """Of twenty different transfers of one identifier presented at once, one is cashed."""

    async def story(scene: Scene) -> None:
        attempts = []
        for _ in range(20):
            nonce = scene.bob.entropy(16)
            paid, _ = scene.alice.spend(scene.cash, scene.bob.fingerprint, AMOUNT, nonce)
            attempts.append(bring(scene.bob, nonce, full_item(paid)))
        outcomes = await asyncio.gather(*attempts, return_exceptions=True)
        refusals = [each for each in outcomes if isinstance(each, Refusal)]
        assert len(refusals) == 19
        assert {refusal.outcome for refusal in refusals} == {Outcome.DOUBLE_SPENT}
        assert scene.bob.balance_minor == AMOUNT

    play(story)


@pytest.mark.feature("C-12")
def test_identifiers_of_other_records_are_refused() -> None:
    """A manager cashes nothing that it never issued: neither an unknown identifier nor a forgery."""

    async def story(scene: Scene) -> None:
        nonce = scene.bob.entropy(16)
        raw = scene.alice.sign(bytes(32), scene.bob.fingerprint, AMOUNT, 0, nonce)
        item = PaymentItem("A", None, (raw,), (scene.alice.certificate,))
        assert await refused(bring(scene.bob, nonce, item)) is Outcome.HISTORY_REQUIRED
        foreign = await BareWallet.open(scene.network, "B", "dave")
        cash = await foreign.withdraw(WITHDRAWN)
        paid, _ = foreign.spend(cash, scene.bob.fingerprint, AMOUNT, nonce)
        forged = replace_issuer(identifier_item(paid), "A")
        assert await refused(bring(scene.bob, nonce, forged)) is Outcome.HISTORY_REQUIRED

    play(story)


def replace_issuer(item: PaymentItem, issuer: str) -> PaymentItem:
    """The same item, said to be of another issuer."""
    return PaymentItem(issuer, item.currency, item.transfers, item.certificates)


@pytest.mark.feature("C-21")
def test_intercepted_request_pays_only_its_payee() -> None:
    """Whoever presents an intercepted identifier-only request, its payee alone is credited."""

    async def story(scene: Scene) -> None:
        nonce = scene.bob.entropy(16)
        paid, _ = scene.alice.spend(scene.cash, scene.bob.fingerprint, AMOUNT, nonce)
        item = identifier_item(paid)
        thief = await BareWallet.open(scene.network, "A", "mallory")
        assert await refused(bring(thief, nonce, item)) is Outcome.UNKNOWN_WALLET
        mine = thief.sign(paid.transfers[-1].value.consumed, thief.fingerprint, AMOUNT, 0, nonce)
        stolen = PaymentItem("A", None, (mine,), (thief.certificate,))
        assert await refused(bring(thief, nonce, stolen)) is Outcome.WRONG_OWNER
        await bring(scene.bob, nonce, item)
        assert scene.bob.balance_minor == AMOUNT
        assert thief.balance_minor == 0

    play(story)


@pytest.mark.feature("C-20")
def test_changed_requests_are_refused_by_name() -> None:
    """A changed session, owner, value or certificate is refused, each by its own name."""

    async def story(scene: Scene) -> None:
        bob, alice, cash = scene.bob, scene.alice, scene.cash
        nonce = bob.entropy(16)
        paid, _ = alice.spend(cash, bob.fingerprint, AMOUNT, nonce)
        item = full_item(paid)
        raised = bytearray(item.transfers[0])
        raised[-1] ^= 1
        transfer = alice.sign(cash.output.identifier, bob.fingerprint, AMOUNT, WITHDRAWN, nonce)
        stranger = scene.carol.sign(
            cash.output.identifier, bob.fingerprint, AMOUNT, WITHDRAWN - AMOUNT, nonce
        )
        currency, certificate = item.currency, item.certificates
        cases = {
            Outcome.BAD_SIGNATURE: PaymentItem("A", currency, (bytes(raised),), certificate),
            Outcome.VALUE_NOT_CONSERVED: PaymentItem("A", currency, (transfer,), certificate),
            Outcome.WRONG_OWNER: PaymentItem(
                "A", currency, (stranger,), (scene.carol.certificate,)
            ),
            Outcome.UNKNOWN_ISSUER: PaymentItem("Z", currency, item.transfers, certificate),
            Outcome.UNKNOWN_SUITE: PaymentItem(
                "A",
                currency,
                (item.transfers[0].replace(b"\x26\xa0", b"\x27\xa0", 1),),
                certificate,
            ),
            Outcome.MALFORMED: PaymentItem("A", currency, (b"\x00",), certificate),
        }
        for outcome, changed in cases.items():
            assert await refused(bring(bob, nonce, changed)) is outcome
        assert await refused(bring(bob, bytes(16), item)) is Outcome.WRONG_SESSION
        assert scene.network.balances("A")["circulation"] == WITHDRAWN
        await bring(bob, nonce, item)

    play(story)


@pytest.mark.feature("C-20")
def test_expired_chip_certificate_is_refused() -> None:
    """A chip whose certificate has run out cannot pay."""

    async def story(scene: Scene) -> None:
        nonce = scene.bob.entropy(16)
        paid, _ = scene.alice.spend(scene.cash, scene.bob.fingerprint, AMOUNT, nonce)
        scene.network.clock.advance(6 * 365 * 24 * 3600 * 1000)
        outcome = await refused(bring(scene.bob, nonce, full_item(paid)))
        assert outcome is Outcome.CERTIFICATE_EXPIRED

    play(story)


@pytest.mark.feature("C-22", "C-24")
def test_issuer_unreachable_then_back() -> None:
    """While the issuer cannot be reached nothing is decided; the same request succeeds later."""

    async def story(scene: Scene) -> None:
        nonce = scene.bob.entropy(16)
        paid, _ = scene.alice.spend(scene.cash, scene.bob.fingerprint, AMOUNT, nonce)
        scene.network.courier.cut_off.add(url_of("A"))
        outcome = await refused(bring(scene.bob, nonce, full_item(paid)))
        assert outcome is Outcome.UNAVAILABLE
        scene.network.courier.cut_off.clear()
        await bring(scene.bob, nonce, full_item(paid))
        assert scene.bob.balance_minor == AMOUNT

    play(story)


@pytest.mark.feature("C-22", "P-07")
def test_lost_answer_is_recovered_by_restart() -> None:
    """The issuer cashed but its answer was lost: the payee's manager asks again when it starts."""

    async def story(scene: Scene) -> None:
        network, bob = scene.network, scene.bob
        nonce = bob.entropy(16)
        paid, _ = scene.alice.spend(scene.cash, bob.fingerprint, AMOUNT, nonce)
        network.courier.losing_answers.add(url_of("A") + "/v1/cash")
        assert await refused(bring(bob, nonce, full_item(paid))) is Outcome.TIMED_OUT
        network.courier.losing_answers.clear()
        assert network.balances("A")["obligations:B"] == AMOUNT
        assert "circulation" not in network.balances("B")
        await network.restart("B").finish_pending()
        assert network.balances("B")["circulation"] == AMOUNT
        await bring(bob, nonce, full_item(paid))
        assert bob.balance_minor == AMOUNT
        assert network.balances("A")["obligations:B"] == AMOUNT

    play(story)


@pytest.mark.feature("C-15", "C-11")
def test_history_not_seen_yet_must_come_in_full() -> None:
    """Change spent before its transfer was cashed: an identifier is not enough, the piece is."""

    async def story(scene: Scene) -> None:
        first, second = scene.bob.entropy(16), scene.bob.entropy(16)
        paid, change = scene.alice.spend(scene.cash, scene.bob.fingerprint, AMOUNT, first)
        assert change is not None
        rest, _ = scene.alice.spend(change, scene.bob.fingerprint, 1, second)
        outcome = await refused(bring(scene.bob, second, identifier_item(rest)))
        assert outcome is Outcome.HISTORY_REQUIRED
        await bring(scene.bob, second, full_item(rest))
        await bring(scene.bob, first, full_item(paid))
        assert scene.bob.balance_minor == AMOUNT + 1
        assert scene.network.balances("A")["circulation"] == WITHDRAWN - AMOUNT - 1

    play(story)


@pytest.mark.feature("C-22")
def test_transfer_belongs_to_one_payment() -> None:
    """The same transfer inside another payment is refused, so it never counts twice."""

    async def story(scene: Scene) -> None:
        more = await scene.alice.withdraw(100_00)
        nonce = scene.bob.entropy(16)
        one, _ = scene.alice.spend(scene.cash, scene.bob.fingerprint, AMOUNT, nonce)
        two, _ = scene.alice.spend(more, scene.bob.fingerprint, 100_00, nonce)
        await bring(scene.bob, nonce, full_item(one))
        both = bring(scene.bob, nonce, full_item(one), full_item(two))
        assert await refused(both) is Outcome.KEY_REUSED
        twice = bring(scene.bob, nonce, full_item(two), full_item(two))
        assert await refused(twice) is Outcome.MALFORMED
        await bring(scene.bob, nonce, full_item(two))
        assert scene.bob.balance_minor == AMOUNT + 100_00

    play(story)


@pytest.mark.feature("C-11", "C-20")
def test_what_the_chip_takes_in_no_manager_cashes() -> None:
    """A transfer for the payee's chip is not cashed, nor is one for the manager paid on."""

    async def story(scene: Scene) -> None:
        nonce = scene.bob.entropy(16)
        for_chip, _ = scene.alice.spend(
            scene.cash, scene.bob.fingerprint, AMOUNT, nonce, Acceptor.CHIP
        )
        for item in (full_item(for_chip), identifier_item(for_chip)):
            assert await refused(bring(scene.bob, nonce, item)) is Outcome.WRONG_SESSION
        more = await scene.alice.withdraw(AMOUNT)
        online, _ = scene.alice.spend(more, scene.bob.fingerprint, AMOUNT, nonce)
        carols = scene.carol.entropy(16)
        paid_on, _ = scene.bob.spend(online, scene.carol.fingerprint, AMOUNT, carols)
        outcome = await refused(bring(scene.carol, carols, full_item(paid_on)))
        assert outcome is Outcome.BROKEN_CHAIN
        paid_on, _ = scene.bob.spend(for_chip, scene.carol.fingerprint, AMOUNT, carols)
        await bring(scene.carol, carols, full_item(paid_on))
        assert scene.carol.balance_minor == AMOUNT

    play(story)


@pytest.mark.feature("C-25")
def test_issuer_traces_a_currency() -> None:
    """The issuer finds every transfer of a currency, who made it, and where it was redeemed."""

    async def story(scene: Scene) -> None:
        nonce = scene.bob.entropy(16)
        paid, change = scene.alice.spend(scene.cash, scene.bob.fingerprint, AMOUNT, nonce)
        await bring(scene.bob, nonce, full_item(paid))
        assert change is not None
        store, suite = scene.network.stores["A"], scene.alice.suite
        for identifier in (scene.cash.output.identifier, change.output.identifier):
            found = store.run(partial(_trace, suite=suite, identifier=identifier))
            assert found.amount_minor == WITHDRAWN
            (step,) = found.transfers
            assert step.payer == scene.alice.fingerprint.hex()
            assert step.payee == scene.bob.fingerprint.hex()
            assert (step.amount_minor, step.redeemer) == (AMOUNT, "B")
            states = {state.state for state in found.states}
            assert states == {"spent", "redeemed", "circulating"}

    play(story)


def _trace(tx: Transaction, suite: Suite, identifier: bytes) -> Trace:
    return trace(tx, suite, identifier)


@pytest.mark.feature("P-03")
def test_frozen_payee_is_not_credited() -> None:
    """A frozen wallet gets nothing, and the payment succeeds once it is unfrozen."""

    async def story(scene: Scene) -> None:
        nonce = scene.bob.entropy(16)
        paid, _ = scene.alice.spend(scene.cash, scene.bob.fingerprint, AMOUNT, nonce)
        store = scene.network.stores["B"]
        store.run(lambda tx: wallets.freeze(tx, scene.bob.number, True))
        outcome = await refused(bring(scene.bob, nonce, full_item(paid)))
        assert outcome is Outcome.WALLET_FROZEN
        store.run(lambda tx: wallets.freeze(tx, scene.bob.number, False))
        await bring(scene.bob, nonce, full_item(paid))

    play(story)


@pytest.mark.feature("C-22")
def test_nobody_waits_for_ever_when_an_answer_cannot_be_stored() -> None:
    """A database that refuses the answer leaves the payment pending; when it works, it is finished."""

    async def story(scene: Scene) -> None:
        store = scene.network.stores["B"]
        store.run(
            lambda tx: tx.execute(
                "CREATE TRIGGER full BEFORE INSERT ON cash_responses"
                " BEGIN SELECT RAISE(ABORT, 'disk full'); END"
            )
        )
        nonce = scene.bob.entropy(16)
        paid, _ = scene.alice.spend(scene.cash, scene.bob.fingerprint, AMOUNT, nonce)
        async with asyncio.timeout(30):
            assert await refused(bring(scene.bob, nonce, full_item(paid))) is Outcome.UNAVAILABLE
        store.run(lambda tx: tx.execute("DROP TRIGGER full"))
        await bring(scene.bob, nonce, full_item(paid))
        assert scene.bob.balance_minor == AMOUNT

    play(story)
