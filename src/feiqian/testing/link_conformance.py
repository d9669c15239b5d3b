"""What every `ports.Link` must do, as one suite: subclass it and say how to make a connected pair.

A pair is (payee's end, payer's end). The payee speaks first, because by QR code it is the payee that
names the session. `NOTICES_VANISHING` is false for media that cannot tell that nobody is there.
What a medium can do to what it carries is listed in `DAMAGES`; whatever it does, messages arrive
whole, in order and once, or the loss is told.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import pytest

from feiqian.outcomes import Outcome, Refusal
from feiqian.ports import Link
from feiqian.wire.envelope import MAX_MESSAGE_BYTES

LINK_PATIENCE_S = 60
DAMAGED_SIZES = (0, 10, 700, 6_000, 1)
"""Lengths of the messages that are sent through a damaged medium."""


@dataclass(frozen=True, slots=True)
class Damage:
    """What a medium does to what the payee sends: to its units, counted from 0, or to its bytes."""

    lose: frozenset[int] = frozenset()
    repeat: frozenset[int] = frozenset()
    swap: frozenset[int] = frozenset()
    """Units that arrive after the one that follows them."""
    tear_at_byte: int | None = None
    """The connection breaks when so many bytes have passed."""

    def units(self, sent: Sequence[bytes]) -> list[bytes]:
        """What arrives of some units."""
        arriving: list[bytes] = []
        late: list[bytes] = []
        for number, unit in enumerate(sent):
            copies = [] if number in self.lose else [unit] * (2 if number in self.repeat else 1)
            if number in self.swap:
                late += copies
            else:
                arriving, late = arriving + copies + late, []
        return arriving + late


class LinkConformance:
    """Inherit, and override `connect` and, where the medium can tell, `vanish`."""

    NOTICES_VANISHING: ClassVar[bool] = True
    DAMAGES: ClassVar[Sequence[Damage]] = ()

    async def connect(self) -> tuple[Link, Link]:
        """A new connected pair: payee's end, payer's end."""
        raise NotImplementedError

    async def connect_damaged(self, damage: Damage) -> tuple[Link, Link]:
        """A pair through a medium that does this to what the payee sends."""
        raise NotImplementedError(damage)

    async def vanish(self, link: Link) -> None:
        """Make an end disappear without a word."""
        raise NotImplementedError

    def run(self, name: str, damage: Damage | None = None) -> None:
        """Run the asynchronous check called `name` on a new pair."""

        async def check() -> None:
            async with asyncio.timeout(LINK_PATIENCE_S):
                payee, payer = await (
                    self.connect() if damage is None else self.connect_damaged(damage)
                )
                try:
                    await getattr(self, name)(payee, payer)
                finally:
                    await payer.close()
                    await payee.close()

        asyncio.run(check())

    def test_messages_keep_their_order(self) -> None:
        """Messages arrive in the order in which they were sent."""
        self.run("check_order")

    async def check_order(self, payee: Link, payer: Link) -> None:
        """Three in a row, each way."""
        for number in range(3):
            await payee.send(bytes([number]) * (number + 1))
        assert [await payer.receive() for _ in range(3)] == [b"\0", b"\1\1", b"\2\2\2"]
        await payer.send(b"back")
        assert await payee.receive() == b"back"

    def test_messages_arrive_whole(self) -> None:
        """What arrives is the message that was sent, to the last byte, also an empty one."""
        self.run("check_whole")

    async def check_whole(self, payee: Link, payer: Link) -> None:
        """Sizes around the edges of frames and codes."""
        for size in (0, 1, 255, 1_178, 1_179, 1_200, 6_000):
            message = bytes(index % 251 for index in range(size))
            await payee.send(message)
            assert await payer.receive() == message

    def test_the_longest_message_passes(self) -> None:
        """A message of exactly the limit passes."""
        self.run("check_longest")

    async def check_longest(self, payee: Link, payer: Link) -> None:
        """The limit itself."""
        message = bytes(index % 251 for index in range(MAX_MESSAGE_BYTES))
        sending = asyncio.ensure_future(payee.send(message))
        assert await payer.receive() == message
        await sending

    def test_a_longer_message_is_refused(self) -> None:
        """A message one byte above the limit is refused before anything of it leaves."""
        self.run("check_too_long")

    async def check_too_long(self, payee: Link, payer: Link) -> None:
        """The limit and one."""
        with pytest.raises(Refusal) as refused:
            await payee.send(bytes(MAX_MESSAGE_BYTES + 1))
        assert refused.value.outcome is Outcome.TOO_LARGE
        await payee.send(b"next")
        assert await payer.receive() == b"next"

    def test_what_was_sent_before_closing_arrives(self) -> None:
        """Closing does not lose what was sent; after it, the other side hears unavailable."""
        self.run("check_close")

    async def check_close(self, payee: Link, payer: Link) -> None:
        """Last words, then silence."""
        await payee.send(b"last words")
        await payee.close()
        assert await payer.receive() == b"last words"
        with pytest.raises(Refusal) as refused:
            await payer.receive()
        assert refused.value.outcome is Outcome.UNAVAILABLE

    def test_closing_twice_is_harmless(self) -> None:
        """Closing a closed link does nothing; receiving on it is refused."""
        self.run("check_close_twice")

    async def check_close_twice(self, payee: Link, payer: Link) -> None:
        """Twice on one side, then on the other."""
        await payee.send(b"hello")
        assert await payer.receive() == b"hello"
        await payer.close()
        await payer.close()
        with pytest.raises(Refusal) as refused:
            await payer.receive()
        assert refused.value.outcome is Outcome.UNAVAILABLE

    def test_a_vanished_peer_is_noticed(self) -> None:
        """When the other side vanishes, receiving ends with unavailable instead of waiting."""
        if not self.NOTICES_VANISHING:
            pytest.skip("nobody sees the other side leave; the session's timer ends it")
        self.run("check_vanished")

    async def check_vanished(self, payee: Link, payer: Link) -> None:
        """Gone in mid-session."""
        waiting = asyncio.ensure_future(payer.receive())
        await self.vanish(payee)
        with pytest.raises(Refusal) as refused:
            await waiting
        assert refused.value.outcome is Outcome.UNAVAILABLE

    def test_a_wait_that_is_given_up_loses_nothing(self) -> None:
        """Cancelling a wait for a message leaves the next message to the next wait."""
        self.run("check_cancelled_wait")

    async def check_cancelled_wait(self, payee: Link, payer: Link) -> None:
        """Wait, give up, be sent something, wait again."""
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0):
                await payer.receive()
        await payee.send(b"after all")
        assert await payer.receive() == b"after all"

    def test_a_damaged_medium_delivers_or_tells(self) -> None:
        """What arrives is a beginning of what was sent, whole, in order, once; the rest is told."""
        if not self.DAMAGES:
            pytest.skip("nothing happens to what this medium carries")
        for damage in self.DAMAGES:
            self.run("check_damaged", damage)

    async def check_damaged(self, payee: Link, payer: Link) -> None:
        """Several messages, then the end."""
        messages = [bytes([number]) * size for number, size in enumerate(DAMAGED_SIZES)]
        arrived: list[bytes] = []

        async def send_all() -> None:
            for message in messages:
                await payee.send(message)
            await payee.close()

        async def receive_all() -> None:
            while len(arrived) <= len(messages):
                arrived.append(await payer.receive())

        sending = asyncio.ensure_future(send_all())
        with pytest.raises(Refusal) as refused:
            await receive_all()
        await asyncio.gather(sending, return_exceptions=True)
        assert refused.value.outcome is Outcome.UNAVAILABLE
        assert arrived == messages[: len(arrived)]
        self.check_arrived(len(arrived))
        ended = sending.exception()
        assert ended is None or (
            isinstance(ended, Refusal) and ended.outcome is Outcome.UNAVAILABLE
        )

    def check_arrived(self, count: int) -> None:
        """How many of `DAMAGED_SIZES` must arrive whatever happens; override for more than none."""
