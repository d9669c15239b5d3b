"""Short messages: what each thing weighs in every channel class, and how long it takes under loss.

Times are simulated: one message a period, each lost with the share given, each with a delay of its own;
from the first message until the parcel is whole at the other end. A parcel that expects an answer is
sent in rounds with rests; a broadcast in one go that is made for a loss of one half.
"""

import random
from collections.abc import Callable

from bench.satellite_messages import (
    PARAMETERS,
    answer,
    list_delta,
    order_to_all,
    order_to_one,
    receipts,
    report,
)
from feiqian.protocol.carriage.inbox import Arrived, ParcelInbox
from feiqian.protocol.carriage.outbox import Effort, Outbox, Sending
from feiqian.wire.control import OrderKind
from feiqian.wire.short_messages import CHANNEL_CLASSES, ChannelClass, ShortMessage

LOSSES = (0.0, 0.05, 0.2, 0.5)
RUNS = 200
LARGE_RUNS = 20
"""For what takes hundreds of messages."""
DELAY_MS = (500, 3_000)
ENTRIES = (1, 10, 100, 1_000)
DAY_MS = 86_400_000


def run() -> dict[str, object]:
    """Sizes of everything; times of what a holder waits for, and of the list's changes."""
    orders = {kind.name.lower(): order_to_one(kind) for kind in PARAMETERS}
    weighed = {
        "report": report(),
        "answer": answer(),
        "receipt": receipts(),
        **{f"order_{name}": content for name, content in orders.items()},
        "freeze_all": order_to_all(OrderKind.FREEZE),
        **{f"delta_{count}": list_delta(count) for count in ENTRIES},
    }
    return {
        "bytes": {name: len(content) for name, content in weighed.items()},
        "messages": _each_class(lambda channel: _messages(channel, weighed)),
        "minutes_median_and_95th": _each_class(
            lambda channel: {
                name: _times(channel, weighed[name], Effort.UNTIL_SETTLED, RUNS)
                for name in ("report", "answer", "order_freeze")
            }
        ),
        "broadcast_minutes_median_and_95th": _each_class(
            lambda channel: {
                str(count): _times(channel, weighed[f"delta_{count}"], Effort.BROADCAST, LARGE_RUNS)
                for count in ENTRIES
            }
        ),
    }


def _each_class(measure: Callable[[ChannelClass], object]) -> dict[str, object]:
    return {name: measure(channel) for name, channel in CHANNEL_CLASSES.items()}


def _messages(channel: ChannelClass, weighed: dict[str, bytes]) -> dict[str, int]:
    return {name: channel.messages_for(len(content)) for name, content in weighed.items()}


def _times(channel: ChannelClass, content: bytes, effort: Effort, runs: int) -> dict[str, object]:
    """By share of loss: median and 95th percentile in minutes, and how many of the runs arrived."""
    found: dict[str, object] = {}
    for loss in LOSSES:
        took_ms = [_deliver(channel, content, effort, loss, seed) for seed in range(runs)]
        arrived = sorted(each for each in took_ms if each is not None)
        median_ms, late_ms = arrived[len(arrived) // 2], arrived[len(arrived) * 19 // 20]
        figures: list[float] = [round(median_ms / 60_000, 1), round(late_ms / 60_000, 1)]
        found[f"{loss:.0%}"] = figures if len(arrived) == runs else [*figures, len(arrived) / runs]
    return found


def _deliver(
    channel: ChannelClass, content: bytes, effort: Effort, loss: float, seed: int
) -> int | None:
    """When the parcel was whole; None when its sender gave up before."""
    chance = random.Random(seed)
    outbox = Outbox(channel)
    outbox.post(Sending(content, "to", effort, expires_ms=30 * DAY_MS))
    flying: list[tuple[int, bytes]] = []
    while (now_ms := outbox.due_ms()) is not None and len(flying) < _enough(channel, content):
        message = outbox.next(now_ms)
        if message is None:
            break
        outbox.sent(message, now_ms)
        if chance.random() >= loss:
            flying.append((now_ms + chance.randint(*DELAY_MS), message.content))
    inbox = ParcelInbox()
    for arrives_ms, frame in sorted(flying):
        if isinstance(inbox.take(ShortMessage("from", frame), arrives_ms), Arrived):
            return arrives_ms
    return None


def _enough(channel: ChannelClass, content: bytes) -> int:
    """Messages after which a parcel is certainly whole."""
    return channel.messages_for(len(content)) + 8
