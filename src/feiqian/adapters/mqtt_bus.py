"""`ports.MessageBus` through a broker of MQTT 5 over TLS, with a certificate as the member's name.

QoS 1 both ways: publishing returns when the broker has acknowledged, with its reason as a refusal by
name, and a message counts as taken when the program has received it, not before. The session outlives
the connection (`SESSION_EXPIRY_S`), so what comes in between waits at the broker. The library's
network thread reconnects by itself; whatever it has to say is handed to the event loop, where alone
this object lives. A broker may lie: what is not addressed to us in our form is dropped here.
"""

import asyncio
import contextlib
import sys
from collections import deque
from dataclasses import dataclass
from typing import Any, Self

import paho.mqtt.client as paho
from paho.mqtt.enums import CallbackAPIVersion, MQTTErrorCode
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode

from feiqian.adapters.broker_certificates import Credentials
from feiqian.adapters.mqtt_reasons import SESSION_TAKEN_OVER, is_final, refusal_of
from feiqian.adapters.mqtt_tls import member_context, refusal_of_tls
from feiqian.outcomes import Outcome, Refusal
from feiqian.ports import Delivery
from feiqian.wire.bus_topics import inbox_topics, read_topic, topic_of
from feiqian.wire.envelope import MAX_MESSAGE_BYTES

CONNECT_TIMEOUT_S = 10.0
PUBLISH_TIMEOUT_S = 10.0
KEEPALIVE_S = 30
FIRST_PAUSE_S, LONGEST_PAUSE_S = 1, 10
"""Between attempts to reconnect; whole seconds, by the library."""
SESSION_EXPIRY_S = 3_600
WINDOW = 32
"""Messages the broker may have delivered before the first of them is taken."""
MAX_OPEN = 64
"""Publications that the broker has not acknowledged yet."""


@dataclass(frozen=True, slots=True)
class _Arrived:
    """A message as the library gave it."""

    packet_id: int
    delivery: Delivery


class MqttBus:
    """One member's connection to a broker."""

    def __init__(self, host: str, port: int, credentials: Credentials) -> None:
        self.name = credentials.name
        self._address = f"{host}:{port}"
        self._loop = asyncio.get_running_loop()
        self._arrived: deque[_Arrived] = deque()
        self._news = asyncio.Event()
        self._connected = asyncio.Event()
        self._open: dict[int, asyncio.Future[Refusal | None]] = {}
        self._end: Refusal | None = None
        self._was_let_in = False
        self._trouble = "it does not answer"
        self._tls = member_context(credentials)
        self._client = self._made()
        self._client.connect_async(
            host, port, KEEPALIVE_S, clean_start=False, properties=_session_properties()
        )

    @classmethod
    async def connect(cls, host: str, port: int, credentials: Credentials) -> Self:
        """Join as the member that the certificate names; an earlier one of that name is out.

        A broker that is not there yet is waited for. Raises `Refusal`: bad_certificate (ours, or the
        broker's), unavailable (nobody there, or it does not let us in).
        """
        bus = cls(host, port, credentials)
        bus._client.loop_start()
        try:
            async with asyncio.timeout(CONNECT_TIMEOUT_S):
                await bus._connected.wait()
            bus._check()
        except TimeoutError as error:
            await bus.close()
            detail = f"no broker lets {bus.name} in at {bus._address}: {bus._trouble}"
            raise Refusal(Outcome.UNAVAILABLE, detail) from error
        except BaseException:
            await bus.close()
            raise
        return bus

    async def publish(self, recipient: str, kind: str, payload: bytes) -> None:
        """Hand a message to the broker and wait for its acknowledgement."""
        topic = topic_of(recipient, self.name, kind)
        if len(payload) > MAX_MESSAGE_BYTES:
            raise Refusal(Outcome.TOO_LARGE, f"expected at most {MAX_MESSAGE_BYTES} bytes")
        await self._connection()
        refusal = await self._acknowledged(topic, payload)
        if refusal is not None:
            raise refusal

    async def receive(self) -> Delivery:
        """The next message of this member's inbox."""
        while not self._arrived:
            self._check()
            self._news.clear()
            await self._news.wait()
        self._check()
        arrived = self._arrived.popleft()
        self._client.ack(arrived.packet_id, 1)
        return arrived.delivery

    async def close(self) -> None:
        """Leave; what was not received waits at the broker."""
        self._finish(Refusal(Outcome.UNAVAILABLE, "this member has left the bus"))
        self._client.disconnect()
        await asyncio.to_thread(self._client.loop_stop)

    def _check(self) -> None:
        if self._end is not None:
            raise Refusal(self._end.outcome, self._end.detail)

    async def _connection(self) -> None:
        """Wait until connected. `Refusal` unavailable when that takes too long."""
        try:
            async with asyncio.timeout(PUBLISH_TIMEOUT_S):
                await self._connected.wait()
        except TimeoutError as error:
            detail = f"no broker answers at {self._address}"
            raise Refusal(Outcome.UNAVAILABLE, detail) from error
        self._check()

    async def _acknowledged(self, topic: str, payload: bytes) -> Refusal | None:
        if len(self._open) >= MAX_OPEN:
            raise Refusal(Outcome.BUSY, f"expected at most {MAX_OPEN} open publications")
        sent = self._client.publish(topic, payload, qos=1)
        if sent.rc not in {MQTTErrorCode.MQTT_ERR_SUCCESS, MQTTErrorCode.MQTT_ERR_NO_CONN}:
            raise Refusal(Outcome.BUSY, f"the library says: {paho.error_string(sent.rc)}")
        self._open[sent.mid] = self._loop.create_future()
        try:
            async with asyncio.timeout(PUBLISH_TIMEOUT_S):
                return await self._open[sent.mid]
        except TimeoutError as error:
            detail = "the broker did not acknowledge the message in time"
            raise Refusal(Outcome.TIMED_OUT, detail) from error
        finally:
            del self._open[sent.mid]

    # The library's thread ------------------------------------------------------------------------
    def _made(self) -> paho.Client:
        client = paho.Client(
            CallbackAPIVersion.VERSION2, self.name, protocol=paho.MQTTv5, manual_ack=True
        )
        client.tls_set_context(self._tls)
        client.reconnect_delay_set(FIRST_PAUSE_S, LONGEST_PAUSE_S)
        client.max_queued_messages_set(MAX_OPEN)
        client.on_connect = self._on_connect
        client.on_connect_fail = self._on_connect_fail
        client.on_subscribe = self._on_subscribe
        client.on_disconnect = self._on_disconnect
        client.on_publish = self._on_publish
        client.on_message = self._on_message
        return client

    def _on_connect(
        self, client: paho.Client, _: object, __: object, code: ReasonCode, *___: object
    ) -> None:
        refusal = refusal_of(code.value, code.getName())
        if refusal is None:
            client.subscribe(inbox_topics(self.name), qos=1)
        elif is_final(refusal):
            client.disconnect()
            self._in_loop(self._finish, refusal)

    def _on_subscribe(
        self, client: paho.Client, _: object, __: int, codes: list[ReasonCode], *___: object
    ) -> None:
        refusal = refusal_of(codes[0].value, codes[0].getName())
        if refusal is None:
            self._in_loop(self._let_in)
        else:
            client.disconnect()
            self._in_loop(self._finish, refusal)

    def _on_connect_fail(self, _: paho.Client, __: object) -> None:
        # The library calls this while it handles what went wrong, and does not say what.
        self._in_loop(self._not_let_in, str(sys.exc_info()[1]))

    def _on_disconnect(
        self, client: paho.Client, _: object, __: object, code: ReasonCode, *___: object
    ) -> None:
        if code.value == SESSION_TAKEN_OVER:
            client.disconnect()
            detail = f"another member took over the name {self.name}"
            self._in_loop(self._finish, Refusal(Outcome.UNAVAILABLE, detail))
        self._in_loop(self._lost)
        self._in_loop(self._not_let_in, code.getName())

    def _on_publish(
        self, _: paho.Client, __: object, mid: int, code: ReasonCode, ___: object
    ) -> None:
        self._in_loop(self._answered, mid, refusal_of(code.value, code.getName()))

    def _on_message(self, client: paho.Client, _: object, message: paho.MQTTMessage) -> None:
        delivery = self._read(message)
        if delivery is None or message.qos != 1:
            if message.qos:
                client.ack(message.mid, message.qos)
            return
        self._in_loop(self._arrive, _Arrived(message.mid, delivery))

    def _read(self, message: paho.MQTTMessage) -> Delivery | None:
        """What a message says; None when no honest broker would have sent it to us."""
        try:
            recipient, sender, kind = read_topic(message.topic)
        except (Refusal, UnicodeDecodeError):
            return None
        if recipient != self.name or len(message.payload) > MAX_MESSAGE_BYTES:
            return None
        return Delivery(sender, kind, bytes(message.payload))

    def _in_loop(self, call: Any, *arguments: object) -> None:  # noqa: ANN401 - any callback
        # After the loop has ended nobody is there to be told.
        with contextlib.suppress(RuntimeError):
            self._loop.call_soon_threadsafe(call, *arguments)

    # In the event loop ---------------------------------------------------------------------------
    def _arrive(self, arrived: _Arrived) -> None:
        # A broker that ignores the window, or invents more, gets no memory of ours.
        if len(self._arrived) < WINDOW:
            self._arrived.append(arrived)
            self._news.set()

    def _answered(self, mid: int, refusal: Refusal | None) -> None:
        waiting = self._open.get(mid)
        if waiting is not None and not waiting.done():
            waiting.set_result(refusal)

    def _let_in(self) -> None:
        self._was_let_in = True
        self._connected.set()

    def _not_let_in(self, trouble: str) -> None:
        """A certificate that was good once is given time: the broker's may be about to change."""
        refusal = refusal_of_tls(self._tls.failure)
        if refusal is not None and not self._was_let_in:
            self._client.disconnect()
            self._finish(refusal)
        self._trouble = trouble

    def _lost(self) -> None:
        """The connection is gone; the broker delivers again what was not taken."""
        self._arrived.clear()
        if self._end is None:
            self._connected.clear()

    def _finish(self, refusal: Refusal) -> None:
        """Nothing goes on from here; the first reason stands."""
        if self._end is None:
            self._end = refusal
        self._connected.set()
        self._news.set()
        for mid in tuple(self._open):
            detail = "the member left before the broker's word"
            self._answered(mid, Refusal(Outcome.TIMED_OUT, detail))


def _session_properties() -> Properties:
    properties = Properties(PacketTypes.CONNECT)  # type: ignore[no-untyped-call]  # so in the library
    properties.SessionExpiryInterval = SESSION_EXPIRY_S
    properties.ReceiveMaximum = WINDOW
    return properties
