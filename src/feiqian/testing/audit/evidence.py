"""Where the auditor reads: two snapshots of each party, and rows side by side.

Databases of different parties have no common moment. So each is read at two: every *early* snapshot
is taken before any *late* one. What an early snapshot shows was caused by something that had
happened before, hence is in the late snapshot of whoever did it. With this the auditor needs no
tolerance for a network that runs: every effect must have its cause. Sums are of early snapshots.
For a network that stands still both are the same.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from operator import itemgetter
from typing import Protocol

from feiqian.crypto.suites import Suite
from feiqian.ports import Row, Transaction, Value


class Snapshot(Protocol):
    """A database at one moment, to read from."""

    def rows(self, sql: str, parameters: Sequence[Value] = ()) -> Iterator[Row]:
        """The rows of a SELECT, one after the other; several may be read at the same time."""
        ...


class TransactionSnapshot:
    """A `Snapshot` of a store's transaction; it is one as long as nobody writes."""

    def __init__(self, tx: Transaction) -> None:
        self._tx = tx

    def rows(self, sql: str, parameters: Sequence[Value] = ()) -> Iterator[Row]:
        """All rows."""
        return iter(self._tx.query(sql, parameters))


@dataclass(frozen=True, slots=True)
class Views:
    """One party's database at two moments."""

    early: Snapshot
    late: Snapshot

    def find(self, sql: str, parameters: Sequence[Value]) -> tuple[Row | None, bool]:
        """The first row, early or else late; and whether it was there early."""
        row = first(self.early, sql, parameters)
        if row is not None:
            return row, True
        return first(self.late, sql, parameters), False


@dataclass(frozen=True, slots=True)
class StoredEvidence:
    """All that a network has stored, and the root certificate that is to be believed."""

    suite: Suite
    root_raw: bytes
    platform: Views
    institutions: Mapping[str, Views]
    """By code."""


def first(snapshot: Snapshot, sql: str, parameters: Sequence[Value] = ()) -> Row | None:
    """The first row or None."""
    return next(snapshot.rows(sql, parameters), None)


def total(snapshot: Snapshot, sql: str, parameters: Sequence[Value] = ()) -> int:
    """The one number of a SELECT; 0 for NULL or no row."""
    row = first(snapshot, sql, parameters)
    return int(row[0] or 0) if row else 0


def align(*streams: Iterator[Row]) -> Iterator[tuple[bytes, tuple[list[Row], ...]]]:
    """Each key that occurs, with the rows that every stream has of it.

    The key is the first column, by which each stream must be ordered. Only one key's rows are in
    memory at a time.
    """
    groups = [groupby(stream, key=itemgetter(0)) for stream in streams]
    heads = [next(group, None) for group in groups]
    while keys := [head[0] for head in heads if head is not None]:
        key = min(keys)
        found: list[list[Row]] = []
        for place, head in enumerate(heads):
            if head is None or head[0] != key:
                found.append([])
                continue
            found.append(list(head[1]))
            heads[place] = next(groups[place], None)
        yield key, tuple(found)
