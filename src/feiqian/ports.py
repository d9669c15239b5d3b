"""Everything the parties need from the world, as protocols of one or two methods each.

Floors above wire a real thing (adapters) or a simulated one (testing) behind each port. Below this
floor there is no clock, no chance and no I/O: time and randomness are arguments there.
"""

from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Protocol, TypeVar

from feiqian.timing.moment import Moment
from feiqian.wire.positions import Position

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


class ChipConnection(Protocol):
    """A security chip within reach, however it is connected."""

    def transmit(self, apdu: bytes) -> bytes:
        """Send one command APDU, return the response APDU with its status word (ISO 7816-4).

        Raises `Refusal` unavailable when the chip is gone; what it did then must be asked again.
        """
        ...
