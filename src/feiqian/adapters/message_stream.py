"""Messages over a medium that carries bytes: each is its length (4 bytes, big endian) and itself.

`MessageReader` cuts a stream into messages and refuses a length above the limit before it keeps
anything of the message. `LinkInbox` stands between a medium that calls back, or lives in a thread,
and a link that is awaited: what has arrived is read to its last whole message, then the end is told.
"""

import asyncio
from collections import deque
from collections.abc import Iterator

from feiqian.outcomes import Outcome, Refusal
from feiqian.wire.envelope import MAX_MESSAGE_BYTES

HEAD_BYTES = 4
MAX_WAITING = 64
"""Messages that have arrived and that nobody has asked for yet."""


def framed(message: bytes) -> bytes:
    """A message as bytes of the stream. `Refusal` too_large."""
    if len(message) > MAX_MESSAGE_BYTES:
        raise Refusal(Outcome.TOO_LARGE, f"expected at most {MAX_MESSAGE_BYTES} bytes")
    return len(message).to_bytes(HEAD_BYTES, "big") + message


class MessageReader:
    """Bytes in, as they come; whole messages out."""

    def __init__(self) -> None:
        self._buffer = bytearray()

    def feed(self, data: bytes) -> Iterator[bytes]:
        """The messages that these bytes complete. `Refusal` too_large: the stream is of no more use."""
        self._buffer += data
        while len(self._buffer) >= HEAD_BYTES:
            length = int.from_bytes(self._buffer[:HEAD_BYTES], "big")
            if length > MAX_MESSAGE_BYTES:
                self._buffer.clear()
                raise Refusal(Outcome.TOO_LARGE, f"expected at most {MAX_MESSAGE_BYTES} bytes")
            end = HEAD_BYTES + length
            if len(self._buffer) < end:
                return
            message = bytes(self._buffer[HEAD_BYTES:end])
            del self._buffer[:end]
            yield message


class LinkInbox:
    """What has arrived over a link and how it ended; belongs to one event loop."""

    def __init__(self) -> None:
        self._reader = MessageReader()
        self._messages: deque[bytes] = deque()
        self._refusal: Refusal | None = None
        self._news = asyncio.Event()
        self.ended = asyncio.Event()
        """Set once nothing more arrives."""

    def take(self, data: bytes) -> None:
        """Some bytes of the stream have arrived; after its end they are nothing."""
        if self._refusal is not None:
            return
        try:
            for message in self._reader.feed(data):
                self._put(message)
        except Refusal as refusal:
            self.end(refusal)

    def _put(self, message: bytes) -> None:
        if len(self._messages) >= MAX_WAITING:
            raise Refusal(Outcome.UNAVAILABLE, "the other side sends more than anybody reads")
        self._messages.append(message)
        self._news.set()

    def end(self, refusal: Refusal) -> None:
        """Nothing more arrives, and this is why; the first reason stands."""
        if self._refusal is None:
            self._refusal = refusal
        self.ended.set()
        self._news.set()

    def check(self) -> None:
        """Raise why it has ended, if it has."""
        if self._refusal is not None:
            raise Refusal(self._refusal.outcome, self._refusal.detail)

    async def next(self) -> bytes:
        """The next message, or why there is none. Giving up a wait loses nothing."""
        while not self._messages:
            self.check()
            self._news.clear()
            await self._news.wait()
        return self._messages.popleft()
