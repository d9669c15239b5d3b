"""The auditor finds honest networks clean, and names whatever is tampered with.

One thing is changed in a store, behind everybody's back, and the report must begin with it.
"""

import asyncio

import pytest

from feiqian.testing.audit.auditor import audit
from feiqian.testing.audit.checks import Check
from feiqian.testing.audit.evidence import TransactionSnapshot, Views
from feiqian.testing.bare_wallets import BareWallet, full_item
from feiqian.testing.network import SimulatedNetwork
from feiqian.testing.network_evidence import evidence_of
from tests.scenario import (
    tampering_between,
    tampering_books,
    tampering_platform,
    tampering_record,
)
from tests.scenario.lived_network import IN_FLIGHT_MINOR, live, pay

pytestmark = pytest.mark.feature("P-06")

TAMPERINGS = (
    *tampering_record.TAMPERINGS,
    *tampering_books.TAMPERINGS,
    *tampering_platform.TAMPERINGS,
    *tampering_between.TAMPERINGS,
)


@pytest.fixture
def lived():
    """A network that has lived."""
    return asyncio.run(live())


@pytest.mark.feature("P-05", "C-11", "C-15")
def test_an_honest_network_is_proven_with_what_is_in_flight(lived):
    """After every kind of movement all facts hold, and the lost answer is in flight by name."""
    report = lived.audit()
    assert report.discrepancies == ()
    assert report.holds
    assert report.facts > 100
    [flight] = report.in_flight
    assert (flight.issuer, flight.redeemer, flight.standing) == ("A", "B", "pending")
    assert flight.amount_minor == report.in_flight_minor == IN_FLIGHT_MINOR
    assert report.issued_minor == report.circulating_minor + report.redeemed_minor
    total_minor = report.headroom_minor + report.circulating_minor + report.in_flight_minor
    assert report.platform_minor == total_minor


def test_what_was_in_flight_arrives(lived):
    """When the redeemer asks again at its next start, nothing is in flight any more."""
    asyncio.run(lived.network.restart("B").finish_pending())
    report = lived.audit()
    assert report.holds
    assert report.in_flight == ()


def test_the_same_evidence_makes_the_same_report(lived):
    """Two audits of one state are equal to the last field."""
    assert lived.audit() == lived.audit()


def test_a_network_that_runs_is_proven_without_tolerance():
    """Read at two moments with payments in between, every effect still has its cause."""

    async def run():
        network = await SimulatedNetwork.create(("A", "B"))
        alice = await BareWallet.open(network, "A", "alice")
        bob = await BareWallet.open(network, "B", "bob")
        first, second = await alice.withdraw(10_00), await alice.withdraw(10_00)
        await pay(alice, bob, first, 4_00, full_item)
        early = {name: _copy(store) for name, store in network.stores.items() if name != "B"}
        await pay(alice, bob, second, 3_00, full_item)
        early["B"] = _copy(network.stores["B"])
        await network.settle()
        return network, early

    network, early = asyncio.run(run())
    late = evidence_of(network)
    views = {name: Views(early[name], found.late) for name, found in late.institutions.items()}
    platform = Views(early["platform"], late.platform.late)
    report = audit(type(late)(late.suite, late.root_raw, platform, views))
    assert report.discrepancies == ()
    [flight] = report.in_flight
    assert (flight.standing, flight.amount_minor) == ("credited", -3_00)
    reverse = {"A": late.institutions["A"], "B": Views(early["B"], late.institutions["B"].late)}
    assert audit(type(late)(late.suite, late.root_raw, late.platform, reverse)).holds


def _copy(store):
    """A snapshot that stays as it is while the store goes on."""
    copy = type(store)(())
    store._connection.backup(copy._connection)
    return copy.run(TransactionSnapshot)


@pytest.mark.feature("C-10", "C-11", "C-15", "P-05")
@pytest.mark.parametrize(
    ("tamper", "check"), TAMPERINGS, ids=lambda value: value.__name__ if callable(value) else value
)
def test_what_is_tampered_with_is_named_first(lived, tamper, check):
    """One thing changed in one store, and the report begins with the check that it breaks."""
    tamper(lived)
    report = lived.audit()
    assert not report.holds
    assert report.discrepancies[0].check is check


def test_every_check_is_broken_by_something():
    """No check but the totals, which follow from the others, could be removed unnoticed."""
    tested = {check for _, check in TAMPERINGS}
    assert set(Check) - tested == {
        Check.ROOT_VALUE,
        Check.INSTITUTION_TOTAL,
        Check.NETWORK_TOTAL,
    }


@pytest.mark.parametrize(
    ("tamper", "check"),
    [
        (tampering_record.record_amount_raised, Check.ROOT_VALUE),
        (tampering_record.record_amount_raised, Check.INSTITUTION_TOTAL),
        (tampering_books.balance_altered, Check.NETWORK_TOTAL),
    ],
)
def test_totals_fail_with_what_they_are_made_of(lived, tamper, check):
    """A wrong part also shows in the totals of P-06."""
    tamper(lived)
    assert check in {each.check for each in lived.audit().discrepancies}
