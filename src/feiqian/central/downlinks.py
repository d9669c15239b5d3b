"""What goes down: sealed answers and orders for one wallet, broadcasts for many.

For each wallet with open orders of its own there is one message on the air, with all that are open;
when they change, another takes its place. Orders to many are broadcast when they are issued, and again
as long as they are in force, in growing intervals, for those who did not hear. A broadcast carries one
order, and changes of the double-spending list travel as the platform has signed them.
"""

from collections import OrderedDict
from dataclasses import dataclass, replace

import structlog

from feiqian.central import air, channels, control, deliveries, uplinks
from feiqian.central.air import EVERY_STATION, Message
from feiqian.central.channels import Channel
from feiqian.central.control import Issued
from feiqian.central.deliveries import Way
from feiqian.central.office import Office
from feiqian.crypto import cbor
from feiqian.crypto.cbor import VERSION
from feiqian.crypto.compact import shorten
from feiqian.crypto.sealing import ChannelKeys, derive
from feiqian.crypto.suites import PrivateKey
from feiqian.outcomes import Outcome, Refusal
from feiqian.ports import Transaction
from feiqian.wire.control_delivery import MAX_ORDERS, OpenOrders
from feiqian.wire.double_spending import DocumentKind, document_name
from feiqian.wire.risk import Finding
from feiqian.wire.satellite import (
    MAX_BROADCAST_DELTA_BYTES,
    MAX_MESSAGE_NUMBER,
    Broadcast,
    Header,
    MessageKind,
    SatelliteAnswer,
    broadcast_message,
    seal_message,
)
from feiqian.wire.stations import Heard

HOUR_MS = 60 * 60 * 1000
ANSWER_LIFETIME_MS = 6 * HOUR_MS
"""How long a wallet may ask for its answer again; after that it reports anew."""
DELTA_LIFETIME_MS = 24 * HOUR_MS
FIRST_AGAIN_MS = 6 * HOUR_MS
"""After which time a broadcast is sent again, and after twice as long the next time."""
MAX_DOUBLINGS = 5
MAX_DELTAS = 64
"""Most changes of the list that are broadcast together."""
KEPT_KEYS = 4_096

log = structlog.get_logger("downlinks")


@dataclass(frozen=True, slots=True)
class DownwardAnswer:
    """What an upward message is answered with."""

    acknowledged: int
    findings: tuple[Finding, ...] = ()
    statement: bytes = b""
    """A signed `Synchronisation` (COSE), or empty."""


class Downlinks:
    """Makes and queues messages; in the caller's transactions."""

    def __init__(self, office: Office, sealing_key: PrivateKey) -> None:
        self._office = office
        self._sealing_key = sealing_key
        self._keys: OrderedDict[int, ChannelKeys] = OrderedDict()

    def keys_of(self, channel: Channel) -> ChannelKeys:
        """The keys of a channel. `Refusal` bad_seal for one of another sealing key."""
        if channel.sealing_key != self._sealing_key.public:
            raise Refusal(Outcome.BAD_SEAL, "expected a channel of the sealing key in use")
        if channel.number not in self._keys:
            self._keys[channel.number] = derive(
                self._sealing_key, channel.public_key, channel.number
            )
            if len(self._keys) > KEPT_KEYS:
                self._keys.popitem(last=False)
        return self._keys[channel.number]

    def can_reach(self, channel: Channel) -> bool:
        """Whether something can be sealed for a channel: it is open, with numbers and sound keys."""
        has_numbers = channel.sent_number < MAX_MESSAGE_NUMBER
        return channel.closed_at_ms is None and has_numbers and self._has_keys(channel)

    def _has_keys(self, channel: Channel) -> bool:
        """One channel that cannot be sealed for must not hold up the others."""
        try:
            self.keys_of(channel)
        except Refusal as refusal:
            log.warning("cannot seal", channel=channel.number, reason=str(refusal))
            return False
        return True

    def answer(
        self, tx: Transaction, channel: Channel, answer: DownwardAnswer, now_ms: int
    ) -> None:
        """Answer an upward message, with every order that is open."""
        opened = control.open_for(tx, channel.wallet, now_ms)[:MAX_ORDERS]
        suite = self._office.suite
        statement = shorten(suite, answer.statement) if answer.statement else b""
        body = SatelliteAnswer(
            VERSION, answer.acknowledged, answer.findings, statement, self._compact(opened)
        )
        content = self._sealed(tx, channel, MessageKind.ANSWER, cbor.encode(body))
        digest = uplinks.answer(tx, channel.number, answer.acknowledged, content)
        numbers = tuple(order.number for order in opened)
        message = self._to(channel, content, now_ms + ANSWER_LIFETIME_MS, numbers)
        air.queue(tx, replace(message, answers=digest), now_ms)

    def repeat(
        self, tx: Transaction, channel: Channel, content: bytes, heard: Heard, now_ms: int
    ) -> None:
        """The answer was lost: the same bytes again, to where the question came from."""
        if not air.is_waiting(tx, content, channel.number):
            message = self._to(channel, content, now_ms + ANSWER_LIFETIME_MS, ())
            digest = self._office.suite.digest(heard.content)
            again = replace(message, address=heard.sender, answers=digest)
            air.queue(tx, again, now_ms)

    def plan(self, tx: Transaction, now_ms: int) -> None:
        """Queue what has to be said and is not on the air."""
        air.close_expired(tx, now_ms)
        for wallet in control.wallets_with_orders(tx, now_ms):
            channel = channels.channel_of(tx, wallet)
            if channel is not None and channel.address:
                self._plan_orders(tx, channel, now_ms)
        for number in air.channels_with_orders(tx):
            channel = channels.find(tx, number)
            assert channel is not None
            self._plan_orders(tx, channel, now_ms)
        for order in control.open_to_many(tx, now_ms):
            self._plan_broadcast(tx, order, now_ms)

    def _plan_orders(self, tx: Transaction, channel: Channel, now_ms: int) -> None:
        opened = control.open_for(tx, channel.wallet, now_ms)[:MAX_ORDERS]
        if not self.can_reach(channel):
            opened = []
        numbers = tuple(order.number for order in opened)
        if not air.replace_orders(tx, channel.number, numbers) or not opened:
            return
        body = cbor.encode(OpenOrders(VERSION, self._compact(opened)))
        content = self._sealed(tx, channel, MessageKind.ORDERS, body)
        until_ms = max(order.expires_at_ms for order in opened)
        air.queue(tx, self._to(channel, content, until_ms, numbers), now_ms)

    def _plan_broadcast(self, tx: Transaction, order: Issued, now_ms: int) -> None:
        sent = air.sent_before(tx, None, (order.number,))
        pause_ms = FIRST_AGAIN_MS << min(max(0, sent.times - 1), MAX_DOUBLINGS)
        if sent.times and now_ms < sent.last_at_ms + pause_ms:
            return
        body = Broadcast(VERSION, self._compact([order]), b"")
        self._broadcast(tx, body, (order.number,), order.expires_at_ms, now_ms)

    def bring_list(self, tx: Transaction, channel: Channel, held: int, now_ms: int) -> None:
        """Broadcast what a wallet's list lacks, where the wallet was heard."""
        newest = self._office.book.current(tx).state.number
        if not newest - MAX_DELTAS <= held < newest or not held:
            return  # It needs a whole list, which no short message carries.
        broadcast_list(tx, self._office, held, newest, now_ms, channel.station)

    def book_aired(
        self, tx: Transaction, station: str, tasks: tuple[int, ...], now_ms: int
    ) -> None:
        """Book what a station has sent."""
        for task in tasks:
            aired = air.mark_aired(tx, station, task, now_ms)
            if aired is None or aired.channel is None:
                continue
            channel = channels.find(tx, aired.channel)
            assert channel is not None
            for number in aired.orders:
                deliveries.mark_sent(tx, number, channel.wallet, Way.SATELLITE, now_ms)

    def _broadcast(
        self,
        tx: Transaction,
        body: Broadcast,
        orders: tuple[int, ...],
        expires_at_ms: int,
        now_ms: int,
    ) -> None:
        content = broadcast_message(0, cbor.encode(body))
        air.queue(tx, Message(content, None, "", EVERY_STATION, expires_at_ms, orders), now_ms)

    def _compact(self, orders: list[Issued]) -> tuple[bytes, ...]:
        return tuple(shorten(self._office.suite, order.raw) for order in orders)

    def _sealed(self, tx: Transaction, channel: Channel, kind: MessageKind, body: bytes) -> bytes:
        number = channels.next_number(tx, channel)
        return seal_message(self.keys_of(channel).down, Header(kind, channel.number, number), body)

    def _to(
        self, channel: Channel, content: bytes, expires_at_ms: int, orders: tuple[int, ...]
    ) -> Message:
        return Message(
            content, channel.number, channel.address, channel.station, expires_at_ms, orders
        )


def broadcast_list(
    tx: Transaction, office: Office, after: int, until: int, now_ms: int, station: str
) -> int:
    """Queue the changes of the list after one version up to another; how many were queued.

    A change that is longer than a broadcast, or on the air already, is left out.
    """
    queued = 0
    for number in range(max(after, until - MAX_DELTAS, 1) + 1, until + 1):
        delta = office.book.document(tx, document_name(DocumentKind.DELTA, number))
        if len(delta) > MAX_BROADCAST_DELTA_BYTES:
            continue
        content = broadcast_message(0, cbor.encode(Broadcast(VERSION, (), delta)))
        if not air.is_waiting(tx, content, None):
            message = Message(content, None, "", station, now_ms + DELTA_LIFETIME_MS)
            air.queue(tx, message, now_ms)
            queued += 1
    return queued
