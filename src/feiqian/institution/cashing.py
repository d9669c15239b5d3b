"""The issuer's side of cashing: another manager presents transfers, we retire and owe (C-09).

The whole request is one job of the store: every item is decided on its own, the sum of what was
newly cashed is owed to the redeemer in the same transaction, and the signed answer states the new
total. Asking again is harmless: items repeat, the total does not grow. What this institution cashes
with itself goes the same way, without a signature; what it owes itself is then value between the
two halves of one payment.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from feiqian.crypto.cbor import VERSION
from feiqian.institution import books, conflicts, record
from feiqian.institution.checking import check_cash_item
from feiqian.institution.office import Office
from feiqian.institution.renewals import Redemption
from feiqian.outcomes import Outcome, Refusal
from feiqian.ports import Transaction
from feiqian.wire.cashing import (
    CASH_REQUEST,
    CASH_RESPONSE,
    OBLIGATION_STATEMENT,
    CashItem,
    CashRequest,
    CashResponse,
    CashResult,
    ObligationStatement,
)
from feiqian.wire.items import CheckedItem, read_item

_NO_TRANSFER = bytes(32)
"""Names the transfer of an item that could not even be read."""

Decision = Redemption | Refusal
Checked = CheckedItem | Refusal


@dataclass(frozen=True, slots=True)
class Cashed:
    """What became of a list of items, and what is owed to their redeemer in all."""

    decisions: tuple[Decision, ...]
    owed_total_minor: int


async def answer_cash_request(office: Office, raw: bytes) -> bytes:
    """Cash what another institution presents; the signed response.

    Raises `Refusal` when the request as a whole is not an institution's or not for us.
    """
    claimed = CASH_REQUEST.peek(office.suite, raw)
    redeemer = office.trust.institution(claimed.redeemer)
    request = CASH_REQUEST.read(office.suite, raw, redeemer.value.public_key)
    if request.issuer != office.code:
        raise Refusal(Outcome.WRONG_ADDRESSEE, f"expected a request to {office.code}")
    cashed, results = await cash(office, request.redeemer, request.items)
    return _sign_response(office, request, cashed, results)


async def cash(
    office: Office, redeemer: str, items: Sequence[CashItem]
) -> tuple[Cashed, tuple[CashResult, ...]]:
    """Decide `items` for `redeemer`, durably; a result for each, in order."""
    now_ms = office.now_ms()
    checked = [_check(office, item, redeemer, now_ms) for item in items]
    cashed = await office.store.write(
        lambda tx: _cash_in_transaction(tx, office, redeemer, checked, now_ms)
    )
    pairs = zip(items, cashed.decisions, strict=True)
    return cashed, tuple(_result(office, item, decision) for item, decision in pairs)


def _check(office: Office, item: CashItem, redeemer: str, now_ms: int) -> Checked:
    try:
        return check_cash_item(office.trust, item, redeemer, now_ms)
    except Refusal as refusal:
        return refusal


def _cash_in_transaction(
    tx: Transaction, office: Office, redeemer: str, checked: Sequence[Checked], now_ms: int
) -> Cashed:
    decisions = tuple(_decide(tx, office, each, redeemer, now_ms) for each in checked)
    fresh_minor = sum(
        decision.transfer.value.amount_minor
        for decision in decisions
        if isinstance(decision, Redemption) and not decision.repeated
    )
    return Cashed(decisions, _owe(tx, redeemer, fresh_minor, now_ms))


def _decide(
    tx: Transaction, office: Office, checked: Checked, redeemer: str, now_ms: int
) -> Decision:
    if isinstance(checked, Refusal):
        return checked
    try:
        return record.redeem(tx, checked, redeemer, now_ms)
    except record.DoubleSpend as conflict:
        conflicts.keep(tx, office.trust, conflict, redeemer, now_ms)
        return conflict
    except Refusal as refusal:
        return refusal


def _owe(tx: Transaction, creditor: str, fresh_minor: int, now_ms: int) -> int:
    """Book what is newly owed and return the total ever owed to `creditor`."""
    obligation = books.obligations_to(creditor)
    books.post(tx, books.CIRCULATION, obligation, fresh_minor, "cashed", now_ms)
    rows = tx.query(
        "INSERT INTO obligations (creditor, owed_total_minor, settled_total_minor)"
        " VALUES (?, ?, 0) ON CONFLICT (creditor) DO UPDATE SET"
        " owed_total_minor = obligations.owed_total_minor + excluded.owed_total_minor"
        " RETURNING owed_total_minor",
        (creditor, fresh_minor),
    )
    return int(rows[0][0])


def _result(office: Office, item: CashItem, decision: Decision) -> CashResult:
    if isinstance(decision, Redemption):
        outcome = Outcome.REPEATED if decision.repeated else Outcome.ACCEPTED
        renewal = decision.renewal(office.suite, office.key, office.code)
        return CashResult(decision.transfer.name, outcome, "", renewal, None)
    first = decision.first if isinstance(decision, record.DoubleSpend) else None
    name, other = _name_of(office, item), first.raw if first else None
    return CashResult(name, decision.outcome, decision.detail[:300], None, other)


def _name_of(office: Office, item: CashItem) -> bytes:
    try:
        return read_item(office.suite, item.item).payment.name
    except Refusal:
        return _NO_TRANSFER


def _sign_response(
    office: Office, request: CashRequest, cashed: Cashed, results: tuple[CashResult, ...]
) -> bytes:
    statement = ObligationStatement(
        VERSION, office.code, request.redeemer, cashed.owed_total_minor, office.now_ms()
    )
    signed = OBLIGATION_STATEMENT.sign(office.suite, office.key, statement)
    response = CashResponse(
        VERSION, request.request_id, office.code, request.redeemer, results, signed
    )
    return CASH_RESPONSE.sign(office.suite, office.key, response)
