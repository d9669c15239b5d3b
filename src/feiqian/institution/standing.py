"""An institution's standing with the platform: issuance and settlement (P-01, P-05).

Every request to the platform is stored under the operator's key before it is sent, and sent again
in the same bytes until it is answered. Issuance orders are booked once, by their number. Both
sides of an obligation book its settlement from the platform's position, which only grows.
"""

from feiqian.crypto import cbor
from feiqian.crypto.cbor import VERSION
from feiqian.institution import asking, books
from feiqian.institution.office import Office
from feiqian.outcomes import Outcome, Refusal
from feiqian.ports import Transaction
from feiqian.wire.platform_requests import (
    ISSUANCE_ORDER,
    IssuanceOrder,
    IssueBody,
    IssueResult,
    PositionResult,
    SettleBody,
    SettledPair,
    SettleResult,
)
from feiqian.wire.request_envelope import MAX_BODY_BYTES, Action, EmptyBody


async def order_issuance(office: Office, key: str, amount_minor: int) -> IssuanceOrder:
    """Have the platform issue to us (or, negative, take back) against our reserves.

    `key` is the operator's: asking again with it never orders twice. `Refusal` by name.
    """
    action = Action.ISSUE if amount_minor > 0 else Action.RETURN
    body = cbor.encode(IssueBody(VERSION, abs(amount_minor)))
    result = await asking.ask_once(office, key, action, body)
    raw = cbor.decode(result, IssueResult, limit=MAX_BODY_BYTES).order
    order = ISSUANCE_ORDER.read(office.suite, raw, office.trust.root.value.public_key)
    if order.institution != office.code:
        raise Refusal(Outcome.WRONG_ADDRESSEE, "expected an order for this institution")
    if order.amount_minor != amount_minor:
        raise Refusal(Outcome.KEY_REUSED, f"the key was used to order {order.amount_minor}")
    await office.store.write(lambda tx: _book_order(tx, order, raw, office.now_ms()))
    return order


async def settle(office: Office) -> SettleResult | None:
    """Claim what others owe us with their newest statements; None when there is nothing."""
    statements = await office.store.read(_open_statements)
    if not statements:
        return None
    body = cbor.encode(SettleBody(VERSION, statements))
    result = await asking.ask(office, Action.SETTLE, body)
    return cbor.decode(result, SettleResult, limit=MAX_BODY_BYTES)


async def update_position(office: Office) -> PositionResult:
    """Ask the platform where we stand, and book what has been settled since."""
    result = await asking.ask(office, Action.POSITION, cbor.encode(EmptyBody(VERSION)))
    position = cbor.decode(result, PositionResult, limit=MAX_BODY_BYTES)
    await office.store.write(lambda tx: _book_settlements(tx, office, position.settled))
    return position


def _book_order(tx: Transaction, order: IssuanceOrder, raw: bytes, now_ms: int) -> None:
    fresh = tx.execute(
        "INSERT INTO issuance_orders (number, amount_minor, raw) VALUES (?, ?, ?)"
        " ON CONFLICT (number) DO NOTHING",
        (order.number, order.amount_minor, raw),
    )
    if not fresh:
        return
    reference = f"order {order.number}"
    if order.amount_minor > 0:
        books.post(tx, books.AUTHORISED, books.HEADROOM, order.amount_minor, reference, now_ms)
    else:
        books.post(tx, books.RETURNING, books.AUTHORISED, -order.amount_minor, reference, now_ms)


def _open_statements(tx: Transaction) -> tuple[bytes, ...]:
    rows = tx.query(
        "SELECT statement FROM claims WHERE stated_total_minor > settled_total_minor"
        " ORDER BY debtor"
    )
    return tuple(statement for (statement,) in rows)


def _book_settlements(tx: Transaction, office: Office, settled: tuple[SettledPair, ...]) -> None:
    """Claims first: what others have settled with us may be what covers our own obligations."""
    for pair in settled:
        if pair.creditor == office.code:
            _book_claim(tx, pair, office.now_ms())
    for pair in settled:
        if pair.debtor == office.code:
            _book_obligation(tx, pair, office.now_ms())


def _book_claim(tx: Transaction, pair: SettledPair, now_ms: int) -> None:
    """Book what `debtor` has settled, as far as we have booked what it owes."""
    rows = tx.query(
        "SELECT settled_total_minor, claimed_total_minor FROM claims WHERE debtor = ?",
        (pair.debtor,),
    )
    before, claimed = rows[0] if rows else (0, 0)
    settled = min(pair.settled_total_minor, claimed)
    if settled <= before:
        return
    tx.execute("UPDATE claims SET settled_total_minor = ? WHERE debtor = ?", (settled, pair.debtor))
    claim = books.claims_on(pair.debtor)
    books.post(tx, books.AUTHORISED, claim, settled - before, "settled", now_ms)


def _book_obligation(tx: Transaction, pair: SettledPair, now_ms: int) -> None:
    """Book what we have settled with `creditor`, as far as it is covered.

    It is not while a claim that was settled in the same cycle has not been booked, because the
    debtor's answer has not arrived; the rest follows with it.
    """
    rows = tx.query(
        "SELECT settled_total_minor FROM obligations WHERE creditor = ?", (pair.creditor,)
    )
    before = rows[0][0] if rows else 0
    covered = before + books.balance(tx, books.AUTHORISED)
    settled = min(pair.settled_total_minor, covered)
    if settled <= before:
        return
    tx.execute(
        "UPDATE obligations SET settled_total_minor = ? WHERE creditor = ?",
        (settled, pair.creditor),
    )
    obligation = books.obligations_to(pair.creditor)
    books.post(tx, obligation, books.AUTHORISED, settled - before, "settled", now_ms)
