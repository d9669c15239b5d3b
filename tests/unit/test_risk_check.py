"""The risk check: every finding once, from the figure that it is found in."""

import msgspec
import pytest

from feiqian.institution.risk import KnownWallet, find, passes
from feiqian.money.limits import limits_of
from feiqian.timing.moment import Moment
from feiqian.wire.key_information import ChipCondition, KeyInformation
from feiqian.wire.risk import NOTES, Finding

pytestmark = pytest.mark.feature("W-07", "W-10")

NOW = Moment(1_800_000_000_000, 500)
NOW_S = NOW.midpoint_ms // 1_000
LIMITS = limits_of(2)
REPORT = KeyInformation(1, 5, 10, 100_00, 20_00, 30_00, bytes(6), 7, NOW_S, 1, 3, 0, 0)
KNOWN = KnownWallet(
    frozen=False,
    limits=LIMITS,
    previous=msgspec.structs.replace(REPORT, number=4, counter=9, offline_paid_minor=10_00),
    synchronised_number=3,
    list_stale=False,
    issued_minor=70_00,
)


def _said(**changes):
    return msgspec.structs.replace(REPORT, **changes), KNOWN


def _known(**changes):
    fields = {name: getattr(KNOWN, name) for name in KNOWN.__slots__}
    return REPORT, KnownWallet(**{**fields, **changes})


CASES = [
    (_known(frozen=True), Finding.WALLET_FROZEN),
    (_said(condition=ChipCondition.FROZEN), Finding.CHIP_FROZEN),
    (_said(counter=8), Finding.COUNTER_BACKWARD),
    (_said(synchronised_number=4), Finding.SYNCHRONISED_AHEAD),
    (_said(balance_minor=LIMITS.holding_minor + 1), Finding.OVER_HOLDING),
    (_said(offline_paid_minor=LIMITS.offline_total_minor + 1), Finding.OVER_OFFLINE_PAID),
    (_said(offline_received_minor=LIMITS.offline_total_minor + 1), Finding.OVER_OFFLINE_RECEIVED),
    (_known(list_stale=True), Finding.LIST_STALE),
    (_said(moment_s=NOW_S + 3), Finding.CLOCK_AHEAD),
    (_known(synchronised_number=4), Finding.SYNCHRONISED_BEHIND),
    (_said(offline_paid_minor=10_00), Finding.COUNTER_GAP),
    (_known(issued_minor=69_99), Finding.BALANCE_UNPROVEN),
    (_said(offline_received_minor=29_99, balance_minor=0), Finding.TOTALS_BACKWARD),
    (_said(counter=9), Finding.TOTALS_BACKWARD),
]


def test_nothing_is_found_in_an_honest_report():
    """Figures that fit together, and fit what is known, lead to no finding."""
    assert find(REPORT, KNOWN, NOW) == ()
    assert passes(())


@pytest.mark.parametrize(("case", "finding"), CASES, ids=[str(each[1].name) for each in CASES])
def test_each_finding_is_found_and_grave_ones_withhold_the_statement(case, finding):
    """One figure off is found by its name; notes pass, anything else does not."""
    report, known = case
    findings = find(report, known, NOW)
    assert finding in findings
    assert passes((finding,)) is (finding in NOTES)


def test_every_finding_has_its_case():
    """No finding is left without a report that leads to it."""
    assert {finding for _, finding in CASES} == set(Finding)


def test_limits_set_by_an_order_are_not_held_against_a_wallet():
    """A chip under other limits is not measured by its tier's."""
    report = msgspec.structs.replace(
        REPORT,
        condition=ChipCondition.OTHER_LIMITS,
        offline_paid_minor=LIMITS.offline_total_minor + 1,
    )
    assert Finding.OVER_OFFLINE_PAID not in find(report, KNOWN, NOW)


@pytest.mark.parametrize(("radius_s", "is_found"), [(1, False), (0, True)])
def test_uncertain_clock_is_not_certainly_ahead(radius_s, is_found):
    """A moment that may have come yet is not held against a wallet."""
    report = msgspec.structs.replace(REPORT, moment_s=NOW_S + 1, radius_s=radius_s)
    assert (Finding.CLOCK_AHEAD in find(report, KNOWN, NOW)) is is_found


def test_findings_are_given_once_and_in_order():
    """However many figures lead to a finding, it is said once."""
    report = msgspec.structs.replace(REPORT, offline_paid_minor=0, counter=1, balance_minor=0)
    findings = find(report, KNOWN, NOW)
    assert list(findings) == sorted(set(findings))
