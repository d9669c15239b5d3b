"""The bus of a road: what its operator keeps for it, what lets a party in, and joining it.

The scheme of the bus's address says which bus it is. A hub runs within ``positions serve``; its secret
lies beside the management server's key, and a party is let in by a token. A broker is a program of its
own; the authority and the broker's folder lie in ``management/bus``, and a party is let in by the
certificate in its `credentials`. The library that speaks to a broker is an extra, loaded only then.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path

from feiqian.adapters.broker_certificates import CertificateAuthority, Credentials
from feiqian.adapters.bus_addresses import BrokerAddress, Endpoint, HubAddress, parse_bus
from feiqian.adapters.bus_hub import Hub
from feiqian.adapters.clock import system_entropy
from feiqian.adapters.mosquitto import Broker, BrokerSetup, set_up
from feiqian.adapters.stream_bus import StreamBus
from feiqian.apps.configuration import read_secret_bytes, write_secret
from feiqian.outcomes import Outcome, Refusal
from feiqian.ports import MessageBus

TOKEN_FILE, CREDENTIALS = "bus.token", "credentials"
HUB_FILE, BUS = "hub.secret", "bus"
SECRET_BYTES = 32

Watch = Callable[[], Coroutine[None, None, None]]
"""Returns, or raises, when what it watches is up no longer."""


def found_bus(management: Path, bus: str, listen: Endpoint | None = None) -> BrokerSetup | None:
    """Make what the operator keeps for a bus; of a broker that is there only the rest is new.

    `listen` is where a broker binds, when that is not where members find it.
    """
    match parse_bus(bus):
        case BrokerAddress(host, port):
            return set_up(management / BUS, host, port, listen)
        case HubAddress():
            if listen is not None:
                raise _no_broker(bus)
            write_secret(management / HUB_FILE, system_entropy(SECRET_BYTES).hex())
            return None


def admit(management: Path, bus: str, name: str, folder: Path) -> None:
    """Write into a party's folder what lets it in under its name. `Refusal` by name."""
    match parse_bus(bus):
        case BrokerAddress():
            CertificateAuthority.open(management / BUS).admit(name, folder / CREDENTIALS)
        case HubAddress():
            write_secret(folder / TOKEN_FILE, Hub(_hub_secret(management)).token_for(name).hex())


def _hub_secret(management: Path) -> bytes:
    return read_secret_bytes(management / HUB_FILE)


async def join(folder: Path, bus: str, name: str) -> MessageBus:
    """The bus, as the party of a folder. `Refusal` by name."""
    match parse_bus(bus):
        case HubAddress(host, port):
            token = read_secret_bytes(folder / TOKEN_FILE)
            return await StreamBus.connect(host, port, name, token)
        case BrokerAddress() as address:
            return await join_broker(address, Credentials.of(folder / CREDENTIALS), name)


async def join_broker(address: BrokerAddress, credentials: Credentials, name: str) -> MessageBus:
    """A broker's bus, as the member called `name`. `Refusal` by name."""
    try:
        from feiqian.adapters.mqtt_bus import MqttBus  # noqa: PLC0415 - used with an extra
    except ModuleNotFoundError as missing:
        detail = f"mqtts: needs an extra, pip install feiqian[vehicle] ({missing.name})"
        raise Refusal(Outcome.UNAVAILABLE, detail) from missing
    if credentials.name != name:
        detail = f"expected the certificate of {name}, got that of {credentials.name}"
        raise Refusal(Outcome.BAD_CERTIFICATE, detail)
    return await MqttBus.connect(address.host, address.port, credentials)


@asynccontextmanager
async def kept_up(management: Path, bus: str, *, with_broker: bool) -> AsyncIterator[Watch]:
    """Keep the bus up meanwhile. A broker is started if that is wished; else somebody else runs it."""
    match parse_bus(bus):
        case BrokerAddress(host, port) if with_broker:
            broker = Broker.start(BrokerSetup((management / BUS).resolve(), host, port))
            try:
                yield partial(_gone, broker)
            finally:
                broker.stop()
        case BrokerAddress():
            yield _never
        case HubAddress(host, port):
            if with_broker:
                raise _no_broker(bus)
            hub = await Hub.listen(host, port, _hub_secret(management))
            try:
                yield _never
            finally:
                await hub.close()


def _no_broker(bus: str) -> Refusal:
    return Refusal(Outcome.MALFORMED, f"expected a bus mqtts://HOST:PORT, got {bus}")


async def _gone(broker: Broker) -> None:
    await asyncio.to_thread(broker.wait)
    logs = broker.setup.broker_folder
    raise Refusal(Outcome.UNAVAILABLE, f"the broker has ended; its logs are in {logs}")


async def _never() -> None:
    await asyncio.get_running_loop().create_future()
