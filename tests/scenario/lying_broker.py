"""A broker that lets everybody in and then says what it likes; just enough of MQTT 5 for that."""

import asyncio
import ssl
from collections.abc import Callable

from feiqian.adapters.broker_certificates import Credentials
from feiqian.adapters.mqtt_reasons import SESSION_TAKEN_OVER

CONNECT, PUBLISH, SUBSCRIBE = 1, 3, 8
GRANTED_QOS_1 = 1


def publication(topic: str, payload: bytes, packet_id: int, qos: int = 1) -> bytes:
    """A PUBLISH packet."""
    name = topic.encode()
    number = packet_id.to_bytes(2, "big") if qos else b""
    return packet(0x30 | qos << 1, len(name).to_bytes(2, "big") + name + number + b"\0" + payload)


def packet(first: int, body: bytes) -> bytes:
    """A packet with its remaining length, 7 bits a byte."""
    length, left = bytearray(), len(body)
    while True:
        left, digit = divmod(left, 128)
        length.append(digit | (0x80 if left else 0))
        if not left:
            return bytes([first]) + bytes(length) + body


class LyingBroker:
    """Serves one member; answers a publication with `reason`, or with the end of the session if that
    is taken over, and a subscription with what `says` gives.
    """

    def __init__(self, says: Callable[[], bytes], reason: int = 0) -> None:
        self._says = says
        self._reason = reason
        self._server: asyncio.Server | None = None
        self._serving: set[asyncio.Task[None]] = set()

    async def listen(self, host: str, credentials: Credentials) -> int:
        """Listen with a certificate that members believe; the port."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(credentials.certificate_file, credentials.key_file)
        self._server = await asyncio.start_server(self._serve, host, 0, ssl=context)
        return int(self._server.sockets[0].getsockname()[1])

    async def close(self) -> None:
        """End."""
        assert self._server is not None
        self._server.close()
        for task in self._serving:
            task.cancel()
        await asyncio.gather(*self._serving, return_exceptions=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._serving.add(task)
        try:
            while True:
                kind, body = await _read(reader)
                writer.write(self._answer(kind, body))
        except (asyncio.IncompleteReadError, asyncio.CancelledError, OSError):
            writer.close()
        finally:
            self._serving.discard(task)

    def _answer(self, kind: int, body: bytes) -> bytes:
        if kind == CONNECT:
            return packet(0x20, b"\0\0\0")
        if kind == SUBSCRIBE:
            return packet(0x90, body[:2] + bytes([0, GRANTED_QOS_1])) + self._says()
        if kind == PUBLISH and self._reason == SESSION_TAKEN_OVER:
            return packet(0xE0, bytes([self._reason, 0]))
        if kind == PUBLISH:
            length = int.from_bytes(body[:2], "big")
            return packet(0x40, body[2 + length : 4 + length] + bytes([self._reason, 0]))
        return b""


async def _read(reader: asyncio.StreamReader) -> tuple[int, bytes]:
    first = (await reader.readexactly(1))[0]
    length = shift = 0
    while True:
        digit = (await reader.readexactly(1))[0]
        length |= (digit & 0x7F) << shift
        shift += 7
        if not digit & 0x80:
            return first >> 4, await reader.readexactly(length)
