"""A client's power supply: every use of a port is a step, and the power can fail at any of them.

It fails just before the port does what was asked, or just after, when the answer is lost with the
client's memory. What was durable by then is all that a new run finds.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

from feiqian.chip.session import Connection
from feiqian.ports import Courier, Link, Store, Transaction

T = TypeVar("T")


class PowerFailed(Exception):
    """The client is gone in mid-operation."""


@dataclass
class Power:
    """Counts steps; `cut_at` None never fails."""

    cut_at: int | None = None
    after: bool = False
    """Fail after the step was done instead of before."""
    steps: int = 0
    """Those begun, the one that failed included."""
    gone: bool = False
    """It has failed: whatever else runs beside fails at its next step."""

    def before(self) -> None:
        """A step begins."""
        cut_now = self.steps == self.cut_at and not self.after
        self.steps += not self.gone
        self._fail_if(cut_now)

    def done(self) -> None:
        """A step has been done."""
        self._fail_if(self.cut_at is not None and self.after and self.steps == self.cut_at + 1)

    def _fail_if(self, cut_now: bool) -> None:
        self.gone = self.gone or cut_now
        if self.gone:
            raise PowerFailed


@dataclass(frozen=True, slots=True)
class PoweredChip:
    """A chip connection that ends with the client."""

    power: Power
    inner: Connection

    def transmit(self, apdu: bytes) -> bytes:
        """One command."""
        self.power.before()
        answer = self.inner.transmit(apdu)
        self.power.done()
        return answer


@dataclass(frozen=True, slots=True)
class PoweredStore:
    """A store that ends with the client."""

    power: Power
    inner: Store

    async def write(self, job: Callable[[Transaction], T]) -> T:
        """One durable transaction."""
        self.power.before()
        result = await self.inner.write(job)
        self.power.done()
        return result

    async def read(self, job: Callable[[Transaction], T]) -> T:
        """Looking is no step: it leaves nothing behind."""
        return await self.inner.read(job)


@dataclass(frozen=True, slots=True)
class PoweredCourier:
    """A courier that ends with the client."""

    power: Power
    inner: Courier

    async def post(self, url: str, body: bytes) -> bytes:
        """One request."""
        self.power.before()
        answer = await self.inner.post(url, body)
        self.power.done()
        return answer


@dataclass(frozen=True, slots=True)
class PoweredLink:
    """A link that ends with the client, for both sides."""

    power: Power
    inner: Link

    async def send(self, message: bytes) -> None:
        """One message."""
        self.power.before()
        await self.inner.send(message)
        self.power.done()

    async def receive(self) -> bytes:
        """Waiting is no step."""
        return await self.inner.receive()

    async def close(self) -> None:
        """The end for both."""
        await self.inner.close()
