"""Controlling: the platform's orders are judged here, alone, and take effect here (R-03, R-04).

The chip believes nobody but the root key pinned in it. Of each kind it executes only what is numbered
higher than all it executed before, and only while the order has certainly not expired: by the later
of what its host says it is and what it knows to be past. Of the kinds that stand, freezing and limits,
it is each kind *and scope* (`standing`). What it does not execute changes nothing at all; what is
genuine and for it gets a receipt either way.
"""

from msgspec.structs import replace

from feiqian.chip.card.memory import CardState
from feiqian.chip.card.purse import Card, Step, after, latest_ms
from feiqian.chip.card.standing import (
    entered,
    is_frozen,
    last_number,
    limits_ordered,
    within_bounds,
)
from feiqian.chip.commands import Control, ControlAnswer
from feiqian.crypto.cbor import VERSION
from feiqian.outcomes import Outcome, Refusal
from feiqian.wire.control import (
    CONTROL_ORDER,
    CONTROL_RECEIPT,
    STANDING_KINDS,
    ControlOrder,
    ControlReceipt,
    GroupsParameter,
    Parameter,
    Scope,
    ScopeKind,
    check_order,
)


def control(card: Card, command: Control) -> Step:
    """CONTROL. `Refusal`: malformed and its kin, bad_signature, wrong_addressee."""
    order = CONTROL_ORDER.read(card.suite, command.order, card.state.root_public_key)
    parameter = check_order(order)
    if not _is_for(card, order.scope):
        raise Refusal(Outcome.WRONG_ADDRESSEE, "expected an order for this wallet")
    outcome = _judge(card, order, command)
    state = card.state
    if outcome is Outcome.ACCEPTED:
        state = _executed(state, order, parameter)
    receipt = ControlReceipt(VERSION, order.number, outcome, state.counter, state.frozen)
    signed = CONTROL_RECEIPT.sign(card.suite, card.owner.key, receipt)
    return state, ControlAnswer(receipt=signed)


def _is_for(card: Card, scope: Scope) -> bool:
    match scope.kind:
        case ScopeKind.WALLET:
            return scope.name == card.owner.number
        case ScopeKind.GROUP:
            return scope.name in map(str, card.state.groups)
        case ScopeKind.INSTITUTION:
            return scope.name == card.owner.institution.value.subject
        case ScopeKind.ALL:
            return True


def _judge(card: Card, order: ControlOrder, command: Control) -> Outcome:
    """What is to become of it; a repetition is known as one also after its end."""
    last = _last_number(card.state, order)
    if order.number == last:
        return Outcome.REPEATED
    if order.number < last:
        return Outcome.OUTDATED
    if latest_ms(card, command.moment) > order.expires_at_ms:
        return Outcome.EXPIRED
    return Outcome.ACCEPTED


def _last_number(state: CardState, order: ControlOrder) -> int:
    """The number of the last order executed that this one would take the place of."""
    if order.kind in STANDING_KINDS:
        return last_number(state.standing, state.forgotten_number, order)
    return state.executed_numbers[order.kind - 1]


def _executed(state: CardState, order: ControlOrder, parameter: Parameter | None) -> CardState:
    numbers = list(state.executed_numbers)
    numbers[order.kind - 1] = max(numbers[order.kind - 1], order.number)
    following = after(replace(state, executed_numbers=tuple(numbers)), order.issued_at_ms)
    if isinstance(parameter, GroupsParameter):
        following = replace(following, groups=parameter.groups)
    return _with_standing(following, order, parameter)


def _with_standing(state: CardState, order: ControlOrder, parameter: Parameter | None) -> CardState:
    """What stands, and what follows from all of it."""
    groups = state.groups
    standing, forgotten = within_bounds(
        entered(state.standing, order, parameter), state.forgotten_number, groups
    )
    return replace(
        state,
        standing=standing,
        forgotten_number=forgotten,
        frozen=is_frozen(standing, groups),
        ordered_limits=limits_ordered(standing, groups),
    )
