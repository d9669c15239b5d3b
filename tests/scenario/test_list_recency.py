"""A list on which nothing changes does not grow old."""

import asyncio

import pytest

from feiqian.central.list_book import RECENT_FOR_MS
from feiqian.institution.documents import Nothing
from feiqian.institution.operator import Operator
from feiqian.money.limits import DEFAULT_TIER
from feiqian.money.offline_policy import DAY_MS, ceiling_with_list
from feiqian.outcomes import Outcome, Refusal
from feiqian.testing.network import SimulatedNetwork
from feiqian.testing.pockets import Pocket


async def quiet_days(days, *, keep_recent):
    """The pocket of somebody who reads the list after days on which nobody spent twice."""
    network = await SimulatedNetwork.create(("A", "B"))
    await network.follow_lists()
    pocket = await Pocket.open(network, "A", "reader")
    for _ in range(days):
        network.clock.advance(DAY_MS)
        if keep_recent:
            await network.platform.keep_list_recent()
        await network.follow_lists()
    await pocket.read_list()
    return pocket


@pytest.mark.feature("D-07", "D-16")
def test_in_quiet_times_whoever_reads_the_list_can_go_on_being_paid_offline():
    """The platform publishes the same list again, so that it is known to be recent."""
    pocket = asyncio.run(quiet_days(30, keep_recent=True))
    state = pocket.listed.state
    assert (state.number, state.identifiers, state.offenders) == (31, 0, 0)
    full_minor = ceiling_with_list(DEFAULT_TIER, pocket.now.midpoint_ms, pocket.now)
    assert ceiling_with_list(DEFAULT_TIER, state.issued_at_ms, pocket.now) == full_minor


@pytest.mark.feature("D-16")
def test_a_platform_that_has_fallen_silent_is_not_believed_for_ever():
    """A week after the last word of the platform nothing is taken without a back end."""
    pocket = asyncio.run(quiet_days(8, keep_recent=False))
    with pytest.raises(Refusal) as caught:
        pocket.offer()
    assert caught.value.outcome is Outcome.STALE_LIST


@pytest.mark.feature("D-07")
def test_a_recent_list_is_not_published_again():
    """Front ends that look often make no versions of their own."""

    async def story():
        network = await SimulatedNetwork.create(("A",))
        for passed_ms in (0, RECENT_FOR_MS - 1, 1, 1):
            network.clock.advance(passed_ms)
            await network.platform.keep_list_recent()
        return await network.platform.list_report()

    assert asyncio.run(story()).number == 2


@pytest.mark.feature("D-07", "D-14")
def test_an_operator_need_not_wait_for_the_list():
    """Told to, an institution takes the newest list at once; without a way there it says so."""

    async def story():
        network = await SimulatedNetwork.create(("A",))
        institution = network.institutions["A"]
        standing = await Operator(institution, network.courier).follow_list(Nothing())
        with pytest.raises(Refusal) as caught:
            await Operator(institution).follow_list(Nothing())
        return standing, caught.value.outcome

    standing, outcome = asyncio.run(story())
    assert (standing.number, standing.identifiers, standing.offenders) == (1, 0, 0)
    assert outcome is Outcome.UNAVAILABLE
