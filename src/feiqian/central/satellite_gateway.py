"""The platform's way to the satellites: what stations hear comes in, what is to be said goes out.

Order, for each message heard: header; channel; seal; chip's signature; then, in one transaction, its
number, what it says, and the answer. A refusal of any step changes nothing, is logged without its
content, and does not touch the other messages of the exchange. A report is answered when its
institution has judged it (`forward_reports`); receipts are answered at once.
"""

from dataclasses import dataclass

import structlog

from feiqian.central import air, channels, deliveries, stations, uplinks, wallet_reports
from feiqian.central.channels import Channel
from feiqian.central.deliveries import GenuineNews, Way
from feiqian.central.downlinks import Downlinks, DownwardAnswer
from feiqian.central.forwarding import Forwarding
from feiqian.central.office import Office
from feiqian.central.uplinks import Uplink
from feiqian.central.wallet_reports import GenuineReport
from feiqian.crypto import cbor
from feiqian.crypto.cbor import VERSION
from feiqian.crypto.certificates import SignedCertificate, parse_certificate
from feiqian.crypto.compact import restore
from feiqian.crypto.sealing import MAX_PLAIN_BYTES
from feiqian.crypto.suites import PrivateKey
from feiqian.outcomes import Outcome, Refusal
from feiqian.ports import Courier, Transaction
from feiqian.wire.control_delivery import OrderNews
from feiqian.wire.satellite import UPWARD, Header, MessageKind, open_message, read_header
from feiqian.wire.stations import STATION_ORDERS, AirTask, Heard, StationOrders

log = structlog.get_logger("satellite")


@dataclass(frozen=True, slots=True)
class _Message:
    """A message from a channel, opened and judged by itself."""

    channel: Channel
    header: Header
    uplink: Uplink
    sender: str
    said: GenuineReport | GenuineNews


class SatelliteGateway:
    """Serves ground stations, over the platform's store."""

    def __init__(self, office: Office, sealing_key: PrivateKey, courier: Courier) -> None:
        """`courier`: the way to the institutions."""
        self._office = office
        self._downlinks = Downlinks(office, sealing_key)
        self._forwarding = Forwarding(office, self._downlinks, courier)
        self._sealing_key = sealing_key

    async def open(self) -> None:
        """Sign the sealing key, so that wallets can register."""
        office = self._office
        now_ms = office.now_ms()
        await office.store.write(
            lambda tx: channels.publish_sealing_key(tx, office.authority, self._sealing_key, now_ms)
        )

    async def exchange(self, raw: bytes) -> bytes:
        """A station's half of an exchange (COSE); the platform's half.

        Raises `Refusal` when it is not a registered station's, not recent, or not its newest.
        """
        office = self._office
        keys = await office.store.read(stations.public_keys)
        exchange = stations.read_exchange(office.suite, keys, raw, office.clock.now())
        now_ms = office.now_ms()
        await office.store.write(lambda tx: stations.count_exchange(tx, exchange, now_ms))
        for heard in exchange.heard:
            await self._hear(exchange.station, heard)

        def job(tx: Transaction) -> tuple[AirTask, ...]:
            self._downlinks.book_aired(tx, exchange.station, exchange.aired, now_ms)
            self._downlinks.plan(tx, now_ms)
            return air.on_air(tx, exchange.station, now_ms)

        tasks = await office.store.write(job)
        orders = StationOrders(VERSION, exchange.station, exchange.number, tasks)
        return STATION_ORDERS.sign(office.suite, office.authority.key, orders)

    async def forward_reports(self) -> int:
        """Have institutions judge what waits, and answer the wallets; how many were judged."""
        return await self._forwarding.forward()

    async def _hear(self, station: str, heard: Heard) -> None:
        try:
            header = read_header(heard.content)
            message = await self._open(station, heard, header)
            await self._office.store.write(lambda tx: self._take(tx, message, heard))
        except Refusal as refusal:
            log.info("not taken", station=station, outcome=refusal.outcome, size=len(heard.content))
        else:
            log.info("taken", station=station, channel=header.channel, number=header.number)

    async def _open(self, station: str, heard: Heard, header: Header) -> _Message:
        """Judge a message from itself alone."""
        office = self._office
        if header.kind not in UPWARD:
            raise Refusal(Outcome.WRONG_ADDRESSEE, "expected a message to the platform")
        channel = await office.store.read(lambda tx: channels.find(tx, header.channel))
        if channel is None or channel.closed_at_ms is not None:
            raise Refusal(Outcome.UNKNOWN_NAME, "expected the number of an open channel")
        body = open_message(self._downlinks.keys_of(channel).up, heard.content)
        digest = office.suite.digest(heard.content)
        uplink = Uplink(channel.number, header.number, digest, station)
        chip = parse_certificate(office.suite, channel.chip_certificate)
        said = self._read(channel, chip, header, body)
        return _Message(channel, header, uplink, heard.sender, said)

    def _read(
        self, channel: Channel, chip: SignedCertificate, header: Header, body: bytes
    ) -> GenuineReport | GenuineNews:
        suite, chip_key = self._office.suite, chip.value.public_key
        if header.kind is MessageKind.RECEIPTS:
            told = cbor.decode(body, OrderNews, limit=MAX_PLAIN_BYTES)
            return deliveries.read_news(suite, channel.wallet, chip_key, Way.SATELLITE, told)
        raw = restore(suite, body)
        value = wallet_reports.read_report(suite, raw, chip_key)
        return GenuineReport(channel.wallet, channel.institution, chip.fingerprint, raw, value)

    def _take(self, tx: Transaction, message: _Message, heard: Heard) -> None:
        now_ms = self._office.now_ms()
        known = uplinks.look_up(tx, message.uplink)
        if known is not None:
            if known.answer is not None:
                self._downlinks.repeat(tx, message.channel, known.answer, heard, now_ms)
            return
        uplinks.keep(tx, message.uplink, now_ms)
        channel = channels.hear(tx, message.channel, message.uplink.station, message.sender)
        if isinstance(message.said, GenuineReport):
            place = channel.number, message.header.number
            wallet_reports.keep(tx, self._office.authority, message.said, place, now_ms)
            self._downlinks.bring_list(tx, channel, message.said.value.list_number, now_ms)
            return
        deliveries.take_news(tx, message.said, now_ms)
        self._downlinks.answer(tx, channel, DownwardAnswer(message.header.number), now_ms)
