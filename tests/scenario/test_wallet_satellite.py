"""A wallet's end of its satellite channel: it reports, obeys, and carries for others; nothing else."""

import asyncio
from dataclasses import replace

import pytest

from feiqian.carrier import Carrier
from feiqian.chip.session import ChipSession
from feiqian.crypto import cbor
from feiqian.crypto.compact import restore, shorten
from feiqian.crypto.p256 import P256
from feiqian.crypto.sealing import derive
from feiqian.outcomes import Outcome, Refusal
from feiqian.testing import virtual_time
from feiqian.testing.links import linked_pair
from feiqian.testing.network import SimulatedNetwork, key_of
from feiqian.testing.short_messages import SharedAir
from feiqian.testing.wallets import Device
from feiqian.timing.moment import Moment
from feiqian.wallet import channel as channels
from feiqian.wallet import orders
from feiqian.wallet.relay import Relay, ask_neighbour
from feiqian.wallet.reporting import REPORT_LIFETIME_MS
from feiqian.wallet.satellite import SatelliteDesk
from feiqian.wire.control import (
    CONTROL_ORDER,
    CONTROL_RECEIPT,
    EVERYBODY,
    FreezeParameter,
    NoticeParameter,
    OrderKind,
    group_scope,
    institution_scope,
    make_order,
    wallet_scope,
)
from feiqian.wire.control_delivery import OpenOrders, OrderNews
from feiqian.wire.key_information import KEY_INFORMATION
from feiqian.wire.satellite import (
    MAX_REPORT_BYTES,
    Broadcast,
    Header,
    MessageKind,
    SatelliteAnswer,
    broadcast_message,
    open_message,
    read_header,
    seal_message,
)
from feiqian.wire.short_messages import RDSS3_GLOBAL
from feiqian.wire.synchronisation import SYNCHRONISATION, Synchronisation

V = cbor.VERSION
DAY_MS = 24 * 3_600_000
AMOUNT_MINOR = 30_00


class Platform:
    """The other end of one wallet's channel."""

    def __init__(self, network, number):
        self.network, self.number, self.said = network, number, 0
        self.suite, self.root = network.suite, key_of(network.suite, network.seed, "root")
        self.sealing = P256().generate()

    async def register(self, device):
        """Give the wallet its channel; its desk."""
        wallet = await device.start()
        store = wallet.holder.around.store
        secret = await store.write(channels._secret)
        await store.write(lambda tx: channels._keep(tx, self.number, self.sealing.public))
        self.keys = derive(self.sealing, P256().load(secret).public, self.number)
        self.wallet, self.chip = wallet, wallet.holder.certificate.value
        held = await channels.held_channel(store)
        assert held is not None
        return SatelliteDesk(wallet.holder, held, wallet.shelf)

    def say(self, kind, body):
        self.said += 1
        header = Header(kind, self.number, self.said)
        return seal_message(self.keys.down, header, cbor.encode(body))

    def order(self, number, kind, parameter=None, scope=None, life_s=3600):
        now_s = self.network.clock.now().midpoint_ms // 1000
        scope = scope or wallet_scope(self.chip.subject)
        order = make_order(number, scope, kind, (now_s, now_s + life_s), parameter)
        return shorten(self.suite, CONTROL_ORDER.sign(self.suite, self.root, order))

    def freeze(self, number, frozen=True, scope=None):
        return self.order(number, OrderKind.FREEZE, FreezeParameter(V, frozen), scope)

    def answer(self, acknowledged, *, number=None, compacts=()):
        statement = b"" if number is None else self.statement(number)
        body = SatelliteAnswer(V, acknowledged, (), statement, tuple(compacts))
        return self.say(MessageKind.ANSWER, body)

    def statement(self, number):
        value = Synchronisation(V, self.chip.subject, self.network.clock.now(), number)
        key = key_of(self.suite, self.network.seed, self.chip.issuer)
        return shorten(self.suite, SYNCHRONISATION.sign(self.suite, key, value))

    def information(self, content):
        body = open_message(self.keys.up, content)
        raw = restore(self.suite, body)
        return KEY_INFORMATION.read(self.suite, raw, self.chip.public_key)


async def a_wallet(label="silent", number=7, network=None):
    """A wallet with a channel: its platform, device and desk."""
    network = network or await SimulatedNetwork.create()
    platform = Platform(network, number)
    device = Device(network, "A", label)
    desk = await platform.register(device)
    return platform, device, desk


def chip_of(device):
    """The chip's status."""
    return ChipSession(device.chip).status()


@pytest.mark.feature("W-05")
def test_the_key_information_set_says_what_the_chip_says_in_two_short_messages():
    """The set is signed by the chip, sealed to the platform, and fits two messages of 64 bytes."""

    async def scenario():
        platform, device, desk = await a_wallet()
        await platform.wallet.withdraw(AMOUNT_MINOR)
        report = await desk.report()
        assert len(report.content) <= MAX_REPORT_BYTES
        assert RDSS3_GLOBAL.messages_for(len(report.content)) == 2
        information, status = platform.information(report.content), chip_of(device)
        assert information.balance_minor == status.balance_minor == AMOUNT_MINOR
        assert information.counter == status.counter
        assert information.synchronised_number == status.synchronised_number
        assert information.moment_s == platform.network.clock.now().midpoint_ms // 1000
        assert platform.chip.subject.encode() not in report.content

    asyncio.run(scenario())


@pytest.mark.feature("W-05", "W-06")
def test_a_report_is_the_same_bytes_until_it_is_answered_or_old():
    """What is sent again is the same message; after an answer, or hours later, there is a new one."""

    async def scenario():
        platform, device, desk = await a_wallet()
        first = await desk.report()
        again = SatelliteDesk((await device.start()).holder, desk.channel, desk.shelf)
        assert await again.report() == first
        heard = await desk.take(platform.answer(first.number))
        assert heard.answered is not None
        second = await desk.report()
        assert second.number > first.number
        platform.network.clock.advance(REPORT_LIFETIME_MS)
        third = await desk.report()
        assert third.number > second.number
        numbers = [platform.information(each.content).number for each in (first, second, third)]
        assert numbers == sorted(set(numbers))

    asyncio.run(scenario())


@pytest.mark.feature("W-05", "W-06")
def test_a_store_set_back_to_an_old_copy_seals_under_new_numbers():
    """The chip counts messages: a restored host never seals something else under a number used."""

    async def scenario():
        platform, device, desk = await a_wallet()
        backup = device.store.copy()
        sent = await desk.report()
        device.store = backup
        restored = SatelliteDesk((await device.start()).holder, desk.channel, desk.shelf)
        after = await restored.report()
        assert after.content != sent.content
        assert after.number > sent.number
        assert platform.information(after.content).number == 2

    asyncio.run(scenario())


@pytest.mark.feature("W-06")
def test_a_store_of_another_chip_seals_nothing():
    """A chip whose numbers begin anew is not used with a channel key that has sealed under them."""

    async def scenario():
        platform, device, desk = await a_wallet()
        await desk.take(platform.answer((await desk.report()).number))
        stranger = Device(platform.network, "A", "stranger")
        holder = (await stranger.start()).holder
        moved = replace(holder, around=replace(holder.around, store=device.store))
        with pytest.raises(Refusal) as refused:
            await SatelliteDesk(moved, desk.channel, desk.shelf).report()
        assert refused.value.outcome is Outcome.WRONG_OWNER

    asyncio.run(scenario())


@pytest.mark.feature("W-10")
def test_only_the_institutions_word_moves_the_synchronisation_moment():
    """An answer with a statement synchronises the chip; one without, or a repeated one, does not."""

    async def scenario():
        platform, device, desk = await a_wallet()
        report = await desk.report()
        bare = await desk.take(platform.answer(report.number))
        assert not bare.synchronised
        assert chip_of(device).synchronised_at is None
        full = platform.answer(report.number, number=1)
        assert (await desk.take(full)).synchronised
        moved = chip_of(device)
        assert moved.synchronised_at == platform.network.clock.now()
        platform.network.clock.advance(DAY_MS)
        assert not (await desk.take(full)).synchronised
        assert chip_of(device) == moved

    asyncio.run(scenario())


@pytest.mark.feature("W-10", "R-05")
def test_what_is_not_sealed_to_this_channel_changes_nothing():
    """A tampered, foreign, or upward message is refused by name, and the chip stays as it was."""

    async def scenario():
        platform, device, desk = await a_wallet()
        other, _, _ = await a_wallet("other", 8, platform.network)
        report, before = await desk.report(), chip_of(device)
        good = platform.answer(report.number, number=1, compacts=[platform.freeze(1)])
        wrong = {
            good[:-1] + bytes([good[-1] ^ 1]): Outcome.BAD_SEAL,
            good[:7] + bytes([good[7] ^ 1]) + good[8:]: Outcome.BAD_SEAL,
            good[:9]: Outcome.BAD_SEAL,
            good[:5]: Outcome.MALFORMED,
            b"": Outcome.MALFORMED,
            other.say(MessageKind.ORDERS, OpenOrders(V, ())): Outcome.WRONG_ADDRESSEE,
            report.content: Outcome.WRONG_ADDRESSEE,
        }
        for content, outcome in wrong.items():
            with pytest.raises(Refusal) as refused:
                await desk.take(content)
            assert refused.value.outcome is outcome
        assert chip_of(device) == before

    asyncio.run(scenario())


@pytest.mark.feature("R-01", "R-03", "R-07", "R-08")
def test_an_order_by_satellite_is_executed_once_and_receipted():
    """A freeze that came sealed freezes the chip; however often it comes, its one receipt goes up."""

    async def scenario():
        platform, device, desk = await a_wallet()
        message = platform.say(MessageKind.ORDERS, OpenOrders(V, (platform.freeze(1),)))
        heard = await desk.take(message)
        assert [judged.outcome for judged in heard.judged] == [Outcome.ACCEPTED]
        assert chip_of(device).frozen
        receipts = await desk.receipts()
        assert receipts == await desk.receipts()
        [receipt] = news_in(platform, receipts)
        assert (receipt.number, receipt.outcome, receipt.frozen) == (1, Outcome.ACCEPTED, True)
        await desk.take(platform.answer(receipts.number))
        assert await desk.receipts() is None
        await desk.take(message)
        [repeated] = news_in(platform, await desk.receipts())
        assert repeated == receipt

    asyncio.run(scenario())


@pytest.mark.feature("R-06")
def test_a_broadcast_is_obeyed_by_those_it_names():
    """Orders to all and to the own institution are executed; another's, and another group's, are not."""

    async def scenario():
        platform, device, desk = await a_wallet()
        elsewhere = [institution_scope("B"), group_scope(5), wallet_scope("A-OTHER999")]
        for number, scope in enumerate(elsewhere, start=1):
            heard = await desk.take(broadcast(number, platform.freeze(number, scope=scope)))
            assert heard.judged == []
        assert not chip_of(device).frozen
        assert await desk.receipts() is None
        for number, scope in enumerate((EVERYBODY, EVERYBODY, institution_scope("A")), start=4):
            frozen = number != 5
            heard = await desk.take(broadcast(number, platform.freeze(number, frozen, scope)))
            assert [judged.outcome for judged in heard.judged] == [Outcome.ACCEPTED]
            assert chip_of(device).frozen is frozen

    asyncio.run(scenario())


@pytest.mark.feature("R-05")
def test_forged_orders_in_genuine_messages_change_nothing():
    """An order that the root key did not sign is a problem of its part; the other parts count."""

    async def scenario():
        platform, device, desk = await a_wallet()
        good = platform.freeze(2)
        forged = good[:-1] + bytes([good[-1] ^ 1])
        notice = platform.order(1, OrderKind.NOTIFY, NoticeParameter(V, "Bank closed on Monday"))
        heard = await desk.take(platform.say(MessageKind.ORDERS, OpenOrders(V, (forged, notice))))
        assert len(heard.problems) == 1
        assert [judged.text for judged in heard.judged] == ["Bank closed on Monday"]
        assert not chip_of(device).frozen

    asyncio.run(scenario())


@pytest.mark.feature("R-05", "R-07")
def test_an_expired_order_is_told_of_and_not_executed():
    """The chip says that it came too late; the platform hears that."""

    async def scenario():
        platform, device, desk = await a_wallet()
        order = platform.freeze(1)
        platform.network.clock.advance(2 * 3_600_000)
        await desk.take(platform.say(MessageKind.ORDERS, OpenOrders(V, (order,))))
        assert not chip_of(device).frozen
        [receipt] = news_in(platform, await desk.receipts())
        assert receipt.outcome is Outcome.EXPIRED

    asyncio.run(scenario())


@pytest.mark.feature("R-08", "R-04")
def test_orders_survive_restarts_and_out_of_turn_arrival():
    """The later order wins whatever the order of arrival, and a restarted host still tells of both."""

    async def scenario():
        platform, device, desk = await a_wallet()
        older, newer = platform.freeze(1, True), platform.freeze(2, False)
        await desk.take(platform.say(MessageKind.ORDERS, OpenOrders(V, (newer,))))
        again = SatelliteDesk((await device.start()).holder, desk.channel, desk.shelf)
        await again.take(platform.say(MessageKind.ORDERS, OpenOrders(V, (older,))))
        assert not chip_of(device).frozen
        outcomes = {each.number: each.outcome for each in news_in(platform, await again.receipts())}
        assert outcomes == {1: Outcome.OUTDATED, 2: Outcome.ACCEPTED}

    asyncio.run(scenario())


@pytest.mark.feature("R-03")
def test_what_the_host_is_ordered_stays_due_until_done():
    """An order to synchronise is due after a restart, until the host has carried it out."""

    async def scenario():
        platform, device, desk = await a_wallet()
        order = platform.order(1, OrderKind.SYNCHRONISE)
        await desk.take(platform.say(MessageKind.ORDERS, OpenOrders(V, (order,))))
        holder = (await device.start()).holder
        [due] = await orders.due(holder)
        assert due.kind is OrderKind.SYNCHRONISE
        await orders.done(holder, due)
        assert await orders.due(holder) == []
        await desk.take(platform.say(MessageKind.ORDERS, OpenOrders(V, (order,))))
        assert await orders.due(holder) == []

    asyncio.run(scenario())


@pytest.mark.feature("W-13")
def test_a_neighbour_carries_what_it_can_neither_read_nor_alter():
    """A report goes up over the neighbour's terminal and the answer comes back the same way."""

    async def scenario():
        platform, device, desk = await a_wallet()
        _, _, neighbour = await a_wallet("neighbour", 8, platform.network)
        air = SharedAir(RDSS3_GLOBAL)
        carrier, station = Carrier(air.join("neighbour")), Carrier(air.join("station"))
        running = [asyncio.ensure_future(each.run()) for each in (carrier, station)]
        try:
            relay = Relay(carrier, "station")
            await carried(relay, desk)
            arrived = await station.receive()
            assert platform.information(arrived.content).balance_minor == 0
            with pytest.raises(Refusal) as refused:
                open_message(neighbour.channel.keys.up, arrived.content)
            assert refused.value.outcome is Outcome.BAD_SEAL
            number = read_header(arrived.content).number
            station.answer(arrived.parcel, platform.answer(number, number=1), DAY_MS)
            assert relay.keep((await carrier.receive()).content)
            heard = await carried(relay, desk, report=False)
        finally:
            for each in running:
                each.cancel()
            await asyncio.gather(*running, return_exceptions=True)
        assert [each.synchronised for each in heard] == [True]
        assert chip_of(device).synchronised_number == 1

    virtual_time.run(scenario())


@pytest.mark.feature("W-13")
def test_a_neighbour_carries_only_what_goes_up_for_the_channel_named():
    """Who asks for another channel's messages to be sent, or sends what goes down, is refused."""

    async def scenario():
        platform, _, desk = await a_wallet()
        relay = Relay(Carrier(SharedAir(RDSS3_GLOBAL).join("neighbour")), "station")
        report = await desk.report()
        assert not relay.keep(platform.answer(report.number))
        assert not relay.keep(report.content)
        foreign = SatelliteDesk(desk.holder, channels.OwnChannel(9, desk.channel.keys), desk.shelf)
        with pytest.raises(Refusal) as refused:
            await carried(relay, foreign)
        assert refused.value.outcome is Outcome.MALFORMED

    asyncio.run(scenario())


@pytest.mark.feature("W-08", "W-05")
def test_the_report_carries_the_moment_and_how_uncertain_it_is():
    """The set says the corrected moment with its radius, rounded up to seconds."""

    async def scenario():
        platform, _, desk = await a_wallet()
        at_ms = platform.network.clock.now().midpoint_ms
        platform.network.clock.moment = Moment(at_ms + 400, 1_300)
        information = platform.information((await desk.report()).content)
        assert abs(information.moment_s * 1000 - (at_ms + 400)) <= 1_000
        assert information.radius_s * 1000 >= 1_300

    asyncio.run(scenario())


def broadcast(number, compact):
    """A broadcast of one order."""
    return broadcast_message(number, cbor.encode(Broadcast(V, (compact,), b"")))


def news_in(platform, upward):
    """The receipts of an upward message, each verified with the chip's key, by number."""
    body = open_message(platform.keys.up, upward.content)
    told = cbor.decode(body, OrderNews, limit=4096)
    raws = [restore(platform.suite, each) for each in told.receipts]
    read = [CONTROL_RECEIPT.read(platform.suite, raw, platform.chip.public_key) for raw in raws]
    return sorted(read, key=lambda receipt: receipt.number)


async def carried(relay, desk, *, report=True):
    """One question to the neighbour over a direct link; what was heard."""
    ours, theirs = linked_pair()
    serving = asyncio.ensure_future(relay.serve(theirs))
    asking = asyncio.ensure_future(ask_neighbour(ours, desk, report=report))
    await asyncio.wait({serving, asking}, return_when=asyncio.FIRST_COMPLETED)
    try:
        if serving.done():
            serving.result()
        return await asking
    finally:
        for task in (serving, asking):
            task.cancel()
        await asyncio.gather(serving, asking, return_exceptions=True)
