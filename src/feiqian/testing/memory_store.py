"""`ports.Store` in memory, for tests and simulations that need no durability.

It enforces what the real one does: a job that raises leaves nothing behind, a reading job cannot
write, and constraints hold. Every job runs at once, in the order of the calls.
"""

import sqlite3
from collections.abc import Callable, Sequence
from typing import Self, TypeVar

from feiqian.ports import Row, Transaction, Value

T = TypeVar("T")


class MemoryTransaction:
    """`ports.Transaction` on the store's connection."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    def query(self, sql: str, parameters: Sequence[Value] = ()) -> list[Row]:
        """All rows."""
        return self._connection.execute(sql, parameters).fetchall()

    def execute(self, sql: str, parameters: Sequence[Value] = ()) -> int:
        """The number of rows changed."""
        return self._connection.execute(sql, parameters).rowcount


class MemoryStore:
    """A store that is gone when it is closed."""

    def __init__(self, migrations: Sequence[str]) -> None:
        self._connection = sqlite3.connect(":memory:", isolation_level=None)
        self._connection.execute("PRAGMA foreign_keys=ON")
        for script in migrations:
            self._connection.executescript(script)

    async def write(self, job: Callable[[Transaction], T]) -> T:
        """Run `job`, whole or not at all."""
        return self.run(job)

    async def read(self, job: Callable[[Transaction], T]) -> T:
        """Run `job`, which must not write."""
        self._connection.execute("PRAGMA query_only=ON")
        try:
            return job(MemoryTransaction(self._connection))
        finally:
            self._connection.execute("PRAGMA query_only=OFF")

    def run(self, job: Callable[[Transaction], T]) -> T:
        """`write` for callers without an event loop."""
        self._connection.execute("BEGIN")
        try:
            result = job(MemoryTransaction(self._connection))
        except BaseException:
            self._connection.execute("ROLLBACK")
            raise
        self._connection.execute("COMMIT")
        return result

    def copy(self) -> Self:
        """What a backup of now would restore."""
        copy = type(self)(())
        self._connection.backup(copy._connection)  # noqa: SLF001 - of its own class
        return copy

    def close(self) -> None:
        """Forget everything."""
        self._connection.close()
