"""The embedded store: SQLite with write-ahead log and synchronous=FULL, behind `ports.Store`.

Whatever waits when the last commit returns is committed next as one group; each job in it stands in
a savepoint of its own, so one that raises undoes only itself. No job's caller learns anything
before the group is on disk. Jobs run in the event loop's thread, because they are short and would
only compete with it for the interpreter; the commit, which waits for the disk, has a thread of its
own. Reads run on a second connection, on a snapshot.
"""

import asyncio
import sqlite3
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self, TypeVar

from feiqian.outcomes import Outcome, Refusal
from feiqian.ports import Row, Transaction, Value

T = TypeVar("T")

MAX_WAITING = 10_000
"""Most jobs that wait; more get busy."""
MAX_GROUP = 512
"""Most jobs in one commit."""
CACHE_KIB = 65_536
"""Pages kept in memory; identifiers are random, so every insertion touches other pages."""
LOCK_WAIT_S = 10
"""How long to wait for another process that holds the file."""


@dataclass(slots=True)
class _Waiting:
    job: Callable[[Transaction], Any]
    future: "asyncio.Future[Any]"
    result: Any = None
    error: BaseException | None = None


class SqliteTransaction:
    """`ports.Transaction` on one connection."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    def query(self, sql: str, parameters: Sequence[Value] = ()) -> list[Row]:
        """All rows."""
        return self._connection.execute(sql, parameters).fetchall()

    def execute(self, sql: str, parameters: Sequence[Value] = ()) -> int:
        """The number of rows changed."""
        return self._connection.execute(sql, parameters).rowcount


class SqliteStore:
    """`ports.Store` in one file."""

    def __init__(self, writer: sqlite3.Connection, reader: sqlite3.Connection) -> None:
        self._writer = writer
        self._reader = reader
        self._commit_thread = ThreadPoolExecutor(1, thread_name_prefix="store-commit")
        self._waiting: deque[_Waiting] = deque()
        self._pump: asyncio.Task[None] | None = None

    @classmethod
    def open(cls, path: Path, migrations: Sequence[str]) -> Self:
        """Open or create `path` and bring its schema to ``len(migrations)``.

        Raises `Refusal`: unknown_version when the file was written by a newer release, malformed
        when it is no database, unavailable when it cannot be opened.
        """
        try:
            writer = connect(path)
            migrate(writer, migrations)
            reader = connect(path)
            reader.execute("PRAGMA query_only=ON")
        except sqlite3.OperationalError as error:
            raise Refusal(Outcome.UNAVAILABLE, f"{path}: {error}") from error
        except sqlite3.DatabaseError as error:
            raise Refusal(Outcome.MALFORMED, f"{path}: {error}") from error
        return cls(writer, reader)

    async def write(self, job: Callable[[Transaction], T]) -> T:
        """Run `job` in the next group and return when it is on disk."""
        if len(self._waiting) >= MAX_WAITING:
            raise Refusal(Outcome.BUSY, f"expected at most {MAX_WAITING} waiting writes")
        waiting = _Waiting(job, asyncio.get_running_loop().create_future())
        self._waiting.append(waiting)
        if self._pump is None or self._pump.done():
            self._pump = asyncio.create_task(self._drain())
        result: T = await waiting.future
        return result

    async def read(self, job: Callable[[Transaction], T]) -> T:
        """Run `job` on a snapshot."""
        self._reader.execute("BEGIN")
        try:
            return job(SqliteTransaction(self._reader))
        finally:
            self._reader.execute("ROLLBACK")

    async def close(self) -> None:
        """Finish what waits, then let go of the file."""
        if self._pump is not None:
            await self._pump
        self._commit_thread.shutdown()
        self._reader.close()
        self._writer.close()

    async def _drain(self) -> None:
        while self._waiting:
            count = min(len(self._waiting), MAX_GROUP)
            group = [self._waiting.popleft() for _ in range(count)]
            try:
                await self._commit(group)
            except sqlite3.Error as error:
                _roll_back(self._writer)
                for waiting in group:
                    waiting.error = waiting.error or error
            for waiting in group:
                _deliver(waiting)

    async def _commit(self, group: list[_Waiting]) -> None:
        self._writer.execute("BEGIN IMMEDIATE")
        for waiting in group:
            _run_in_savepoint(self._writer, waiting)
        loop = asyncio.get_running_loop()
        await loop.run_in_executor(self._commit_thread, self._writer.execute, "COMMIT")


def connect(path: Path) -> sqlite3.Connection:
    """A connection with the durability that everything here relies on."""
    connection = sqlite3.connect(
        path, isolation_level=None, check_same_thread=False, timeout=LOCK_WAIT_S
    )
    connection.execute("PRAGMA journal_mode=WAL")
    connection.execute("PRAGMA synchronous=FULL")
    connection.execute("PRAGMA foreign_keys=ON")
    connection.execute(f"PRAGMA cache_size=-{CACHE_KIB}")
    return connection


def migrate(connection: sqlite3.Connection, migrations: Sequence[str]) -> None:
    """Apply the migrations that the file has not seen, each in one transaction."""
    connection.execute("CREATE TABLE IF NOT EXISTS schema_version (version INTEGER NOT NULL)")
    (current,) = connection.execute(
        "SELECT COALESCE(MAX(version), 0) FROM schema_version"
    ).fetchone()
    if current > len(migrations):
        raise Refusal(
            Outcome.UNKNOWN_VERSION,
            f"expected a database of schema {len(migrations)} or older, got {current}",
        )
    for version, script in enumerate(migrations[current:], start=current + 1):
        mark = f"INSERT INTO schema_version (version) VALUES ({version});"  # noqa: S608 - an int of ours
        connection.executescript(f"BEGIN IMMEDIATE; {script}; {mark} COMMIT;")


def _run_in_savepoint(connection: sqlite3.Connection, waiting: _Waiting) -> None:
    connection.execute("SAVEPOINT job")
    try:
        waiting.result = waiting.job(SqliteTransaction(connection))
    except Exception as error:  # noqa: BLE001 - handed to the job's own caller, who alone may judge it
        waiting.error = error
        connection.execute("ROLLBACK TO job")
    connection.execute("RELEASE job")


def _roll_back(connection: sqlite3.Connection) -> None:
    if connection.in_transaction:
        connection.execute("ROLLBACK")


def _deliver(waiting: _Waiting) -> None:
    if waiting.future.cancelled():
        return
    if waiting.error is not None:
        waiting.future.set_exception(waiting.error)
    else:
        waiting.future.set_result(waiting.result)
