"""The loop that carries a machine: what it listens to, and in which order it does things."""

import asyncio
from collections.abc import Sequence

from feiqian.adapters.clock import SystemClock
from feiqian.chip.commands import Command, GetStatus
from feiqian.driver import Driver, NoLink, SessionPorts
from feiqian.outcomes import Outcome, Refusal
from feiqian.ports import Link
from feiqian.protocol.payment.effects import (
    Approve,
    AskServer,
    Effect,
    Finish,
    PerformOnChip,
    Probe,
    Send,
    SetTimer,
)
from feiqian.protocol.payment.facts import (
    Cancelled,
    ChipFailed,
    Fact,
    LinkLost,
    Probed,
    Received,
    ServerFailed,
    Started,
    TimerExpired,
)
from feiqian.testing.links import linked_pair
from feiqian.timing.moment import Moment
from feiqian.wire.payment import Refused

END = Finish(Outcome.ACCEPTED, "")
NOTE = Refused(Outcome.CANCELLED, "a message like any other")


class Script:
    """A machine that does what it was told and remembers what it heard."""

    def __init__(self, *steps: Sequence[Effect]) -> None:
        self.heard: list[Fact] = []
        self._steps = list(steps)

    def handle(self, fact: Fact, now: Moment) -> Sequence[Effect]:
        del now
        self.heard.append(fact)
        return self._steps.pop(0)


class DeadPorts:
    """Chip and server that are never there; a holder who never agrees."""

    def perform(self, command: Command) -> Refused:
        del command
        raise Refusal(Outcome.UNAVAILABLE, "no chip")

    async def post(self, url: str, body: bytes) -> bytes:
        raise Refusal(Outcome.UNAVAILABLE, "no server")

    async def approve(self, amount_minor: int, payee: str) -> bool:
        return False

    async def connected(self, institution: str) -> bool:
        return False

    async def keep(self, record: object) -> None:
        raise AssertionError("nothing is kept here")


def driver(link: Link) -> Driver:
    """A driver with a link and nothing else that works."""
    dead = DeadPorts()
    return Driver(
        SessionPorts(
            chip=dead,
            link=link,
            courier=dead,
            clock=SystemClock(),
            keep=dead.keep,
            url_of=lambda code: f"http://{code}",
            approve=dead.approve,
            connected=dead.connected,
        )
    )


def test_what_fails_becomes_a_fact() -> None:
    """A dead chip, server and link, and a holder who does not agree, are facts in their order."""
    script = Script(
        [PerformOnChip(GetStatus())],
        [AskServer("A", "/v1/payments", b"")],
        [Probe("A")],
        [Approve(1, "B-PAYEE1")],
        [Send(NOTE)],
        [END],
    )
    asyncio.run(driver(NoLink()).run(script))
    assert [type(fact) for fact in script.heard] == [
        Started,
        ChipFailed,
        ServerFailed,
        Probed,
        Cancelled,
        LinkLost,
    ]


def test_a_message_is_heard_before_the_timer() -> None:
    """A message that is there is heard; without one, the timer ends the wait."""

    async def run() -> list[Fact]:
        near, far = linked_pair()
        await far.send(b"first")
        script = Script([SetTimer(30)], [], [END])
        await driver(near).run(script)
        return script.heard

    assert asyncio.run(run()) == [Started(), Received(b"first"), TimerExpired()]


def test_the_holder_can_end_the_wait() -> None:
    """Cancelling is heard instead of a wait for a message that never comes."""

    async def run() -> list[Fact]:
        script = Script([], [END])
        ours = driver(linked_pair()[0])
        ours.cancel()
        await ours.run(script)
        return script.heard

    assert asyncio.run(run()) == [Started(), Cancelled()]
