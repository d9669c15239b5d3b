"""Standing orders: what is to be so until the same scope hears otherwise, freezing and limits (R-03, R-06).

The chip keeps a register for each scope that it has heard of: the number of the last order to that
scope, and what it said. What holds is read from all of them: the chip is frozen while **any** scope
says so, and of all limits ordered the strictest hold. So only a lift to the same scope lifts a freeze,
whoever is ordered what in between, and the order of arrival makes no difference.

A group's registers count while the chip belongs to it, and outlast its leaving, so that an order of
the past is known as one when it comes back. The oldest of groups left make room in the end; orders to
groups without a register that are not newer than those forgotten are then outdated.
"""

from collections.abc import Iterator
from typing import Annotated

from msgspec import Meta, Struct

from feiqian.money.limits import Limits, strictest
from feiqian.wire.control import (
    EVERYBODY,
    STANDING_KINDS,
    ControlOrder,
    FreezeParameter,
    Groups,
    LimitsParameter,
    OrderKind,
    OrderNumber,
    Parameter,
    Scope,
    ScopeKind,
)

MAX_STANDING = 20
"""Most registers of a kind: the wallet's, its institution's, everybody's, 16 groups', and one more."""


class StandingOrder(Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """The register of one kind and scope."""

    kind: OrderKind
    scope: Scope
    number: OrderNumber
    """Of the last order executed."""
    frozen: bool = False
    """Of FREEZE."""
    limits: Limits | None = None
    """Of LIMITS; None: this scope sets none."""


Standings = Annotated[tuple[StandingOrder, ...], Meta(max_length=2 * MAX_STANDING)]


def last_number(standing: Standings, forgotten_number: int, order: ControlOrder) -> int:
    """The number of the last order of this kind to this scope; 0 for none."""
    for each in standing:
        if (each.kind, each.scope) == (order.kind, order.scope):
            return each.number
    return forgotten_number if order.scope.kind is ScopeKind.GROUP else 0


def entered(standing: Standings, order: ControlOrder, parameter: Parameter | None) -> Standings:
    """The registers after a standing order was executed."""
    others = tuple(
        each for each in standing if (each.kind, each.scope) != (order.kind, order.scope)
    )
    match parameter:
        case FreezeParameter():
            said = StandingOrder(order.kind, order.scope, order.number, frozen=parameter.frozen)
        case LimitsParameter():
            said = StandingOrder(order.kind, order.scope, order.number, limits=parameter.limits)
        case _:
            return standing
    return (*others, said)


def within_bounds(
    standing: Standings, forgotten_number: int, groups: Groups
) -> tuple[Standings, int]:
    """The registers that are kept after one was entered, and the highest number forgotten."""
    for kind in STANDING_KINDS:
        of_kind = [each for each in standing if each.kind is kind]
        left = [each for each in of_kind if not _counts(each, groups)]
        if len(of_kind) > MAX_STANDING:
            oldest = min(left, key=lambda each: each.number)
            standing = tuple(each for each in standing if each is not oldest)
            forgotten_number = max(forgotten_number, oldest.number)
    return standing, forgotten_number


def is_frozen(standing: Standings, groups: Groups) -> bool:
    """Whether any scope that counts says so."""
    return any(each.frozen for each in _counting(standing, groups))


def limits_ordered(standing: Standings, groups: Groups) -> Limits | None:
    """Of all limits that count, figure by figure the lowest; None when none are ordered."""
    ordered = [each.limits for each in _counting(standing, groups) if each.limits is not None]
    return strictest(ordered) if ordered else None


def of_unknown_scope(number: int, frozen: bool, limits: Limits | None) -> Standings:
    """What an image says that was written before scopes were kept: as if ordered to everybody."""
    standing = []
    if frozen:
        standing.append(StandingOrder(OrderKind.FREEZE, EVERYBODY, number, frozen=True))
    if limits is not None:
        standing.append(StandingOrder(OrderKind.LIMITS, EVERYBODY, number, limits=limits))
    return tuple(standing)


def _counting(standing: Standings, groups: Groups) -> Iterator[StandingOrder]:
    return (each for each in standing if _counts(each, groups))


def _counts(each: StandingOrder, groups: Groups) -> bool:
    return each.scope.kind is not ScopeKind.GROUP or each.scope.name in map(str, groups)
