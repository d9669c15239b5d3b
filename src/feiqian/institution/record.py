"""The digital currency record: every state of value this institution ever issued, by identifier.

A state circulates until a transfer spends it; the payee's output of a transfer that was cashed is
redeemed. A state is spent by one transfer only and for good: whoever presents another transfer of
it is told so, with the first one as evidence (C-11). The same transfer again is a repeat. What was
paid from chip to chip can be recorded before it is cashed: then its last output circulates (D-12).
"""

from dataclasses import dataclass
from enum import IntEnum

from feiqian.crypto.suites import Suite
from feiqian.institution.renewals import Observation, Redemption
from feiqian.money.identifiers import PAYEE_OUTPUT
from feiqian.money.piece import Output, issued_output, outputs_of, walk
from feiqian.money.transfer import Acceptor, SignedTransfer, parse_transfer
from feiqian.outcomes import Outcome, Refusal
from feiqian.ports import Transaction
from feiqian.wire.items import CheckedItem


class RecordState(IntEnum):
    """What has become of a state of value."""

    CIRCULATING = 0
    SPENT = 1
    REDEEMED = 2


class DoubleSpend(Refusal):
    """Two different transfers of one state."""

    def __init__(
        self, presented: SignedTransfer, certificate: bytes, first: "First | None"
    ) -> None:
        super().__init__(Outcome.DOUBLE_SPENT, "another transfer has already consumed this state")
        self.presented = presented
        self.certificate = certificate
        self.first = first
        """The one recorded first; None when the state was redeemed, not transferred."""


@dataclass(frozen=True, slots=True)
class First:
    """The transfer of a state that the record has."""

    name: bytes
    raw: bytes
    certificate: bytes
    """Of the chip that signed it."""


@dataclass(frozen=True, slots=True)
class Recorded:
    """One row of the record."""

    serial: bytes
    output: Output
    state: RecordState
    consumed_by: bytes | None
    awaited: bool
    """Paid to a chip whose manager is to cash it: not to be paid on."""


def enter(
    tx: Transaction, serial: bytes, output: Output, state: RecordState, awaited: bool = False
) -> None:
    """Put a new state into the record."""
    tx.execute(
        "INSERT INTO record (identifier, serial, amount_minor, owner, state, consumed_by, awaited)"
        " VALUES (?, ?, ?, ?, ?, NULL, ?)",
        (output.identifier, serial, output.amount_minor, output.owner, state, int(awaited)),
    )


def look_up(tx: Transaction, identifier: bytes) -> Recorded | None:
    """The row of `identifier`, or None when this institution never issued or saw it."""
    rows = tx.query(
        "SELECT serial, amount_minor, owner, state, consumed_by, awaited FROM record"
        " WHERE identifier = ?",
        (identifier,),
    )
    if not rows:
        return None
    serial, amount_minor, owner, state, consumed_by, awaited = rows[0]
    output = Output(identifier, amount_minor, owner)
    return Recorded(serial, output, RecordState(state), consumed_by, bool(awaited))


def redeem(tx: Transaction, checked: CheckedItem, redeemer: str, now_ms: int) -> Redemption:
    """Retire what the payment consumes and redeem its payee output for `redeemer`.

    Static validity has been checked. Earlier transfers of the history enter the record on the way;
    change goes on circulating under its own identifier. Raises `Refusal`: unknown_identifier (not
    in this record, C-12), history_required, wrong_owner, wrong_addressee when another redeemer has
    had it, `DoubleSpend`, and what `walk` raises.
    """
    payment = checked.payment
    start = _start(tx, checked)
    steps = walk(start.output, checked.read.transfers)
    payer = steps[-1][0].owner
    before = _redeemed_before(tx, payment.name, redeemer)
    if before is not None:
        return Redemption(payment, True, start.serial, payer, before)
    for consumed, transfer in steps[:-1]:
        _spend(tx, start.serial, consumed, transfer, checked, None, now_ms)
    recorded_at_ms = now_ms
    if not _spend(tx, start.serial, *steps[-1], checked, redeemer, now_ms):
        recorded_at_ms = _redeem_history(tx, checked, redeemer)
    return Redemption(payment, False, start.serial, payer, recorded_at_ms)


def observe(tx: Transaction, checked: CheckedItem, now_ms: int) -> Observation:
    """Record what was paid from chip to chip; its last output goes on circulating (D-12).

    Static validity has been checked. Raises `Refusal`: unknown_identifier, history_required,
    wrong_owner, `DoubleSpend`, and what `walk` raises.
    """
    payment = checked.payment
    start = _start(tx, checked)
    steps = walk(start.output, checked.read.transfers)
    # Every link is looked at, so `fresh` is what became of the last one.
    fresh = [
        _spend(tx, start.serial, consumed, transfer, checked, None, now_ms)
        for consumed, transfer in steps
    ]
    recorded_at_ms = now_ms if fresh[-1] else _recorded_at(tx, payment.name)
    held = look_up(tx, payment.payee_output)
    circulates = held is not None and held.state is RecordState.CIRCULATING
    output = outputs_of(payment, steps[-1][0].owner)[PAYEE_OUTPUT] if circulates else None
    return Observation(payment, not fresh[-1], start.serial, output, recorded_at_ms)


def find_redemption(
    tx: Transaction, suite: Suite, transfer: bytes
) -> tuple[str, Redemption] | None:
    """Who redeemed the transfer of this name, and how; None while it was not cashed.

    What the payee's chip took in is as final when it is recorded; nobody has redeemed it ("").
    """
    rows = tx.query(
        "SELECT t.raw, t.serial, t.redeemer, t.recorded_at_ms, r.owner FROM transfers t"
        " JOIN record r ON r.consumed_by = t.transfer AND r.serial = t.serial"
        " WHERE t.transfer = ?",
        (transfer,),
    )
    if not rows:
        return None
    raw, serial, redeemer, recorded_at_ms, payer = rows[0]
    signed = parse_transfer(suite, raw)
    if redeemer is None and signed.value.acceptor is Acceptor.MANAGER:
        return None
    return redeemer or "", Redemption(signed, True, serial, payer, recorded_at_ms)


def _start(tx: Transaction, checked: CheckedItem) -> Recorded:
    piece = checked.read.piece
    first = checked.payment.value.consumed if piece is None else piece.currency.identifier
    recorded = look_up(tx, first)
    if recorded is None and piece is None:
        raise Refusal(Outcome.HISTORY_REQUIRED, "expected the full piece: not in the record yet")
    if recorded is None:
        raise Refusal(Outcome.UNKNOWN_IDENTIFIER, "expected a currency of this record")
    if piece is None and recorded.output.owner != checked.payer.fingerprint:
        raise Refusal(Outcome.WRONG_OWNER, "expected a transfer signed by the owner")
    if recorded.awaited:
        raise Refusal(Outcome.WRONG_SESSION, "the payee's manager takes this in: it is not paid on")
    if piece is not None and issued_output(piece.currency) != recorded.output:
        raise Refusal(Outcome.UNKNOWN_IDENTIFIER, "expected the currency as it was issued")
    return recorded


def _redeemed_before(tx: Transaction, transfer: bytes, redeemer: str) -> int | None:
    """When the transfer was recorded, if it was redeemed for this redeemer.

    Two institutions may have certified the same chip key, so both can present what it was paid;
    the value went to the first. Raises `Refusal` wrong_addressee for the other.
    """
    rows = tx.query(
        "SELECT recorded_at_ms, redeemer FROM transfers"
        " WHERE transfer = ? AND redeemer IS NOT NULL",
        (transfer,),
    )
    if not rows:
        return None
    recorded_at_ms, first = rows[0]
    if first != redeemer:
        raise Refusal(Outcome.WRONG_ADDRESSEE, "the payee has had it from another institution")
    return int(recorded_at_ms)


def _spend(
    tx: Transaction,
    serial: bytes,
    consumed: Output,
    transfer: SignedTransfer,
    checked: CheckedItem,
    redeemer: str | None,
    now_ms: int,
) -> bool:
    """Consume one state; False when this very transfer had consumed it before."""
    certificate = checked.certificate_of(consumed.owner)
    changed = tx.execute(
        "UPDATE record SET state = ?, consumed_by = ? WHERE identifier = ? AND state = ?",
        (RecordState.SPENT, transfer.name, consumed.identifier, RecordState.CIRCULATING),
    )
    if not changed:
        _check_same_spender(tx, consumed, transfer, certificate)
        return False
    tx.execute(
        "INSERT INTO transfers (transfer, serial, raw, certificate, redeemer, recorded_at_ms)"
        " VALUES (?, ?, ?, ?, ?, ?)",
        (transfer.name, serial, transfer.raw, certificate, redeemer, now_ms),
    )
    payee, *change = outputs_of(transfer, consumed.owner)
    state = RecordState.REDEEMED if redeemer else RecordState.CIRCULATING
    enter(tx, serial, payee, state, transfer.value.acceptor is Acceptor.MANAGER)
    for output in change:
        enter(tx, serial, output, RecordState.CIRCULATING)
    return True


def _check_same_spender(
    tx: Transaction, consumed: Output, transfer: SignedTransfer, certificate: bytes
) -> None:
    recorded = look_up(tx, consumed.identifier)
    spender = recorded.consumed_by if recorded else None
    if spender != transfer.name:
        raise DoubleSpend(transfer, certificate, _first(tx, spender))


def _redeem_history(tx: Transaction, checked: CheckedItem, redeemer: str) -> int:
    """Redeem a transfer that is known from a history; when it was recorded."""
    payment = checked.payment
    changed = tx.execute(
        "UPDATE record SET state = ? WHERE identifier = ? AND state = ?",
        (RecordState.REDEEMED, payment.payee_output, RecordState.CIRCULATING),
    )
    if not changed:
        raise DoubleSpend(payment, checked.payer.raw, None)
    rows = tx.query(
        "UPDATE transfers SET redeemer = ? WHERE transfer = ? RETURNING recorded_at_ms",
        (redeemer, payment.name),
    )
    return int(rows[0][0])


def _recorded_at(tx: Transaction, transfer: bytes) -> int:
    rows = tx.query("SELECT recorded_at_ms FROM transfers WHERE transfer = ?", (transfer,))
    return int(rows[0][0])


def _first(tx: Transaction, transfer: bytes | None) -> First | None:
    rows = tx.query("SELECT raw, certificate FROM transfers WHERE transfer = ?", (transfer,))
    return First(bytes(transfer), *rows[0]) if rows and transfer else None
