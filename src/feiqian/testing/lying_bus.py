"""A bus that lies: it drops, repeats, holds back, swaps, changes and invents, as a seed decides.

What it tells is believed by nobody who verifies; the test that uses it asks that money never moves
wrongly, and that all comes to its end once the bus is honest again.
"""

import random
from dataclasses import dataclass, field

from feiqian.ports import Delivery, MessageBus

MAX_HELD = 64
Told = tuple[str, str, bytes]
"""Recipient, kind, payload."""


@dataclass
class Liar:
    """What all members' lying buses share; `honest` ends the lies."""

    seed: int
    share: float = 0.5
    """Of messages that are not simply delivered."""
    honest: bool = False
    seen: list[Told] = field(default_factory=list)
    held: list[Told] = field(default_factory=list)
    lies: int = 0
    rng: random.Random = field(init=False)

    def __post_init__(self) -> None:
        self.rng = random.Random(self.seed)

    def wrap(self, bus: MessageBus) -> "LyingBus":
        """One member's bus, in between."""
        return LyingBus(bus, self)

    def tell(self, told: Told) -> list[Told]:
        """What is delivered in place of a message."""
        if self.honest:
            held, self.held = self.held, []
            return [*held, told]
        self.seen = [*self.seen[-MAX_HELD:], told]
        if self.rng.random() >= self.share:
            return [told]
        self.lies += 1
        return self._lie(told)

    def _lie(self, told: Told) -> list[Told]:
        recipient, kind, payload = told
        other = self.rng.choice(self.seen)
        match self.rng.randrange(7):
            case 0:
                return []
            case 1:
                return [told, told, other]
            case 2:
                self.held = [*self.held[-MAX_HELD:], told]
                return []
            case 3:
                held, self.held = self.held, []
                self.rng.shuffle(held)
                return [told, *held]
            case 4:
                return [(recipient, kind, other[2]), (other[0], kind, payload)]
            case 5:
                return [(recipient, kind, self._changed(payload))]
            case _:
                return [told, (recipient, kind, self.rng.randbytes(40))]

    def _changed(self, payload: bytes) -> bytes:
        place = self.rng.randrange(len(payload))
        return payload[:place] + bytes([payload[place] ^ 1]) + payload[place + 1 :]


@dataclass
class LyingBus:
    """`ports.MessageBus` of one member."""

    inner: MessageBus
    liar: Liar

    async def publish(self, recipient: str, kind: str, payload: bytes) -> None:
        """Hand over, or something else."""
        for told in self.liar.tell((recipient, kind, payload)):
            await self.inner.publish(*told)

    async def receive(self) -> Delivery:
        """The next message."""
        return await self.inner.receive()

    async def close(self) -> None:
        """Leave."""
        await self.inner.close()
