"""What every `ports.MessageBus` must do, as one suite: subclass it and say how to join a bus.

`open` makes a new bus, `join` a member of it, `shut` ends it. What is said here holds for a bus
within a process, for a hub on loopback and for a broker with certificates.
"""

import asyncio
from collections.abc import Awaitable, Callable
from typing import ClassVar

import pytest

from feiqian.outcomes import Outcome, Refusal
from feiqian.ports import Delivery, MessageBus
from feiqian.wire.envelope import MAX_MESSAGE_BYTES

PATIENCE_S = 60
OVERLOAD = 600
"""More messages than any bus keeps for one member."""


class BusConformance:
    """Inherit, and override `open`, `join` and `shut`."""

    TELLS_TAKEOVER: ClassVar[bool] = True
    """Whether a member whose name is taken over is told so; if not, it comes back by itself."""

    async def open(self) -> None:
        """Make a new bus."""
        raise NotImplementedError

    async def join(self, name: str) -> MessageBus:
        """A new member of the bus."""
        raise NotImplementedError

    async def shut(self) -> None:
        """End the bus."""
        raise NotImplementedError

    def run(self, check: Callable[[], Awaitable[None]]) -> None:
        """Run an asynchronous check on a new bus."""

        async def checked() -> None:
            self._members: list[MessageBus] = []
            async with asyncio.timeout(PATIENCE_S):
                await self.open()
                try:
                    await check()
                finally:
                    for member in self._members:
                        await member.close()
                    await self.shut()

        asyncio.run(checked())

    async def member(self, name: str) -> MessageBus:
        """A member that is closed when the check ends."""
        member = await self.join(name)
        self._members.append(member)
        return member

    def test_a_message_arrives_as_it_was_sent(self) -> None:
        """A message arrives with its sender's name, its kind and its bytes, the longest, too."""
        self.run(self.check_whole)

    async def check_whole(self) -> None:
        """Empty, small, and the limit itself."""
        car, pump = await self.member("car-1"), await self.member("pump.7_A")
        for payload in (b"", b"\x00\xff\r\n", bytes(MAX_MESSAGE_BYTES)):
            await car.publish("pump.7_A", "service-request", payload)
            assert await pump.receive() == Delivery("car-1", "service-request", payload)

    def test_each_member_reads_its_own_inbox(self) -> None:
        """What is sent to one member reaches that one and no other, and answers find the way back."""
        self.run(self.check_inboxes)

    async def check_inboxes(self) -> None:
        """Three members, one of whom writes to itself."""
        car, pump, other = [await self.member(name) for name in ("car", "pump", "other")]
        await car.publish("pump", "question", b"1")
        await pump.publish("car", "answer", b"2")
        await other.publish("other", "note", b"3")
        assert await pump.receive() == Delivery("car", "question", b"1")
        assert await car.receive() == Delivery("pump", "answer", b"2")
        assert await other.receive() == Delivery("other", "note", b"3")

    def test_nothing_is_lost_between_members_that_are_there(self) -> None:
        """Of a hundred messages to a member that reads them, all arrive, in order."""
        self.run(self.check_all)

    async def check_all(self) -> None:
        """As fast as they go."""
        car, pump = await self.member("car"), await self.member("pump")
        arriving = asyncio.ensure_future(_receive(pump, 100))
        for number in range(100):
            await car.publish("pump", "count", str(number).encode())
        assert [int(delivery.payload) for delivery in await arriving] == list(range(100))

    def test_a_name_that_nobody_ever_had_is_unavailable(self) -> None:
        """Publishing to a name that was never on the bus is refused, not swallowed."""
        self.run(self.check_nobody)

    async def check_nobody(self) -> None:
        """A name made up."""
        car = await self.member("car")
        await _refused(Outcome.UNAVAILABLE, car.publish("nobody", "note", b""))

    def test_what_does_not_fit_is_refused(self) -> None:
        """Names and kinds with a meaning to brokers, and messages above the limit, are refused."""
        self.run(self.check_bounds)

    async def check_bounds(self) -> None:
        """Wildcards, levels, emptiness, length; and the member still works."""
        car = await self.member("car")
        for recipient in ("", "#", "+", "car/pump", "$SYS", "-x", "a" * 49, "wagen\u00e4"):
            await _refused(Outcome.MALFORMED, car.publish(recipient, "note", b""))
        for kind in ("", "#", "Note", "a/b", "a" * 33):
            await _refused(Outcome.MALFORMED, car.publish("car", kind, b""))
        await _refused(Outcome.TOO_LARGE, car.publish("car", "note", bytes(MAX_MESSAGE_BYTES + 1)))
        await car.publish("car", "note", b"fits")
        assert (await car.receive()).payload == b"fits"

    def test_what_comes_while_a_member_is_away_waits(self) -> None:
        """A member that left and returns under its name reads what was sent in the meantime."""
        self.run(self.check_away)

    async def check_away(self) -> None:
        """Leave, be written to, return."""
        car, pump = await self.member("car"), await self.member("pump")
        await pump.close()
        await car.publish("pump", "note", b"while you were away")
        returned = await self.member("pump")
        assert await returned.receive() == Delivery("car", "note", b"while you were away")

    def test_what_was_not_read_before_leaving_is_read_after(self) -> None:
        """A message that was delivered to a member that left without reading it is not lost."""
        self.run(self.check_unread)

    async def check_unread(self) -> None:
        """Two messages, one read before leaving."""
        car, pump = await self.member("car"), await self.member("pump")
        await car.publish("pump", "note", b"read")
        await car.publish("pump", "note", b"unread")
        assert (await pump.receive()).payload == b"read"
        await pump.close()
        returned = await self.member("pump")
        delivery = await returned.receive()
        while delivery.payload == b"read":
            delivery = await returned.receive()
        assert delivery.payload == b"unread"

    def test_the_newest_member_of_a_name_takes_over(self) -> None:
        """A second member under one name gets the messages; the first is told, and is out."""
        self.run(self.check_takeover)

    async def check_takeover(self) -> None:
        """The first waits when the second comes; or has left, where it could not be told."""
        car, first = await self.member("car"), await self.member("pump")
        waiting = asyncio.ensure_future(first.receive())
        await asyncio.wait({waiting}, timeout=0)
        if not self.TELLS_TAKEOVER:
            await first.close()
        second = await self.member("pump")
        await _refused(Outcome.UNAVAILABLE, waiting)
        await car.publish("pump", "note", b"to the second")
        assert (await second.receive()).payload == b"to the second"

    def test_leaving_ends_waiting(self) -> None:
        """Closing ends a wait; closing twice is harmless; a closed member is refused everything."""
        self.run(self.check_close)

    async def check_close(self) -> None:
        """Close while waiting."""
        car = await self.member("car")
        waiting = asyncio.ensure_future(car.receive())
        await asyncio.wait({waiting}, timeout=0)
        await car.close()
        await car.close()
        await _refused(Outcome.UNAVAILABLE, waiting)
        await _refused(Outcome.UNAVAILABLE, car.receive())
        await _refused(Outcome.UNAVAILABLE, car.publish("car", "note", b""))

    def test_a_wait_that_is_given_up_loses_nothing(self) -> None:
        """Cancelling a wait leaves the next message to the next wait."""
        self.run(self.check_cancelled_wait)

    async def check_cancelled_wait(self) -> None:
        """Wait, give up, be sent something, wait again."""
        car = await self.member("car")
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0):
                await car.receive()
        await car.publish("car", "note", b"after all")
        assert (await car.receive()).payload == b"after all"

    def test_a_member_that_does_not_read_harms_nobody(self) -> None:
        """Messages to a member that reads nothing are kept up to a limit; all others go on."""
        self.run(self.check_slow)

    async def check_slow(self) -> None:
        """Too many messages to one; one to another; then the slow one reads what was kept."""
        car, slow, quick = [await self.member(name) for name in ("car", "slow", "quick")]
        sent = await _overload(car, "slow")
        await car.publish("quick", "note", b"at once")
        assert (await quick.receive()).payload == b"at once"
        kept = await _receive_until(slow, car, b"end")
        assert 1 <= len(kept) < OVERLOAD
        assert kept == [payload for payload in sent if payload in set(kept)]


async def _overload(sender: MessageBus, recipient: str) -> list[bytes]:
    """Send more than is kept; the payloads that were not refused as too many."""
    sent = []
    for number in range(OVERLOAD):
        payload = str(number).encode()
        if await _has_room(sender.publish(recipient, "count", payload)):
            sent.append(payload)
    return sent


async def _has_room(publishing: Awaitable[None]) -> bool:
    """Whether a message was taken; the only other answer is that too many wait."""
    try:
        await publishing
    except Refusal as refusal:
        if refusal.outcome is Outcome.BUSY:
            return False
        raise
    return True


async def _receive_until(member: MessageBus, sender: MessageBus, last: bytes) -> list[bytes]:
    """Everything that waits for the member "slow", up to a last message sent once there is room."""
    kept = []
    while (payload := (await member.receive()).payload) != last:
        kept.append(payload)
        await _has_room(sender.publish("slow", "note", last))
    return kept


async def _receive(member: MessageBus, count: int) -> list[Delivery]:
    return [await member.receive() for _ in range(count)]


async def _refused(outcome: Outcome, call: Awaitable[object]) -> None:
    with pytest.raises(Refusal) as refused:
        await call
    assert refused.value.outcome is outcome, refused.value.detail
