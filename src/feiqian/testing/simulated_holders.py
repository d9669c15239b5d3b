"""Holders in the simulated world: real wallets with chips, whose power fails at any use of any port.

What one holder does is one step. A wallet does one thing at a time; a wallet whose power failed
starts anew from its chip and its store when it is next used.
"""

import asyncio
import random
from collections.abc import Awaitable, Callable, Sequence
from typing import Self

from feiqian.outcomes import Outcome, Refusal
from feiqian.protocol.payment.effects import Finish
from feiqian.testing.links import Faults, MemoryLink, linked_pair
from feiqian.testing.power import (
    Power,
    PoweredChip,
    PoweredCourier,
    PoweredLink,
    PoweredStore,
    PowerFailed,
)
from feiqian.testing.seeded_suite import SeededSuite
from feiqian.testing.stormy_network import StormyNetwork
from feiqian.testing.wallets import Device
from feiqian.testing.weather import SlowLink, WeatheredCourier
from feiqian.wallet.history import HistoryKind
from feiqian.wallet.wallet import Wallet

HOMES = ("A", "A", "B", "B", "C")
"""Where the holders bank."""
POWER_CHANCE = 0.2
LONGEST_BATTERY = 30
"""Steps of a client until its power fails, if it does."""
FAULT_CHANCE = 0.1
LONGEST_SESSION = 4
"""Messages, among which a link's fault is chosen."""
MOST_PAID_MINOR = 30_00
MOST_MOVED_MINOR = 60_00

Doing = Callable[[Wallet], Awaitable[object]]


class _Holder:
    """A device, and the run of its client that is on."""

    def __init__(self, network: StormyNetwork, code: str, label: str) -> None:
        self.label = label
        suite = SeededSuite(network.suite, f"{network.seed}/{label}")
        self.device = Device(network, code, label, suite=suite)
        self.power = Power()
        self.busy = False
        self._network = network
        self._wallet: Wallet | None = None

    async def wallet(self) -> Wallet:
        """The client; started if it is not on."""
        if self._wallet is None:
            self.power = Power()
            courier = WeatheredCourier(self._network.weather, self._network.courier)
            self._wallet = await self.device.start(
                connection=PoweredChip(self.power, self.device.chip),
                store=PoweredStore(self.power, self.device.store),
                courier=PoweredCourier(self.power, courier),
            )
        return self._wallet

    async def do(self, doing: Doing, battery: int | None, *, after: bool = False) -> str:
        """Do one thing, with so many steps of power; how it ended."""
        wallet = await self.wallet()
        self.power.after = after
        self.power.cut_at = None if battery is None else self.power.steps + battery
        try:
            done = await doing(wallet)
        except PowerFailed:
            self._wallet = None
            return "power failed"
        except Refusal as refusal:
            return refusal.outcome
        finally:
            self.power.cut_at = None
        return done.outcome if isinstance(done, Finish) else Outcome.ACCEPTED


class Holders:
    """Everybody with a chip."""

    def __init__(self, network: StormyNetwork, rng: random.Random) -> None:
        self._weather = network.weather
        self._rng = rng
        self._all = [_Holder(network, code, f"{code}{place}") for place, code in enumerate(HOMES)]
        self._clock = network.clock

    @classmethod
    async def create(cls, network: StormyNetwork, rng: random.Random) -> Self:
        """Open every wallet."""
        holders = cls(network, rng)
        for holder in holders._all:
            await holder.wallet()
        return holders

    async def act(self) -> str:
        """One step of somebody who is not busy; what happened."""
        self._clock.advance(self._rng.randint(1, 100))
        free = [holder for holder in self._all if not holder.busy]
        acting = self._rng.sample(free, min(2, len(free)))
        for holder in acting:
            holder.busy = True
        try:
            if len(acting) == 2 and self._rng.random() < 0.7:
                return await self._meet(*acting)
            if acting:
                return await self._errand(acting[0])
            await self._weather.pause()
            return "idle"
        finally:
            for holder in acting:
                holder.busy = False

    async def _errand(self, holder: _Holder) -> str:
        amount_minor = self._rng.randint(1, MOST_MOVED_MINOR)
        part_minor = self._rng.choice([None, amount_minor])
        errands: Sequence[tuple[str, Doing]] = (
            ("withdraw", lambda wallet: wallet.withdraw(amount_minor)),
            ("withdraw", lambda wallet: wallet.withdraw(amount_minor)),
            ("deposit", lambda wallet: wallet.deposit(part_minor)),
            ("convert", lambda wallet: wallet.convert()),
            ("sync", lambda wallet: wallet.synchronise()),
            ("sync", lambda wallet: wallet.synchronise()),
        )
        name, doing = self._rng.choice(errands)
        ended = await self._do(holder, doing)
        return f"{name}: {holder.label} {ended}"

    # Payments -------------------------------------------------------------------------------------
    async def _meet(self, payer: _Holder, payee: _Holder) -> str:
        """One hands currency to the other: a new payment, or one that is pending between them."""
        pending = await self._pending(payer, payee)
        if pending and self._rng.random() < 0.5:
            nonce = self._rng.choice(pending)
            return await self._session(
                ("hand over again", payer, payee),
                lambda link: lambda wallet: wallet.present_again(link, nonce),
                None,
            )
        amount_minor = self._rng.randint(1, MOST_PAID_MINOR)
        set_minor, asked_minor = self._rng.choice(
            [(amount_minor, None), (None, amount_minor), (amount_minor, amount_minor)]
        )
        by_identifier = self._rng.random() < 0.5
        return await self._session(
            ("pay", payer, payee),
            lambda link: lambda wallet: wallet.pay(link, set_minor, by_identifier=by_identifier),
            asked_minor,
        )

    async def _pending(self, payer: _Holder, payee: _Holder) -> list[bytes]:
        number = (await payee.wallet()).number
        return [
            bytes.fromhex(entry.reference)
            for entry in await (await payer.wallet()).history()
            if (entry.kind, entry.standing, entry.counterparty)
            == (HistoryKind.PAID, "pending", number)
        ]

    async def _session(
        self,
        who: tuple[str, _Holder, _Holder],
        paying: Callable[[PoweredLink], Doing],
        asked_minor: int | None,
    ) -> str:
        name, payer, payee = who
        await payer.wallet()
        await payee.wallet()
        payee_end, payer_end = linked_pair(self._faults(), self._faults())
        payee_link, payer_link = self._link(payee, payee_end), self._link(payer, payer_end)
        received, paid = await asyncio.gather(
            self._end(payee, payee_link, lambda wallet: wallet.receive(payee_link, asked_minor)),
            self._end(payer, payer_link, paying(payer_link)),
        )
        return f"{name}: {payer.label} {paid}, {payee.label} {received}"

    def _link(self, holder: _Holder, end: MemoryLink) -> PoweredLink:
        return PoweredLink(holder.power, SlowLink(self._weather, end))

    async def _end(self, holder: _Holder, link: PoweredLink, doing: Doing) -> str:
        try:
            return await self._do(holder, doing)
        finally:
            await link.close()

    def _faults(self) -> Faults:
        if not self._weather.strikes(FAULT_CHANCE):
            return Faults()
        message = self._rng.randrange(LONGEST_SESSION)
        return self._rng.choice(
            [
                Faults(drop=frozenset({message})),
                Faults(repeat=frozenset({message})),
                Faults(tear_before=message),
            ]
        )

    async def _do(self, holder: _Holder, doing: Doing) -> str:
        fails = self._weather.strikes(POWER_CHANCE)
        battery = self._rng.randint(0, LONGEST_BATTERY) if fails else None
        return await holder.do(doing, battery, after=self._rng.random() < 0.5)

    # The end --------------------------------------------------------------------------------------
    async def synchronise(self) -> None:
        """Everybody synchronises, twice: what one has settled may free another."""
        for holder in self._all * 2:
            await (await holder.wallet()).synchronise()

    async def held_minor(self) -> int:
        """What all chips hold."""
        return sum([(await (await holder.wallet()).balance()).held_minor for holder in self._all])

    async def check_nothing_is_open(self) -> None:
        """Everything is settled, provable and spendable."""
        for holder in self._all:
            wallet = await holder.wallet()
            report, balance = await wallet.synchronise(), await wallet.balance()
            assert report.pending == 0, f"{holder.label}: {report.problems}"
            assert report.unprovable_minor == 0, f"{holder.label} cannot prove what it holds"
            assert balance.spendable_minor == balance.held_minor, f"{holder.label}: {balance}"
            assert balance.arriving_minor == 0, f"{holder.label}: {balance}"
            for chain in await wallet.holder.spendable():
                assert not chain.transfers, f"{holder.label} has not renewed what it holds"
            for entry in await wallet.history():
                assert entry.standing != "pending", f"{holder.label}: {entry}"
