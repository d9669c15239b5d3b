"""Netting keeps what is covered, and leaves out debtors that cannot pay, round by round."""

import pytest

from feiqian.central.netting import Claim, covered_claims, net_positions

pytestmark = pytest.mark.feature("P-05")

RING = (Claim("A", "B", 100), Claim("B", "C", 100), Claim("C", "A", 100))


def test_a_ring_of_claims_nets_to_nothing():
    """Claims that run in a circle settle without anybody having anything."""
    assert net_positions(RING) == {"A": 0, "B": 0, "C": 0}
    assert covered_claims(RING, {}) == RING


def test_a_debtor_needs_only_its_net_position():
    """What a debtor is owed counts towards what it owes."""
    claims = (Claim("A", "B", 100), Claim("B", "A", 60))
    assert covered_claims(claims, {"A": 40}) == claims


def test_a_debtor_that_is_short_by_one_is_left_out_alone():
    """One unit short leaves the debtor's claims out, and the others settle."""
    claims = (Claim("A", "B", 100), Claim("B", "A", 60), Claim("C", "B", 5))
    assert covered_claims(claims, {"A": 39, "B": 60, "C": 5}) == claims[1:]


def test_leaving_one_out_can_leave_out_the_next():
    """Who counted on a debtor that is left out is judged again without it."""
    chain = (Claim("A", "B", 10), Claim("B", "C", 10), Claim("C", "D", 10))
    assert covered_claims(chain, {"A": 9}) == ()
