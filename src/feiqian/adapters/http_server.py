"""HTTP servers: CBOR between the parties, JSON for operators, one error shape in both.

A party hands over functions of bytes (CBOR) or of structs (JSON); everything about HTTP, and the
limits on what a stranger sends, are handled here.
"""

import asyncio
import gc
import hmac
import os
import signal
import socket
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import msgspec
import structlog
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from feiqian.adapters.http_errors import status_of
from feiqian.adapters.operations import JSON, ErrorDocument, Operation, describe
from feiqian.outcomes import LocalProtocolError, Outcome, Refusal
from feiqian.wire.envelope import encode_message
from feiqian.wire.payment import Refused

CBOR = "application/cbor"
OPERATOR = "operator"
"""The operator of a party that knows only one."""
MAX_JSON_BYTES = 65_536
MAX_CONNECTIONS = 2_048
KEEP_ALIVE_S = 60
MAX_DETAIL = 300
SHUTDOWN_S = 10
GARBAGE_THRESHOLDS = (50_000, 20, 100)
"""Requests leave few cycles behind; looking for them as often as Python does by default costs a
tenth of all payments."""

log = structlog.get_logger("http")


Identify = Callable[[str], Awaitable[str | None]]
"""The name of the operator whose bearer token it is; None when it is nobody's."""


@dataclass(frozen=True, slots=True)
class CborEndpoint:
    """`POST path`: bytes in, bytes out."""

    path: str
    handle: Callable[[bytes], Awaitable[bytes]]
    limit: int
    """Most bytes of a request's body."""


@dataclass(frozen=True, slots=True)
class CborDocument:
    """`GET path`: bytes that anybody may read."""

    path: str
    read: Callable[[], bytes]


@dataclass(frozen=True, slots=True)
class CborCollection:
    """`GET path/name`: documents that anybody may read, by name."""

    path: str
    read: Callable[[str], Awaitable[bytes]]
    max_age_s: int
    """How long a cache may give out a document."""


def build_app(
    name: str,
    endpoints: Sequence[CborEndpoint],
    documents: Sequence[CborDocument | CborCollection],
    operations: Sequence[Operation],
    operators: str | Identify,
) -> "PartyApp":
    """The ASGI application of one party; `operators`: the only operator's token, or who is who."""
    description = msgspec.json.encode(describe(name, operations))
    routes = [
        _document_route(each) if isinstance(each, CborDocument) else _collection_route(each)
        for each in documents
    ]
    identify = only_operator(operators) if isinstance(operators, str) else operators
    routes += [_operation_route(operation, identify) for operation in operations]
    health = msgspec.json.encode({"name": name, "pid": os.getpid()})
    routes.append(Route("/health", _constant(health), methods=["GET"]))
    routes.append(Route("/api/openapi.json", _constant(description), methods=["GET"]))
    return PartyApp(endpoints, Starlette(routes=routes))


class PartyApp:
    """CBOR endpoints are answered here, in a few lines; all else is Starlette's.

    They carry the load of the payments, and a general router costs more than a lookup does.
    """

    def __init__(self, endpoints: Sequence[CborEndpoint], others: Starlette) -> None:
        self._endpoints = {endpoint.path: endpoint for endpoint in endpoints}
        self._others = others

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request (ASGI 3)."""
        is_post = scope["type"] == "http" and scope["method"] == "POST"
        endpoint = self._endpoints.get(scope["path"]) if is_post else None
        if endpoint is None:
            await self._others(scope, receive, send)
            return
        status, body = await _answer(endpoint, receive)
        headers = [(b"content-type", CBOR.encode()), (b"content-length", b"%d" % len(body))]
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": body})


async def serve(app: PartyApp, host: str, port: int) -> None:
    """Serve `app` until SIGTERM or SIGINT; open requests are finished first.

    Raises `Refusal` unavailable when the address cannot be taken.
    """
    try:
        listener = socket.create_server((host, port), backlog=MAX_CONNECTIONS)
    except OSError as error:
        raise Refusal(Outcome.UNAVAILABLE, f"cannot listen on {host}:{port}: {error}") from error
    config = uvicorn.Config(
        app,
        loop="none",
        http="httptools",
        access_log=False,
        log_config=None,
        lifespan="off",
        server_header=False,
        date_header=False,
        proxy_headers=False,
        limit_concurrency=MAX_CONNECTIONS,
        timeout_keep_alive=KEEP_ALIVE_S,
        timeout_graceful_shutdown=SHUTDOWN_S,
    )
    gc.collect()
    gc.freeze()
    gc.set_threshold(*GARBAGE_THRESHOLDS)
    await _Server(config).serve(sockets=[listener])


class _Server(uvicorn.Server):
    """A server that a signal ends by returning, so that its stores are closed afterwards."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self.handle_exit, number, None)
        try:
            yield
        finally:
            for number in (signal.SIGTERM, signal.SIGINT):
                loop.remove_signal_handler(number)


async def _answer(endpoint: CborEndpoint, receive: Receive) -> tuple[int, bytes]:
    """Status and body for one CBOR request."""
    try:
        return 200, await endpoint.handle(await _receive_body(receive, endpoint.limit))
    except Refusal as refusal:
        log.info("refused", path=endpoint.path, outcome=refusal.outcome, detail=refusal.detail)
        refused = encode_message(Refused(refusal.outcome, refusal.detail[:MAX_DETAIL]))
        return status_of(refusal.outcome), refused


async def _receive_body(receive: Receive, limit: int) -> bytes:
    body, more = b"", True
    while more:
        event = await receive()
        if event["type"] == "http.disconnect":
            raise Refusal(Outcome.UNAVAILABLE, "the client left before its request was whole")
        body += event.get("body", b"")
        more = event.get("more_body", False)
        if len(body) > limit:
            raise Refusal(Outcome.TOO_LARGE, f"expected at most {limit} bytes")
    return body


def _document_route(document: CborDocument) -> Route:
    async def handle(_: Request) -> Response:
        return Response(document.read(), media_type=CBOR)

    return Route(document.path, handle, methods=["GET"])


def _collection_route(collection: CborCollection) -> Route:
    async def handle(request: Request) -> Response:
        try:
            document = await collection.read(request.path_params["name"])
        except Refusal as refusal:
            refused = encode_message(Refused(refusal.outcome, refusal.detail[:MAX_DETAIL]))
            return Response(refused, status_code=status_of(refusal.outcome), media_type=CBOR)
        headers = {"cache-control": f"public, max-age={collection.max_age_s}"}
        return Response(document, media_type=CBOR, headers=headers)

    return Route(f"{collection.path}/{{name:path}}", handle, methods=["GET"])


def _operation_route(operation: Operation, identify: Identify) -> Route:
    async def handle(request: Request) -> Response:
        operator = await identify(_token(request))
        if operator is None:
            document = ErrorDocument(Outcome.BAD_SIGNATURE, "expected the operator's bearer token")
            return Response(msgspec.json.encode(document), status_code=401, media_type=JSON)
        try:
            body = await _read_json(request, operation.body) if operation.body else None
            who = (operator,) if operation.is_personal else ()
            done = await operation.handle(body, *who)
            return Response(msgspec.json.encode(done), media_type=JSON)
        except Refusal as refusal:
            log.info("refused", path=operation.path, outcome=refusal.outcome, detail=refusal.detail)
            document = ErrorDocument(refusal.outcome, refusal.detail)
            return Response(
                msgspec.json.encode(document),
                status_code=status_of(refusal.outcome),
                media_type=JSON,
            )

    return Route(operation.path, handle, methods=[operation.method])


def _constant(body: bytes) -> Callable[[Request], Awaitable[Response]]:
    async def handle(_: Request) -> Response:
        return Response(body, media_type=JSON)

    return handle


def only_operator(token: str) -> Identify:
    """One operator, by one token, which cannot be empty: everybody sends that."""
    if not token:
        raise LocalProtocolError("an operator's token is never empty")

    async def identify(given: str) -> str | None:
        return OPERATOR if hmac.compare_digest(given.encode(), token.encode()) else None

    return identify


def _token(request: Request) -> str:
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    return token if scheme == "Bearer" else ""


async def _read_json(request: Request, shape: type[msgspec.Struct]) -> msgspec.Struct:
    body = await _receive_body(request.receive, MAX_JSON_BYTES)
    try:
        return msgspec.json.decode(body, type=shape)
    except msgspec.DecodeError as error:
        raise Refusal(Outcome.MALFORMED, f"{shape.__name__}: {error}") from error
