"""An operator's side of a JSON API: one call, its typed answer or the server's refusal."""

from typing import TypeVar

import aiohttp
import msgspec

from feiqian.adapters.operations import JSON, ErrorDocument
from feiqian.outcomes import Outcome, Refusal

A = TypeVar("A", bound=msgspec.Struct)

MAX_ANSWER_BYTES = 64 * 1024 * 1024
"""Longest answer: a report of the largest network has 65,280 obligations."""
TIMEOUT_S = 30.0


class OperatorClient:
    """Calls the operations under ``/api/`` of one server."""

    def __init__(self, url: str, token: str) -> None:
        self._url = url.rstrip("/")
        self._headers = {"authorization": f"Bearer {token}", "content-type": JSON}

    async def get(self, path: str, answer: type[A]) -> A:
        """Read a document. `Refusal`: the server's own, unavailable, timed_out."""
        return await self._call("GET", path, None, answer)

    async def post(self, path: str, body: msgspec.Struct, answer: type[A]) -> A:
        """Do something, under the key in `body`; errors as for `get`."""
        return await self._call("POST", path, msgspec.json.encode(body), answer)

    async def _call(self, method: str, path: str, body: bytes | None, answer: type[A]) -> A:
        timeout = aiohttp.ClientTimeout(total=TIMEOUT_S)
        try:
            async with (
                aiohttp.ClientSession(timeout=timeout, headers=self._headers) as session,
                session.request(
                    method, self._url + path, data=body, allow_redirects=False
                ) as response,
            ):
                document = await _bounded(response)
        except TimeoutError as error:
            raise Refusal(Outcome.TIMED_OUT, f"expected an answer from {self._url}") from error
        except (aiohttp.ClientError, OSError) as error:
            raise Refusal(Outcome.UNAVAILABLE, f"{self._url}: {error}") from error
        return _read(response.status, document, answer)


async def _bounded(response: aiohttp.ClientResponse) -> bytes:
    chunks, length = [], 0
    async for chunk in response.content.iter_any():
        length += len(chunk)
        if length > MAX_ANSWER_BYTES:
            raise Refusal(Outcome.TOO_LARGE, f"expected at most {MAX_ANSWER_BYTES} bytes")
        chunks.append(chunk)
    return b"".join(chunks)


def _read(status: int, document: bytes, answer: type[A]) -> A:
    try:
        if status == 200:
            return msgspec.json.decode(document, type=answer)
        refused = msgspec.json.decode(document, type=ErrorDocument)
    except msgspec.DecodeError as error:
        raise Refusal(Outcome.UNAVAILABLE, f"HTTP status {status}, not a document") from error
    raise Refusal(refused.outcome, refused.detail)
