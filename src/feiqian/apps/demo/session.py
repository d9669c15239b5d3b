"""A payment session of the demonstration: two wallets, a real link between them, and what went over it."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from feiqian.adapters.link_addresses import LinkAddress, TcpAddress, parse_link
from feiqian.adapters.links import open_to_pay, open_to_receive
from feiqian.apps.demo.stage import Stage
from feiqian.outcomes import Refusal
from feiqian.ports import Link
from feiqian.protocol.payment.effects import Finish
from feiqian.testing.free_ports import HOST
from feiqian.wallet.payments import Intake
from feiqian.wallet.wallet import Wallet
from feiqian.wire.envelope import decode_message
from feiqian.wire.payment import PaymentRequest

ANY_PORT = TcpAddress(HOST, 0)


@dataclass(frozen=True, slots=True)
class Terms:
    """One payment: who, how much, in which form, over what."""

    payer: str
    payee: str
    set_minor: int | None = None
    """What the payer sets."""
    asked_minor: int | None = None
    """What the payee asks."""
    by_identifier: bool = False
    offline: bool = False
    """From chip to chip, and nobody else is asked."""
    link: LinkAddress = ANY_PORT


@dataclass(slots=True)
class Paid:
    """How a session ended on both sides, and the payment requests that left the payer."""

    payer: Finish
    payee: Finish
    requests: list[bytes]

    @property
    def by_identifier(self) -> bool:
        """Whether the last request carried circulation identifiers alone."""
        items = decode_message(self.requests[-1], PaymentRequest).items
        return all(item.currency is None for item in items)


@dataclass(slots=True)
class _Tap:
    """A link that remembers the payment requests sent over it."""

    inner: Link
    requests: list[bytes] = field(default_factory=list)

    async def send(self, message: bytes) -> None:
        if _is_request(message):
            self.requests.append(message)
        await self.inner.send(message)

    async def receive(self) -> bytes:
        return await self.inner.receive()

    async def close(self) -> None:
        await self.inner.close()


def _is_request(message: bytes) -> bool:
    try:
        decode_message(message, PaymentRequest)
    except Refusal:
        return False
    return True


async def pay(stage: Stage, terms: Terms) -> Paid:
    """Have one wallet pay the other."""
    async with stage.wallet(terms.payer) as payer, stage.wallet(terms.payee) as payee:
        listening: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        async with asyncio.TaskGroup() as group:
            received = group.create_task(_receive(payee, terms, listening))
            where = parse_link(await listening)
            async with _closing(await open_to_pay(where)) as link:
                tap = _Tap(link)
                paid = await payer.pay(
                    tap,
                    terms.set_minor,
                    by_identifier=terms.by_identifier,
                    offline=terms.offline,
                )
        return Paid(paid, received.result(), tap.requests)


async def _receive(payee: Wallet, terms: Terms, listening: "asyncio.Future[str]") -> Finish:
    async with _closing(await open_to_receive(terms.link, ready=listening.set_result)) as link:
        intake = Intake.OFFLINE if terms.offline else Intake.MANAGER
        return await payee.receive(link, terms.asked_minor, intake)


@asynccontextmanager
async def _closing(link: Link) -> AsyncIterator[Link]:
    try:
        yield link
    finally:
        await link.close()
