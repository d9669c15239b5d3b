"""What a wallet does about what a crash or a loss has left behind."""

import asyncio

import pytest

from feiqian.outcomes import Outcome, Refusal
from feiqian.testing.chips import PIN
from feiqian.testing.links import linked_pair
from feiqian.testing.network import SimulatedNetwork
from feiqian.testing.power import Power, PoweredChip, PowerFailed
from feiqian.testing.wallets import Device
from feiqian.wallet import holdings
from feiqian.wallet.wallet import Wallet


async def device_with(amount_minor: int) -> Device:
    """A wallet at A that has withdrawn."""
    device = Device(await SimulatedNetwork.create(), "A", "payer")
    await (await device.start()).withdraw(amount_minor)
    return device


@pytest.mark.feature("C-22")
def test_chains_that_the_host_lost_are_fetched_again() -> None:
    """A host whose chains are gone cannot prove its pieces until synchronising brings them back."""

    async def run() -> None:
        device = await device_with(50_00)
        device.store.run(lambda tx: tx.execute("DELETE FROM chains"))
        wallet = await device.start()
        assert (await wallet.balance()).spendable_minor == 0
        report = await wallet.synchronise()
        assert report.unprovable_minor == 0
        assert (await wallet.balance()).spendable_minor == 50_00

    asyncio.run(run())


@pytest.mark.feature("C-22")
def test_a_piece_is_promised_to_one_payment_only() -> None:
    """What one session waits for, another cannot take; the same session may ask again."""

    async def run() -> None:
        device = await device_with(50_00)
        (piece,) = device.store.run(holdings.free)
        for _ in range(2):
            device.store.run(lambda tx: holdings.reserve(tx, [piece.identifier], b"one"))
        with pytest.raises(Refusal) as refused:
            device.store.run(lambda tx: holdings.reserve(tx, [piece.identifier], b"two"))
        assert refused.value.outcome is Outcome.BUSY
        assert (await (await device.start()).balance()).spendable_minor == 0
        device.store.run(lambda tx: holdings.release(tx, b"one"))
        assert device.store.run(holdings.free) == (piece,)

    asyncio.run(run())


async def crash_in_pay(device: Device) -> None:
    """Lose power just after the chip has signed, before its answer is kept."""
    power = Power()
    wallet = await device.start(connection=PoweredChip(power, device.chip))
    payee = await Device(device.network, "B", "payee").start()
    payee_link, payer_link = linked_pair()
    receiving = asyncio.ensure_future(payee.receive(payee_link, None))
    power.steps, power.cut_at, power.after = 0, 1, True
    with pytest.raises(PowerFailed):
        await wallet.pay(payer_link, 10_00)
    await payer_link.close()
    await receiving


@pytest.mark.feature("C-22")
def test_nothing_new_is_paid_before_the_chip_has_said_what_it_signed() -> None:
    """With an undecided intent and a locked chip, a payment is refused; unlocked, both are made."""

    async def run() -> None:
        device = await device_with(50_00)
        await crash_in_pay(device)
        device.chip.reset()
        wallet = Wallet((await device.start()).holder)
        wallet.holder.around.chip.lock()
        with pytest.raises(Refusal) as refused:
            await wallet.pay(linked_pair()[1], 5_00)
        assert refused.value.outcome is Outcome.UNAVAILABLE
        wallet.unlock(PIN)
        report = await wallet.synchronise()
        assert (report.settled, report.pending) == (1, 0)
        assert (await wallet.balance()).held_minor == 40_00

    asyncio.run(run())
