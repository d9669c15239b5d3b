"""The air between virtual Bluetooth LE controllers; it can be torn.

Controllers are those of `bumble`; they are used from within, or served over TCP for whoever opens
``ble:tcp-client:HOST:PORT``, also in another process. Everything above them is the stack that runs on hardware. Radio
has its own checks and repeats, so that the air loses connections, but never parts of what passed.
"""

import asyncio

from bumble.controller import Controller
from bumble.core import PhysicalTransport
from bumble.device import Device
from bumble.hci import Address
from bumble.host import Host
from bumble.link import LocalLink
from bumble.transport.common import AsyncPipeSink, StreamPacketSink, StreamPacketSource

from feiqian.adapters.ble_radio import BleRadio

SUPERVISION_TIMEOUT = 0x08
"""The reason of a controller that has not heard of the other one for too long."""


class BleAir(LocalLink):
    """Carries what controllers send, until it is torn."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]  # of the library, without types
        self._of: dict[BleRadio, Controller] = {}
        self._left: int | None = None
        self._watched: Controller | None = None

    async def radio(self, number: int) -> BleRadio:
        """A powered controller in this air."""
        address = _address(number)
        controller = Controller(f"C{number}", link=self, public_address=address)
        device = Device(address=address, host=Host(controller, AsyncPipeSink(controller)))
        radio = BleRadio(device)
        self._of[radio] = controller
        await radio.power_on()
        return radio

    async def serve(self, number: int) -> asyncio.Server:
        """A controller at a free port of this machine, for one host."""
        loop = asyncio.get_running_loop()
        return await loop.create_server(lambda: _Hci(self, number), "127.0.0.1", 0)

    def tear_after(self, sender: BleRadio, count: int) -> None:
        """Lose every connection when so many bytes more have come from one controller."""
        self._watched, self._left = self._of[sender], count

    def remove(self, radio: BleRadio) -> None:
        """Take a controller out of reach; the others find out."""
        self.remove_controller(self._of[radio])
        self.tear()

    def tear(self) -> None:
        """Every connection is lost."""
        for controller in self.controllers:
            for connection in list(controller.le_connections.values()):
                controller.on_le_disconnected(connection, SUPERVISION_TIMEOUT)

    def send_acl_data(
        self,
        sender_controller: Controller,
        destination_address: Address,
        transport: PhysicalTransport,
        data: bytes,
    ) -> None:
        """Pass on one packet, unless it is the one that is cut."""
        if self._left is not None and sender_controller is self._watched:
            self._left -= len(data)
            if self._left < 0:
                self._left = None
                self.tear()
                return
        super().send_acl_data(sender_controller, destination_address, transport, data)


class _Hci(StreamPacketSource):
    """A controller's end of a TCP connection."""

    def __init__(self, air: BleAir, number: int) -> None:
        super().__init__()
        self._air = air
        self._number = number

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """The host is there: put the controller into the air."""
        assert isinstance(transport, asyncio.WriteTransport)
        sink = StreamPacketSink(transport)
        Controller(f"C{self._number}", self, sink, self._air, _address(self._number))


def _address(number: int) -> Address:
    return Address(":".join([f"F{number}"] * 6))
