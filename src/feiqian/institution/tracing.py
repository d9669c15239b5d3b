"""Tracing a currency: from its issue through every transfer the record has seen (C-25)."""

from collections.abc import Iterator, Sequence

from msgspec import Struct

from feiqian.crypto.certificates import parse_certificate
from feiqian.crypto.suites import Suite
from feiqian.institution.record import Recorded, look_up
from feiqian.money.currency import SignedCurrency, parse_currency
from feiqian.money.transfer import SignedTransfer, parse_transfer
from feiqian.outcomes import Outcome, Refusal
from feiqian.ports import Transaction


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
    currency = parse_currency(suite, raw)
    transfers = _transfers(tx, suite, serial)
    return Trace(
        serial=serial.hex(),
        amount_minor=currency.value.amount_minor,
        issued_to=currency.value.owner.hex(),
        issued_at_ms=currency.value.issued_at_ms,
        transfers=tuple(_traced(suite, *each) for each in transfers),
        states=tuple(
            _state(recorded)
            for identifier in _identifiers(currency, [transfer for transfer, *_ in transfers])
            if (recorded := look_up(tx, identifier)) is not None
        ),
    )


def _transfers(
    tx: Transaction, suite: Suite, serial: bytes
) -> list[tuple[SignedTransfer, str | None, bytes]]:
    """Each transfer, who redeemed it, and the certificate (raw) of who made it."""
    rows = tx.query(
        "SELECT raw, redeemer, certificate FROM transfers"
        " WHERE serial = ? ORDER BY recorded_at_ms, transfer",
        (serial,),
    )
    return [(parse_transfer(suite, raw), *others) for raw, *others in rows]


def _identifiers(currency: SignedCurrency, transfers: Sequence[SignedTransfer]) -> Iterator[bytes]:
    """Every state that the currency was ever in."""
    yield currency.identifier
    for transfer in transfers:
        yield transfer.payee_output
        if transfer.change_output is not None:
            yield transfer.change_output


def _traced(
    suite: Suite, transfer: SignedTransfer, redeemer: str | None, certificate: bytes
) -> TracedTransfer:
    value = transfer.value
    return TracedTransfer(
        transfer=transfer.name.hex(),
        consumed=value.consumed.hex(),
        payer=parse_certificate(suite, certificate).fingerprint.hex(),
        payee=value.payee.hex(),
        amount_minor=value.amount_minor,
        change_minor=value.change_minor,
        moment_ms=value.moment.midpoint_ms,
        redeemer=redeemer,
    )


def _state(recorded: Recorded) -> TracedState:
    output, spender = recorded.output, recorded.consumed_by
    return TracedState(
        identifier=output.identifier.hex(),
        amount_minor=output.amount_minor,
        owner=output.owner.hex(),
        state=recorded.state.name.lower(),
        consumed_by=spender.hex() if spender else None,
    )
