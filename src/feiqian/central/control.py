"""Control orders: numbered in one sequence, signed with the root key, and for whom each is (R-03, R-06).

An order is signed in the transaction that approves its proposal. Of each kind the highest number wins
in a chip, so of each kind only the newest order that reaches a wallet is open for it; of what stands,
freezing and limits, the newest of each scope; of notices every one. An order is kept as it was signed;
what becomes of it at each wallet is `deliveries`'.
"""

from dataclasses import dataclass

from feiqian.central.authority import Authority
from feiqian.central.control_documents import OrderName, OrderWish, ScopeName
from feiqian.central.membership import require_member
from feiqian.crypto.cbor import VERSION
from feiqian.crypto.suites import Suite
from feiqian.money.limits import Limits
from feiqian.outcomes import Outcome, Refusal
from feiqian.ports import Row, Transaction
from feiqian.wire.control import (
    CONTROL_ORDER,
    EVERYBODY,
    STANDING_KINDS,
    ControlOrder,
    FreezeParameter,
    GroupsParameter,
    LimitsParameter,
    ListParameter,
    NoticeParameter,
    OrderKind,
    Parameter,
    Scope,
    ScopeKind,
    group_scope,
    institution_scope,
    make_order,
    place_of,
    read_parameter,
    wallet_scope,
)

KINDS = {
    OrderName.FREEZE: OrderKind.FREEZE,
    OrderName.UNFREEZE: OrderKind.FREEZE,
    OrderName.LIMITS: OrderKind.LIMITS,
    OrderName.SYNCHRONISE: OrderKind.SYNCHRONISE,
    OrderName.CLOCK: OrderKind.CLOCK,
    OrderName.LIST: OrderKind.LIST,
    OrderName.NOTIFY: OrderKind.NOTIFY,
    OrderName.GROUPS: OrderKind.GROUPS,
}


@dataclass(frozen=True, slots=True)
class Issued:
    """An order as it was signed."""

    number: int
    proposal: int
    kind: OrderKind
    scope: Scope
    issued_at_ms: int
    expires_at_ms: int
    raw: bytes


_SELECT = (
    "SELECT number, proposal, kind, scope, name, issued_at_ms, expires_at_ms, raw"
    " FROM control_orders"
)

_FOR_WALLET = (
    "SELECT number, proposal, kind, scope, name, issued_at_ms, expires_at_ms, raw"
    " FROM control_orders WHERE (scope = 1 AND name = ?) OR (scope = 3 AND name = ?) OR scope = 4"
    " OR (scope = 2 AND name IN"
    " (SELECT CAST(group_number AS TEXT) FROM wallet_groups WHERE wallet = ?)) ORDER BY number"
)
"""Scopes by `wire.control.ScopeKind`."""


def scope_of(wish: OrderWish) -> Scope:
    """Whom a wish is for. `Refusal` malformed when the name is none of that scope."""
    if wish.scope is ScopeName.ALL and wish.addressee:
        raise Refusal(Outcome.MALFORMED, "expected nobody's name with an order to all")
    match wish.scope:
        case ScopeName.WALLET:
            return wallet_scope(wish.addressee)
        case ScopeName.GROUP:
            return group_scope(_group(wish.addressee))
        case ScopeName.INSTITUTION:
            return institution_scope(wish.addressee)
        case ScopeName.ALL:
            return EVERYBODY


def check_wish(tx: Transaction, wish: OrderWish, list_number: int) -> None:
    """Raise `Refusal` unless an order can be made of this: malformed, unknown_issuer."""
    scope = scope_of(wish)
    if scope.kind is ScopeKind.INSTITUTION:
        require_member(tx, scope.name)
    if scope.kind is ScopeKind.WALLET:
        require_member(tx, scope.name.partition("-")[0])
    _order(1, wish, 0, list_number)


def issue(
    authority: Authority,
    wish: OrderWish,
    proposal: int,
    list_number: int,
    tx: Transaction,
    now_ms: int,
) -> Issued:
    """Sign the next order. `Refusal` malformed when none can be made of the wish."""
    [[number]] = tx.query("SELECT COALESCE(MAX(number), 0) + 1 FROM control_orders")
    order = _order(number, wish, now_ms, list_number)
    raw = CONTROL_ORDER.sign(authority.suite, authority.key, order)
    issued = Issued(
        number, proposal, order.kind, order.scope, order.issued_at_ms, order.expires_at_ms, raw
    )
    _keep(tx, issued)
    if order.kind is OrderKind.GROUPS:
        _regroup(tx, order.scope.name, wish.groups)
    return issued


def _order(number: int, wish: OrderWish, now_ms: int, list_number: int) -> ControlOrder:
    valid_s = now_ms // 1_000, (now_ms + wish.lifetime_ms) // 1_000
    parameter = _parameter(wish, list_number)
    return make_order(number, scope_of(wish), KINDS[wish.order], valid_s, parameter)


def _parameter(wish: OrderWish, list_number: int) -> Parameter | None:
    match wish.order:
        case OrderName.FREEZE | OrderName.UNFREEZE:
            return FreezeParameter(VERSION, wish.order is OrderName.FREEZE)
        case OrderName.LIMITS:
            return LimitsParameter(VERSION, _limits(wish))
        case OrderName.LIST:
            return ListParameter(VERSION, list_number)
        case OrderName.NOTIFY:
            return NoticeParameter(VERSION, wish.text)
        case OrderName.GROUPS:
            return GroupsParameter(VERSION, tuple(sorted(set(wish.groups))))
        case OrderName.SYNCHRONISE | OrderName.CLOCK:
            return None


def _limits(wish: OrderWish) -> Limits | None:
    chosen = wish.limits
    if chosen is None:
        return None
    return Limits(
        chosen.holding_minor,
        chosen.payment_minor,
        chosen.offline_payment_minor,
        chosen.offline_total_minor,
        chosen.offline_hops,
    )


def _group(name: str) -> int:
    if not name.isascii() or not name.isdecimal():
        raise Refusal(Outcome.MALFORMED, "expected the number of a group")
    return int(name)


def _keep(tx: Transaction, issued: Issued) -> None:
    tx.execute(
        "INSERT INTO control_orders (number, proposal, kind, scope, name, issued_at_ms,"
        " expires_at_ms, raw) VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
        (
            issued.number,
            issued.proposal,
            issued.kind,
            issued.scope.kind,
            issued.scope.name,
            issued.issued_at_ms,
            issued.expires_at_ms,
            issued.raw,
        ),
    )


def _regroup(tx: Transaction, wallet: str, groups: tuple[int, ...]) -> None:
    tx.execute("DELETE FROM wallet_groups WHERE wallet = ?", (wallet,))
    for group in sorted(set(groups)):
        tx.execute(
            "INSERT INTO wallet_groups (wallet, group_number) VALUES (?, ?)", (wallet, group)
        )


def find(tx: Transaction, number: int) -> Issued | None:
    """An order by its number."""
    rows = tx.query(f"{_SELECT} WHERE number = ?", (number,))
    return _issued(rows[0]) if rows else None


def order_of(tx: Transaction, proposal: int) -> int | None:
    """The number of the order that came of a proposal."""
    rows = tx.query("SELECT number FROM control_orders WHERE proposal = ?", (proposal,))
    return int(rows[0][0]) if rows else None


def newest(tx: Transaction, limit: int) -> list[Issued]:
    """Orders, the newest first."""
    return [_issued(row) for row in tx.query(f"{_SELECT} ORDER BY number DESC LIMIT ?", (limit,))]


def open_for(tx: Transaction, wallet: str, now_ms: int) -> list[Issued]:
    """The orders that a wallet's chip has still to judge, by number; notices after the others."""
    code = wallet.partition("-")[0]
    reaching = [_issued(row) for row in tx.query(_FOR_WALLET, (wallet, code, wallet))]
    return sorted(
        (
            issued
            for issued in _in_force(reaching)
            if issued.expires_at_ms > now_ms and not _is_final(tx, issued.number, wallet)
        ),
        key=lambda issued: (issued.kind is OrderKind.NOTIFY, issued.number),
    )


def _in_force(issued: list[Issued]) -> list[Issued]:
    """Without those whose place a later one takes; all of them reach the same wallet."""
    return list({place_of(each.kind, each.scope, each.number): each for each in issued}.values())


def wallets_with_orders(tx: Transaction, now_ms: int) -> list[str]:
    """Wallets for which an order of their own is open."""
    rows = tx.query(
        "SELECT DISTINCT name FROM control_orders WHERE scope = 1 AND expires_at_ms > ?"
        " AND NOT EXISTS (SELECT 1 FROM deliveries WHERE deliveries.number = control_orders.number"
        " AND deliveries.weight > 0) ORDER BY name",
        (now_ms,),
    )
    return [wallet for (wallet,) in rows]


def open_to_many(tx: Transaction, now_ms: int) -> list[Issued]:
    """Orders to more than one wallet that have not expired and hold for some of them, by number."""
    rows = tx.query(f"{_SELECT} WHERE scope <> 1 AND expires_at_ms > ? ORDER BY number", (now_ms,))
    by_scope: dict[Scope, list[Issued]] = {}
    for issued in map(_issued, rows):
        by_scope.setdefault(issued.scope, []).append(issued)
    in_force = (issued for reaching in by_scope.values() for issued in _in_force(reaching))
    return sorted(in_force, key=lambda issued: issued.number)


def frees_from_many(suite: Suite, tx: Transaction, wish: OrderWish) -> bool:
    """Whether an order takes a wallet out of a group that is frozen or limited.

    What two people ordered of a group would then be lifted by one.
    """
    if wish.order is not OrderName.GROUPS:
        return False
    rows = tx.query("SELECT group_number FROM wallet_groups WHERE wallet = ?", (wish.addressee,))
    left = {int(group) for (group,) in rows} - set(wish.groups)
    return any(_is_restricted(suite, tx, group_scope(group)) for group in left)


def _is_restricted(suite: Suite, tx: Transaction, scope: Scope) -> bool:
    """Whether a scope is frozen, or has limits, by the newest orders to it."""
    rows = tx.query(
        f"{_SELECT} WHERE scope = ? AND name = ? AND kind <= ? ORDER BY number",
        (scope.kind, scope.name, max(STANDING_KINDS)),
    )
    in_force = _in_force([_issued(row) for row in rows])
    return any(_restricts(CONTROL_ORDER.peek(suite, issued.raw)) for issued in in_force)


def _restricts(order: ControlOrder) -> bool:
    parameter = read_parameter(order)
    if isinstance(parameter, FreezeParameter):
        return parameter.frozen
    return isinstance(parameter, LimitsParameter) and parameter.limits is not None


def _is_final(tx: Transaction, number: int, wallet: str) -> bool:
    rows = tx.query(
        "SELECT 1 FROM deliveries WHERE number = ? AND wallet = ? AND weight > 0", (number, wallet)
    )
    return bool(rows)


def _issued(row: Row) -> Issued:
    number, proposal, kind, scope, name, issued_at_ms, expires_at_ms, raw = row
    return Issued(
        number,
        proposal,
        OrderKind(kind),
        Scope(ScopeKind(scope), name),
        issued_at_ms,
        expires_at_ms,
        raw,
    )
