"""The key information set: written, kept, and sent again as the same bytes until it is answered (W-05).

The chip signs what it knows and what its host tells it; the host seals it under a number that the chip
gives once, and keeps it before any of it leaves. While a report waits and is young, it is the one that is
sent; a newer one is written when it has grown old, or when more is to be told than it says. Whatever
acknowledges a report, acknowledges all before it.
"""

from dataclasses import dataclass

from feiqian.crypto import cbor
from feiqian.crypto.compact import shorten
from feiqian.money.transfer import Acceptor
from feiqian.outcomes import Outcome, Refusal
from feiqian.ports import Transaction
from feiqian.wallet.channel import OwnChannel, next_message
from feiqian.wallet.holder import Holder
from feiqian.wallet.listing import ListShelf
from feiqian.wallet.session_rows import read_bytes
from feiqian.wire.key_information import LOG_DIGEST_BYTES
from feiqian.wire.risk import Finding
from feiqian.wire.satellite import Header, MessageKind, SatelliteAnswer, seal_message

REPORT_LIFETIME_MS = 6 * 3_600_000
"""A report that was not answered for so long is not sent any more: a newer one is written."""
REPORT_PAUSE_MS = 3_600_000
"""After an answer that did not synchronise the chip, the next report waits so long."""
MAX_KEPT = 64
"""Upward messages that are kept."""


@dataclass(frozen=True, slots=True)
class Upward:
    """A message for the platform."""

    number: int
    kind: MessageKind
    content: bytes


@dataclass(frozen=True, slots=True)
class Answered:
    """What became of an upward message."""

    number: int
    findings: tuple[Finding, ...]


async def open_report(holder: Holder) -> Upward | None:
    """The report that waits for its answer and is still young; None when there is none."""
    oldest_ms = holder.around.now_ms() - REPORT_LIFETIME_MS
    return await holder.around.store.read(lambda tx: _open(tx, MessageKind.REPORT, oldest_ms))


async def last_answered_ms(holder: Holder) -> int:
    """When a report was answered last and did not synchronise the chip; 0 for never, or if it did."""
    rows = await holder.around.store.read(
        lambda tx: tx.query(
            "SELECT acknowledged_at_ms, written_at_ms FROM satellite_messages WHERE kind = ?"
            " AND acknowledged_at_ms IS NOT NULL ORDER BY number DESC LIMIT 1",
            (MessageKind.REPORT,),
        )
    )
    if not rows:
        return 0
    [(answered_ms, written_ms)] = rows
    synchronised_at = holder.around.chip.status().synchronised_at
    if synchronised_at is not None and synchronised_at.latest_ms >= written_ms:
        return 0
    return int(answered_ms)


async def write_report(holder: Holder, channel: OwnChannel, shelf: ListShelf) -> Upward:
    """Have the chip sign the set as it is now, and keep it sealed. `Refusal` as the chip says."""
    around = holder.around
    digest = await around.store.read(_offline_log)
    held = await shelf.held()
    signed = around.chip.report(
        log_digest=around.trust.suite.digest(digest)[:LOG_DIGEST_BYTES],
        list_number=0 if held is None else held.state.number,
        moment=around.clock.now(),
    )
    body = shorten(around.trust.suite, signed)
    return await keep_upward(holder, channel, MessageKind.REPORT, body)


async def keep_upward(
    holder: Holder, channel: OwnChannel, kind: MessageKind, body: bytes
) -> Upward:
    """Number, seal and keep a message before it leaves.

    Raises `Refusal` unavailable when no number is left; wrong_owner when the store is another chip's,
    whose channel key may have sealed under this number.
    """
    now_ms = holder.around.now_ms()
    number = next_message(holder)
    sealed = seal_message(channel.keys.up, Header(kind, channel.number, number), body)
    upward = Upward(number, kind, sealed)
    await holder.around.store.write(lambda tx: _keep(tx, upward, now_ms))
    return upward


def acknowledge(tx: Transaction, answer: SatelliteAnswer, now_ms: int) -> Answered | None:
    """Store that the platform has a message; None when that was known, or it was never sent."""
    rows = tx.query(
        "SELECT kind FROM satellite_messages WHERE number = ? AND acknowledged_at_ms IS NULL",
        (answer.acknowledged,),
    )
    if not rows:
        return None
    tx.execute(
        "UPDATE satellite_messages SET acknowledged_at_ms = ?"
        " WHERE kind = ? AND number <= ? AND acknowledged_at_ms IS NULL",
        (now_ms, rows[0][0], answer.acknowledged),
    )
    return Answered(answer.acknowledged, answer.findings)


def _open(tx: Transaction, kind: MessageKind, oldest_ms: int) -> Upward | None:
    rows = tx.query(
        "SELECT number, content FROM satellite_messages WHERE kind = ?"
        " AND acknowledged_at_ms IS NULL AND written_at_ms > ? ORDER BY number DESC LIMIT 1",
        (kind, oldest_ms),
    )
    return Upward(rows[0][0], kind, read_bytes(rows[0][1])) if rows else None


def _keep(tx: Transaction, upward: Upward, now_ms: int) -> None:
    [(last,)] = tx.query("SELECT MAX(number) FROM satellite_messages")
    if upward.number <= (last or 0):
        raise Refusal(Outcome.WRONG_OWNER, "expected a store whose messages this chip has numbered")
    tx.execute(
        "INSERT INTO satellite_messages (number, kind, content, written_at_ms) VALUES (?, ?, ?, ?)",
        (upward.number, upward.kind, upward.content, now_ms),
    )
    tx.execute("DELETE FROM satellite_messages WHERE number <= ?", (upward.number - MAX_KEPT,))


def _offline_log(tx: Transaction) -> bytes:
    """All that was paid and received without a manager, in one order."""
    rows = tx.query(
        "SELECT nonce, role, amount_minor, peer FROM sessions WHERE acceptor = ?"
        " AND stage NOT IN ('offered', 'intended') ORDER BY opened_at_ms, nonce",
        (Acceptor.CHIP,),
    )
    return cbor.encode([list(row) for row in rows])
