"""Two real wallets pay over each kind of link, opened by its address, all the way to the radio."""

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from feiqian.adapters.link_addresses import parse_link
from feiqian.adapters.links import open_to_pay, open_to_receive
from feiqian.outcomes import Outcome
from feiqian.testing.ble_air import BleAir
from feiqian.testing.network import SimulatedNetwork
from feiqian.testing.wallets import Device


def free_port() -> int:
    """A UDP port of this machine that is free now."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@asynccontextmanager
async def by_qr(folder: Path) -> AsyncIterator[tuple[str, str]]:
    """Two screens and two cameras."""
    yield f"qr:{folder}", f"qr:{folder}"


@asynccontextmanager
async def by_nfc(_: Path) -> AsyncIterator[tuple[str, str]]:
    """The stand-in for a field: frames as UDP datagrams."""
    device = f"nfc:udp:127.0.0.1:{free_port()}"
    yield device, device


@asynccontextmanager
async def by_ble(_: Path) -> AsyncIterator[tuple[str, str]]:
    """Two virtual controllers, each reached over TCP as one of another process is."""
    air = BleAir()
    servers = [await air.serve(number) for number in range(2)]
    payees, payers = (server.sockets[0].getsockname()[1] for server in servers)
    try:
        yield f"ble:tcp-client:127.0.0.1:{payees}", f"ble:tcp-client:127.0.0.1:{payers}"
    finally:
        for server in servers:
            server.close()


@pytest.mark.feature("C-01", "C-04", "C-22")
@pytest.mark.parametrize("medium", [by_qr, by_ble, by_nfc])
def test_two_wallets_pay_over_any_link(medium, tmp_path: Path) -> None:
    """Over QR codes, Bluetooth LE and NFC the amount moves once, and nothing but messages passes."""

    async def run() -> None:
        network = await SimulatedNetwork.create()
        payer = await Device(network, "A", "payer").start()
        payee = await Device(network, "B", "payee").start()
        await payer.withdraw(100_00)
        async with medium(tmp_path) as (payees, payers), asyncio.timeout(30):
            listens = asyncio.Event()
            receiving = asyncio.ensure_future(
                open_to_receive(parse_link(payees), ready=lambda _: listens.set())
            )
            await listens.wait()
            payers_link = await open_to_pay(parse_link(payers))
            payees_link = await receiving
            finished = asyncio.ensure_future(payee.receive(payees_link, None))
            paid = await payer.pay(payers_link, 12_50)
            received = await finished
            await payers_link.close()
            await payees_link.close()
        assert (paid.outcome, received.outcome) == (Outcome.ACCEPTED, Outcome.ACCEPTED)
        held = [(await wallet.balance()).held_minor for wallet in (payer, payee)]
        assert held == [87_50, 12_50]

    asyncio.run(run())
