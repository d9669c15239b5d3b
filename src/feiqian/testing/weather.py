"""The weather of a simulated network: how long everything takes, what gets lost, who dies when.

Every use of a port takes a while that the seed decides, so that everybody's steps interleave. In bad
weather requests do not arrive, answers are lost, requests arrive twice, and institutions die: a dead
run of one reads and writes nothing any more, whatever it was about to do, and who waits for it is
left without an answer. In fair weather nothing of this happens.
"""

import asyncio
import random
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import TypeVar

from feiqian.outcomes import UNDECIDED, Outcome, Refusal
from feiqian.ports import Courier, Link, Store, Transaction
from feiqian.tasks import end_tasks
from feiqian.testing.power import PowerFailed
from feiqian.testing.virtual_time import pass_time

T = TypeVar("T")

SLOWEST_S = 0.05
"""Longest that a step takes."""
CUT_CHANCE = 0.02
LOST_CHANCE = 0.03
TWICE_CHANCE = 0.05
MAX_TRIES = 1_000
"""How often somebody patient repeats one request."""


@dataclass
class ServerLife:
    """One run of a server, from its start to its death."""

    ended: asyncio.Event = field(default_factory=asyncio.Event)

    def check(self) -> None:
        """Raises `PowerFailed` when it is over."""
        if self.ended.is_set():
            raise PowerFailed

    async def live(self, work: Awaitable[T]) -> T:
        """Work of this run, which ends with it. Raises `PowerFailed`."""
        working = asyncio.ensure_future(work)
        dying = asyncio.ensure_future(self.ended.wait())
        try:
            await asyncio.wait({working, dying}, return_when=asyncio.FIRST_COMPLETED)
            if working.done():
                return working.result()
            raise PowerFailed
        finally:
            await end_tasks((working, dying))

    async def answer(self, work: Awaitable[bytes]) -> bytes:
        """What the server answers, if it lives to do so. `Refusal` timed_out."""
        try:
            return await self.live(work)
        except PowerFailed:
            raise Refusal(Outcome.TIMED_OUT, "the server died") from None


class Weather:
    """Chances and delays, all from one seed."""

    def __init__(self, rng: random.Random) -> None:
        self.fair = True
        self.lives: dict[str, ServerLife] = {}
        """By the URL under which a server answers; who has none there cannot be reached."""
        self._rng = rng
        self._twice: set[asyncio.Task[None]] = set()

    async def pause(self) -> None:
        """A step takes a while."""
        await pass_time(self._rng.uniform(0, SLOWEST_S))

    def strikes(self, chance: float) -> bool:
        """Whether something that has this chance in bad weather happens now."""
        return not self.fair and self._rng.random() < chance

    async def deliver(self, inner: Courier, url: str, body: bytes) -> bytes:
        """One request through this weather."""
        await self.pause()
        if self.strikes(CUT_CHANCE):
            raise Refusal(Outcome.UNAVAILABLE, f"{url} was not reached")
        if self.strikes(TWICE_CHANCE):
            again = asyncio.ensure_future(self._deliver_again(inner, url, body))
            self._twice.add(again)
            again.add_done_callback(self._twice.discard)
        answer = await self._reach(url).answer(inner.post(url, body))
        await self.pause()
        if self.strikes(LOST_CHANCE):
            raise Refusal(Outcome.TIMED_OUT, f"the answer of {url} was lost")
        return answer

    async def calm(self) -> None:
        """Fair weather from here on, once everything under way has arrived."""
        self.fair = True
        await asyncio.gather(*self._twice)

    async def _deliver_again(self, inner: Courier, url: str, body: bytes) -> None:
        await self.pause()
        try:
            await self._reach(url).answer(inner.post(url, body))
        except Refusal:
            return

    def _reach(self, url: str) -> ServerLife:
        for prefix, life in self.lives.items():
            if url.startswith(prefix) and not life.ended.is_set():
                return life
        raise Refusal(Outcome.UNAVAILABLE, f"nobody answers at {url}")


@dataclass(frozen=True, slots=True)
class WeatheredCourier:
    """`ports.Courier` through the weather; of a server, it ends with that run of it."""

    weather: Weather
    inner: Courier
    life: ServerLife = field(default_factory=ServerLife)

    async def post(self, url: str, body: bytes) -> bytes:
        """Deliver, if the weather lets it."""
        self.life.check()
        answer = await self.weather.deliver(self.inner, url, body)
        self.life.check()
        return answer


@dataclass(frozen=True, slots=True)
class PatientCourier:
    """A courier through the weather that repeats every request until it is decided."""

    weather: Weather
    inner: Courier

    async def post(self, url: str, body: bytes) -> bytes:
        """The answer in the end. `Refusal` when it is one that decides."""
        for _ in range(MAX_TRIES):
            try:
                return await self.weather.deliver(self.inner, url, body)
            except Refusal as refusal:
                if refusal.outcome not in UNDECIDED:
                    raise
        raise AssertionError(f"expected {url} to decide within {MAX_TRIES} tries")


@dataclass(frozen=True, slots=True)
class MortalStore:
    """A store that takes its time, and that only a living server can use."""

    weather: Weather
    inner: Store
    life: ServerLife

    async def write(self, job: Callable[[Transaction], T]) -> T:
        """One transaction; death comes before it or after it, never within."""
        await self.weather.pause()
        self.life.check()
        result = await self.inner.write(job)
        await self.weather.pause()
        self.life.check()
        return result

    async def read(self, job: Callable[[Transaction], T]) -> T:
        """A look."""
        self.life.check()
        return await self.inner.read(job)


@dataclass(frozen=True, slots=True)
class SlowLink:
    """A link on which messages take their time."""

    weather: Weather
    inner: Link

    async def send(self, message: bytes) -> None:
        """One message."""
        await self.weather.pause()
        await self.inner.send(message)

    async def receive(self) -> bytes:
        """The next one."""
        return await self.inner.receive()

    async def close(self) -> None:
        """The end for both."""
        await self.inner.close()
