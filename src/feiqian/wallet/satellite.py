"""What a wallet says and hears by satellite: reports and receipts up; answers, orders and news down.

Everything heard proves itself, whatever way it came: a seal of our channel, the platform's signature,
the institution's statement for our chip. Nothing heard is believed for its sender. What was heard
before changes nothing. An answer that brings the institution's statement moves the chip's last
synchronisation moment; an answer without one does not (W-10).
"""

from dataclasses import dataclass, field

from feiqian.crypto import cbor
from feiqian.crypto.compact import restore
from feiqian.outcomes import Outcome, Refusal
from feiqian.wallet import orders
from feiqian.wallet.channel import OwnChannel
from feiqian.wallet.holder import Holder
from feiqian.wallet.listing import ListShelf
from feiqian.wallet.orders import Judged
from feiqian.wallet.reporting import (
    Answered,
    Upward,
    acknowledge,
    keep_upward,
    open_report,
    write_report,
)
from feiqian.wire.control_delivery import OpenOrders, OrderNews
from feiqian.wire.satellite import (
    EVERYBODY,
    HEADER_BYTES,
    MAX_BROADCAST_BYTES,
    MAX_SEALED_BYTES,
    UPWARD,
    Broadcast,
    MessageKind,
    SatelliteAnswer,
    open_message,
    read_header,
)


@dataclass(slots=True)
class MessageEffect:
    """What one message from the platform did here."""

    kind: MessageKind
    answered: Answered | None = None
    synchronised: bool = False
    """The chip's last synchronisation moment has moved."""
    judged: list[Judged] = field(default_factory=list)
    list_number: int | None = None
    """The version of the double-spending list that was reached."""
    problems: list[str] = field(default_factory=list)


@dataclass(slots=True)
class SatelliteDesk:
    """One wallet's end of its channel."""

    holder: Holder
    channel: OwnChannel
    shelf: ListShelf
    _told: dict[int, OrderNews] = field(default_factory=dict)
    """News that wait for their acknowledgement, by message number."""

    async def report(self) -> Upward:
        """The report to send now: the one that waits, or a new one."""
        waiting = await open_report(self.holder)
        return waiting or await write_report(self.holder, self.channel, self.shelf)

    async def receipts(self) -> Upward | None:
        """The receipts to send now; None when the platform has all."""
        untold = await orders.news(self.holder)
        if untold is None:
            return None
        for number, news in self._told.items():
            if news == untold:
                return await self._sent_before(number)
        upward = await keep_upward(
            self.holder, self.channel, MessageKind.RECEIPTS, cbor.encode(untold)
        )
        self._told = {upward.number: untold}
        return upward

    async def _sent_before(self, number: int) -> Upward:
        rows = await self.holder.around.store.read(
            lambda tx: tx.query(
                "SELECT content FROM satellite_messages WHERE number = ?", (number,)
            )
        )
        return Upward(number, MessageKind.RECEIPTS, bytes(rows[0][0]))

    async def take(self, content: bytes) -> MessageEffect:
        """Take in a message that the carrier has put together.

        Raises `Refusal`: malformed and its kin, wrong_addressee for another wallet's, bad_seal. What
        a part of a genuine message is refused for is among the problems; the other parts count.
        """
        header = read_header(content)
        if header.kind in UPWARD or header.channel not in (EVERYBODY, self.channel.number):
            raise Refusal(Outcome.WRONG_ADDRESSEE, "expected a message for this wallet's channel")
        heard = MessageEffect(header.kind)
        if header.kind is MessageKind.BROADCAST:
            await self._take_broadcast(heard, content[HEADER_BYTES:])
            return heard
        body = open_message(self.channel.keys.down, content)
        if header.kind is MessageKind.ANSWER:
            await self._take_answer(heard, body)
        else:
            opened = cbor.decode(body, OpenOrders, limit=MAX_SEALED_BYTES)
            await self._take_orders(heard, opened.orders)
        return heard

    async def _take_answer(self, heard: MessageEffect, body: bytes) -> None:
        answer = cbor.decode(body, SatelliteAnswer, limit=MAX_SEALED_BYTES)
        around = self.holder.around
        now_ms = around.now_ms()
        if answer.statement:
            await self._synchronise(heard, answer.statement)
        heard.answered = await around.store.write(lambda tx: acknowledge(tx, answer, now_ms))
        news = self._told.pop(answer.acknowledged, None)
        if news is not None:
            await orders.told(self.holder, orders.numbers_in(self.holder, news))
        await self._take_orders(heard, answer.orders)

    async def _synchronise(self, heard: MessageEffect, statement: bytes) -> None:
        around = self.holder.around
        try:
            heard.synchronised = around.chip.synchronise(restore(around.trust.suite, statement))
        except Refusal as refusal:
            heard.problems.append(str(refusal))

    async def _take_broadcast(self, heard: MessageEffect, body: bytes) -> None:
        broadcast = cbor.decode(body, Broadcast, limit=MAX_BROADCAST_BYTES)
        await self._take_orders(heard, broadcast.orders)
        if not broadcast.delta:
            return
        try:
            held = await self.shelf.take_delta(broadcast.delta)
        except Refusal as refusal:
            heard.problems.append(str(refusal))
            return
        heard.list_number = None if held is None else held.state.number

    async def _take_orders(self, heard: MessageEffect, compacts: tuple[bytes, ...]) -> None:
        for compact in compacts:
            try:
                judged = await orders.take_order(self.holder, compact)
            except Refusal as refusal:
                heard.problems.append(str(refusal))
                continue
            if judged is not None:
                heard.judged.append(judged)
