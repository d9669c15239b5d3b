"""A network with a ground station and wallets in the test's hands: real chips, seals made by hand."""

import asyncio
from dataclasses import dataclass, field
from typing import Any

from feiqian.central.control_documents import (
    ControlReport,
    NewOperator,
    NewStation,
    OrderName,
    OrderStanding,
    OrderWish,
    ProposalDecision,
    ProposalStanding,
    ReportQuery,
    ScopeName,
    WalletReport,
)
from feiqian.chip.session import ChipSession
from feiqian.crypto import cbor
from feiqian.crypto.cbor import VERSION
from feiqian.crypto.certificates import parse_certificate
from feiqian.crypto.compact import restore, shorten
from feiqian.crypto.p256 import P256_SHA256
from feiqian.crypto.sealing import ChannelKeys, derive
from feiqian.testing.network import SimulatedNetwork, key_of
from feiqian.testing.wallets import Device
from feiqian.wallet.wallet import Wallet
from feiqian.wire.channels import SEALING_KEY, ChannelResult, RegisterChannelBody
from feiqian.wire.control_delivery import OpenOrders, OrderNews
from feiqian.wire.request_envelope import Action
from feiqian.wire.satellite import (
    Broadcast,
    Header,
    MessageKind,
    SatelliteAnswer,
    open_message,
    read_header,
    seal_message,
)
from feiqian.wire.stations import (
    STATION_EXCHANGE,
    STATION_ORDERS,
    AirTask,
    Heard,
    StationExchange,
)

ADDRESS = "0123456"
LOG_DIGEST = bytes(6)


@dataclass
class Terminal:
    """A wallet with a chip and a channel, off every network."""

    network: SimulatedNetwork
    wallet: Wallet
    device: Device
    keys: ChannelKeys
    channel: int
    address: str = ADDRESS
    sent: int = 0

    @property
    def number(self) -> str:
        """The wallet's number."""
        return self.wallet.number

    def seal(self, kind: MessageKind, body: bytes, number: int | None = None) -> bytes:
        """A message of this channel, under the next number."""
        self.sent = self.sent + 1 if number is None else number
        return seal_message(self.keys.up, Header(kind, self.channel, self.sent), body)

    def report_raw(self, list_number: int = 1) -> bytes:
        """What the chip signs of itself."""
        moment = self.network.clock.now()
        return self.session.report(LOG_DIGEST, list_number, moment)

    def report(self) -> bytes:
        """The chip's report, sealed."""
        return self.seal(MessageKind.REPORT, shorten(self.network.suite, self.report_raw()))

    def receipts(self, *receipts: bytes, held: tuple[int, ...] = ()) -> bytes:
        """Receipts of the chip, sealed."""
        suite = self.network.suite
        news = OrderNews(VERSION, tuple(shorten(suite, each) for each in receipts), held)
        return self.seal(MessageKind.RECEIPTS, cbor.encode(news))

    @property
    def session(self) -> ChipSession:
        """The chip."""
        return self.wallet.holder.around.chip

    def obey(self, compact: bytes) -> bytes:
        """Have the chip judge an order; its receipt."""
        order = restore(self.network.suite, compact)
        return self.session.control(order, self.network.clock.now())

    def answer_in(self, task: AirTask) -> SatelliteAnswer:
        """An answer, opened."""
        assert read_header(task.content).kind is MessageKind.ANSWER
        return cbor.decode(open_message(self.keys.down, task.content), SatelliteAnswer, limit=4096)

    def orders_in(self, task: AirTask) -> tuple[bytes, ...]:
        """Orders for this wallet, opened."""
        assert read_header(task.content).kind is MessageKind.ORDERS
        opened = cbor.decode(open_message(self.keys.down, task.content), OpenOrders, limit=4096)
        return opened.orders


@dataclass
class Bench:
    """The network, its station, and its operators."""

    network: SimulatedNetwork
    exchanges: int = 0
    asked: int = 0
    station_key: Any = field(init=False)

    def __post_init__(self) -> None:
        self.station_key = key_of(self.network.suite, "bench", "station")

    @classmethod
    async def open(cls, seed: str = "satellite") -> "Bench":
        """A network with two operators, first and second, and a station."""
        bench = cls(await SimulatedNetwork.create(seed=seed))
        desk = bench.network.desk
        await desk.add_operator(bench.operator("first"), "operator")
        proposed = await desk.add_operator(bench.operator("second"), "operator")
        await bench.approve(proposed, "first")
        station = NewStation("station", "North", bench.station_key.public.hex())
        await desk.add_station(station, "operator")
        return bench

    def key(self) -> str:
        """A key that was not used."""
        self.asked += 1
        return f"key-{self.asked}"

    def operator(self, name: str) -> NewOperator:
        """An operator to be brought in."""
        return NewOperator(self.key(), name, P256_SHA256.digest(name.encode()).hex())

    async def terminal(self, code: str = "A", label: str = "holder") -> Terminal:
        """A wallet that registered its channel while it could."""
        device = Device(self.network, code, label)
        wallet = await device.start()
        return await self._register(device, wallet, label)

    async def register(self, terminal: Terminal, label: str) -> Terminal:
        """The same wallet with another channel key."""
        return await self._register(terminal.device, terminal.wallet, label)

    async def _register(self, device: Device, wallet: Wallet, label: str) -> Terminal:
        key = key_of(P256_SHA256, "bench", f"channel {label}")
        body = RegisterChannelBody(VERSION, key.public, ADDRESS)
        result = await wallet.holder.look_up(Action.CHANNEL, body, ChannelResult)
        root = parse_certificate(self.network.suite, self.network.platform.root()).value
        sealing = SEALING_KEY.read(self.network.suite, result.sealing_key, root.public_key)
        keys = derive(key, sealing.public_key, result.number)
        return Terminal(self.network, wallet, device, keys, result.number)

    def exchange_raw(
        self,
        heard: tuple[Heard, ...] = (),
        aired: tuple[int, ...] = (),
        *,
        station: str = "North",
        key: Any = None,
        number: int | None = None,
        sent_at_ms: int | None = None,
    ) -> bytes:
        """A station's half of an exchange."""
        self.exchanges += 1
        now_ms = self.network.clock.now().midpoint_ms
        exchange = StationExchange(
            VERSION,
            station,
            self.exchanges if number is None else number,
            now_ms if sent_at_ms is None else sent_at_ms,
            heard,
            aired,
        )
        return STATION_EXCHANGE.sign(self.network.suite, key or self.station_key, exchange)

    async def exchange(self, *contents: bytes, aired: tuple[int, ...] = ()) -> tuple[AirTask, ...]:
        """Hand over what was heard and sent; what is to be on the air."""
        heard = tuple(Heard(ADDRESS, content) for content in contents)
        answer = await self.network.gateway.exchange(self.exchange_raw(heard, aired))
        root = parse_certificate(self.network.suite, self.network.platform.root()).value
        return STATION_ORDERS.read(self.network.suite, answer, root.public_key).tasks

    async def order(
        self,
        order: OrderName,
        addressee: str = "",
        scope: ScopeName = ScopeName.WALLET,
        operator: str = "first",
        **more: Any,
    ) -> ProposalStanding:
        """Propose an order."""
        wish = OrderWish(self.key(), scope, addressee, order, **more)
        return await self.network.desk.order(wish, operator)

    async def approve(
        self, proposed: ProposalStanding, operator: str = "second"
    ) -> ProposalStanding:
        """Approve somebody's proposal."""
        decision = ProposalDecision(self.key(), proposed.number)
        return await self.network.desk.approve(decision, operator)

    async def standing(self, number: int | None) -> OrderStanding:
        """What became of an order."""
        report: ControlReport = await self.network.desk.report()
        return next(each for each in report.orders if each.number == number)

    async def reports(self, wallet: str = "") -> tuple[WalletReport, ...]:
        """Key information sets, the newest first."""
        return (await self.network.desk.wallet_reports(ReportQuery(wallet))).reports


def run(scenario):
    """Live through a scenario on a new bench."""

    async def whole():
        await scenario(await Bench.open())

    asyncio.run(whole())


def broadcast_in(task: AirTask) -> Broadcast:
    """A broadcast, read."""
    assert read_header(task.content).kind is MessageKind.BROADCAST
    return cbor.decode(task.content[8:], Broadcast, limit=65_536)
