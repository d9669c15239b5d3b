"""What a vehicle and a service entity need of a wallet: authorise once, then pay and be paid by order.

The parties of a service do not know the wallet's code; `apps` wraps a wallet into a purse. Everything
here is harmless the second time: the chip charges an order id once, and answers a repetition with
the same bytes.
"""

from dataclasses import dataclass
from typing import Protocol

from feiqian.outcomes import Outcome
from feiqian.ports import Link
from feiqian.wire.service import FeeOrder, Side
from feiqian.wire.usage import ServiceClass


@dataclass(frozen=True, slots=True)
class Grant:
    """What the holder lets the chip pay without being asked again (V-09)."""

    payee: bytes | None
    """The fingerprint of one entity's wallet; None: whatever the provider states of its class."""
    provider_key: bytes
    """Whose statements count."""
    service: ServiceClass
    ceiling_minor: int
    """Most for one use."""
    valid_from_ms: int
    valid_until_ms: int
    uses: int = 1


@dataclass(frozen=True, slots=True)
class Settlement:
    """What became of a fee on one side.

    `outcome` accepted (or repeated): `proof` proves it. In `outcomes.UNDECIDED` with `signed`: the
    value has left the payer's chip, and `settle` brings the proof later. Anything else: nothing moved.
    """

    outcome: Outcome
    detail: str
    side: Side
    amount_minor: int = 0
    payee: bytes = b""
    nonce: bytes = b""
    transfers: tuple[bytes, ...] = ()
    offline: bool = False
    """Whether the payee's chip took it in, and `proof` is its receipt."""
    proof: bytes = b""
    certificate: bytes = b""
    """Of the payee's chip."""
    signed: bool = False
    """Payer: whether the chip has signed transfers for this order."""
    reconciled: bool = True
    """Payee: whether the issuers have verified it."""


class Purse(Protocol):
    """A wallet in the hands of a vehicle or an entity."""

    @property
    def number(self) -> str:
        """The wallet's number."""
        ...

    @property
    def fingerprint(self) -> bytes:
        """Of the chip's key."""
        ...

    @property
    def certificate(self) -> bytes:
        """Of the chip."""
        ...

    async def authorise(self, grant: Grant) -> bytes:
        """The chip's signed authorisation. `Refusal`: pin_required, frozen and others by name."""
        ...

    async def revoke(self, number: int) -> None:
        """End an authorisation at once; ending it again changes nothing."""
        ...

    async def pay_fee(
        self, link: Link, authorisation: int, order: FeeOrder, *, offline: bool
    ) -> Settlement:
        """Pay an order under an authorisation over a link; no PIN, no question (V-05).

        `offline` pays only into the entity's chip, and touches no network.
        """
        ...

    async def receive_fee(self, link: Link, order: FeeOrder, *, offline: bool) -> Settlement:
        """Be paid exactly what the order says. `offline`: into the chip, touching no network."""
        ...

    async def settlement(self, order_id: bytes) -> Settlement | None:
        """What is known of an order's payment; None when nothing was ever begun."""
        ...

    async def settle(self) -> None:
        """Take up what a crash or a lost link left open; never raises for one that stays open."""
        ...

    async def spendable_minor(self) -> int:
        """What could be paid now."""
        ...
