"""A database opened to be looked at: read-only, on one snapshot, while its owner may go on writing.

SQLite's write-ahead log keeps the snapshot for as long as it is open; the owner is never blocked,
its log only grows meanwhile. After a crash what was committed is in the log and is read from there.
"""

import sqlite3
from collections.abc import Iterator, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

from feiqian.outcomes import Outcome, Refusal
from feiqian.ports import Row, Value


class SqliteSnapshot:
    """One database at the moment of opening."""

    def __init__(self, path: Path) -> None:
        """Open and take the snapshot. `Refusal` malformed when there is no database to read."""
        self._path = path
        uri = path.resolve().as_uri() + "?mode=ro"
        try:
            self._connection = sqlite3.connect(uri, uri=True, isolation_level=None)
        except sqlite3.Error as error:
            raise self._unreadable(error) from error
        try:
            self._connection.execute("BEGIN")
            # A transaction takes its snapshot when it first reads.
            self._connection.execute("SELECT COUNT(*) FROM sqlite_master").fetchone()
        except sqlite3.Error as error:
            self._connection.close()
            raise self._unreadable(error) from error

    def rows(self, sql: str, parameters: Sequence[Value] = ()) -> Iterator[Row]:
        """The rows of a SELECT, one after the other. `Refusal` malformed when it is damaged."""
        try:
            cursor = self._connection.execute(sql, parameters)
            while (row := cursor.fetchone()) is not None:
                yield row
        except sqlite3.Error as error:
            raise self._unreadable(error) from error

    def close(self) -> None:
        """Let go of the snapshot."""
        self._connection.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def _unreadable(self, error: sqlite3.Error) -> Refusal:
        return Refusal(Outcome.MALFORMED, f"expected a database to read at {self._path}: {error}")
