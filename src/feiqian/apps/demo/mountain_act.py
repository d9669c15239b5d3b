"""The act of the satellites: offline for too long, reported, frozen from orbit, and set free again."""

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime

from feiqian.apps.demo.acts import Facts
from feiqian.apps.demo.mountains import PRESET_MS, Mountains, found_station, mountains
from feiqian.apps.demo.opening_acts import open_wallet
from feiqian.apps.demo.stage import FIRST, HIKER, Stage
from feiqian.central.control_documents import OrderName
from feiqian.crypto.p256 import P256_SHA256
from feiqian.money.amounts import format_amount
from feiqian.outcomes import Outcome
from feiqian.protocol.payment.effects import Finish
from feiqian.testing.links import linked_pair
from feiqian.wallet.overdue import OfflineStanding
from feiqian.wallet.payments import Intake
from feiqian.wallet.satellite import MessageEffect
from feiqian.wallet.watching import Sight

HIKERS_MINOR = 30_00
PAID_MINOR = 3_00
LISTENED_MS = 500
MAX_LOOKS = 120
"""A minute without what is awaited fails the act."""


async def mountains_act(stage: Stage) -> Facts:
    """From the valley into the mountains, and back."""
    number = await open_wallet(stage, HIKER, "A")
    stage.tell(f"The hiker's wallet is {number}.")
    station_key = P256_SHA256.generate()
    await found_station(stage, station_key)
    async with mountains(stage, station_key) as there:
        await _set_out(there)
        reported = await _be_overdue(there)
        orders = await _be_frozen_and_freed(there)
    for name in (FIRST, HIKER):
        async with stage.home(name) as (home, wallet):
            await home.timekeeper().update(anew=True)
            report = await wallet.synchronise()
            stage.expect(report.problems == (), f"the {name} wallet in order: {report.problems}")
    return {"number": number, **reported, **orders}


async def _set_out(there: Mountains) -> None:
    stage = there.stage
    sight = await there.watch.look()
    stage.expect(sight.connected, "the hiker to have a network in the valley")
    await there.wallet.withdraw(HIKERS_MINOR)
    wall_ms, clock = there.oscillator.read().wall_ms, there.watch.timekeeper.clock
    stage.tell(
        f"Its own clock says {_day(wall_ms)}; it was told, and believes,"
        f" {_day(clock.now().midpoint_ms)}."
    )
    there.leave()


async def _be_overdue(there: Mountains) -> Facts:
    stage = there.stage
    sights, heard = await _until(there, lambda _, news: any(each.synchronised for each in news))
    overdue = [each for each in sights if each.judgement.standing is OfflineStanding.OVERDUE]
    stage.expect(bool(overdue), "the wallet to be overdue before it was synchronised")
    first = overdue[0]
    assert first.judgement.offline is not None
    stage.expect(first.judgement.offline.at_least_ms > PRESET_MS, "no sooner than it may be")
    stage.expect(not any(each.connected for each in sights), "no network in the mountains")
    stage.tell(
        f"Certainly offline for more than {PRESET_MS / 1000:g} s by {first.time.source}, give or"
        f" take {first.time.radius_ms / 1000:g} s: it reported itself by satellite."
    )
    stage.tell("Its institution found nothing against it, and its signed answer came down.")
    return {
        "overdue_after_ms": PRESET_MS,
        "offline_at_least_ms": first.judgement.offline.at_least_ms,
        "looks": len(sights),
        "messages_down": len(heard),
    }


async def _be_frozen_and_freed(there: Mountains) -> Facts:
    stage = there.stage
    frozen = await _obey(there, OrderName.FREEZE)
    refused = await _pay(there)
    stage.expect(refused.outcome is Outcome.WALLET_FROZEN, f"frozen, not {refused.outcome}")
    stage.tell(
        f"Order {frozen}, freeze, came from orbit. It pays nobody now, not even where there is no"
        f" network: {refused.outcome}."
    )
    freed = await _obey(there, OrderName.UNFREEZE)
    paid = await _pay(there)
    stage.expect(paid.outcome is Outcome.ACCEPTED, f"accepted, not {paid.detail}")
    stage.tell(
        f"Order {freed} set it free, and {format_amount(PAID_MINOR)} went to the first wallet from"
        " chip to chip. The platform has the chip's receipts of both orders."
    )
    return {"frozen_by": frozen, "freed_by": freed, "paid_minor": PAID_MINOR}


async def _obey(there: Mountains, name: OrderName) -> int:
    """Give an order, and wait until the platform has the chip's receipt."""
    order = await there.order(name)
    for _ in range(MAX_LOOKS):
        await there.watch.look()
        await there.watch.listen(LISTENED_MS)
        standing = await there.standing(order.number)
        if any(each.state == "executed" for each in standing.deliveries):
            return order.number
    there.stage.expect(False, f"order {order.number} to be executed")
    return order.number


async def _until(
    there: Mountains, ends: Callable[[Sight, list[MessageEffect]], bool]
) -> tuple[list[Sight], list[MessageEffect]]:
    """Look and listen until it ends; what was seen and heard."""
    sights: list[Sight] = []
    heard: list[MessageEffect] = []
    for _ in range(MAX_LOOKS):
        sights.append(await there.watch.look())
        heard += await there.watch.listen(LISTENED_MS)
        if ends(sights[-1], heard):
            return sights, heard
    there.stage.expect(False, "an answer from the satellites")
    return sights, heard


async def _pay(there: Mountains) -> Finish:
    """The hiker meets the first wallet's holder."""
    payee_link, payer_link = linked_pair()
    async with there.stage.wallet(FIRST) as payee:
        receiving = asyncio.ensure_future(payee.receive(payee_link, None, Intake.OFFLINE))
        paid = await there.wallet.pay(payer_link, PAID_MINOR, offline=True)
        await payer_link.close()
        await receiving
    return paid


def _day(at_ms: int) -> str:
    return f"{datetime.fromtimestamp(at_ms / 1000, UTC):%Y-%m-%d %H:%M:%S}"
