"""Wallet tiers: how much a wallet may hold and pay, by how much is known of its holder (P-03).

The lowest tier needs no identity (managed anonymity) and has no bank account behind it. Limits are
in minor units; the tier stands in the chip's certificate, so that a chip, its institution and any
payee apply the same ones. The platform can set others for a chip, which then hold there in place of
the tier's (R-03).
"""

from collections.abc import Sequence
from typing import Annotated

from msgspec import Meta, Struct

from feiqian.money.amounts import AmountOrZeroMinor
from feiqian.outcomes import Outcome, Refusal

MAX_OFFLINE_HOPS = 16


class Limits(Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """What a tier, or an order of the platform, allows; amounts in minor units."""

    holding_minor: AmountOrZeroMinor
    payment_minor: AmountOrZeroMinor
    offline_payment_minor: AmountOrZeroMinor
    """Largest single payment that no manager sees."""
    offline_total_minor: AmountOrZeroMinor
    """Most paid, and most received, between two synchronisations."""
    offline_hops: Annotated[int, Meta(ge=0, le=MAX_OFFLINE_HOPS)]
    """Most hands that a piece may have passed, the paying one included."""


ANONYMOUS_TIER = 0
DEFAULT_TIER = 2

TIERS: tuple[Limits, ...] = (
    Limits(1_000_00, 500_00, 200_00, 500_00, 3),
    Limits(10_000_00, 5_000_00, 500_00, 1_000_00, 5),
    Limits(100_000_00, 50_000_00, 1_000_00, 5_000_00, 8),
    Limits(10_000_000_00, 5_000_000_00, 10_000_00, 50_000_00, 8),
)
"""By tier number: anonymous, identified remotely, identified with an account, merchant."""


def limits_of(tier: int) -> Limits:
    """The limits of `tier`; `Refusal` malformed when there is no such tier."""
    if not 0 <= tier < len(TIERS):
        raise Refusal(Outcome.MALFORMED, f"expected a tier from 0 to {len(TIERS) - 1}, got {tier}")
    return TIERS[tier]


def strictest(ordered: Sequence[Limits]) -> Limits:
    """Figure by figure the lowest of them; at least one must be given."""
    return Limits(
        min(each.holding_minor for each in ordered),
        min(each.payment_minor for each in ordered),
        min(each.offline_payment_minor for each in ordered),
        min(each.offline_total_minor for each in ordered),
        min(each.offline_hops for each in ordered),
    )


def check_payment(limits: Limits, amount_minor: int) -> None:
    """Raise `Refusal` over_payment_limit above what may be paid at once."""
    if amount_minor > limits.payment_minor:
        raise Refusal(Outcome.OVER_PAYMENT_LIMIT, f"expected at most {limits.payment_minor}")


def check_offline_payment(limits: Limits, amount_minor: int) -> None:
    """Raise `Refusal` over_offline_limit above what may be paid at once without a manager."""
    if amount_minor > limits.offline_payment_minor:
        raise Refusal(
            Outcome.OVER_OFFLINE_LIMIT, f"expected at most {limits.offline_payment_minor}"
        )


def check_offline_total(limits: Limits, total_minor: int, added_minor: int) -> None:
    """Raise `Refusal` over_offline_limit when one direction's offline total would be too high."""
    if total_minor + added_minor > limits.offline_total_minor:
        raise Refusal(
            Outcome.OVER_OFFLINE_LIMIT,
            f"expected at most {limits.offline_total_minor} between synchronisations",
        )


def check_holding(limits: Limits, held_minor: int, added_minor: int) -> None:
    """Raise `Refusal` over_holding_limit when `added_minor` would exceed what may be held."""
    if held_minor + added_minor > limits.holding_minor:
        raise Refusal(
            Outcome.OVER_HOLDING_LIMIT,
            f"expected to hold at most {limits.holding_minor}, would be {held_minor + added_minor}",
        )
