"""`ports.Courier` over HTTP: one request to another party, its answer or its refusal."""

import asyncio

import aiohttp

from feiqian.adapters.http_server import CBOR
from feiqian.outcomes import Outcome, Refusal
from feiqian.wire.envelope import decode_message
from feiqian.wire.payment import Refused

MAX_ANSWER_BYTES = 2_097_152
DEFAULT_TIMEOUT_S = 15.0
MAX_CONNECTIONS = 256


class HttpCourier:
    """Keeps connections open between requests; make it inside a running event loop."""

    def __init__(self, timeout_s: float = DEFAULT_TIMEOUT_S) -> None:
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=MAX_CONNECTIONS),
            timeout=aiohttp.ClientTimeout(total=timeout_s),
            auto_decompress=False,
        )

    async def post(self, url: str, body: bytes) -> bytes:
        """POST `body`. `Refusal`: the server's own, unavailable, timed_out, too_large."""
        return await self._request("POST", url, body)

    async def get(self, url: str) -> bytes:
        """GET a document; errors as for `post`."""
        return await self._request("GET", url, None)

    async def _request(self, method: str, url: str, body: bytes | None) -> bytes:
        headers = {"content-type": CBOR} if body is not None else {}
        try:
            async with self._session.request(
                method, url, data=body, headers=headers, allow_redirects=False
            ) as response:
                return _checked(response.status, await _bounded(response))
        except TimeoutError as error:
            raise Refusal(Outcome.TIMED_OUT, f"expected an answer from {url}") from error
        except (aiohttp.ClientError, OSError) as error:
            raise Refusal(Outcome.UNAVAILABLE, f"{url}: {error}") from error

    async def close(self) -> None:
        """Close all connections."""
        await self._session.close()
        await asyncio.sleep(0)  # lets the transports run their close callbacks


async def _bounded(response: aiohttp.ClientResponse) -> bytes:
    body = await response.content.read(MAX_ANSWER_BYTES + 1)
    chunks = [body]
    total = len(body)
    while chunk := await response.content.read(MAX_ANSWER_BYTES + 1 - total):
        chunks.append(chunk)
        total += len(chunk)
        if total > MAX_ANSWER_BYTES:
            break
    if total > MAX_ANSWER_BYTES:
        raise Refusal(Outcome.TOO_LARGE, f"expected an answer of at most {MAX_ANSWER_BYTES} bytes")
    return b"".join(chunks)


def _checked(status: int, body: bytes) -> bytes:
    if status == 200:
        return body
    try:
        refused = decode_message(body, Refused)
    except Refusal as error:
        raise Refusal(Outcome.UNAVAILABLE, f"HTTP status {status} without a refusal") from error
    raise Refusal(refused.outcome, refused.detail)
