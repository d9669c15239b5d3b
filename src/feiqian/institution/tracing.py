"""Tracing a currency: from its issue through every transfer the record has seen (C-25)."""

from msgspec import Struct

from feiqian.crypto.suites import Suite
from feiqian.institution.record import State
from feiqian.money.currency import parse_currency
from feiqian.money.transfer import parse_transfer
from feiqian.outcomes import Outcome, Refusal
from feiqian.ports import Row, Transaction


class TracedTransfer(Struct, frozen=True):
    """One transfer, in order of recording; identifiers in hexadecimal."""

    transfer: str
    consumed: str
    payer: str
    payee: str
    amount_minor: int
    change_minor: int
    moment_ms: int
    redeemer: str | None


class TracedState(Struct, frozen=True):
    """One state of value and what has become of it."""

    identifier: str
    amount_minor: int
    owner: str
    state: str
    consumed_by: str | None


class Trace(Struct, frozen=True):
    """The history of one currency as its issuer knows it."""

    serial: str
    amount_minor: int
    issued_to: str
    issued_at_ms: int
    transfers: tuple[TracedTransfer, ...]
    states: tuple[TracedState, ...]


def trace(tx: Transaction, suite: Suite, identifier: bytes) -> Trace:
    """Trace by circulation identifier or by serial. `Refusal` unknown_identifier."""
    rows = tx.query(
        "SELECT serial FROM record WHERE identifier = ? UNION SELECT serial FROM issued"
        " WHERE serial = ?",
        (identifier, identifier),
    )
    if not rows:
        raise Refusal(Outcome.UNKNOWN_IDENTIFIER, "expected an identifier or serial issued here")
    serial: bytes = rows[0][0]
    raw = tx.query("SELECT raw FROM issued WHERE serial = ?", (serial,))[0][0]
    currency = parse_currency(suite, raw).value
    return Trace(
        serial=serial.hex(),
        amount_minor=currency.amount_minor,
        issued_to=currency.owner.hex(),
        issued_at_ms=currency.issued_at_ms,
        transfers=tuple(_traced(suite, row) for row in _transfers(tx, serial)),
        states=tuple(_state(row) for row in _states(tx, serial)),
    )


def _transfers(tx: Transaction, serial: bytes) -> list[Row]:
    return tx.query(
        "SELECT t.raw, t.redeemer, r.owner FROM transfers t"
        " JOIN record r ON r.consumed_by = t.transfer AND r.serial = t.serial"
        " WHERE t.serial = ? ORDER BY t.recorded_at_ms, t.transfer",
        (serial,),
    )


def _states(tx: Transaction, serial: bytes) -> list[Row]:
    return tx.query(
        "SELECT identifier, amount_minor, owner, state, consumed_by FROM record"
        " WHERE serial = ? ORDER BY identifier",
        (serial,),
    )


def _traced(suite: Suite, row: Row) -> TracedTransfer:
    raw, redeemer, payer = row
    transfer = parse_transfer(suite, raw)
    value = transfer.value
    return TracedTransfer(
        transfer=transfer.identifier.hex(),
        consumed=value.consumed.hex(),
        payer=payer.hex(),
        payee=value.payee.hex(),
        amount_minor=value.amount_minor,
        change_minor=value.change_minor,
        moment_ms=value.moment.midpoint_ms,
        redeemer=redeemer,
    )


def _state(row: Row) -> TracedState:
    identifier, amount_minor, owner, state, consumed_by = row
    return TracedState(
        identifier=identifier.hex(),
        amount_minor=amount_minor,
        owner=owner.hex(),
        state=State(state).name.lower(),
        consumed_by=consumed_by.hex() if consumed_by else None,
    )
