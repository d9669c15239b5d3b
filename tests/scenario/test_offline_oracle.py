"""Histories that once were reckoned wrongly: what the oracle of the offline world must not conclude."""

import asyncio
from contextlib import suppress

from feiqian.outcomes import Refusal
from feiqian.testing.offline_promises import Promises
from feiqian.testing.offline_world import Fault, OfflineWorld


def history(tell):
    """Let a history happen, reconcile, and have every promise checked; what evidence there is."""

    async def live():
        world = await OfflineWorld.create("history")
        await tell(world)
        await world.reconcile()
        promises = Promises(world)
        promises.check_value()
        promises.check_honest()
        return promises.check_evidence()

    return asyncio.run(live())


async def hand(world, payer, payee, amount_minor, *, checked):
    """One payment, which may be refused."""
    with suppress(Refusal):
        await world.pay(payer, payee, amount_minor, Fault.NONE, 0, checked)


def test_what_was_asked_in_vain_and_then_refused_by_the_own_list_is_no_evidence():
    """An issuer that could not be reached has not seen the payment that the payee's list refused."""

    async def tell(world):
        rogue, (first, second, third, *_) = world.rogues[0], world.honest
        await hand(world, rogue, first, 5_00, checked=True)
        await hand(world, rogue, second, 6_00, checked=True)
        await world.network.follow_lists()
        await third.read_list()
        world.cut_off(rogue.code, answers_only=False)
        await hand(world, rogue, third, 7_00, checked=True)
        assert third.shown
        with suppress(Refusal):
            await world.hand_over_waiting(0, False)
        assert not world.waiting
        assert not third.decided

    assert history(tell) == 1


def test_a_deposit_that_its_rogue_has_forgotten_may_be_evidence():
    """What reached the issuer counts, though its sender deposited the same piece once more since."""

    async def tell(world):
        rogue = world.rogues[1]
        past = rogue.remember()
        await hand(world, rogue, world.honest[0], 5_00, checked=True)
        world.cut_off(rogue.code, answers_only=True)
        for _ in range(2):
            rogue.roll_back(past)
            with suppress(Refusal):
                await world.deposit(rogue, 0)
        assert len(rogue.errands) == 1

    assert history(tell) == 2
