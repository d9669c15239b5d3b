"""The short-message service in space: who is covered when, what it takes, what arrives and when.

Pure: time and chance are arguments, so the same requests at the same times, with the same seed behind
`draw`, give the same messages. What the service takes may be lost on its way, repeated, and overtaken by later messages,
because each copy has a delay of its own; a recipient that is not covered when a copy comes down does
not hear it. What it does not take it refuses, with its reason and how long to wait.
"""

import heapq
from collections.abc import Callable
from dataclasses import dataclass, field

from feiqian.wire.rdss.module import Feedback, ModuleIdentity, ModuleMessage, Reason

MAX_IN_FLIGHT = 100_000
"""Copies under way; what comes beyond is lost."""

_MS = 1000


@dataclass(frozen=True, slots=True)
class Conditions:
    """What happens to messages on their way."""

    loss: float = 0.0
    """Share of copies that do not arrive."""
    repetition: float = 0.0
    """Share of messages of which two copies are sent down."""
    delay_min_ms: int = 500
    delay_max_ms: int = 3_000
    """Each copy takes a time between the two, so later ones can be first."""


@dataclass(frozen=True, slots=True)
class Coverage:
    """When a terminal sees the service: a part of each round, or always."""

    round_ms: int = 0
    """0: always."""
    visible_ms: int = 0
    """From the beginning of each round."""
    offset_ms: int = 0
    """Where the first round begins."""

    def covers(self, now_ms: int) -> bool:
        """Whether the service is seen now."""
        return self.until_covered_ms(now_ms) == 0

    def until_covered_ms(self, now_ms: int) -> int:
        """How long until it is; 0 when it is seen now."""
        if not self.round_ms:
            return 0
        passed_ms = (now_ms - self.offset_ms) % self.round_ms
        return 0 if passed_ms < self.visible_ms else self.round_ms - passed_ms


ALWAYS = Coverage()
NEVER = Coverage(round_ms=1_000, visible_ms=0)


@dataclass(frozen=True, slots=True)
class Subscription:
    """One card: its identity, what it may send, and where it is."""

    identity: ModuleIdentity
    max_bytes: int
    coverage: Coverage = ALWAYS
    permitted: bool = True


@dataclass(order=True, slots=True)
class _Copy:
    arrives_ms: int
    number: int
    to: str = field(compare=False)
    heard: ModuleMessage = field(compare=False)


class Constellation:
    """All satellites and all subscriptions; `draw` gives chance, from 0 to below 1."""

    def __init__(
        self,
        subscriptions: tuple[Subscription, ...],
        conditions: Conditions,
        draw: Callable[[], float],
    ) -> None:
        self._subscriptions = {each.identity.address: each for each in subscriptions}
        self._commanders = {
            each.identity.broadcast_address: each.identity.address
            for each in subscriptions
            if each.identity.subordinates
        }
        self._conditions = conditions
        self._draw = draw
        self._sent_ms: dict[str, int] = {}
        self._flying: list[_Copy] = []
        self._copies = 0
        self.taken = 0
        """Messages that the service took."""
        self.lost = 0
        """Copies that were lost, or came down where nobody was covered."""

    def subscription(self, address: str) -> Subscription:
        """The subscription of an address."""
        return self._subscriptions[address]

    def cover(self, address: str, coverage: Coverage) -> None:
        """A terminal moves to where the service is seen differently."""
        old = self._subscriptions[address]
        self._subscriptions[address] = Subscription(
            old.identity, old.max_bytes, coverage, old.permitted
        )

    def beams(self, address: str, now_ms: int) -> int:
        """How many beams a terminal hears now."""
        return 3 * self._subscriptions[address].coverage.covers(now_ms)

    def submit(self, sender: str, to: str, content: bytes, now_ms: int) -> Feedback:
        """Take a message from a terminal, or say why not."""
        refused = self._refused(self._subscriptions[sender], content, now_ms)
        if refused is not None:
            return refused
        self._sent_ms[sender] = now_ms
        self.taken += 1
        for recipient in self._recipients(sender, to):
            self._fly(recipient, ModuleMessage(sender, content), now_ms)
        return Feedback(None)

    def due_ms(self) -> int | None:
        """When the next copy comes down; None when none is under way."""
        return self._flying[0].arrives_ms if self._flying else None

    def come_down(self, now_ms: int) -> list[tuple[str, ModuleMessage]]:
        """What arrives until now, with its recipient, in the order of arrival."""
        arrived = []
        while self._flying and self._flying[0].arrives_ms <= now_ms:
            copy = heapq.heappop(self._flying)
            if self._subscriptions[copy.to].coverage.covers(copy.arrives_ms):
                arrived.append((copy.to, copy.heard))
            else:
                self.lost += 1
        return arrived

    def _refused(self, sender: Subscription, content: bytes, now_ms: int) -> Feedback | None:
        if not sender.permitted or len(content) > sender.max_bytes:
            return Feedback(Reason.NO_PERMISSION)
        if not sender.coverage.covers(now_ms):
            return Feedback(Reason.NO_SIGNAL)
        last_ms = self._sent_ms.get(sender.identity.address)
        if last_ms is None:
            return None
        wait_ms = last_ms + sender.identity.period_s * _MS - now_ms
        return Feedback(Reason.TOO_OFTEN, -(-wait_ms // _MS)) if wait_ms > 0 else None

    def _recipients(self, sender: str, to: str) -> list[str]:
        if self._commanders.get(to) == sender:
            return [address for address in self._subscriptions if address != sender]
        return [to] if to in self._subscriptions else []

    def _fly(self, to: str, heard: ModuleMessage, now_ms: int) -> None:
        conditions = self._conditions
        spread_ms = conditions.delay_max_ms - conditions.delay_min_ms
        for _ in range(2 if self._draw() < conditions.repetition else 1):
            lost = self._draw() < conditions.loss
            delay_ms = conditions.delay_min_ms + int(self._draw() * (spread_ms + 1))
            if lost or len(self._flying) >= MAX_IN_FLIGHT:
                self.lost += 1
                continue
            self._copies += 1
            heapq.heappush(self._flying, _Copy(now_ms + delay_ms, self._copies, to, heard))
