"""Strangers in the reach of a payee's Bluetooth."""

import asyncio
from collections.abc import Awaitable, Callable

import pytest
from bumble.device import Connection
from bumble.l2cap import LeCreditBasedChannelSpec

from feiqian.adapters import ble
from feiqian.adapters.ble import GREETING, BlePayee, find_payee
from feiqian.adapters.ble_radio import BleRadio
from feiqian.outcomes import Outcome, Refusal
from feiqian.testing.ble_air import BleAir


async def say_nothing(connection: Connection) -> None:
    """Connect, and take up the payee's time."""


async def say_nonsense(connection: Connection) -> None:
    """Open the channel and greet as nobody does."""
    channel = await connection.create_l2cap_channel(LeCreditBasedChannelSpec(psm=0x80))
    channel.write(GREETING[:-1] + b"?")


async def greet_halfway(connection: Connection) -> None:
    """Open the channel and stop in the middle of the greeting."""
    channel = await connection.create_l2cap_channel(LeCreditBasedChannelSpec(psm=0x80))
    channel.write(GREETING[:3])


async def intrude(radio: BleRadio, behave: Callable[[Connection], Awaitable[None]]) -> None:
    """Connect to the payee, behave, and stay until turned away."""
    address = await ble._scan(radio)
    connection = await radio.device.connect_le(address)
    gone = asyncio.Event()
    connection.on(connection.EVENT_DISCONNECTION, lambda _: gone.set())
    await behave(connection)
    await gone.wait()


@pytest.mark.parametrize("behave", [say_nothing, say_nonsense, greet_halfway])
def test_a_stranger_does_not_keep_payers_out(
    behave: Callable[[Connection], Awaitable[None]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever does not greet in time, or greets wrongly, is turned away; then a payer comes in."""
    monkeypatch.setattr(ble, "GREETING_TIMEOUT_S", 0.05)

    async def run() -> None:
        air = BleAir()
        payees, strangers, payers = [await air.radio(number) for number in range(1, 4)]
        listening = await BlePayee.listen(payees)
        async with asyncio.timeout(10):
            await intrude(strangers, behave)
            payer = await find_payee(payers)
            payee = await listening.accept()
            await payee.send(b"offer")
            assert await payer.receive() == b"offer"
        await payer.close()
        await payee.close()
        await strangers.close()

    asyncio.run(run())


def test_a_payee_out_of_reach_is_unavailable() -> None:
    """A payer looks for a payee for a bounded time."""

    async def run() -> None:
        radio = await BleAir().radio(1)
        with pytest.raises(Refusal) as refused:
            await find_payee(radio, timeout_s=0.05)
        assert refused.value.outcome is Outcome.UNAVAILABLE
        await radio.close()

    asyncio.run(run())
