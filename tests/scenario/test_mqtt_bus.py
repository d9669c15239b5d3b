"""The real broker: what certificates and access rules keep apart, what outages and lies can do."""

import asyncio
import queue
import shutil
import stat
import subprocess
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import paho.mqtt.client as paho
import pytest
from paho.mqtt.enums import CallbackAPIVersion
from paho.mqtt.reasoncodes import ReasonCode

from feiqian.adapters.broker_certificates import CertificateAuthority, Credentials
from feiqian.adapters.mosquitto import Broker, find_mosquitto, set_up
from feiqian.adapters.mqtt_bus import WINDOW, MqttBus
from feiqian.adapters.mqtt_reasons import NOT_AUTHORISED, SESSION_TAKEN_OVER, refusal_of
from feiqian.outcomes import Outcome, Refusal
from feiqian.ports import Delivery
from feiqian.testing.broker import require_mosquitto, started_broker
from feiqian.testing.free_ports import HOST, free_ports
from tests.scenario.lying_broker import LyingBroker, publication

pytestmark = pytest.mark.feature("V-03")
PATIENCE_S = 30


class Intruder:
    """A member of the bus that speaks plain MQTT and keeps to no manners."""

    def __init__(self, port: int, credentials: Credentials, client_id: str) -> None:
        self.heard: queue.Queue[str] = queue.Queue()
        self.told: queue.Queue[int] = queue.Queue()
        self._client = paho.Client(CallbackAPIVersion.VERSION2, client_id, protocol=paho.MQTTv5)
        self._client.tls_set(
            str(credentials.authority_file),
            str(credentials.certificate_file),
            str(credentials.key_file),
        )
        self._client.on_message = self._on_message
        self._client.on_publish = self._on_publish
        self._client.on_subscribe = self._on_subscribe
        self._client.connect(HOST, port)
        self._client.loop_start()

    def _on_message(self, _: paho.Client, __: object, message: paho.MQTTMessage) -> None:
        self.heard.put(message.topic)

    def _on_publish(self, _: Any, __: Any, ___: int, code: ReasonCode, ____: Any) -> None:
        self.told.put(code.value)

    def _on_subscribe(self, *_: Any) -> None:
        self.told.put(0)

    def subscribe(self, topics: str) -> None:
        """Ask for topics, whether allowed or not."""
        self._client.subscribe(topics, qos=1)
        self.told.get(timeout=PATIENCE_S)

    def publish(self, topic: str) -> int:
        """Publish anywhere; the broker's reason code."""
        self._client.publish(topic, b"", qos=1)
        return self.told.get(timeout=PATIENCE_S)

    def close(self) -> None:
        """Leave."""
        self._client.disconnect()
        self._client.loop_stop()


def run_with_broker(folder: Path, check: Callable[[Broker], Awaitable[None]]) -> None:
    """Run a check with a real broker."""
    broker = started_broker(folder / "broker")

    async def checked() -> None:
        async with asyncio.timeout(PATIENCE_S):
            await check(broker)

    try:
        asyncio.run(checked())
    finally:
        broker.stop()


async def member(broker: Broker, name: str) -> MqttBus:
    """A member with new credentials."""
    return await MqttBus.connect(HOST, broker.setup.port, broker.setup.member(name))


async def refused(call: Awaitable[object]) -> Outcome:
    """Why a call was refused."""
    with pytest.raises(Refusal) as info:
        await call
    return info.value.outcome


def test_a_member_cannot_read_another_inbox(tmp_path: Path) -> None:
    """Whoever subscribes to another's inbox, or to everything, hears its own messages alone."""

    async def check(broker: Broker) -> None:
        pump = await member(broker, "pump")
        credentials = broker.setup.member("car")
        intruder = await asyncio.to_thread(Intruder, broker.setup.port, credentials, "car")
        for topics in ("iov/pump/#", "#", "iov/+/+/note", "$SYS/#"):
            await asyncio.to_thread(intruder.subscribe, topics)
        await pump.publish("pump", "note", b"secret")
        assert (await pump.receive()).payload == b"secret"
        await pump.publish("car", "note", b"")
        assert (
            await asyncio.to_thread(intruder.heard.get, timeout=PATIENCE_S) == "iov/car/pump/note"
        )
        await asyncio.to_thread(intruder.close)
        await pump.close()

    run_with_broker(tmp_path, check)


def test_a_member_cannot_write_under_another_name(tmp_path: Path) -> None:
    """The broker refuses what is published under another's name, or outside the inboxes, and says so."""

    async def check(broker: Broker) -> None:
        pump = await member(broker, "pump")
        credentials = broker.setup.member("car")
        intruder = await asyncio.to_thread(Intruder, broker.setup.port, credentials, "car")
        for topic in ("iov/pump/management/fee-order", "iov/pump/car", "anything", "iov/a/b/c/d"):
            assert await asyncio.to_thread(intruder.publish, topic) == NOT_AUTHORISED
        assert await asyncio.to_thread(intruder.publish, "iov/pump/car/note") == 0
        assert await pump.receive() == Delivery("car", "note", b"")
        await asyncio.to_thread(intruder.close)
        pump.name = "management"
        assert await refused(pump.publish("pump", "fee-order", b"")) is Outcome.WRONG_ROLE
        await pump.close()

    run_with_broker(tmp_path, check)


def test_a_member_cannot_push_another_out(tmp_path: Path) -> None:
    """Another's client id does not take its session: the certificate's name counts."""

    async def check(broker: Broker) -> None:
        pump = await member(broker, "pump")
        credentials = broker.setup.member("car")
        intruder = await asyncio.to_thread(Intruder, broker.setup.port, credentials, "pump")
        await asyncio.to_thread(intruder.subscribe, "iov/pump/#")
        await pump.publish("pump", "note", b"still mine")
        assert (await pump.receive()).payload == b"still mine"
        # It would come back by itself, so the broker's own word counts.
        log = (broker.setup.broker_folder / "broker.log").read_text(encoding="utf-8")
        assert "as car (" in log
        assert "already connected" not in log
        await asyncio.to_thread(intruder.close)
        await pump.close()

    run_with_broker(tmp_path, check)


def test_a_stranger_is_not_let_in(tmp_path: Path) -> None:
    """Credentials of another authority open nothing, nor is a broker of another one believed."""
    theirs = CertificateAuthority.make(tmp_path / "theirs").member("car")

    async def check(broker: Broker) -> None:
        ours = broker.setup.member("car")
        mixed = Credentials(ours.authority_file, theirs.certificate_file, theirs.key_file)
        torn = Credentials(ours.authority_file, ours.certificate_file, theirs.key_file)
        for credentials, why in (
            (theirs, "the broker's certificate"),
            (mixed, "the broker refuses our certificate"),
            (torn, "expected a key and certificates"),
        ):
            with pytest.raises(Refusal, match=why) as info:
                await MqttBus.connect(HOST, broker.setup.port, credentials)
            assert info.value.outcome is Outcome.BAD_CERTIFICATE

    run_with_broker(tmp_path, check)


def test_a_broker_that_is_away_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever joins waits for a broker for a while, and says then where none was, and why."""
    monkeypatch.setattr("feiqian.adapters.mqtt_bus.CONNECT_TIMEOUT_S", 0.3)
    car = CertificateAuthority.make(tmp_path).member("car")
    port = free_ports(1)

    async def check() -> None:
        with pytest.raises(Refusal, match=rf"car in at {HOST}:{port}: .*refused") as info:
            await MqttBus.connect(HOST, port, car)
        assert info.value.outcome is Outcome.UNAVAILABLE

    asyncio.run(check())


def test_a_broker_left_behind_makes_way_for_the_next(tmp_path: Path) -> None:
    """A broker whose parent was killed is found by its pid file, and ended by the next to start."""
    orphan = started_broker(tmp_path / "broker")
    again = Broker.start(orphan.setup)
    try:
        orphan.wait()
        assert again.pid != orphan.pid
    finally:
        again.stop()
    assert not again.setup.pid_file.exists()


def test_keys_are_readable_by_their_owner_alone(tmp_path: Path) -> None:
    """Every key file that is written has mode 0600."""
    authority = CertificateAuthority.make(tmp_path / "authority")
    authority.member("car")
    authority.broker("localhost", tmp_path / "authority" / "broker")
    keys = list((tmp_path / "authority").rglob("*.key"))
    assert len(keys) == 3
    assert {stat.S_IMODE(key.stat().st_mode) for key in keys} == {0o600}


def test_members_return_to_a_broker_that_was_killed(tmp_path: Path) -> None:
    """After a kill and a new start of the broker, members are back by themselves and are heard."""

    async def check(broker: Broker) -> None:
        car, pump = await member(broker, "car"), await member(broker, "pump")
        broker.kill()
        again = Broker.start(broker.setup)
        try:
            await published(car, "pump", b"after all")
            assert (await pump.receive()).payload == b"after all"
            await car.close()
            await pump.close()
        finally:
            again.stop()

    run_with_broker(tmp_path, check)


async def published(sender: MqttBus, recipient: str, payload: bytes) -> None:
    """Publish, again while the recipient is not back yet."""
    while True:
        try:
            return await sender.publish(recipient, "note", payload)
        except Refusal as refusal:
            if refusal.outcome not in {Outcome.UNAVAILABLE, Outcome.TIMED_OUT}:
                raise


def test_what_waits_survives_the_broker(tmp_path: Path) -> None:
    """A message to a member that is away is there after the broker was stopped and started."""

    async def check(broker: Broker) -> None:
        car, pump = await member(broker, "car"), await member(broker, "pump")
        await pump.close()
        await car.publish("pump", "note", b"kept")
        await car.close()
        broker.stop()
        again = Broker.start(broker.setup)
        try:
            pump = await member(again, "pump")
            assert (await pump.receive()).payload == b"kept"
            await pump.close()
        finally:
            again.stop()

    run_with_broker(tmp_path, check)


def test_a_broker_runs_wherever_its_folder_is(tmp_path: Path) -> None:
    """What the broker needs is in its folder, without the authority's key, and works elsewhere."""
    require_mosquitto()
    setup = set_up(tmp_path / "bus", HOST, free_ports(1))
    moved = Path(shutil.move(setup.broker_folder, tmp_path / "elsewhere"))
    assert not (moved / "authority.key").exists()
    program = find_mosquitto()
    assert program is not None
    process = subprocess.Popen([program, "-c", "mosquitto.conf"], cwd=moved)

    async def check() -> None:
        car = await MqttBus.connect(HOST, setup.port, setup.member("car"))
        await car.publish("car", "note", b"to myself")
        assert (await car.receive()).payload == b"to myself"
        await car.close()

    try:
        asyncio.run(check())
    finally:
        process.terminate()
        process.wait(PATIENCE_S)


# Lies --------------------------------------------------------------------------------------------
def run_with_liar(
    folder: Path, liar: LyingBroker, check: Callable[[MqttBus], Awaitable[None]]
) -> None:
    """Run a check as the member "car" of a lying broker."""

    async def checked() -> None:
        authority = CertificateAuthority.make(folder / "authority")
        port = await liar.listen(HOST, authority.broker(HOST, folder / "broker"))
        async with asyncio.timeout(PATIENCE_S):
            car = await MqttBus.connect(HOST, port, authority.member("car"))
            await check(car)
            await car.close()
        await liar.close()

    asyncio.run(checked())


def test_what_no_honest_broker_would_deliver_is_dropped(tmp_path: Path) -> None:
    """Messages to others, on topics out of form, without acknowledgement or too long are not read."""
    lies = [
        publication("iov/pump/other/note", b"to another", 1),
        publication("iov/car/note", b"without a sender", 2),
        publication("iov/car/a b/note", b"a sender out of form", 3),
        publication("iov/car/other/Note", b"a kind out of form", 4),
        publication("$SYS/broker", b"not of ours", 5),
        publication("iov/car/other/note", b"unacknowledged", 0, qos=0),
        publication("iov/car/other/note", bytes(65_537), 6),
    ]
    truth = publication("iov/car/other/note", b"the only one", 7)

    async def check(car: MqttBus) -> None:
        assert await car.receive() == Delivery("other", "note", b"the only one")

    run_with_liar(tmp_path, LyingBroker(lambda: b"".join(lies) + truth), check)


def test_a_flood_takes_no_memory(tmp_path: Path) -> None:
    """A broker that sends far ahead of what was taken is not listened to beyond the window."""
    flood = b"".join(
        publication("iov/car/other/note", b"%d" % number, number) for number in range(1, 500)
    )

    async def check(car: MqttBus) -> None:
        await car.publish("car", "note", b"")
        assert len(car._arrived) == WINDOW

    run_with_liar(tmp_path, LyingBroker(lambda: flood), check)


def test_a_takeover_that_the_broker_tells_ends_the_member(tmp_path: Path) -> None:
    """A broker that says that another took over the name is believed: this one does not return."""

    async def check(car: MqttBus) -> None:
        publishing = asyncio.ensure_future(car.publish("car", "note", b""))
        assert await refused(car.receive()) is Outcome.UNAVAILABLE
        assert await refused(car.publish("car", "note", b"")) is Outcome.UNAVAILABLE
        assert await refused(publishing) is Outcome.TIMED_OUT

    run_with_liar(tmp_path, LyingBroker(bytes, SESSION_TAKEN_OVER), check)


@pytest.mark.parametrize(
    ("reason", "outcome"),
    [
        (0x10, Outcome.UNAVAILABLE),
        (0x80, Outcome.UNAVAILABLE),
        (0x87, Outcome.WRONG_ROLE),
        (0x90, Outcome.MALFORMED),
        (0x97, Outcome.BUSY),
    ],
)
def test_reasons_become_refusals_by_name(tmp_path: Path, reason: int, outcome: Outcome) -> None:
    """What a broker has against a publication reaches the publisher as a refusal by name."""

    async def check(car: MqttBus) -> None:
        assert await refused(car.publish("pump", "note", b"")) is outcome

    run_with_liar(tmp_path, LyingBroker(bytes, reason), check)


def test_success_is_no_refusal() -> None:
    """Codes of success, granted subscriptions among them, refuse nothing."""
    assert [refusal_of(code, "") for code in (0, 1, 2, 4)] == [None] * 4
