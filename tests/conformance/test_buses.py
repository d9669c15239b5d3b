"""Every message bus keeps the same promises: within a process, over a hub, through a broker."""

from pathlib import Path

import pytest

from feiqian.adapters.broker_certificates import Credentials
from feiqian.adapters.bus_hub import Hub
from feiqian.adapters.local_bus import LocalBus
from feiqian.adapters.mqtt_bus import MqttBus
from feiqian.adapters.stream_bus import StreamBus
from feiqian.ports import MessageBus
from feiqian.testing.broker import started_broker
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


@pytest.mark.feature("V-03")
class TestMqttBus(BusConformance):
    # Mosquitto 2.0.11, Debian's, ends the older connection without the reason that MQTT 5 asks for.
    TELLS_TAKEOVER = False

    @pytest.fixture(autouse=True)
    def _folder(self, tmp_path: Path) -> None:
        self.folder = tmp_path / "broker"

    async def open(self) -> None:
        self.broker = started_broker(self.folder)
        self.credentials: dict[str, Credentials] = {}

    async def join(self, name: str) -> MessageBus:
        setup = self.broker.setup
        if name not in self.credentials:
            self.credentials[name] = setup.member(name)
        return await MqttBus.connect(setup.host, setup.port, self.credentials[name])

    async def shut(self) -> None:
        self.broker.stop()
