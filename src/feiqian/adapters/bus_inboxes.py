"""The inboxes of a message bus: who is a member, and what waits for whom.

One rule set for the bus inside a process and for the hub between processes. A message stays in its
inbox until its member has said that it was taken; whoever takes over a name gets what was not taken
before. Everything is bounded: members, messages waiting for one of them, and how long an inbox
outlives a member that went away.
"""

import asyncio
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field

from feiqian.outcomes import Outcome, Refusal
from feiqian.ports import Delivery
from feiqian.wire.bus_topics import check_kind, check_name
from feiqian.wire.envelope import MAX_MESSAGE_BYTES

MAX_MEMBERS = 20_000
MAX_WAITING = 256
"""Messages in one inbox; one more is refused to its sender."""
WINDOW = 32
"""Messages that are shown to a member before it has taken the first of them."""
SESSION_EXPIRY_S = 3_600
"""How long an inbox is kept for a member that is away."""


@dataclass(slots=True, eq=False)
class BusInbox:
    """What waits for one name, numbered in order of arrival."""

    name: str
    waiting: deque[tuple[int, Delivery]] = field(default_factory=deque)
    last_number: int = 0
    holder: "Presence | None" = None
    left_at_s: float = 0.0


class Presence:
    """One member that is connected now, until it leaves or another takes over its name."""

    def __init__(self, inbox: BusInbox) -> None:
        self._inbox = inbox
        self._shown = 0
        self._news = asyncio.Event()
        self.name = inbox.name

    def check(self) -> None:
        """`Refusal` unavailable when this member is not connected any more."""
        if self._inbox.holder is not self:
            raise Refusal(Outcome.UNAVAILABLE, f"{self.name} left the bus, or was taken over")

    async def next(self) -> tuple[int, Delivery]:
        """The next message that was not shown yet, and its number. It stays until `taken`.

        Waits while `WINDOW` messages are shown and not taken. `Refusal` unavailable.
        """
        while True:
            self.check()
            waiting = self._inbox.waiting
            # Numbers in an inbox are consecutive, so this counts what was shown and not taken.
            shown = max(0, self._shown + 1 - waiting[0][0]) if waiting else 0
            if shown < min(len(waiting), WINDOW):
                self._shown, delivery = waiting[shown]
                return self._shown, delivery
            self._news.clear()
            await self._news.wait()

    def taken(self, number: int) -> None:
        """Forget all messages up to `number`; of those that were never shown, none."""
        self.check()
        waiting = self._inbox.waiting
        while waiting and waiting[0][0] <= min(number, self._shown):
            waiting.popleft()
        self._news.set()

    def wake(self) -> None:
        """Something may have changed: look again."""
        self._news.set()


class Inboxes:
    """All inboxes of one bus; belongs to one event loop."""

    def __init__(self, now_s: Callable[[], float] = time.monotonic) -> None:
        self._inboxes: dict[str, BusInbox] = {}
        self._now_s = now_s

    def enter(self, name: str) -> Presence:
        """Connect a member; an earlier one of that name is out. `Refusal` malformed, busy."""
        inbox = self._known(check_name(name))
        if inbox is None:
            inbox = self._opened(name)
        earlier = inbox.holder
        inbox.holder = presence = Presence(inbox)
        if earlier is not None:
            earlier.wake()
        return presence

    def leave(self, presence: Presence) -> None:
        """Disconnect a member; its inbox stays for a while."""
        inbox = self._inboxes.get(presence.name)
        if inbox is not None and inbox.holder is presence:
            inbox.holder = None
            inbox.left_at_s = self._now_s()
        presence.wake()

    def post(self, recipient: str, delivery: Delivery) -> None:
        """Put a message into an inbox. `Refusal` malformed, too_large, unavailable, busy."""
        check_kind(delivery.kind)
        if len(delivery.payload) > MAX_MESSAGE_BYTES:
            raise Refusal(Outcome.TOO_LARGE, f"expected at most {MAX_MESSAGE_BYTES} bytes")
        inbox = self._known(check_name(recipient))
        if inbox is None:
            raise Refusal(Outcome.UNAVAILABLE, f"nobody on the bus is called {recipient}")
        if len(inbox.waiting) >= MAX_WAITING:
            raise Refusal(Outcome.BUSY, f"{recipient} has {MAX_WAITING} messages waiting")
        inbox.last_number += 1
        inbox.waiting.append((inbox.last_number, delivery))
        if inbox.holder is not None:
            inbox.holder.wake()

    def _known(self, name: str) -> BusInbox | None:
        """The inbox of a name, unless its member has been away for too long."""
        inbox = self._inboxes.get(name)
        if inbox is not None and self._is_over(inbox):
            del self._inboxes[name]
            return None
        return inbox

    def _opened(self, name: str) -> BusInbox:
        if len(self._inboxes) >= MAX_MEMBERS:
            self._inboxes = {
                known: inbox for known, inbox in self._inboxes.items() if not self._is_over(inbox)
            }
        if len(self._inboxes) >= MAX_MEMBERS:
            raise Refusal(Outcome.BUSY, f"expected at most {MAX_MEMBERS} members")
        self._inboxes[name] = BusInbox(name)
        return self._inboxes[name]

    def _is_over(self, inbox: BusInbox) -> bool:
        return inbox.holder is None and self._now_s() - inbox.left_at_s > SESSION_EXPIRY_S
