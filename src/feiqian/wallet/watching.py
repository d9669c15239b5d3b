"""A wallet left alone: it looks whether it is connected, takes the time, and says where it is (W-01..W-06).

One look goes in a fixed order. Connected: everything open is taken up, as `wallet sync` does. Not
connected: the time is taken from its sources, the duration offline is judged, and an overdue wallet
reports itself by satellite, and again until it is answered. Either way the host carries out what the
platform ordered. A look decides nothing twice: what is on its way is not sent a second time.
"""

import asyncio
from dataclasses import dataclass, field

from feiqian.carrier import Carrier
from feiqian.outcomes import Outcome, Refusal
from feiqian.wallet import orders
from feiqian.wallet.channel import register_channel
from feiqian.wallet.connection import is_connected
from feiqian.wallet.overdue import (
    OfflineStanding,
    OverdueAction,
    OverdueJudgement,
    OverdueRule,
    actions_due,
    judge_overdue,
)
from feiqian.wallet.relay import Relay
from feiqian.wallet.reporting import (
    REPORT_LIFETIME_MS,
    REPORT_PAUSE_MS,
    Upward,
    last_answered_ms,
)
from feiqian.wallet.satellite import MessageEffect, SatelliteDesk
from feiqian.wallet.synchronisation import SyncReport
from feiqian.wallet.timekeeping import Timekeeper, TimeStatus
from feiqian.wallet.wallet import Wallet
from feiqian.wire.control import ControlOrder, OrderKind


@dataclass(slots=True)
class Sight:
    """What one look saw and did."""

    connected: bool
    time: TimeStatus
    judgement: OverdueJudgement
    actions: frozenset[OverdueAction]
    reporting: bool
    """A report is on its way by satellite."""
    synchronised: SyncReport | None = None
    due: tuple[OrderKind, ...] = ()
    """Orders that the host has still to carry out."""
    problems: list[str] = field(default_factory=list)


@dataclass(slots=True)
class Air:
    """How a wallet reaches the platform by satellite."""

    desk: SatelliteDesk
    carrier: Carrier
    station: str
    """The ground station's address in the short-message service."""
    relay: Relay | None = None
    """Whom we carry for, if we do."""
    address: str = ""
    """Of our own terminal, so that the platform can speak first; empty when it is not known."""
    _parcels: dict[int, int] = field(default_factory=dict)

    def is_on_its_way(self, message: Upward) -> bool:
        """Whether the carrier still sends it."""
        parcel = self._parcels.get(message.number)
        return parcel is not None and self.carrier.is_open(parcel)

    def send(self, message: Upward) -> None:
        """Send it, unless it is on its way; a newer one of its kind replaces an older."""
        if not self.is_on_its_way(message):
            parcel = self.carrier.send(message.content, self.station, REPORT_LIFETIME_MS)
            self._parcels[message.number] = parcel

    def settle(self, number: int) -> None:
        """The platform has it."""
        parcel = self._parcels.pop(number, None)
        if parcel is not None:
            self.carrier.settle(parcel)

    async def next(self) -> MessageEffect | None:
        """The next message for us; None for one that was not, or that proves nothing."""
        content = (await self.carrier.receive()).content
        heard = None
        try:
            heard = await self.desk.take(content)
        except Refusal as refusal:
            if refusal.outcome is not Outcome.WRONG_ADDRESSEE:
                return None
        if self.relay is not None:
            self.relay.keep(content)
        if heard is not None and heard.answered is not None:
            self.settle(heard.answered.number)
        return heard


@dataclass(slots=True)
class Watch:
    """Looks after one wallet."""

    wallet: Wallet
    timekeeper: Timekeeper
    air: Air | None = None
    stays_offline: bool = False
    """The holder wants no network touched."""
    unlocked: bool = True
    """Without its PIN, a connected wallet only looks."""
    _address_told: str = ""

    async def look(self) -> Sight:
        """Look once."""
        problems: list[str] = []
        synchronised = None
        connected = await self._is_connected()
        anew = OverdueAction.CORRECT_CLOCK in actions_due(self._rule, self._judge())
        problems += map(str, await self.timekeeper.update(anew=anew))
        if connected and self.unlocked:
            synchronised = await self.wallet.synchronise()
            problems += synchronised.problems
            await self._tell_address(problems)
        judgement = self._judge()
        reporting = False
        await self._judge_waiting(problems)
        await self._carry_out(problems)
        waiting = await orders.due(self.wallet.holder)
        if not connected and self.air is not None:
            reporting = await self._speak(self.air, judgement, waiting, problems)
        return Sight(
            connected=connected,
            time=self.timekeeper.clock.status(),
            judgement=judgement,
            actions=actions_due(self._rule, judgement),
            reporting=reporting,
            synchronised=synchronised,
            due=tuple(order.kind for order in waiting),
            problems=problems,
        )

    async def listen(self, timeout_ms: int) -> list[MessageEffect]:
        """Take in what comes by satellite, until the time is over or something came that counts."""
        if self.air is None:
            return []
        try:
            async with asyncio.timeout(timeout_ms / 1000):
                return [await self._next(self.air)]
        except TimeoutError:
            return []

    async def _next(self, air: Air) -> MessageEffect:
        heard = None
        while heard is None:
            heard = await air.next()
        return heard

    async def _is_connected(self) -> bool:
        around = self.wallet.holder.around
        url = around.trust.url(self.wallet.holder.institution)
        rule = around.rules.connection
        return not self.stays_offline and await is_connected(around.library, url, rule)

    @property
    def _rule(self) -> OverdueRule:
        return self.wallet.holder.around.rules.overdue

    def _judge(self) -> OverdueJudgement:
        status = self.wallet.holder.around.chip.status()
        now = self.timekeeper.clock.undisputed()
        return judge_overdue(now, status.synchronised_at, self._rule.preset_ms)

    async def _tell_address(self, problems: list[str]) -> None:
        """Register the channel with our terminal's address, once in a run."""
        if self.air is None or self.air.address == self._address_told:
            return
        try:
            await register_channel(self.wallet.holder, self.air.address)
        except Refusal as refusal:
            problems.append(str(refusal))
            return
        self._address_told = self.air.address

    async def _speak(
        self,
        air: Air,
        judgement: OverdueJudgement,
        waiting: list[ControlOrder],
        problems: list[str],
    ) -> bool:
        """Send what the platform should know; whether a report is on its way."""
        asked = any(order.kind is OrderKind.SYNCHRONISE for order in waiting)
        wanted = asked or judgement.standing is OfflineStanding.OVERDUE
        try:
            wanted = wanted and await self._may_report(waiting)
            if wanted:
                air.send(await air.desk.report())
            receipts = await air.desk.receipts()
            if receipts is not None:
                air.send(receipts)
        except Refusal as refusal:
            problems.append(str(refusal))
            return False
        return wanted

    async def _may_report(self, waiting: list[ControlOrder]) -> bool:
        """Not so soon after one that was answered, unless the platform asked for it since."""
        holder = self.wallet.holder
        answered_ms = await last_answered_ms(holder)
        asked_ms = [each.issued_at_ms for each in waiting if each.kind is OrderKind.SYNCHRONISE]
        again_ms = min(
            [answered_ms + REPORT_PAUSE_MS, *(ms for ms in asked_ms if ms > answered_ms)]
        )
        return holder.around.now_ms() >= again_ms

    async def _judge_waiting(self, problems: list[str]) -> None:
        """Orders that the chip could not be asked about, or whose answer was lost with the power."""
        try:
            await orders.take_waiting(self.wallet.holder)
        except Refusal as refusal:
            problems.append(str(refusal))

    async def _carry_out(self, problems: list[str]) -> None:
        """A clock is corrected here and now; the rest is so, or is not yet."""
        holder = self.wallet.holder
        for order in await orders.due(holder):
            if order.kind is not OrderKind.CLOCK:
                continue
            refusals = await self.timekeeper.update(anew=True)
            problems += map(str, refusals)
            if not refusals and self.timekeeper.clock.known() is not None:
                await orders.done(holder, order)
        await orders.settle_due(holder, self.wallet.shelf)
