"""Tiers: how much a wallet may hold and pay."""

from itertools import pairwise

import pytest

from feiqian.money.limits import (
    ANONYMOUS_TIER,
    TIERS,
    check_holding,
    check_payment,
    limits_of,
)
from feiqian.money.piece import MAX_HOPS
from feiqian.outcomes import Outcome
from tests.golden import outcome_of


def test_more_knowledge_never_allows_less():
    """Each tier allows at least what the one below allows, the anonymous one the least."""
    assert limits_of(ANONYMOUS_TIER) is TIERS[0]
    for lower, higher in pairwise(TIERS):
        assert lower.holding_minor < higher.holding_minor
        assert lower.payment_minor < higher.payment_minor
        assert lower.offline_payment_minor < higher.offline_payment_minor
        assert lower.offline_total_minor < higher.offline_total_minor
        assert lower.offline_hops <= higher.offline_hops


def test_limits_fit_into_each_other():
    """Nobody may pay more than they may hold, offline more than online, or pass unread chains."""
    for limits in TIERS:
        assert limits.offline_payment_minor <= limits.payment_minor <= limits.holding_minor
        assert limits.offline_payment_minor <= limits.offline_total_minor <= limits.holding_minor
        assert limits.offline_hops <= MAX_HOPS


@pytest.mark.parametrize("tier", [-1, len(TIERS)])
def test_unknown_tier_is_malformed(tier):
    """There is no tier beside those listed, and no counting from the end."""
    assert outcome_of(lambda: limits_of(tier)) is Outcome.MALFORMED


def test_payment_limit_itself_is_allowed():
    """Exactly the limit may be paid, one minor unit more may not."""
    limits = limits_of(0)
    check_payment(limits, limits.payment_minor)
    refused = outcome_of(lambda: check_payment(limits, limits.payment_minor + 1))
    assert refused is Outcome.OVER_PAYMENT_LIMIT


def test_holding_limit_counts_what_is_held():
    """Exactly the limit may be held, one minor unit more may not."""
    limits = limits_of(0)
    check_holding(limits, limits.holding_minor - 5, 5)
    refused = outcome_of(lambda: check_holding(limits, limits.holding_minor - 5, 6))
    assert refused is Outcome.OVER_HOLDING_LIMIT
