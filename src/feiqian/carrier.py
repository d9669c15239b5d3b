"""The loop that carries parcels over a short-message service.

It waits for the module and for the outbox's next turn, and decides nothing: pace, order and rounds
are the outbox's, what is whole is the inbox's. A module that has no time, no coverage or no answer
is tried again; one that is lost ends the loop with its refusal, and the loop goes on where it was once
it is given another. `run_on` opens another by itself, with growing rests.
"""

import asyncio
from collections import OrderedDict
from collections.abc import Awaitable, Callable

from feiqian.outcomes import Outcome, Refusal
from feiqian.ports import ShortMessages
from feiqian.protocol.carriage.inbox import Arrived, ParcelInbox, ParcelKey
from feiqian.protocol.carriage.outbox import Effort, Outbox, Outgoing, Sending, Urgency
from feiqian.tasks import until_one_ends
from feiqian.wire.short_messages import MustWait, ShortMessage

MAX_ARRIVED = 256
"""Parcels that wait to be taken; while they do, the module is not listened to."""
MAX_ANSWERS = 1_024
"""Answers whose questions are remembered."""
FIRST_REST_S = 1.0
LONGEST_REST_S = 60.0
"""Before a lost module is opened again; each rest is twice the last."""


class Carrier:
    """One module's traffic. `run` it beside whoever posts and receives."""

    def __init__(self, module: ShortMessages) -> None:
        self._module = module
        self._outbox = Outbox(module.channel)
        self._inbox = ParcelInbox()
        self._arrived: asyncio.Queue[Arrived] = asyncio.Queue(MAX_ARRIVED)
        self._posted = asyncio.Event()
        self._answers: OrderedDict[ParcelKey, int] = OrderedDict()
        self.refused = 0
        """Messages received that were no frames."""

    def send(
        self, content: bytes, to: str, lifetime_ms: int, urgency: Urgency = Urgency.PROMPT
    ) -> int:
        """Send until it is settled or its lifetime is over; the parcel's number."""
        return self._post(content, to, Effort.UNTIL_SETTLED, lifetime_ms, urgency)

    def broadcast(
        self, content: bytes, to: str, lifetime_ms: int, urgency: Urgency = Urgency.ROUTINE
    ) -> int:
        """Send to many, none of whom answers; the parcel's number."""
        return self._post(content, to, Effort.BROADCAST, lifetime_ms, urgency)

    def answer(self, question: ParcelKey, content: bytes, lifetime_ms: int) -> int:
        """Answer a parcel, and again whenever its sender shows that it still asks."""
        effort, urgency = Effort.WHEN_ASKED, Urgency.PROMPT
        number = self._post(content, question.sender, effort, lifetime_ms, urgency)
        self._answers[question] = number
        if len(self._answers) > MAX_ANSWERS:
            self._answers.popitem(last=False)
        return number

    def settle(self, parcel: int) -> None:
        """It was answered, or is of no use any more."""
        self._outbox.settle(parcel)

    def is_open(self, parcel: int) -> bool:
        """Whether more of it may be sent."""
        return parcel in self._outbox

    async def receive(self) -> Arrived:
        """The next parcel that is whole."""
        return await self._arrived.get()

    def take_module(self, module: ShortMessages) -> None:
        """Go on with another module of the same class, while `run` does not run."""
        self._module = module

    async def run(self) -> None:
        """Send and receive until the module is lost. `Refusal` unavailable then."""
        await until_one_ends(self._send_all(), self._receive_all())

    async def run_on(
        self, reopen: Callable[[], Awaitable[ShortMessages]], told: Callable[[str], None]
    ) -> None:
        """`run`, and go on with another module whenever one is lost; until it is cancelled.

        `told` is told in words that the module is lost, and that it is there again.
        """
        while True:
            try:
                await self.run()
            except Refusal as lost:
                told(f"The short-message module is lost: {lost}")
            await self.close()
            self.take_module(await _reopened(reopen))
            told("The short-message module is there again.")

    async def close(self) -> None:
        """Close the module in use, while `run` does not run."""
        await self._module.close()

    def _post(
        self, content: bytes, to: str, effort: Effort, lifetime_ms: int, urgency: Urgency
    ) -> int:
        expires_ms = _reading_ms() + lifetime_ms
        number = self._outbox.post(Sending(content, to, effort, expires_ms, urgency))
        self._posted.set()
        return number

    async def _receive_all(self) -> None:
        while True:
            await self._take(await self._module.receive())

    async def _take(self, message: ShortMessage) -> None:
        try:
            taken = self._inbox.take(message, _reading_ms())
        except Refusal:
            self.refused += 1
            return
        if isinstance(taken, Arrived):
            await self._arrived.put(taken)
        elif taken is not None and taken.parcel in self._answers:
            self._answer_again(taken.parcel)

    def _answer_again(self, question: ParcelKey) -> None:
        """Its sender still asks; an answer that has expired has to be given anew."""
        answer = self._answers[question]
        if answer in self._outbox:
            self._outbox.ask(answer)
            self._posted.set()
        else:
            del self._answers[question]
            self._inbox.forget(question)

    async def _send_all(self) -> None:
        while True:
            message = self._outbox.next(_reading_ms())
            if message is None:
                await self._wait()
            else:
                await self._try(message)

    async def _wait(self) -> None:
        """Until something is posted, or the next turn."""
        self._posted.clear()
        due_ms = self._outbox.due_ms()
        try:
            async with asyncio.timeout_at(None if due_ms is None else due_ms / 1000):
                await self._posted.wait()
        except TimeoutError:
            return

    async def _try(self, message: Outgoing) -> None:
        try:
            await self._module.send(message.content, message.to)
        except MustWait as wait:
            self._outbox.put_off(_reading_ms(), wait.wait_ms)
        except Refusal as refusal:
            self._not_taken(message, refusal)
        else:
            self._outbox.sent(message, _reading_ms())

    def _not_taken(self, message: Outgoing, refusal: Refusal) -> None:
        if refusal.outcome is Outcome.TIMED_OUT:
            self._outbox.sent(message, _reading_ms())
        elif refusal.outcome in (Outcome.BUSY, Outcome.UNAVAILABLE):
            self._outbox.put_off(_reading_ms())
        else:
            self._outbox.settle(message.parcel)


async def _reopened(reopen: Callable[[], Awaitable[ShortMessages]]) -> ShortMessages:
    rest_s = FIRST_REST_S
    while True:
        await _rest(rest_s)
        try:
            return await reopen()
        except Refusal:
            rest_s = min(2 * rest_s, LONGEST_REST_S)


async def _rest(rest_s: float) -> None:
    try:
        async with asyncio.timeout(rest_s):
            await asyncio.get_running_loop().create_future()
    except TimeoutError:
        return


def _reading_ms() -> int:
    """The loop's own clock: what paces and expires here lives no longer than the process."""
    return round(asyncio.get_running_loop().time() * 1000)
