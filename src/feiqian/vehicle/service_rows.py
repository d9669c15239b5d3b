"""Rows of services: each party's record of each request, and the log of how it came there."""

from typing import TypeVar

import msgspec

from feiqian.crypto import cbor
from feiqian.ports import Transaction
from feiqian.protocol.service.machine import ServiceMachine
from feiqian.protocol.service.records import Service
from feiqian.protocol.service.states import ENDS, Event, State
from feiqian.wire.authorisation import MAX_VALID_MS

R = TypeVar("R", bound=Service)

MAX_RECORD_BYTES = 32_768
MAX_SHOWN = 1_000
LOG_KEPT = 1_000_000
"""Lines; older ones are forgotten."""
HISTORY_MS = MAX_VALID_MS + 30 * 24 * 3600 * 1000
"""How long an ended service is kept: longer than any authorisation holds and any message is said again,
so that whatever could still come for it is refused as expired or unknown."""


class LogLine(msgspec.Struct, frozen=True):
    """What happened to a service."""

    number: int
    at_ms: int
    request_id: str
    event: str
    """Of the table, or empty for a problem."""
    state: str
    """After it."""
    detail: str


def load(tx: Transaction, request_id: bytes, shape: type[R]) -> R | None:
    """The record of a request."""
    rows = tx.query("SELECT record FROM services WHERE request_id = ?", (request_id,))
    return cbor.decode(bytes(rows[0][0]), shape, limit=MAX_RECORD_BYTES) if rows else None


def store(
    tx: Transaction, record: Service, now_ms: int, *, payer: bytes = b"", authorisation: int = 0
) -> None:
    """Keep a record. `payer` and `authorisation` are what uses are counted by."""
    tx.execute(
        "INSERT INTO services (request_id, state, opened_at_ms, changed_at_ms, deadline_ms, payer,"
        " authorisation, record) VALUES (?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (request_id) DO UPDATE"
        " SET state = excluded.state, changed_at_ms = excluded.changed_at_ms,"
        " deadline_ms = excluded.deadline_ms, payer = excluded.payer,"
        " authorisation = excluded.authorisation, record = excluded.record",
        (
            record.request_id,
            record.state.value,
            now_ms,
            now_ms,
            record.deadline_ms,
            payer,
            authorisation,
            cbor.encode(record),
        ),
    )


def in_states(tx: Transaction, states: frozenset[State], shape: type[R]) -> list[R]:
    """Every service in one of these states, oldest first."""
    marks = ", ".join("?" for _ in states)
    rows = tx.query(
        f"SELECT record FROM services WHERE state IN ({marks})"  # noqa: S608 - marks are our own
        " ORDER BY opened_at_ms, request_id",
        tuple(sorted(state.value for state in states)),
    )
    return [cbor.decode(bytes(raw), shape, limit=MAX_RECORD_BYTES) for (raw,) in rows]


def newest(tx: Transaction, shape: type[R], limit: int = MAX_SHOWN) -> list[R]:
    """All services, the newest first."""
    rows = tx.query(
        "SELECT record FROM services ORDER BY opened_at_ms DESC, request_id LIMIT ?", (limit,)
    )
    return [cbor.decode(bytes(raw), shape, limit=MAX_RECORD_BYTES) for (raw,) in rows]


def overdue(tx: Transaction, now_ms: int) -> list[bytes]:
    """Requests whose deadline has come."""
    rows = tx.query(
        "SELECT request_id FROM services WHERE deadline_ms > 0 AND deadline_ms < ?"
        " ORDER BY deadline_ms LIMIT ?",
        (now_ms, MAX_SHOWN),
    )
    return [bytes(request_id) for (request_id,) in rows]


def forget(tx: Transaction, now_ms: int) -> None:
    """Drop services that ended too long ago to matter, and log lines beyond those kept.

    What was paid offline stays until it is reconciled.
    """
    ends = tuple(sorted(state.value for state in ENDS - {State.PAID_OFFLINE}))
    marks = ", ".join("?" for _ in ends)
    tx.execute(
        f"DELETE FROM services WHERE changed_at_ms < ? AND state IN ({marks})",  # noqa: S608 - marks are our own
        (now_ms - HISTORY_MS, *ends),
    )
    tx.execute(
        "DELETE FROM log WHERE number <= (SELECT COALESCE(MAX(number), 0) FROM log) - ?",
        (LOG_KEPT,),
    )


def uses_taken(tx: Transaction, payer: bytes, authorisation: int) -> int:
    """Requests under an authorisation that were, or may still be, charged."""
    spared = (*(state.value for state in _SPARED),)
    marks = ", ".join("?" for _ in spared)
    ((count,),) = tx.query(
        "SELECT COUNT(*) FROM services WHERE payer = ? AND authorisation = ?"  # noqa: S608 - marks
        f" AND state NOT IN ({marks})",
        (payer, authorisation, *spared),
    )
    return int(count)


_SPARED = ENDS - {State.PAID, State.PAID_OFFLINE, State.UNPAID, State.DISPUTED}
"""Ends at which nothing was charged."""


def log_step(tx: Transaction, request_id: bytes, machine: ServiceMachine[R], now_ms: int) -> None:
    """Write down what a step did, and what it did not believe."""
    state = machine.record.state.value
    for event in machine.events:
        log(tx, request_id, event, state, machine.record.detail, now_ms)
    for problem in machine.problems:
        log(tx, request_id, "", state, problem, now_ms)


def log(
    tx: Transaction, request_id: bytes, event: Event | str, state: str, detail: str, now_ms: int
) -> None:
    """Write a line."""
    tx.execute(
        "INSERT INTO log (number, at_ms, request_id, event, state, detail)"
        " SELECT COALESCE(MAX(number), 0) + 1, ?, ?, ?, ?, ? FROM log",
        (now_ms, request_id, str(event), state, detail[:500]),
    )


def log_lines(tx: Transaction, request_id: bytes | None = None) -> list[LogLine]:
    """The log, of one request or of all, oldest first."""
    rows = tx.query(
        "SELECT number, at_ms, request_id, event, state, detail FROM log"
        " WHERE request_id = COALESCE(?, request_id) ORDER BY number DESC LIMIT ?",
        (request_id, MAX_SHOWN),
    )
    return [
        LogLine(int(number), int(at), bytes(request).hex(), str(event), str(state), str(detail))
        for number, at, request, event, state, detail in reversed(rows)
    ]
