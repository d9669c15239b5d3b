"""Whatever fails wherever without a network, an offline payment happens once or not at all."""

import asyncio
from collections.abc import Awaitable
from dataclasses import dataclass

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from feiqian.institution import books
from feiqian.ports import Link
from feiqian.testing.audit.auditor import audit
from feiqian.testing.links import linked_pair
from feiqian.testing.network import SimulatedNetwork
from feiqian.testing.network_evidence import evidence_of
from feiqian.testing.power import Power, PoweredLink
from feiqian.testing.wallets import Device
from feiqian.wallet.payments import Intake
from tests.property.test_payment_cuts import powered, surviving

START_MINOR = 100_00
PAID_MINOR = 10_00
MOST_STEPS = 60
"""More than any run of these takes."""
SIDES = ("payer", "payee")


@dataclass(frozen=True)
class Cut:
    """Where the power of one side fails."""

    side: str
    step: int
    after: bool


async def create() -> tuple[SimulatedNetwork, dict[str, Device]]:
    """A payer at A with currency and a payee at B, both with the list."""
    network = await SimulatedNetwork.create()
    await network.follow_lists()
    devices = {"payer": Device(network, "A", "payer"), "payee": Device(network, "B", "payee")}
    wallets = {side: await device.start() for side, device in devices.items()}
    await wallets["payer"].withdraw(START_MINOR)
    for wallet in wallets.values():
        await wallet.synchronise()
    return network, devices


async def pay_with(devices: dict[str, Device], cut: Cut, intake: Intake) -> int:
    """One payment with one cut; how many steps the side in question took."""
    powers = {side: Power() for side in SIDES}
    wallets = {side: await powered(devices[side], powers[side]) for side in SIDES}
    powers[cut.side].cut_at, powers[cut.side].after = cut.step, cut.after
    payee_end, payer_end = linked_pair()
    payee_link = PoweredLink(powers["payee"], payee_end)
    payer_link = PoweredLink(powers["payer"], payer_end)

    async def receive() -> None:
        await surviving(wallets["payee"].receive(payee_link, None, intake))
        await payee_link.close()

    async def pay() -> None:
        await surviving(wallets["payer"].pay(payer_link, PAID_MINOR, offline=True))
        await payer_link.close()

    await asyncio.gather(receive(), pay())
    return powers[cut.side].steps


async def meet_again(devices: dict[str, Device]) -> None:
    """What is still pending is handed over on a later link, still without a network."""
    wallets = {side: await device.start() for side, device in devices.items()}
    for entry in await wallets["payer"].history():
        if (entry.kind, entry.standing) == ("paid", "pending"):
            payee_link, payer_link = linked_pair()
            again = wallets["payer"].present_again(payer_link, bytes.fromhex(entry.reference))
            receiving = wallets["payee"].receive(payee_link, None, Intake.OFFLINE)
            await asyncio.gather(
                until_closed(again, payer_link), until_closed(receiving, payee_link)
            )


async def until_closed(work: Awaitable[object], link: Link) -> None:
    """Let an operation end as it does, then its link."""
    await surviving(work)
    await link.close()


async def settle(network: SimulatedNetwork, devices: dict[str, Device]) -> None:
    """Synchronise until the payee has what the payer's chip has signed, then check everything."""
    network.courier.cut_off.clear()
    for side in ("payer", "payee", "payer", "payee"):
        await (await devices[side].start()).synchronise()
    wallets = {side: await device.start() for side, device in devices.items()}
    reports = [await wallets[side].synchronise() for side in SIDES]
    for report in reports:
        assert (report.pending, report.unprovable_minor, report.unverified_minor) == (0, 0, 0)
        assert report.problems == ()
    balances = [await wallets[side].balance() for side in SIDES]
    held = tuple(balance.held_minor for balance in balances)
    assert held in {(START_MINOR, 0), (START_MINOR - PAID_MINOR, PAID_MINOR)}
    assert [balance.spendable_minor for balance in balances] == list(held)
    assert not audit(evidence_of(network)).discrepancies
    circulating = sum(network.balances(code).get(books.CIRCULATION, 0) for code in ("A", "B"))
    assert abs(circulating) == START_MINOR


@pytest.mark.feature("C-22", "P-07")
@pytest.mark.parametrize("side", SIDES)
@pytest.mark.parametrize("intake", [Intake.OFFLINE, Intake.CHIP])
def test_power_fails_once_at_every_step_offline(side: str, intake: Intake) -> None:
    """Before and after each use of a port of either side, losing power loses and doubles nothing."""

    async def run() -> None:
        for after in (False, True):
            step = taken = 0
            while step <= taken:
                network, devices = await create()
                taken = await pay_with(devices, Cut(side, step, after), intake)
                await settle(network, devices)
                step += 1
            assert step < MOST_STEPS

    asyncio.run(run())


@pytest.mark.feature("C-22")
@pytest.mark.parametrize("side", SIDES)
def test_what_was_torn_is_handed_over_later(side: str) -> None:
    """After a cut at any step a later link alone, with no network, brings value and receipt across."""

    async def run() -> None:
        step = taken = 0
        while step <= taken:
            network, devices = await create()
            network.courier.cut_off.add("http://")
            taken = await pay_with(devices, Cut(side, step, after=True), Intake.OFFLINE)
            await meet_again(devices)
            held = [await (await device.start()).balance() for device in devices.values()]
            total_minor = sum(balance.held_minor for balance in held)
            assert total_minor == START_MINOR
            for device in devices.values():
                entries = await (await device.start()).history()
                assert "pending" not in {entry.standing for entry in entries}
            await settle(network, devices)
            step += 1

    asyncio.run(run())


CUTS = st.builds(Cut, st.sampled_from(SIDES), st.integers(0, MOST_STEPS), st.booleans())


@pytest.mark.feature("C-22", "D-12")
@settings(max_examples=30, deadline=None)
@given(first=CUTS, again=st.lists(CUTS, max_size=4), connected=st.booleans())
def test_power_fails_again_while_reconciling(first: Cut, again: list[Cut], connected: bool) -> None:
    """Losing power in an offline payment, and then in what repairs it, loses and doubles nothing."""

    async def run() -> None:
        network, devices = await create()
        if not connected:
            network.courier.cut_off.add("http://")
        await pay_with(devices, first, Intake.CHIP)
        network.courier.cut_off.clear()
        for cut in again:
            power = Power()
            wallet = await powered(devices[cut.side], power)
            power.cut_at, power.after = cut.step, cut.after
            await surviving(wallet.synchronise())
        await settle(network, devices)

    asyncio.run(run())
