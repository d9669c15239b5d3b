"""Everything the parties need from the world, as protocols of one or two methods each.

Floors above wire a real thing (adapters) or a simulated one (testing) behind each port. Below this
floor there is no clock, no chance and no I/O: time and randomness are arguments there.
"""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar

from feiqian.timing.fixes import Fix
from feiqian.timing.moment import Moment
from feiqian.timing.readings import Reading
from feiqian.wire.positions import Position
from feiqian.wire.short_messages import ChannelClass, ShortMessage

T = TypeVar("T")

Value = int | str | bytes | None
"""What a database column holds."""
Row = tuple[Any, ...]
"""One row; the query that made it says of what types."""


class Clock(Protocol):
    """Where a party takes the time from."""

    def now(self) -> Moment:
        """The current moment with its uncertainty."""
        ...


class Oscillator(Protocol):
    """What counts time locally, right or wrong."""

    def read(self) -> Reading:
        """What it shows now."""
        ...


class FixSource(Protocol):
    """Where moments come from: a receiver of any satellites, or another service (W-02, W-12)."""

    async def fix(self) -> Fix:
        """A fix heard after this was called.

        `Refusal` fix_missing when none came in time, unavailable when the source is not there.
        """
        ...


class Entropy(Protocol):
    """Where a party takes randomness from."""

    def __call__(self, count: int, /) -> bytes:
        """`count` unpredictable bytes."""
        ...


class Transaction(Protocol):
    """One database transaction, in the SQL that SQLite and PostgreSQL share; ``?`` binds."""

    def query(self, sql: str, parameters: Sequence[Value] = ()) -> list[Row]:
        """All rows of a SELECT or of a statement with RETURNING."""
        ...

    def execute(self, sql: str, parameters: Sequence[Value] = ()) -> int:
        """Run a statement; the number of rows it changed."""
        ...


class Store(Protocol):
    """Durable state. A job is a function of a transaction, without I/O of its own.

    Jobs that wait are committed together (group commit), each whole or not at all: a job that
    raises leaves nothing behind and its error reaches its caller alone. When `write` returns, the
    job's changes are durable.
    """

    def write(self, job: Callable[[Transaction], T]) -> Awaitable[T]:
        """Run `job` in a durable transaction. `Refusal` busy when too many wait."""
        ...

    def read(self, job: Callable[[Transaction], T]) -> Awaitable[T]:
        """Run `job` on a consistent snapshot; it must not write."""
        ...


class Courier(Protocol):
    """Carries one request to another party's server and brings the answer."""

    async def post(self, url: str, body: bytes) -> bytes:
        """The answer's body. `Refusal`: what the server refused, or unavailable, or timed_out."""
        ...


class Library(Protocol):
    """Reads documents that other parties publish for everybody."""

    async def get(self, url: str) -> bytes:
        """The document. `Refusal`: what the server refused, or unavailable, or timed_out."""
        ...


class Link(Protocol):
    """A direct connection between two clients; messages arrive whole and in order, or not."""

    async def send(self, message: bytes) -> None:
        """Hand over one message. `Refusal` unavailable when the link is lost."""
        ...

    async def receive(self) -> bytes:
        """The next message. `Refusal` unavailable when the link is lost or closed."""
        ...

    async def close(self) -> None:
        """End the connection; closing twice is harmless."""
        ...


class PositionSource(Protocol):
    """Where a vehicle learns its own position from (feature V-03)."""

    async def position(self) -> Position:
        """The next position, in the order of their moments; waits while none can be known.

        `Refusal` unavailable when the source is lost or closed. In a tunnel there is nothing to
        return: a source waits, it never repeats or extrapolates.
        """
        ...

    async def close(self) -> None:
        """End; closing twice is harmless."""
        ...


@dataclass(frozen=True, slots=True)
class Delivery:
    """A message as it came out of a bus: what the bus says of it, and its bytes."""

    sender: str
    """The member that sent it, if the bus is honest."""
    kind: str
    payload: bytes


class MessageBus(Protocol):
    """One member's access to a message bus: messages to named members, each into an inbox.

    A message that was published is delivered at least once, unless the recipient stays away too
    long or leaves too many waiting; the same may come twice, late or in another order. A bus is not
    trusted: whatever matters in a payload is signed. Reconnecting is the bus's business. Names,
    kinds and sizes are bounded by `wire.bus_topics` and `wire.envelope`.
    """

    async def publish(self, recipient: str, kind: str, payload: bytes) -> None:
        """Hand over one message; it has left once this returns.

        Raises `Refusal`: malformed (a name or kind), too_large, unavailable (no such recipient, or
        the bus is out of reach), busy (too much waits), timed_out: it may have left or not.
        """
        ...

    async def receive(self) -> Delivery:
        """The next message. A wait that is given up loses nothing.

        Raises `Refusal` unavailable once this member is closed, or another took over its name.
        """
        ...

    async def close(self) -> None:
        """Leave. What arrives from now on waits, for a while, for the next of this name."""
        ...


class ShortMessages(Protocol):
    """A terminal of a satellite's short-message service, with its own address there.

    The service may lose messages, repeat them and change their order; what arrives is as it was
    sent. `carrier.Carrier` brings longer content over it.
    """

    @property
    def channel(self) -> ChannelClass:
        """What one message may hold, and how often one may be sent."""
        ...

    async def send(self, content: bytes, to: str) -> None:
        """Hand over one message; the service has accepted it when this returns.

        Raises `Refusal`: too_large; `MustWait` (busy) with the time after which it may be tried
        again; unavailable (no coverage, no subscription, terminal lost); timed_out: it may have
        left or not.
        """
        ...

    async def receive(self) -> ShortMessage:
        """The next message for this terminal. A wait that is given up loses nothing.

        Raises `Refusal` unavailable when the terminal is lost or closed.
        """
        ...

    async def close(self) -> None:
        """Let go of the terminal; closing twice is harmless."""
        ...


class ChipConnection(Protocol):
    """A security chip within reach, however it is connected."""

    def transmit(self, apdu: bytes) -> bytes:
        """Send one command APDU, return the response APDU with its status word (ISO 7816-4).

        Raises `Refusal` unavailable when the chip is gone; what it did then must be asked again.
        """
        ...
