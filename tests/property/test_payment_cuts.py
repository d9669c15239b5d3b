"""Whatever fails wherever, a payment happens once or not at all, and synchronising settles it."""

import asyncio
from collections.abc import Awaitable
from dataclasses import dataclass

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from feiqian.institution import books
from feiqian.outcomes import Refusal
from feiqian.testing.links import linked_pair
from feiqian.testing.network import SimulatedNetwork
from feiqian.testing.power import (
    Power,
    PoweredChip,
    PoweredCourier,
    PoweredLink,
    PoweredStore,
    PowerFailed,
)
from feiqian.testing.wallets import Device
from feiqian.wallet.wallet import Wallet

START_MINOR = 100_00
PAID_MINOR = 10_00
MOST_STEPS = 40
"""More than any run of these takes; a cut beyond the last step is a run without one."""


@dataclass(frozen=True)
class Cut:
    """Where the power of one side fails."""

    side: str
    step: int
    after: bool


async def powered(device: Device, power: Power) -> Wallet:
    """A run of the client that hangs on `power` once it has started."""
    wallet = await device.start()
    around = device.surroundings(
        PoweredChip(power, device.chip),
        PoweredStore(power, device.store),
        PoweredCourier(power, device.network.courier),
    )
    power.steps = 0
    again = Wallet(type(wallet.holder)(around, wallet.holder.certificate, wallet.holder.account))
    again.unlock(b"1234")
    power.steps = 0
    return again


async def surviving(work: Awaitable[object]) -> None:
    """Let an operation end as it does: whole, refused, or with the client's power."""
    try:
        await work
    except (PowerFailed, Refusal):
        return


async def pay_with(devices: dict[str, Device], cut: Cut, by_identifier: bool) -> int:
    """One payment with one cut; how many steps the side in question took."""
    powers = {side: Power() for side in devices}
    wallets = {side: await powered(device, powers[side]) for side, device in devices.items()}
    powers[cut.side].cut_at, powers[cut.side].after = cut.step, cut.after
    payee_end, payer_end = linked_pair()
    payee_link = PoweredLink(powers["payee"], payee_end)
    payer_link = PoweredLink(powers["payer"], payer_end)

    async def end(work: Awaitable[object], link: PoweredLink) -> None:
        await surviving(work)
        await link.close()

    await asyncio.gather(
        end(wallets["payee"].receive(payee_link, None), payee_link),
        end(wallets["payer"].pay(payer_link, PAID_MINOR, by_identifier=by_identifier), payer_link),
    )
    return powers[cut.side].steps


async def synchronise_with(device: Device, cut: Cut) -> None:
    """One synchronisation with one cut."""
    power = Power()
    wallet = await powered(device, power)
    power.cut_at, power.after = cut.step, cut.after
    await surviving(wallet.synchronise())


async def create() -> tuple[SimulatedNetwork, dict[str, Device]]:
    """A payer at A with its currency, a payee at B."""
    network = await SimulatedNetwork.create()
    devices = {"payer": Device(network, "A", "payer"), "payee": Device(network, "B", "payee")}
    payer = await devices["payer"].start()
    await devices["payee"].start()
    await payer.withdraw(START_MINOR)
    return network, devices


async def settle(network: SimulatedNetwork, devices: dict[str, Device]) -> None:
    """Synchronise both sides without trouble, then check that value was kept."""
    wallets = {side: await device.start() for side, device in devices.items()}
    payer_report = await wallets["payer"].synchronise()
    payee_report = await wallets["payee"].synchronise()
    assert (payer_report.pending, payee_report.pending) == (0, 0)
    assert (payer_report.unprovable_minor, payee_report.unprovable_minor) == (0, 0)
    paid, held = [await wallets[side].balance() for side in ("payer", "payee")]
    assert (paid.held_minor, held.held_minor) in {
        (START_MINOR, 0),
        (START_MINOR - PAID_MINOR, PAID_MINOR),
    }
    assert paid.spendable_minor == paid.held_minor
    assert held.spendable_minor == held.held_minor
    circulating = sum(
        network.balances(code).get(books.CIRCULATION, 0) for code in network.institutions
    )
    assert abs(circulating) == START_MINOR


SIDES = st.sampled_from(["payer", "payee"])
CUTS = st.builds(Cut, SIDES, st.integers(0, MOST_STEPS), st.booleans())


@pytest.mark.feature("C-22", "P-07")
@pytest.mark.parametrize("side", ["payer", "payee"])
@pytest.mark.parametrize("by_identifier", [False, True])
def test_power_fails_once_at_every_step_of_a_payment(side: str, by_identifier: bool) -> None:
    """Before and after each use of a port of either side, losing power loses and doubles nothing."""

    async def run() -> None:
        for after in (False, True):
            step = taken = 0
            while step <= taken:
                network, devices = await create()
                taken = await pay_with(devices, Cut(side, step, after), by_identifier)
                await settle(network, devices)
                step += 1
            assert step < MOST_STEPS

    asyncio.run(run())


@pytest.mark.feature("C-22", "P-07")
@settings(max_examples=40, deadline=None)
@given(first=CUTS, again=st.lists(CUTS, max_size=3), by_identifier=st.booleans())
def test_power_fails_again_while_synchronising(
    first: Cut, again: list[Cut], by_identifier: bool
) -> None:
    """Losing power in a payment, and then in what repairs it, loses and doubles nothing."""

    async def run() -> None:
        network, devices = await create()
        await pay_with(devices, first, by_identifier)
        for cut in again:
            await synchronise_with(devices[cut.side], cut)
        await settle(network, devices)

    asyncio.run(run())


@pytest.mark.feature("C-22", "C-19", "P-04")
@pytest.mark.parametrize("errand", ["withdraw", "deposit", "convert"])
def test_power_fails_once_at_every_step_at_the_bank(errand: str) -> None:
    """Before and after each step of an errand, chip and account still add up to what there was."""

    async def run() -> None:
        for after in (False, True):
            step = taken = 0
            while step <= taken:
                _, devices = await create()
                power = Power()
                wallet = await powered(devices["payer"], power)
                power.cut_at, power.after = step, after
                await surviving(visit(wallet, errand))
                taken = power.steps
                await account_adds_up(devices["payer"])
                step += 1
            assert step < MOST_STEPS

    asyncio.run(run())


async def visit(wallet: Wallet, errand: str) -> None:
    """One errand; converting first makes a second piece."""
    if errand == "withdraw":
        await wallet.withdraw(PAID_MINOR)
    elif errand == "deposit":
        await wallet.deposit(PAID_MINOR)
    else:
        await wallet.withdraw(PAID_MINOR)
        await wallet.convert()


async def account_adds_up(device: Device) -> None:
    """After synchronising, nothing is between the chip and the account."""
    wallet = await device.start()
    report = await wallet.synchronise()
    assert (report.pending, report.unprovable_minor) == (0, 0)
    balance = await wallet.balance()
    account = await wallet.account()
    assert balance.held_minor + account.balance_minor == 1_000_00
    assert balance.spendable_minor == balance.held_minor
