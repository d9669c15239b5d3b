"""Every message bus keeps the same promises: within a process, over a hub, through a broker."""

import pytest

from feiqian.adapters.bus_hub import Hub
from feiqian.adapters.local_bus import LocalBus
from feiqian.adapters.stream_bus import StreamBus
from feiqian.ports import MessageBus
from feiqian.testing.bus_conformance import BusConformance


@pytest.mark.feature("V-03")
class TestLocalBus(BusConformance):
    async def open(self) -> None:
        self.bus = LocalBus()

    async def join(self, name: str) -> MessageBus:
        return self.bus.join(name)

    async def shut(self) -> None:
        pass


@pytest.mark.feature("V-03")
class TestStreamBus(BusConformance):
    async def open(self) -> None:
        self.hub = await Hub.listen("127.0.0.1", 0, b"secret of the hub")

    async def join(self, name: str) -> MessageBus:
        token = self.hub.token_for(name)
        return await StreamBus.connect("127.0.0.1", self.hub.port, name, token)

    async def shut(self) -> None:
        await self.hub.close()
