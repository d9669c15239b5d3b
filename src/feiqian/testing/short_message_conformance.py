"""What every `ports.ShortMessages` must do, as one suite: subclass it and say how to make two terminals.

The two can reach each other over a service that loses nothing while the suite runs, so that what it
promises can be seen; what services lose is the carriage's matter. Where nothing real is waited for it
runs in virtual time.
"""

import asyncio
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from typing import Any, ClassVar

import pytest

from feiqian.carrier import Carrier
from feiqian.outcomes import Outcome, Refusal
from feiqian.ports import ShortMessages
from feiqian.tasks import running
from feiqian.testing import virtual_time
from feiqian.testing.virtual_time import pass_time
from feiqian.wire.short_messages import MustWait, ShortMessage

PATIENCE_S = 100_000
"""Of the loop's own time; a real loop is ended by the test's timeout long before."""
PARCEL_MESSAGES = 3


@dataclass(frozen=True, slots=True)
class Pair:
    """Two terminals and their addresses."""

    near: ShortMessages
    near_address: str
    far: ShortMessages
    far_address: str


class ShortMessageConformance:
    """Inherit, and override `connect`; `disconnect` when more than closing is needed."""

    VIRTUAL_TIME: ClassVar[bool] = False

    async def connect(self) -> Pair:
        """Two new terminals within reach of each other."""
        raise NotImplementedError

    async def disconnect(self, pair: Pair) -> None:
        """Clear up after `connect`."""
        await pair.near.close()
        await pair.far.close()

    def run(self, check: Callable[[Pair], Coroutine[Any, Any, None]]) -> None:
        """Run a check on a new pair."""

        async def checked() -> None:
            async with asyncio.timeout(PATIENCE_S):
                pair = await self.connect()
                try:
                    await check(pair)
                finally:
                    await self.disconnect(pair)

        (virtual_time.run if self.VIRTUAL_TIME else asyncio.run)(checked())

    def test_a_message_arrives_with_its_sender(self) -> None:
        """What arrives is what was sent, to the last bit, with the sender's address; both ways."""
        self.run(self.check_both_ways)

    async def check_both_ways(self, pair: Pair) -> None:
        """Every byte value there, one byte back."""
        content = bytes(range(256))[-pair.near.channel.max_bytes :]
        await pair.near.send(content, pair.far_address)
        assert await pair.far.receive() == ShortMessage(pair.near_address, content)
        await pair.far.send(b"\0", pair.near_address)
        assert await pair.near.receive() == ShortMessage(pair.far_address, b"\0")

    def test_the_longest_message_passes_and_no_longer_one(self) -> None:
        """A message of exactly the class's limit passes; one byte more is refused and not sent."""
        self.run(self.check_longest)

    async def check_longest(self, pair: Pair) -> None:
        """One above, none, then the limit: the pace is still free for it."""
        limit = pair.near.channel.max_bytes
        for length in (limit + 1, 0):
            with pytest.raises(Refusal) as refused:
                await pair.near.send(bytes(length), pair.far_address)
            assert refused.value.outcome is Outcome.TOO_LARGE
        await pair.near.send(b"\xa4" * limit, pair.far_address)
        assert (await pair.far.receive()).content == b"\xa4" * limit

    def test_a_message_within_the_period_is_told_to_wait(self) -> None:
        """A second message at once is refused with the time to wait, after which it is taken."""
        self.run(self.check_pace)

    async def check_pace(self, pair: Pair) -> None:
        """Twice at once, then again when told."""
        await pair.near.send(b"first", pair.far_address)
        with pytest.raises(MustWait) as told:
            await pair.near.send(b"second", pair.far_address)
        assert told.value.outcome is Outcome.BUSY
        assert 0 < told.value.wait_ms <= pair.near.channel.period_ms
        await pass_time(told.value.wait_ms / 1000)
        await pair.near.send(b"second", pair.far_address)
        arrived = {(await pair.far.receive()).content for _ in range(2)}
        assert arrived == {b"first", b"second"}

    def test_a_wait_that_is_given_up_loses_nothing(self) -> None:
        """Cancelling a wait for a message leaves the next message to the next wait."""
        self.run(self.check_cancelled_wait)

    async def check_cancelled_wait(self, pair: Pair) -> None:
        """Wait, give up, be sent something, wait again."""
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0):
                await pair.far.receive()
        await pair.near.send(b"after all", pair.far_address)
        assert (await pair.far.receive()).content == b"after all"

    def test_a_closed_terminal_neither_sends_nor_receives(self) -> None:
        """After closing, also twice, sending and receiving are refused as unavailable."""
        self.run(self.check_closed)

    async def check_closed(self, pair: Pair) -> None:
        """Close, close again, try."""
        await pair.near.close()
        await pair.near.close()
        for attempt in (pair.near.receive(), pair.near.send(b"too late", pair.far_address)):
            with pytest.raises(Refusal) as refused:
                await attempt
            assert refused.value.outcome is Outcome.UNAVAILABLE

    def test_a_parcel_of_several_messages_arrives(self) -> None:
        """A carrier brings what is longer than one message, and its answer back."""
        self.run(self.check_parcel)

    async def check_parcel(self, pair: Pair) -> None:
        """A question of several messages, answered in as many."""
        near, far = Carrier(pair.near), Carrier(pair.far)
        async with running(near.run(), far.run()):
            length = PARCEL_MESSAGES * pair.near.channel.symbol_bytes
            question, answer = b"?" * length, b"!" * length
            parcel = near.send(question, pair.far_address, lifetime_ms=PATIENCE_S * 1000)
            asked = await far.receive()
            assert (asked.parcel.sender, asked.content) == (pair.near_address, question)
            far.answer(asked.parcel, answer, lifetime_ms=PATIENCE_S * 1000)
            assert (await near.receive()).content == answer
            near.settle(parcel)
            assert not near.is_open(parcel)
