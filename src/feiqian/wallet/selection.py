"""Which pieces to spend: as few transfers as can be, then as little change as can be had simply.

The fewest pieces that reach an amount are some of the largest. Starting from those, each one, the
smallest first, gives way to the smallest free piece that still reaches it. Every piece but the last
is spent whole; the last, the largest, leaves the change. Offline, pieces that have passed few hands go
first, and only what the payee's tier takes.
"""

from collections.abc import Sequence

from feiqian.crypto.suites import Suite
from feiqian.money.amounts import format_amount
from feiqian.money.currency import parse_currency
from feiqian.money.offline_policy import check_age, check_hands
from feiqian.money.piece import MAX_HOPS, hands_of
from feiqian.money.transfer import parse_transfer
from feiqian.outcomes import Outcome, Refusal
from feiqian.protocol.payment.chain import Chain
from feiqian.timing.moment import Moment
from feiqian.wire.items import MAX_ITEMS


def select(chains: Sequence[Chain], amount_minor: int) -> tuple[Chain, ...]:
    """Pieces for `amount_minor`, at most `MAX_ITEMS`, in the order in which the chip takes them.

    Raises `Refusal` insufficient_balance when they do not reach.
    """
    free = sorted(
        (chain for chain in chains if len(chain.transfers) < MAX_HOPS),
        key=lambda chain: (chain.amount_minor, chain.identifier),
    )
    chosen = _largest(free, amount_minor)
    free = free[: len(free) - len(chosen)]
    for at, piece in enumerate(chosen):
        spare_minor = sum(each.amount_minor for each in chosen) - amount_minor
        needed_minor = piece.amount_minor - spare_minor
        smaller = next((each for each in free if each.amount_minor >= needed_minor), None)
        if smaller is not None:
            chosen[at] = smaller
            free.remove(smaller)
    return tuple(sorted(chosen, key=lambda chain: (chain.amount_minor, chain.identifier)))


def select_offline(
    suite: Suite, chains: Sequence[Chain], amount_minor: int, tier: int, now: Moment
) -> tuple[Chain, ...]:
    """Pieces for `amount_minor` that a payee of `tier` takes in by chip, through the fewest hands.

    Raises `Refusal` insufficient_balance when what may be paid offline does not reach.
    """
    by_hands: dict[int, list[Chain]] = {}
    for chain in chains:
        hands = _hands(suite, chain)
        if _is_taken(suite, chain, hands, tier, now):
            by_hands.setdefault(hands, []).append(chain)
    within: list[Chain] = []
    for hands in sorted(by_hands):
        within += by_hands[hands]
        if hands != max(by_hands):
            try:
                return select(within, amount_minor)
            except Refusal:
                continue
    return select(within, amount_minor)


def _hands(suite: Suite, chain: Chain) -> int:
    return hands_of([parse_transfer(suite, raw) for raw in chain.transfers], chain.identifier)


def _is_taken(suite: Suite, chain: Chain, hands: int, tier: int, now: Moment) -> bool:
    try:
        check_hands(tier, hands)
        check_age(parse_currency(suite, chain.currency).value, now)
    except Refusal:
        return False
    return True


def _largest(ascending: Sequence[Chain], amount_minor: int) -> list[Chain]:
    """The fewest of the largest that reach the amount, smallest first."""
    chosen: list[Chain] = []
    for piece in reversed(ascending[-MAX_ITEMS:]):
        chosen.insert(0, piece)
        if sum(each.amount_minor for each in chosen) >= amount_minor:
            return chosen
    held_minor = sum(piece.amount_minor for piece in ascending)
    if held_minor >= amount_minor:
        raise Refusal(
            Outcome.INSUFFICIENT_BALANCE,
            f"expected {format_amount(amount_minor)} in at most {MAX_ITEMS} pieces: convert first",
        )
    raise Refusal(
        Outcome.INSUFFICIENT_BALANCE,
        f"expected {format_amount(amount_minor)}, can spend {format_amount(held_minor)}",
    )
