"""A mailbox for wallets' chips, and the word that begins their offline totals anew."""

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from feiqian.crypto.cbor import VERSION
from feiqian.institution import wallets
from feiqian.institution.mailbox import MAX_LETTERS
from feiqian.money.transfer import Acceptor
from feiqian.outcomes import Outcome, Refusal
from feiqian.testing.bare_wallets import BareWallet, Holding, full_item, identifier_item
from feiqian.testing.network import SimulatedNetwork, url_of
from feiqian.wire.envelope import decode_message, encode_message
from feiqian.wire.items import PaymentItem
from feiqian.wire.payment import RECEIPT, MailboxAnswer, PaymentRequest, Receipt
from feiqian.wire.request_envelope import MAX_LISTED, Action, EmptyBody
from feiqian.wire.synchronisation import SYNCHRONISATION, Synchronisation
from feiqian.wire.wallet_requests import (
    MAX_LETTER_BYTES,
    MailboxBody,
    MailboxResult,
    SynchroniseResult,
)

NONCE = b"N" * 16
NOTHING = MailboxBody(VERSION, (), ())


class People:
    """A payer at A with currency, a payee and a stranger at B."""

    def __init__(self, network: SimulatedNetwork, *all_three: BareWallet) -> None:
        self.network = network
        self.payer, self.payee, self.stranger = all_three

    @classmethod
    async def meet(cls) -> "People":
        network = await SimulatedNetwork.create()
        labels = (("A", "payer"), ("B", "payee"), ("B", "stranger"))
        return cls(network, *[await BareWallet.open(network, *each) for each in labels])

    async def handed(
        self, acceptor: Acceptor = Acceptor.CHIP, payee: bytes | None = None
    ) -> Holding:
        """A payment to the payee's chip that the payee has not got."""
        cash = await self.payer.withdraw(10_00)
        to = self.payee.fingerprint if payee is None else payee
        return self.payer.spend(cash, to, 4_00, NONCE, acceptor)[0]

    async def leave(
        self, *items: PaymentItem, nonce: bytes = NONCE, code: str = "B"
    ) -> bytes | None:
        """Leave a request at the payee's institution; the receipt, if it is there."""
        raw = encode_message(PaymentRequest(nonce, items))
        answer = await self.network.courier.post(url_of(code) + "/v1/mailbox", raw)
        return decode_message(answer, MailboxAnswer).receipt

    async def collect(self, body: MailboxBody = NOTHING) -> tuple[bytes, ...]:
        """What waits for the payee."""
        return (await self.payee.ask(Action.MAILBOX, body, MailboxResult)).letters

    def receipt(self, holding: Holding, by: BareWallet | None = None) -> bytes:
        """What the payee's chip would sign."""
        receipt = Receipt(VERSION, NONCE, 4_00, (holding.transfers[-1].name,))
        return RECEIPT.sign(self.payee.suite, (by or self.payee).key, receipt)


def play(story: Callable[[People], Awaitable[None]]) -> None:
    """Tell a story of people who just met."""

    async def tell() -> None:
        await story(await People.meet())

    asyncio.run(tell())


async def refused(story: Awaitable[object]) -> Outcome:
    """The outcome with which something is refused."""
    with pytest.raises(Refusal) as caught:
        await story
    return caught.value.outcome


@pytest.mark.feature("C-22", "C-24")
def test_a_letter_waits_until_its_receipt_comes() -> None:
    """The payee's wallet collects it as often as it likes; with the receipt the payer is answered."""

    async def story(people: People) -> None:
        item = full_item(handed := await people.handed())
        for _ in range(2):
            assert await people.leave(item) is None
        letter = encode_message(PaymentRequest(NONCE, (item,)))
        for _ in range(2):
            assert await people.collect() == (letter,)
        receipt = people.receipt(handed)
        assert await people.collect(MailboxBody(VERSION, (receipt,), ())) == ()
        assert await people.leave(item) == receipt
        assert await people.collect() == ()

    play(story)


@pytest.mark.feature("C-22")
def test_a_refused_letter_is_not_offered_again_by_itself() -> None:
    """What the wallet will not take is taken away; its payer may leave it once more."""

    async def story(people: People) -> None:
        item = full_item(handed := await people.handed())
        await people.leave(item)
        name = handed.transfers[-1].name
        assert await people.collect(MailboxBody(VERSION, (), (name,))) == ()
        await people.leave(item)
        assert len(await people.collect()) == 1

    play(story)


@pytest.mark.feature("C-20")
def test_only_the_payees_chip_gives_a_receipt() -> None:
    """A receipt by another key is refused, and another wallet's answer closes nothing."""

    async def story(people: People) -> None:
        item = full_item(handed := await people.handed())
        await people.leave(item)
        forged = MailboxBody(VERSION, (people.receipt(handed, by=people.stranger),), ())
        assert await refused(people.collect(forged)) is Outcome.BAD_SIGNATURE
        await people.stranger.ask(Action.MAILBOX, forged, MailboxResult)
        name = MailboxBody(VERSION, (), (handed.transfers[-1].name,))
        await people.stranger.ask(Action.MAILBOX, name, MailboxResult)
        assert await people.leave(item) is None
        assert len(await people.collect()) == 1

    play(story)


@pytest.mark.feature("C-20", "C-22")
def test_only_sound_payments_to_chips_of_ours_are_kept() -> None:
    """What no chip here could take in is refused by name, in the order of precedence."""

    async def story(people: People) -> None:
        handed = await people.handed()
        item = full_item(handed)
        short = people.leave(identifier_item(handed))
        assert await refused(short) is Outcome.HISTORY_REQUIRED
        assert await refused(people.leave(item, nonce=b"X" * 16)) is Outcome.WRONG_SESSION
        assert await refused(people.leave(item, code="A")) is Outcome.UNKNOWN_WALLET
        cashed = full_item(await people.handed(Acceptor.MANAGER))
        assert await refused(people.leave(cashed)) is Outcome.WRONG_SESSION
        two = (
            full_item(await people.handed()),
            full_item(await people.handed(payee=people.stranger.fingerprint)),
        )
        assert await refused(people.leave(*two)) is Outcome.WRONG_SESSION
        await people.leave(item)
        assert await refused(people.leave(item, two[0])) is Outcome.KEY_REUSED
        url = url_of("B") + "/v1/mailbox"
        too_long = people.network.courier.post(url, bytes(MAX_LETTER_BYTES + 1))
        assert await refused(too_long) is Outcome.TOO_LARGE

    play(story)


def test_a_mailbox_is_bounded() -> None:
    """So many letters wait for one wallet, in pages, and one more is refused until some are gone."""

    async def story(people: People) -> None:
        items = [full_item(await people.handed()) for _ in range(MAX_LETTERS + 1)]
        for item in items[:-1]:
            await people.leave(item)
        assert await refused(people.leave(items[-1])) is Outcome.BUSY
        assert await people.leave(items[0]) is None
        assert len(await people.collect()) == MAX_LISTED

    play(story)


@pytest.mark.feature("W-10", "P-07")
def test_every_synchronisation_has_a_number_of_its_own() -> None:
    """Numbers only grow, the same request gets the same statement, and a frozen wallet gets none."""

    async def story(people: People) -> None:
        payee, office = people.payee, people.network.institutions["B"].office
        raw = payee.request(Action.SYNCHRONISE, EmptyBody(VERSION))
        first, again = [await payee.send(raw, SynchroniseResult) for _ in range(2)]
        assert first == again
        people.network.clock.advance(5_000)
        later = await payee.ask(Action.SYNCHRONISE, EmptyBody(VERSION), SynchroniseResult)
        public, now = office.key.public, people.network.clock.now()
        statement = SYNCHRONISATION.read(payee.suite, later.statement, public)
        assert statement == Synchronisation(VERSION, payee.number, now, 2)
        await office.store.write(lambda tx: wallets.freeze(tx, payee.number, True))
        request = payee.ask(Action.SYNCHRONISE, EmptyBody(VERSION), SynchroniseResult)
        assert await refused(request) is Outcome.WALLET_FROZEN

    play(story)
