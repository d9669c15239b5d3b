"""Every message bus keeps the same promises: within a process, over a hub, through a broker."""

import pytest

from feiqian.adapters.local_bus import LocalBus
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
