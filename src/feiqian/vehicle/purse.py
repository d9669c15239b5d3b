"""What a vehicle and a service entity need of a wallet: authorise once, then pay and be paid by order.

The parties of a service do not know the wallet's code; `apps` wraps a wallet into a purse. Everything
here is harmless the second time: the chip charges an order id once, and answers a repetition with
the same bytes.
"""

from typing import Protocol

from feiqian.ports import Link
from feiqian.protocol.service.facts import Settlement
from feiqian.timing.moment import Moment
from feiqian.wire.authorisation import Grant
from feiqian.wire.fees import FeeOrder


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

    async def authorise(self, grant: Grant, moment: Moment) -> bytes:
        """The chip's signed authorisation, the same for the same grant and moment (V-02).

        Raises `Refusal`: pin_required, wallet_frozen and others by name.
        """
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

    async def check_offline(self) -> None:
        """Whether the chip may be paid with no network at all.

        Raises `Refusal`: stale_list without a recent list, time_unknown, overdue.
        """
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
