"""Control orders in the wallet: kept, judged by the chip, carried out by the host, and reported back.

The host verifies an order's signature, so that strangers' bytes are never kept; who it is for, and
whether it is executed, is the chip's to say. Its receipt is kept until the platform is known to have
it. What takes effect in the host is due from the moment the chip has accepted until it was done, over
any number of restarts. An order that comes again meets the answer that was given, and is told again.
"""

from dataclasses import dataclass

from feiqian.crypto.cbor import VERSION
from feiqian.crypto.compact import restore, shorten
from feiqian.outcomes import SUCCESSES, Outcome, Refusal
from feiqian.ports import Row, Transaction
from feiqian.wallet.holder import Holder
from feiqian.wallet.listing import ListShelf
from feiqian.wallet.session_rows import read_bytes
from feiqian.wire.control import (
    CONTROL_ORDER,
    CONTROL_RECEIPT,
    ControlOrder,
    FreezeParameter,
    ListParameter,
    NoticeParameter,
    OrderKind,
    ScopeKind,
    read_parameter,
)
from feiqian.wire.control_delivery import MAX_RECEIPTS, OpenOrders, OrderNews, UnjudgedOrder
from feiqian.wire.request_envelope import Action

MAX_KEPT = 256
"""Newest orders that are kept."""
MAX_ROUNDS = 4
"""Most times that news are exchanged in one run."""

HOST_KINDS = frozenset({OrderKind.SYNCHRONISE, OrderKind.CLOCK, OrderKind.LIST})
"""Orders that the host carries out once the chip has accepted them; a notice is only shown."""

_NOT_FOR_US = frozenset({Outcome.WRONG_ADDRESSEE, Outcome.BAD_SIGNATURE})
"""Why a chip does not judge an order at all; nothing is kept or told of one."""


@dataclass(frozen=True, slots=True)
class Judged:
    """An order, and what our chip said to it."""

    number: int
    kind: OrderKind
    outcome: Outcome
    text: str = ""
    """Of a notice."""
    frozen: bool | None = None
    """Of an order that freezes (True) or lifts a freeze (False)."""


async def take_order(holder: Holder, compact: bytes) -> Judged | None:
    """Have the chip judge an order that has arrived, and keep what it says.

    None when it is for others. Raises `Refusal`: malformed and its kin, bad_signature; unavailable
    when the chip could not be asked: then the order is kept for `take_waiting`.
    """
    around = holder.around
    raw = restore(around.trust.suite, compact)
    root = around.trust.root.value.public_key
    order = CONTROL_ORDER.read(around.trust.suite, raw, root)
    if _certainly_for_others(holder, order):
        return None
    now_ms = around.now_ms()
    await around.store.write(lambda tx: _keep(tx, order, raw, now_ms))
    return await _judge(holder, order, raw)


async def exchange(holder: Holder) -> list[Judged]:
    """By network: tell our institution what became of orders, and take those that are open.

    The chip must be unlocked. `Refusal` as the institution or the way there says; what was told is
    told again if nobody answered.
    """
    judged: list[Judged] = []
    for _ in range(MAX_ROUNDS):
        untold = await news(holder) or OrderNews(VERSION)
        result = await holder.look_up(Action.ORDERS, untold, OpenOrders)
        await told(holder, numbers_in(holder, untold))
        for compact in result.orders:
            one = await take_order(holder, compact)
            judged += [] if one is None else [one]
        if await news(holder) is None:
            break
    return judged


async def take_waiting(holder: Holder) -> list[Judged]:
    """Have the chip judge the orders that it could not be asked about."""
    rows = await holder.around.store.read(
        lambda tx: tx.query("SELECT raw FROM orders WHERE outcome = '' ORDER BY number")
    )
    judged = []
    for (raw,) in rows:
        order = CONTROL_ORDER.peek(holder.around.trust.suite, read_bytes(raw))
        one = await _judge(holder, order, read_bytes(raw))
        if one is not None:
            judged.append(one)
    return judged


async def news(holder: Holder) -> OrderNews | None:
    """What the platform is not known to have been told; None when that is nothing."""
    rows = await holder.around.store.read(_untold)
    suite = holder.around.trust.suite
    receipts = tuple(shorten(suite, read_bytes(receipt)) for _, _, receipt in rows if receipt)
    refused = tuple(
        UnjudgedOrder(number, Outcome(outcome)) for number, outcome, receipt in rows if not receipt
    )
    return OrderNews(VERSION, receipts, (), refused) if rows else None


async def told(holder: Holder, numbers: tuple[int, ...]) -> None:
    """The platform knows what became of these."""

    def job(tx: Transaction) -> None:
        for number in numbers:
            tx.execute("UPDATE orders SET told = 1 WHERE number = ?", (number,))

    await holder.around.store.write(job)


def numbers_in(holder: Holder, told_of: OrderNews) -> tuple[int, ...]:
    """Which orders these news are of."""
    suite = holder.around.trust.suite
    receipts = (CONTROL_RECEIPT.peek(suite, restore(suite, each)) for each in told_of.receipts)
    return (
        *(receipt.number for receipt in receipts),
        *(each.number for each in told_of.refused),
    )


async def due(holder: Holder) -> list[ControlOrder]:
    """What the host has still to do, by number."""
    suite = holder.around.trust.suite
    rows = await holder.around.store.read(
        lambda tx: tx.query("SELECT raw FROM orders WHERE due = 1 ORDER BY number")
    )
    return [CONTROL_ORDER.peek(suite, read_bytes(raw)) for (raw,) in rows]


async def done(holder: Holder, order: ControlOrder) -> None:
    """The host has carried out this order, and with it the earlier ones of its kind."""
    await holder.around.store.write(
        lambda tx: tx.execute(
            "UPDATE orders SET due = 0 WHERE kind = ? AND number <= ?", (order.kind, order.number)
        )
    )


async def has_taken_effect(holder: Holder, shelf: ListShelf, order: ControlOrder) -> bool:
    """Whether what was ordered of the host is so: in touch since then, or the list that new."""
    if order.kind is OrderKind.LIST:
        parameter, held = read_parameter(order), await shelf.held()
        assert isinstance(parameter, ListParameter)
        return held is not None and held.state.number >= parameter.number
    if order.kind is OrderKind.SYNCHRONISE:
        synchronised_at = holder.around.chip.status().synchronised_at
        return synchronised_at is not None and synchronised_at.earliest_ms > order.issued_at_ms
    return False


async def settle_due(holder: Holder, shelf: ListShelf) -> None:
    """Strike off what has taken effect."""
    for order in await due(holder):
        if await has_taken_effect(holder, shelf, order):
            await done(holder, order)


async def judged_orders(holder: Holder) -> list[Judged]:
    """The orders that are kept, newest first."""
    suite = holder.around.trust.suite
    rows = await holder.around.store.read(
        lambda tx: tx.query("SELECT raw, outcome FROM orders ORDER BY number DESC")
    )
    return [
        _judged(CONTROL_ORDER.peek(suite, read_bytes(raw)), Outcome(outcome or Outcome.UNAVAILABLE))
        for raw, outcome in rows
    ]


async def _judge(holder: Holder, order: ControlOrder, raw: bytes) -> Judged | None:
    around = holder.around
    receipt, outcome = b"", Outcome.ACCEPTED
    try:
        receipt = around.chip.control(raw, around.clock.now())
    except Refusal as refusal:
        if refusal.outcome is Outcome.UNAVAILABLE:
            raise
        outcome = refusal.outcome
    if outcome in _NOT_FOR_US:
        await around.store.write(
            lambda tx: tx.execute("DELETE FROM orders WHERE number = ?", (order.number,))
        )
        return None
    if receipt:
        outcome = CONTROL_RECEIPT.peek(around.trust.suite, receipt).outcome
    await around.store.write(lambda tx: _keep_outcome(tx, order, outcome, receipt))
    return _judged(order, outcome)


def _judged(order: ControlOrder, outcome: Outcome) -> Judged:
    parameter = read_parameter(order)
    text = parameter.text if isinstance(parameter, NoticeParameter) else ""
    frozen = parameter.frozen if isinstance(parameter, FreezeParameter) else None
    return Judged(order.number, order.kind, outcome, text, frozen)


def _certainly_for_others(holder: Holder, order: ControlOrder) -> bool:
    """Groups are known to the chip alone."""
    scope = order.scope
    if scope.kind is ScopeKind.WALLET:
        return scope.name != holder.number
    return scope.kind is ScopeKind.INSTITUTION and scope.name != holder.institution


def _keep(tx: Transaction, order: ControlOrder, raw: bytes, now_ms: int) -> None:
    """Once kept, the same order is only to be told again."""
    tx.execute(
        "INSERT INTO orders (number, kind, raw, arrived_at_ms, outcome, receipt, told, due)"
        " VALUES (?, ?, ?, ?, '', NULL, 0, 0) ON CONFLICT (number) DO UPDATE SET told = 0",
        (order.number, order.kind, raw, now_ms),
    )
    tx.execute(
        "DELETE FROM orders WHERE due = 0 AND number NOT IN"
        " (SELECT number FROM orders ORDER BY number DESC LIMIT ?)",
        (MAX_KEPT,),
    )


def _keep_outcome(tx: Transaction, order: ControlOrder, outcome: Outcome, receipt: bytes) -> None:
    """That an order was executed stands, whatever the chip says when it comes again.

    A chip that had executed it before the host could keep that says repeated: it is due all the same.
    """
    [(before,)] = tx.query("SELECT outcome FROM orders WHERE number = ?", (order.number,))
    if before in SUCCESSES:
        return
    due = int(outcome in SUCCESSES and order.kind in HOST_KINDS)
    tx.execute(
        "UPDATE orders SET outcome = ?, receipt = ?, due = ? WHERE number = ?",
        (outcome, receipt or None, due, order.number),
    )


def _untold(tx: Transaction) -> list[Row]:
    return tx.query(
        "SELECT number, outcome, receipt FROM orders WHERE told = 0 AND outcome <> ''"
        " ORDER BY number LIMIT ?",
        (MAX_RECEIPTS,),
    )
