"""The central system: charge points connect to it, and become equipment of service entities.

A charge point connects to ``ws://HOST:PORT/NAME`` with its name and password (OCPP security profile
1), or the same over TLS (profile 2, `tls`). Only names that are configured get in. One connection a
charge point: a new one replaces the old, because a charge point knows better than we when its line
was cut. Frames, waiting answers and connections are bounded.
"""

import contextlib
import hmac
import logging
import ssl
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self

from ocpp.exceptions import OCPPError
from websockets import ConnectionClosed, Request, Response
from websockets.asyncio.server import Server, ServerConnection, basic_auth, serve

from feiqian.adapters.ocpp.connector import Connector
from feiqian.adapters.ocpp.version_16 import Conversation16
from feiqian.adapters.ocpp.version_201 import Conversation201
from feiqian.outcomes import Outcome, Refusal
from feiqian.ports import Clock

VERSION_16, VERSION_201 = "ocpp1.6", "ocpp2.0.1"
VERSIONS = (VERSION_201, VERSION_16)
"""The one that is preferred first."""
MAX_FRAME_BYTES = 65_536
MAX_FRAMES_WAITING = 16
MAX_ANSWERS_WAITING = 4
"""Answers to questions that were not asked."""
RESPONSE_TIMEOUT_S = 10.0
OPEN_TIMEOUT_S = 10.0
PING_INTERVAL_S, PING_TIMEOUT_S = 30.0, 30.0

_LOG = logging.getLogger("feiqian.ocpp")


@dataclass(frozen=True, slots=True)
class ChargePointSetup:
    """One charge point that may connect."""

    password: str
    connectors: int = 1


class CentralSystem:
    """A listening central system."""

    def __init__(self, charge_points: Mapping[str, ChargePointSetup], clock: Clock) -> None:
        self._setups = charge_points
        self._clock = clock
        self._connectors = {
            name: {number: Connector(number) for number in range(1, setup.connectors + 1)}
            for name, setup in charge_points.items()
        }
        self._connections: dict[str, Any] = {}
        self._server: Server | None = None

    @classmethod
    async def listen(
        cls,
        host: str,
        port: int,
        charge_points: Mapping[str, ChargePointSetup],
        clock: Clock,
        tls: ssl.SSLContext | None = None,
    ) -> Self:
        """A central system that is open."""
        system = cls(charge_points, clock)
        await system.open(host, port, tls)
        return system

    async def open(
        self,
        host: str,
        port: int,
        tls: ssl.SSLContext | None = None,
        versions: Sequence[str] = VERSIONS,
    ) -> None:
        """Bind; port 0 takes a free one. `Refusal` unavailable when the address is taken."""
        try:
            self._server = await serve(
                self._connected,
                host,
                port,
                ssl=tls,
                subprotocols=list(versions),  # type: ignore[arg-type]  # a NewType of str
                process_request=self._admit,
                max_size=MAX_FRAME_BYTES,
                max_queue=MAX_FRAMES_WAITING,
                open_timeout=OPEN_TIMEOUT_S,
                ping_interval=PING_INTERVAL_S,
                ping_timeout=PING_TIMEOUT_S,
            )
        except OSError as error:
            detail = f"cannot listen at {host}:{port}: {error}"
            raise Refusal(Outcome.UNAVAILABLE, detail) from error

    @property
    def port(self) -> int:
        """Where it listens."""
        if self._server is None:
            raise Refusal(Outcome.UNAVAILABLE, "not listening")
        return int(next(iter(self._server.sockets)).getsockname()[1])

    def connector(self, charge_point: str, number: int = 1) -> Connector:
        """One connector, connected or not. `Refusal` unknown_identifier."""
        try:
            return self._connectors[charge_point][number]
        except KeyError:
            detail = f"expected a charge point of ours, got {charge_point}/{number}"
            raise Refusal(Outcome.UNKNOWN_IDENTIFIER, detail) from None

    async def close(self) -> None:
        """Stop listening and cut everybody off."""
        if self._server is not None:
            self._server.close()
            await self._server.wait_closed()

    async def _admit(self, connection: ServerConnection, request: Request) -> Response | None:
        """Name and password, before anything else."""
        name = request.path.strip("/")
        setup = self._setups.get(name)

        def is_right(user: str, password: str) -> bool:
            expected = "" if setup is None else setup.password
            right = hmac.compare_digest(password.encode(), expected.encode())
            return right and setup is not None and user == name

        check = basic_auth(realm="charge points", check_credentials=is_right)
        return await check(connection, request)

    async def _connected(self, connection: ServerConnection) -> None:
        if connection.subprotocol is None:
            await connection.close(1002, "expected ocpp1.6 or ocpp2.0.1")
            return
        assert connection.request is not None
        await self.converse(
            connection.request.path.strip("/"), str(connection.subprotocol), connection
        )

    async def converse(self, name: str, version: str, connection: Any) -> None:  # noqa: ANN401 - has recv, send and close
        """Speak with a charge point until its connection ends; a newer one ends this one."""
        earlier = self._connections.get(name)
        self._connections[name] = connection
        if earlier is not None:
            await earlier.close()
        connectors = self._connectors[name]
        shape = Conversation16 if version == VERSION_16 else Conversation201
        conversation = shape(name, connection, connectors, self._clock, RESPONSE_TIMEOUT_S)
        for connector in connectors.values():
            connector.conversation = conversation
        try:
            with contextlib.suppress(ConnectionClosed):
                await _listen(conversation, connection)
        finally:
            if self._connections.get(name) is connection:
                del self._connections[name]
            for connector in connectors.values():
                if connector.conversation is conversation:
                    connector.conversation = None


async def _listen(conversation: Conversation16 | Conversation201, connection: Any) -> None:  # noqa: ANN401 - has recv and close
    while True:
        message = await connection.recv()
        if isinstance(message, bytes) or _is_flooded(conversation):
            await connection.close(1008)
            return
        try:
            await conversation.route_message(message)
        except (OCPPError, ValueError, TypeError, KeyError, AttributeError) as error:
            # The library lets some malformed calls through to where they have no answer.
            _LOG.warning("%s: %s", conversation.id, type(error).__name__)


def _is_flooded(conversation: Conversation16 | Conversation201) -> bool:
    """Whether answers pile up that nobody asked for."""
    return bool(conversation._response_queue.qsize() > MAX_ANSWERS_WAITING)  # noqa: SLF001 - the library has no limit of its own
