"""`ports.Link` over Bluetooth LE: an L2CAP connection-oriented channel (docs/adr/0022-ble-channels.md).

The payee advertises one service, whose one characteristic tells on which channel number (PSM) it
listens, for phones assign that number themselves. The payer scans, connects, reads it, opens the
channel and greets; the payee turns away whoever does not greet in time. In the channel each message
is its length and its bytes, cut to what both sides' MTU allows by the stack, with its flow control.
Nothing is encrypted here: messages are signed and bound to their session by themselves.
"""

import asyncio
from typing import Self

from bumble.core import UUID, AdvertisingData
from bumble.device import Advertisement, Connection, Peer
from bumble.gatt import Characteristic, Service
from bumble.hci import Address
from bumble.l2cap import LeCreditBasedChannel, LeCreditBasedChannelSpec

from feiqian.adapters.ble_radio import BleRadio, answered, attempted
from feiqian.adapters.message_stream import LinkInbox, framed
from feiqian.outcomes import Outcome, Refusal

SERVICE = UUID("6b7c8a10-3f5e-4c0e-9a51-7e5a1f0e0c01")
PSM_CHARACTERISTIC = UUID("6b7c8a10-3f5e-4c0e-9a51-7e5a1f0e0c02")
"""Readable, 2 bytes, little endian as everything in the attribute protocol."""
GREETING = b"feiqian1"
"""The first bytes in a channel, from payer to payee: now it listens."""
GREETING_TIMEOUT_S = 10.0
SEARCH_TIMEOUT_S = 30.0
"""How long a payer looks for a payee."""
MTU_BYTES = 2_048
"""Most bytes of one packet of the channel; a message is as many packets as it needs."""
MPS_BYTES = 2_046
CREDITS = 16
"""Packets that may be under way unread."""
ADVERTISING_MS = 100.0

_FLAGS = bytes([AdvertisingData.LE_GENERAL_DISCOVERABLE_MODE_FLAG | 0x04])  # no classic Bluetooth
_UUIDS = AdvertisingData.COMPLETE_LIST_OF_128_BIT_SERVICE_CLASS_UUIDS
_LOST = Refusal(Outcome.UNAVAILABLE, "the Bluetooth link is lost")


class BleLink:
    """One open channel."""

    def __init__(self, radio: BleRadio, channel: LeCreditBasedChannel) -> None:
        self._radio = radio
        self._channel = channel
        self._inbox = LinkInbox()
        self._closed = False
        channel.sink = self.take
        channel.on(channel.EVENT_CLOSE, self._lose)
        channel.connection.on(channel.connection.EVENT_DISCONNECTION, self._lose)

    def _lose(self, *_: object) -> None:
        self._inbox.end(_LOST)

    def take(self, data: bytes) -> None:
        """Bytes have come in the channel."""
        self._inbox.take(data)

    async def send(self, message: bytes) -> None:
        """Hand over one message; returns when the stack has taken all of it."""
        data = framed(message)
        self._inbox.check()
        self._channel.write(data)
        await self._drained()
        self._inbox.check()

    async def _drained(self) -> None:
        """Until all is handed over, or the link is lost."""
        waits = {
            asyncio.ensure_future(self._channel.drain()),
            asyncio.ensure_future(self._inbox.ended.wait()),
        }
        try:
            await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for wait in waits:
                wait.cancel()

    async def receive(self) -> bytes:
        """The next message."""
        return await self._inbox.next()

    async def close(self) -> None:
        """End the channel after what was sent, then the connection."""
        if self._closed:
            return
        self._closed = True
        self._inbox.end(Refusal(Outcome.UNAVAILABLE, "the Bluetooth link is closed"))
        await attempted(self._channel.drain())
        if self._channel.state == self._channel.State.CONNECTED:
            await attempted(self._channel.disconnect())
        await self._radio.close()


class BlePayee:
    """Advertises, and gives out the first link whose payer greets."""

    def __init__(self, radio: BleRadio) -> None:
        self._radio = radio
        self._greeted: asyncio.Future[BleLink] = asyncio.get_running_loop().create_future()

    @classmethod
    async def listen(cls, radio: BleRadio) -> Self:
        """Be found. `Refusal` unavailable when the controller cannot advertise."""
        payee = cls(radio)
        device = radio.device
        server = device.create_l2cap_server(_channel_spec(), payee._take)
        psm = Characteristic[bytes](
            PSM_CHARACTERISTIC,
            Characteristic.Properties.READ,
            Characteristic.READABLE,
            server.psm.to_bytes(2, "little"),
        )
        device.add_service(Service(SERVICE, [psm]))
        device.on(device.EVENT_CONNECTION, payee._watch)
        advertised = AdvertisingData([(AdvertisingData.FLAGS, _FLAGS), (_UUIDS, bytes(SERVICE))])
        await answered(
            device.start_advertising(
                auto_restart=True,
                advertising_data=bytes(advertised),
                scan_response_data=b"",
                advertising_interval_min=ADVERTISING_MS,
                advertising_interval_max=ADVERTISING_MS,
            ),
            "the Bluetooth controller cannot advertise",
        )
        return payee

    def _watch(self, connection: Connection) -> None:
        """Give a connection its time to greet."""
        loop = asyncio.get_running_loop()
        loop.call_later(GREETING_TIMEOUT_S, self._expire, connection)

    def _expire(self, connection: Connection) -> None:
        waiting = not self._greeted.done()
        if waiting and connection in self._radio.device.connections.values():
            asyncio.ensure_future(attempted(connection.disconnect()))  # noqa: RUF006 - ends itself

    def _take(self, channel: LeCreditBasedChannel) -> None:
        heard = bytearray()

        def listen(data: bytes) -> None:
            heard.extend(data)
            if heard.startswith(GREETING) and not self._greeted.done():
                link = BleLink(self._radio, channel)  # from here on it listens itself
                link.take(bytes(heard[len(GREETING) :]))
                self._greeted.set_result(link)
            elif not GREETING.startswith(heard):
                channel.sink = None
                asyncio.ensure_future(attempted(channel.connection.disconnect()))  # noqa: RUF006

        channel.sink = listen

    async def accept(self) -> BleLink:
        """The link of the first payer who greets; nobody else is let in after."""
        link = await self._greeted
        await attempted(self._radio.device.stop_advertising())
        return link


async def find_payee(radio: BleRadio, timeout_s: float = SEARCH_TIMEOUT_S) -> BleLink:
    """The payer's end: scan, connect, open the channel. `Refusal` unavailable."""
    address = await answered(_scan(radio), "no payee within reach of Bluetooth", timeout_s)
    connection = await answered(
        radio.device.connect_le(address), "the payee does not take a Bluetooth connection"
    )
    psm = await answered(_read_psm(connection), "the payee offers no channel")
    channel = await answered(
        connection.create_l2cap_channel(_channel_spec(psm)), "the payee does not open its channel"
    )
    link = BleLink(radio, channel)
    channel.write(GREETING)
    return link


async def _scan(radio: BleRadio) -> Address:
    device = radio.device
    found: asyncio.Future[Address] = asyncio.get_running_loop().create_future()

    def look(advertisement: Advertisement) -> None:
        if not found.done() and advertisement.is_connectable and _is_ours(advertisement):
            found.set_result(advertisement.address)

    device.on(device.EVENT_ADVERTISEMENT, look)
    try:
        await device.start_scanning()
        return await found
    finally:
        device.remove_listener(device.EVENT_ADVERTISEMENT, look)
        await attempted(device.stop_scanning())


def _is_ours(advertisement: Advertisement) -> bool:
    services = advertisement.data.get_all(_UUIDS)
    return any(isinstance(listed, list) and SERVICE in listed for listed in services)


async def _read_psm(connection: Connection) -> int:
    peer = Peer(connection)
    await peer.discover_service(SERVICE)
    for service in peer.get_services_by_uuid(SERVICE):
        await peer.discover_characteristics([PSM_CHARACTERISTIC], service)
    for characteristic in peer.get_characteristics_by_uuid(PSM_CHARACTERISTIC):
        return int.from_bytes(await characteristic.read_value(), "little")
    raise ValueError("no channel number")


def _channel_spec(psm: int | None = None) -> LeCreditBasedChannelSpec:
    return LeCreditBasedChannelSpec(psm=psm, mtu=MTU_BYTES, mps=MPS_BYTES, max_credits=CREDITS)
