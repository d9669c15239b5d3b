"""How parties in directories get onto their road's bus, and what it is called when they do not."""

import asyncio
import stat
import sys
from pathlib import Path

import pytest

from feiqian.adapters.broker_certificates import Credentials
from feiqian.adapters.bus_addresses import BrokerAddress, HubAddress, parse_bus
from feiqian.apps import road as roads
from feiqian.apps import road_bus
from feiqian.apps.configuration import load
from feiqian.crypto.p256 import P256_SHA256
from feiqian.outcomes import Outcome, Refusal
from feiqian.vehicle.management.members import Registered
from feiqian.wire.service import Member

pytestmark = pytest.mark.feature("V-03")
HUB, BROKER = "stream://127.0.0.1:8450", "mqtts://127.0.0.1:8883"


def made_road(road: Path, bus: str) -> Path:
    """A management server and a provider; the provider's directory."""
    key = P256_SHA256.generate()
    config = roads.PartyConfig("server", Member.MANAGEMENT, "p256", "server", key.public.hex(), bus)
    roads.found(road, config, key)
    provider = roads.PartyConfig(
        "provider", Member.PROVIDER, "p256", "server", key.public.hex(), bus
    )
    one = Registered("provider", Member.PROVIDER, key.public)
    asyncio.run(roads.enrol(road, road / "provider", provider, key, one))
    return road / "provider"


def test_a_member_of_a_broker_has_private_credentials(tmp_path: Path) -> None:
    """Whoever is made on a road with a broker gets a certificate of its name and a private key."""
    credentials = Credentials.of(made_road(tmp_path, BROKER) / road_bus.CREDENTIALS)
    assert credentials.name == "provider"
    assert stat.S_IMODE(credentials.key_file.stat().st_mode) == 0o600


def test_a_road_moves_to_a_broker(tmp_path: Path) -> None:
    """A party that is admitted again after a move meets the others where they are now."""
    folder = made_road(tmp_path, HUB)
    assert roads.move_bus(tmp_path, BROKER) is not None
    roads.admit_again(tmp_path, folder)
    assert load(folder / roads.PARTY_FILE, roads.PartyConfig).bus == BROKER
    assert Credentials.of(folder / road_bus.CREDENTIALS).name == "provider"


def test_another_certificate_or_no_library_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A certificate of another name is refused; without the library the extra to install is named."""
    folder = made_road(tmp_path, BROKER)
    with pytest.raises(Refusal, match="the certificate of car") as info:
        asyncio.run(road_bus.join(folder, BROKER, "car"))
    assert info.value.outcome is Outcome.BAD_CERTIFICATE
    monkeypatch.setitem(sys.modules, "feiqian.adapters.mqtt_bus", None)
    with pytest.raises(Refusal, match=r"pip install feiqian\[vehicle\]") as missing:
        asyncio.run(road_bus.join(folder, BROKER, "provider"))
    assert missing.value.outcome is Outcome.UNAVAILABLE


@pytest.mark.parametrize(
    "text", ["tcp://a:1", "mqtt://a:1", "mqtts://a", "mqtts://a:b", "mqtts://u@a:1", "a:1"]
)
def test_what_is_no_address_of_a_bus_is_refused(text: str) -> None:
    """Another scheme, or a place without host and port, is malformed."""
    with pytest.raises(Refusal) as info:
        parse_bus(text)
    assert info.value.outcome is Outcome.MALFORMED


def test_addresses_of_buses_are_read() -> None:
    """The scheme says which bus it is; IPv6 addresses stand in brackets."""
    assert parse_bus(HUB) == HubAddress("127.0.0.1", 8450)
    assert parse_bus("mqtts://[::1]:8883") == BrokerAddress("::1", 8883)
