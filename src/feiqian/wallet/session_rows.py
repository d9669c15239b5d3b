"""Rows of sessions: their stages, and how each column is written and read back."""

from enum import StrEnum

from feiqian.crypto import cbor
from feiqian.ports import Transaction, Value
from feiqian.protocol.payment.states import Role
from feiqian.protocol.payment.verification import Judgement
from feiqian.wire.envelope import MAX_MESSAGE_BYTES, decode_message
from feiqian.wire.payment import PaymentConfirmed, PaymentRequest


class SessionStage(StrEnum):
    """How far a session has come."""

    INTENDED = "intended"
    SIGNED = "signed"
    OFFERED = "offered"
    REQUESTED = "requested"
    HANDED = "handed"
    CONFIRMED = "confirmed"
    ACCEPTED = "accepted"
    REFUSED = "refused"


class Verification(StrEnum):
    """Whether the issuers have verified what our chip took in."""

    NONE = ""
    UNVERIFIED = "unverified"
    VERIFIED = "verified"
    ANOMALOUS = "anomalous"


def open_row(tx: Transaction, nonce: bytes, role: Role, stage: SessionStage, now_ms: int) -> None:
    """Begin a session; beginning it again changes nothing."""
    tx.execute(
        "INSERT INTO sessions (nonce, role, stage, opened_at_ms, changed_at_ms, amount_minor, peer,"
        " by_identifier, detail) VALUES (?, ?, ?, ?, ?, 0, '', 0, '') ON CONFLICT (nonce) DO NOTHING",
        (nonce, role, stage, now_ms, now_ms),
    )


def advance(
    tx: Transaction, nonce: bytes, stage: SessionStage, now_ms: int, detail: str = ""
) -> None:
    """Store how far a session has come."""
    tx.execute(
        "UPDATE sessions SET stage = ?, changed_at_ms = ?, detail = ? WHERE nonce = ?",
        (stage, now_ms, detail, nonce),
    )


def set_columns(tx: Transaction, nonce: bytes, **columns: Value) -> None:
    """Store columns of a session, by name."""
    names = ", ".join(f"{name} = ?" for name in columns)  # names are this package's own
    tx.execute(f"UPDATE sessions SET {names} WHERE nonce = ?", (*columns.values(), nonce))  # noqa: S608


def read_request(raw: Value) -> PaymentRequest:
    """A stored request."""
    return decode_message(read_bytes(raw), PaymentRequest)


def read_confirmed(raw: Value) -> PaymentConfirmed | None:
    """A stored confirmation, if there is one."""
    return None if raw is None else decode_message(read_bytes(raw), PaymentConfirmed)


def read_judgement(raw: Value) -> Judgement | None:
    """A stored judgement, if there is one."""
    return None if raw is None else cbor.decode(read_bytes(raw), Judgement, limit=MAX_MESSAGE_BYTES)


def read_bytes(value: Value) -> bytes:
    """A column that holds bytes."""
    assert isinstance(value, bytes)
    return value


def read_int(value: Value) -> int:
    """A column that holds a number."""
    assert isinstance(value, int)
    return value
