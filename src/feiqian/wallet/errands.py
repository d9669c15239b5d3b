"""Errands: requests to the own institution that move value, as rows that survive a crash.

Stages: `exporting` (the chip is about to sign, or has), `exported` (value has left the chip, the
request is not signed yet), `signed` (these bytes are sent until they are answered), then `done` or
`refused`. Only what moved no value may be refused.
"""

from dataclasses import dataclass
from enum import StrEnum

from feiqian.chip.commands import Export
from feiqian.crypto import cbor
from feiqian.ports import Transaction
from feiqian.wire.request_envelope import MAX_BODY_BYTES, Action


class ErrandStage(StrEnum):
    """How far an errand has come."""

    EXPORTING = "exporting"
    EXPORTED = "exported"
    SIGNED = "signed"
    DONE = "done"
    REFUSED = "refused"


@dataclass(frozen=True, slots=True)
class Errand:
    """One row."""

    nonce: bytes
    action: Action
    stage: ErrandStage
    amount_minor: int
    command: Export | None
    body: bytes
    signed: bytes


def open_errand(tx: Transaction, errand: Errand, now_ms: int) -> None:
    """Store a new errand."""
    command = None if errand.command is None else cbor.encode(errand.command)
    tx.execute(
        "INSERT INTO errands (nonce, action, stage, opened_at_ms, changed_at_ms, amount_minor,"
        " command, body, signed, detail) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, '')",
        (
            errand.nonce,
            errand.action,
            errand.stage,
            now_ms,
            now_ms,
            errand.amount_minor,
            command,
            errand.body,
            errand.signed,
        ),
    )


def advance(tx: Transaction, errand: Errand, now_ms: int, detail: str = "") -> None:
    """Store how far it has come, and what the next stage sends."""
    tx.execute(
        "UPDATE errands SET stage = ?, body = ?, signed = ?, changed_at_ms = ?, detail = ?"
        " WHERE nonce = ?",
        (errand.stage, errand.body, errand.signed, now_ms, detail, errand.nonce),
    )


def open_errands(tx: Transaction) -> list[Errand]:
    """Those not ended, oldest first."""
    rows = tx.query(
        "SELECT nonce, action, stage, amount_minor, command, body, signed FROM errands"
        " WHERE stage NOT IN (?, ?) ORDER BY opened_at_ms, nonce",
        (ErrandStage.DONE, ErrandStage.REFUSED),
    )
    return [
        Errand(
            nonce,
            Action(action),
            ErrandStage(stage),
            amount_minor,
            None if raw is None else cbor.decode(raw, Export, limit=MAX_BODY_BYTES),
            body,
            signed,
        )
        for nonce, action, stage, amount_minor, raw, body, signed in rows
    ]
