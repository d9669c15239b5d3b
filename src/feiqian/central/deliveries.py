"""What becomes of control orders at wallets: sent, delivered, and what their chips say (R-07).

A row begins when an order is sent to a wallet, or when the first word comes from it. What counts is
the chip's receipt; word of the host can only say that an order has arrived, or that the chip would not
judge it. A state that is final stays, except that a receipt outweighs the host's word: so receipts
may come twice, late, and by both ways.
"""

from dataclasses import dataclass
from enum import StrEnum

from feiqian.crypto.compact import restore
from feiqian.crypto.suites import Suite
from feiqian.outcomes import SUCCESSES, Outcome, Refusal
from feiqian.ports import Transaction
from feiqian.wire.control import (
    CONTROL_RECEIPT,
    ControlReceipt,
    OrderKind,
    Place,
    Scope,
    ScopeKind,
    place_of,
)
from feiqian.wire.control_delivery import OrderNews


class OrderState(StrEnum):
    """Where an order stands, as a whole or at one wallet."""

    DRAFT = "draft"
    """Proposed; another operator has to approve it."""
    REJECTED = "rejected"
    ISSUED = "issued"
    """Signed; it waits to be sent."""
    SENT = "sent"
    """On the air, or in an answer by network; nobody has said that it arrived."""
    DELIVERED = "delivered"
    """The host has it; the chip has not judged it."""
    EXECUTED = "executed"
    """The chip's receipt says so."""
    REFUSED = "refused"
    """The chip would not judge it, says the host."""
    EXPIRED = "expired"
    """It was too late, by the chip's receipt or by the calendar."""
    SUPERSEDED = "superseded"
    """The chip has executed a later order that takes its place."""


FINAL = frozenset(
    {OrderState.EXECUTED, OrderState.REFUSED, OrderState.EXPIRED, OrderState.SUPERSEDED}
)
_WEIGHTS = {
    OrderState.DELIVERED: 0,
    OrderState.REFUSED: 1,
    OrderState.EXPIRED: 2,
    OrderState.SUPERSEDED: 2,
    OrderState.EXECUTED: 3,
}
"""How much stands behind a state; a lighter word never replaces a heavier one. A chip that executed an
order may later say "outdated" of it, which is no news."""


class Way(StrEnum):
    """How word went and came."""

    SATELLITE = "satellite"
    NETWORK = "network"


@dataclass(frozen=True, slots=True)
class GenuineNews:
    """News of a wallet whose receipts are genuine."""

    wallet: str
    way: Way
    receipts: tuple[tuple[bytes, ControlReceipt], ...]
    """Each with its bytes (COSE)."""
    told: OrderNews


@dataclass(frozen=True, slots=True)
class OrderDelivery:
    """An order at one wallet."""

    number: int
    wallet: str
    state: OrderState
    way: str
    sent_at_ms: int | None
    times_sent: int
    changed_at_ms: int
    outcome: str


def read_news(suite: Suite, wallet: str, chip_key: bytes, way: Way, told: OrderNews) -> GenuineNews:
    """Judge receipts by the chip's key. `Refusal`: malformed and its kin, bad_signature."""
    receipts = []
    for compact in told.receipts:
        raw = restore(suite, compact)
        receipts.append((raw, CONTROL_RECEIPT.read(suite, raw, chip_key)))
    return GenuineNews(wallet, way, tuple(receipts), told)


def mark_sent(tx: Transaction, number: int, wallet: str, way: Way, now_ms: int) -> None:
    """An order has left for a wallet, once more."""
    _begin(tx, number, wallet, now_ms)
    tx.execute(
        "UPDATE deliveries SET sent_at_ms = ?, times_sent = times_sent + 1, way = ?,"
        " state = CASE WHEN state = 'issued' THEN 'sent' ELSE state END"
        " WHERE number = ? AND wallet = ?",
        (now_ms, way, number, wallet),
    )


def take_news(tx: Transaction, news: GenuineNews, now_ms: int) -> None:
    """Book what a wallet says of its orders; what is said of unknown orders is left out."""
    for number in news.told.held:
        _change(tx, news, number, OrderState.DELIVERED, Outcome.ACCEPTED, now_ms)
    for unjudged in news.told.refused:
        if unjudged.outcome not in SUCCESSES:
            _change(tx, news, unjudged.number, OrderState.REFUSED, unjudged.outcome, now_ms)
    for raw, receipt in news.receipts:
        _take_receipt(tx, news, raw, receipt, now_ms)


def _take_receipt(
    tx: Transaction, news: GenuineNews, raw: bytes, receipt: ControlReceipt, now_ms: int
) -> None:
    state = _state_by(receipt.outcome)
    if state is OrderState.SUPERSEDED and _is_notice(tx, receipt.number):
        state = OrderState.EXECUTED  # The wallet has it, and shows every notice.
    if not _change(tx, news, receipt.number, state, receipt.outcome, now_ms):
        return
    tx.execute(
        "UPDATE deliveries SET receipt = ? WHERE number = ? AND wallet = ?",
        (raw, receipt.number, news.wallet),
    )
    if state is OrderState.EXECUTED:
        _supersede(tx, news.wallet, receipt.number, now_ms)


def _is_notice(tx: Transaction, number: int) -> bool:
    rows = tx.query("SELECT kind FROM control_orders WHERE number = ?", (number,))
    return bool(rows) and rows[0][0] == OrderKind.NOTIFY


def _state_by(outcome: Outcome) -> OrderState:
    """What a receipt's outcome makes of an order. `Refusal` malformed for any other."""
    states = {
        Outcome.ACCEPTED: OrderState.EXECUTED,
        Outcome.REPEATED: OrderState.EXECUTED,
        Outcome.OUTDATED: OrderState.SUPERSEDED,
        Outcome.EXPIRED: OrderState.EXPIRED,
    }
    if outcome not in states:
        raise Refusal(Outcome.MALFORMED, f"expected no receipt with outcome {outcome}")
    return states[outcome]


def _change(
    tx: Transaction,
    news: GenuineNews,
    number: int,
    state: OrderState,
    outcome: Outcome,
    now_ms: int,
) -> bool:
    """Move a delivery on; False when its state stands above what is said now."""
    if not tx.query("SELECT 1 FROM control_orders WHERE number = ?", (number,)):
        return False
    _begin(tx, number, news.wallet, now_ms)
    weight = _WEIGHTS[state]
    changed = tx.execute(
        "UPDATE deliveries SET state = ?, outcome = ?, way = ?, changed_at_ms = ?, weight = ?"
        " WHERE number = ? AND wallet = ? AND weight < ?",
        (state, outcome, news.way, now_ms, weight, number, news.wallet, max(1, weight)),
    )
    return bool(changed)


def _begin(tx: Transaction, number: int, wallet: str, now_ms: int) -> None:
    tx.execute(
        "INSERT INTO deliveries (number, wallet, kind, state, weight, way, sent_at_ms, times_sent,"
        " changed_at_ms, outcome, receipt)"
        " SELECT number, ?, kind, 'issued', 0, '', NULL, 0, ?, '', NULL FROM control_orders"
        " WHERE number = ? ON CONFLICT (number, wallet) DO NOTHING",
        (wallet, now_ms, number),
    )


def _supersede(tx: Transaction, wallet: str, number: int, now_ms: int) -> None:
    """What this order took the place of, this wallet will never execute."""
    rows = tx.query(
        "SELECT number, kind, scope, name FROM control_orders WHERE number = ? OR"
        " (number < ? AND number IN"
        " (SELECT number FROM deliveries WHERE wallet = ? AND weight < 2)) ORDER BY number",
        (number, number, wallet),
    )
    *earlier, executed = ((row[0], _place(*row)) for row in rows)
    for each, place in earlier:
        if place == executed[1]:
            tx.execute(
                "UPDATE deliveries SET state = 'superseded', weight = 2, changed_at_ms = ?"
                " WHERE wallet = ? AND number = ?",
                (now_ms, wallet, each),
            )


def _place(number: int, kind: int, scope: int, name: str) -> Place:
    return place_of(OrderKind(kind), Scope(ScopeKind(scope), name), number)


def of_order(tx: Transaction, number: int, limit: int) -> list[OrderDelivery]:
    """The wallets that an order is known to have met, those that changed last first."""
    rows = tx.query(
        "SELECT number, wallet, state, way, sent_at_ms, times_sent, changed_at_ms, outcome"
        " FROM deliveries WHERE number = ? ORDER BY changed_at_ms DESC, wallet LIMIT ?",
        (number, limit),
    )
    return [OrderDelivery(row[0], row[1], OrderState(row[2]), *row[3:]) for row in rows]


def state_now(delivery: OrderDelivery, expires_at_ms: int, now_ms: int) -> OrderState:
    """A delivery's state, by the calendar as well."""
    if delivery.state in FINAL or now_ms <= expires_at_ms:
        return delivery.state
    return OrderState.EXPIRED
