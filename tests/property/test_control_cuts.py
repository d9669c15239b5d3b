"""Wherever a wallet's power fails while it obeys and reports, nothing is lost and nothing done twice."""

import asyncio
from contextlib import suppress
from dataclasses import dataclass, field

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from feiqian.chip.session import ChipSession
from feiqian.crypto import cbor
from feiqian.crypto.compact import restore, shorten
from feiqian.crypto.p256 import P256
from feiqian.crypto.sealing import ChannelKeys, derive
from feiqian.outcomes import Outcome
from feiqian.testing.network import SimulatedNetwork, key_of
from feiqian.testing.power import Power, PoweredChip, PoweredCourier, PoweredStore, PowerFailed
from feiqian.testing.wallets import Device
from feiqian.wallet import channel as channels
from feiqian.wallet import orders
from feiqian.wallet.satellite import SatelliteDesk
from feiqian.wallet.wallet import Wallet
from feiqian.wire.control import (
    CONTROL_ORDER,
    CONTROL_RECEIPT,
    ControlReceipt,
    FreezeParameter,
    OrderKind,
    make_order,
    wallet_scope,
)
from feiqian.wire.control_delivery import OpenOrders, OrderNews
from feiqian.wire.key_information import KEY_INFORMATION
from feiqian.wire.satellite import (
    Header,
    MessageKind,
    SatelliteAnswer,
    open_message,
    read_header,
    seal_message,
)
from feiqian.wire.synchronisation import SYNCHRONISATION, Synchronisation

V = cbor.VERSION
CHANNEL = 7
FREEZE, SYNCHRONISE = 1, 2
"""The numbers of the two orders."""
MOST_STEPS = 40
"""More than one day takes; a cut beyond the last step is a day without one."""


@dataclass
class Mountain:
    """One wallet, and the platform at the other end of its channel."""

    network: SimulatedNetwork
    device: Device
    number: str
    chip_key: bytes
    keys: ChannelKeys
    order_message: bytes
    said: int = 1
    left: dict[int, bytes] = field(default_factory=dict)
    """Every upward message that has left the wallet, by number."""
    receipts: list[ControlReceipt] = field(default_factory=list)
    reports: list[int] = field(default_factory=list)

    def answer(self, acknowledged: int) -> bytes:
        """The institution's word for a report: the chip is synchronised, number 1."""
        suite, seed = self.network.suite, self.network.seed
        self.network.clock.advance(10_000)
        value = Synchronisation(V, self.number, self.network.clock.now(), 1)
        statement = shorten(suite, SYNCHRONISATION.sign(suite, key_of(suite, seed, "A"), value))
        self.said += 1
        body = SatelliteAnswer(V, acknowledged, (), statement, ())
        return _sealed(self.keys, self.said, MessageKind.ANSWER, body)

    def acknowledgement(self, acknowledged: int) -> bytes:
        """That the platform has a message; no more."""
        self.said += 1
        body = SatelliteAnswer(V, acknowledged, (), b"", ())
        return _sealed(self.keys, self.said, MessageKind.ANSWER, body)

    def hear(self, content: bytes) -> int:
        """Take in what came up, as the platform does; its number."""
        header = read_header(content)
        assert self.left.setdefault(header.number, content) == content
        body, suite = open_message(self.keys.up, content), self.network.suite
        if header.kind is MessageKind.REPORT:
            read = KEY_INFORMATION.read(suite, restore(suite, body), self.chip_key)
            self.reports.append(read.number)
            return header.number
        news = cbor.decode(body, OrderNews, limit=4096)
        for compact in news.receipts:
            raw = restore(suite, compact)
            self.receipts.append(CONTROL_RECEIPT.read(suite, raw, self.chip_key))
        return header.number


def _sealed(
    keys: ChannelKeys, number: int, kind: MessageKind, body: OpenOrders | SatelliteAnswer
) -> bytes:
    return seal_message(keys.down, Header(kind, CHANNEL, number), cbor.encode(body))


async def create() -> Mountain:
    """A wallet with a channel, and two orders that are on the air for it."""
    network = await SimulatedNetwork.create()
    device = Device(network, "A", "silent")
    wallet = await device.start()
    chip, suite = wallet.holder.certificate.value, network.suite
    platform_end = P256().generate()
    secret = await device.store.write(channels._secret)
    await device.store.write(lambda tx: channels._keep(tx, CHANNEL, platform_end.public))
    keys = derive(platform_end, P256().load(secret).public, CHANNEL)
    now_s = network.clock.now().midpoint_ms // 1000
    scope, valid_s = wallet_scope(chip.subject), (now_s, now_s + 3600)
    signed = (
        CONTROL_ORDER.sign(suite, key_of(suite, network.seed, "root"), order)
        for order in (
            make_order(FREEZE, scope, OrderKind.FREEZE, valid_s, FreezeParameter(V, True)),
            make_order(SYNCHRONISE, scope, OrderKind.SYNCHRONISE, valid_s),
        )
    )
    open_orders = OpenOrders(V, tuple(shorten(suite, raw) for raw in signed))
    message = _sealed(keys, 1, MessageKind.ORDERS, open_orders)
    return Mountain(network, device, chip.subject, chip.public_key, keys, message)


async def desk_of(there: Mountain, power: Power) -> tuple[SatelliteDesk, Wallet]:
    """A run of the client that hangs on `power`."""
    device = there.device
    wallet = await device.start()
    around = device.surroundings(
        PoweredChip(power, device.chip),
        PoweredStore(power, device.store),
        PoweredCourier(power, device.network.courier),
    )
    again = Wallet(type(wallet.holder)(around, wallet.holder.certificate, wallet.holder.account))
    channel = await channels.held_channel(device.store)
    assert channel is not None
    power.steps = 0
    return SatelliteDesk(again.holder, channel, again.shelf), again


async def live(there: Mountain, desk: SatelliteDesk, wallet: Wallet) -> None:
    """A day: what waits is judged, orders are heard, receipts and a report go up and are answered."""
    await orders.take_waiting(desk.holder)
    await desk.take(there.order_message)
    receipts = await desk.receipts()
    if receipts is not None:
        await desk.take(there.acknowledgement(there.hear(receipts.content)))
    report = await desk.report()
    await desk.take(there.answer(there.hear(report.content)))
    await orders.settle_due(desk.holder, wallet.shelf)


async def cut(there: Mountain, step: int, after: bool) -> int:
    """A day whose power fails at one step; how many steps it took."""
    power = Power()
    desk, wallet = await desk_of(there, power)
    power.cut_at, power.after = step, after
    with suppress(PowerFailed):
        await live(there, desk, wallet)
    return power.steps


async def settle(there: Mountain) -> None:
    """A day without trouble, after which everything has happened, and has happened once."""
    desk, wallet = await desk_of(there, Power())
    await orders.take_waiting(desk.holder)
    waiting = {each.outcome for each in await orders.judged_orders(desk.holder)}
    assert waiting <= {Outcome.ACCEPTED, Outcome.REPEATED}
    await desk.take(there.order_message)
    if not ChipSession(there.device.chip).status().synchronised_number:
        assert [each.number for each in await orders.due(desk.holder)] == [SYNCHRONISE]
    await live(there, desk, wallet)
    status = ChipSession(there.device.chip).status()
    assert (status.frozen, status.synchronised_number) == (True, 1)
    told = {each.number for each in there.receipts}
    assert told == {FREEZE, SYNCHRONISE}
    for number in told:
        accepted = {each.outcome for each in there.receipts if each.number == number}
        assert accepted <= {Outcome.ACCEPTED, Outcome.REPEATED}
    assert all(each.frozen for each in there.receipts)
    assert sorted(set(there.reports)) == list(dict.fromkeys(there.reports))
    assert await desk.receipts() is None
    assert await orders.due(desk.holder) == []
    await desk.take(there.order_message)
    assert await orders.due(desk.holder) == []


@pytest.mark.feature("R-04", "R-08", "W-10")
@pytest.mark.parametrize("after", [False, True])
def test_power_fails_once_at_every_step_of_obeying_and_reporting(after: bool) -> None:
    """Each order is executed and receipted, each report answered, whatever step the power fails at."""

    async def run() -> None:
        step = taken = 0
        while step <= taken:
            there = await create()
            taken = await cut(there, step, after)
            await settle(there)
            step += 1
        assert 8 < step < MOST_STEPS

    asyncio.run(run())


@pytest.mark.feature("R-04", "R-08", "W-10")
@settings(max_examples=15, deadline=None)
@given(cuts=st.lists(st.tuples(st.integers(0, MOST_STEPS), st.booleans()), max_size=4))
def test_power_fails_day_after_day(cuts: list[tuple[int, bool]]) -> None:
    """Several cuts in a row lose nothing either, and no message number says two things."""

    async def run() -> None:
        there = await create()
        for step, after in cuts:
            await cut(there, step, after)
        await settle(there)

    asyncio.run(run())
