"""Short-message services in memory, each of its own kind; both keep the promises of the port.

`SharedAir` brings messages down to whoever listens, like RDSS. `Mailboxes` is another service
altogether: a post office that keeps messages until they are fetched, with names for addresses and
longer messages, reached by a request and an answer each time. It shows that nothing above the port
knows BeiDou.
"""

import asyncio
from collections import deque

from feiqian.outcomes import Outcome, Refusal
from feiqian.testing.virtual_time import pass_time
from feiqian.wire.short_messages import ChannelClass, MustWait, ShortMessage

MAX_KEPT = 256
"""Messages that wait for one terminal."""
MAILBOX_CLASS = ChannelClass("mailbox", 340, 10_000)
POLL_S = 5.0


class _Pace:
    """Refuses what comes before the period is over."""

    def __init__(self, channel: ChannelClass) -> None:
        self._period_ms = channel.period_ms
        self._free_ms = 0

    def take_turn(self) -> None:
        now_ms = round(asyncio.get_running_loop().time() * 1000)
        if now_ms < self._free_ms:
            raise MustWait(self._free_ms - now_ms, "expected the period to be over")
        self._free_ms = now_ms + self._period_ms


def _check_length(content: bytes, channel: ChannelClass) -> None:
    if not 0 < len(content) <= channel.max_bytes:
        raise Refusal(Outcome.TOO_LARGE, f"expected 1 to {channel.max_bytes} bytes")


def _closed() -> Refusal:
    return Refusal(Outcome.UNAVAILABLE, "the terminal is closed")


class SharedAir:
    """Everybody within reach of each other."""

    def __init__(self, channel: ChannelClass) -> None:
        self.channel = channel
        self._terminals: dict[str, AirTerminal] = {}

    def join(self, address: str) -> "AirTerminal":
        """A terminal of this address."""
        terminal = AirTerminal(self, address)
        self._terminals[address] = terminal
        return terminal

    def carry(self, sender: str, content: bytes, to: str) -> None:
        """To whoever has the address now, or to nobody."""
        if to in self._terminals:
            self._terminals[to].hear(ShortMessage(sender, content))


class AirTerminal:
    """`ports.ShortMessages` in the air."""

    def __init__(self, air: SharedAir, address: str) -> None:
        self.address = address
        self.channel = air.channel
        self._air = air
        self._pace = _Pace(air.channel)
        self._heard: deque[ShortMessage] = deque(maxlen=MAX_KEPT)
        self._news = asyncio.Event()
        self._is_closed = False

    def hear(self, message: ShortMessage) -> None:
        """A message comes down."""
        self._heard.append(message)
        self._news.set()

    async def send(self, content: bytes, to: str) -> None:
        """Let one message go up."""
        _check_length(content, self.channel)
        if self._is_closed:
            raise _closed()
        self._pace.take_turn()
        self._air.carry(self.address, content, to)

    async def receive(self) -> ShortMessage:
        """The next message that comes down."""
        while not self._heard:
            if self._is_closed:
                raise _closed()
            self._news.clear()
            await self._news.wait()
        return self._heard.popleft()

    async def close(self) -> None:
        """Hear no more."""
        self._is_closed = True
        self._news.set()


class Mailboxes:
    """The post office: one request, one answer."""

    def __init__(self) -> None:
        self._kept: dict[str, deque[ShortMessage]] = {}

    def drop(self, sender: str, to: str, content: bytes) -> None:
        """Keep a message for its addressee."""
        kept = self._kept.setdefault(to, deque(maxlen=MAX_KEPT))
        kept.append(ShortMessage(sender, content))

    def fetch(self, name: str) -> ShortMessage | None:
        """The oldest message kept for `name`, which is then no longer kept."""
        kept = self._kept.get(name)
        return kept.popleft() if kept else None


class MailboxTerminal:
    """`ports.ShortMessages` by asking a post office now and then."""

    def __init__(self, office: Mailboxes, name: str) -> None:
        self.address = name
        self.channel = MAILBOX_CLASS
        self._office = office
        self._pace = _Pace(MAILBOX_CLASS)
        self._is_closed = False

    async def send(self, content: bytes, to: str) -> None:
        """Drop one message."""
        _check_length(content, self.channel)
        if self._is_closed:
            raise _closed()
        self._pace.take_turn()
        self._office.drop(self.address, to, content)

    async def receive(self) -> ShortMessage:
        """Ask until there is one."""
        while not self._is_closed:
            message = self._office.fetch(self.address)
            if message is not None:
                return message
            await pass_time(POLL_S)
        raise _closed()

    async def close(self) -> None:
        """Ask no more."""
        self._is_closed = True
