"""What is on the air: messages that ground stations are to send, until each is sent or of no use.

A task goes to the one station that heard the wallet, or to all: broadcasts, and wallets that nobody
has heard yet. An answer is done when it was sent, a broadcast when every station has sent it; orders
for one wallet stay until its chip has judged them, others take their place, or they expire.
"""

from dataclasses import dataclass

from feiqian.ports import Transaction
from feiqian.wire.stations import MAX_ON_AIR, AirTask

EVERY_STATION = ""
MAX_OPEN_FOR_CHANNEL = 16
"""Most messages that wait for one wallet; the oldest gives way."""


@dataclass(frozen=True, slots=True)
class Message:
    """A message to be sent."""

    content: bytes
    channel: int | None
    """None for a broadcast."""
    address: str
    station: str
    expires_at_ms: int
    orders: tuple[int, ...] = ()
    """The orders inside."""
    answers: bytes = b""
    """The digest of the message that this answers."""


@dataclass(frozen=True, slots=True)
class Aired:
    """A task that a station has sent."""

    channel: int | None
    orders: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Sent:
    """How often something was put on the air, and when last."""

    times: int
    last_at_ms: int


def queue(tx: Transaction, message: Message, now_ms: int) -> int:
    """Have a message sent; the number of its task."""
    if message.channel is not None:
        _make_room(tx, message.channel)
    [[number]] = tx.query("SELECT COALESCE(MAX(number), 0) + 1 FROM air_tasks")
    tx.execute(
        "INSERT INTO air_tasks (number, channel, address, station, content, queued_at_ms,"
        " expires_at_ms, orders, answers, is_open) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, 1)",
        (
            number,
            message.channel,
            message.address,
            message.station,
            message.content,
            now_ms,
            message.expires_at_ms,
            _text(message.orders),
            message.answers,
        ),
    )
    return int(number)


def _make_room(tx: Transaction, channel: int) -> None:
    waiting = tx.query(
        "SELECT number FROM air_tasks WHERE is_open = 1 AND channel = ? ORDER BY number", (channel,)
    )
    for (number,) in waiting[: max(0, len(waiting) + 1 - MAX_OPEN_FOR_CHANNEL)]:
        close(tx, number)


def is_waiting(tx: Transaction, content: bytes, channel: int | None) -> bool:
    """Whether the same message is on the air already."""
    rows = tx.query(
        "SELECT 1 FROM air_tasks WHERE is_open = 1 AND content = ?"
        " AND (channel = ? OR channel IS NULL) LIMIT 1",
        (content, channel),
    )
    return bool(rows)


def replace_orders(tx: Transaction, channel: int, orders: tuple[int, ...]) -> bool:
    """Take orders off the air that are not these; whether these are still to be put on it."""
    on_air_already = False
    rows = tx.query(
        "SELECT number, orders FROM air_tasks WHERE is_open = 1 AND channel = ? AND orders <> ''"
        " AND LENGTH(answers) = 0",
        (channel,),
    )
    for number, text in rows:
        if text == _text(orders):
            on_air_already = True
        else:
            close(tx, number)
    return not on_air_already


def channels_with_orders(tx: Transaction) -> list[int]:
    """Channels for which orders are on the air by themselves."""
    rows = tx.query(
        "SELECT DISTINCT channel FROM air_tasks WHERE is_open = 1 AND channel IS NOT NULL"
        " AND orders <> '' AND LENGTH(answers) = 0 ORDER BY channel"
    )
    return [number for (number,) in rows]


def sent_before(tx: Transaction, channel: int | None, orders: tuple[int, ...]) -> Sent:
    """How often exactly these orders were sent on this channel, or broadcast."""
    [[times, last_at_ms]] = tx.query(
        "SELECT COUNT(*), COALESCE(MAX(queued_at_ms), 0) FROM air_tasks"
        " WHERE COALESCE(channel, 0) = ? AND orders = ?",
        (channel or 0, _text(orders)),
    )
    return Sent(times, last_at_ms)


def was_broadcast(tx: Transaction, order: int) -> bool:
    """Whether any station has sent an order to all."""
    rows = tx.query(
        "SELECT 1 FROM air_tasks JOIN airings ON airings.task = air_tasks.number"
        " WHERE air_tasks.channel IS NULL AND air_tasks.orders = ? LIMIT 1",
        (_text((order,)),),
    )
    return bool(rows)


def on_air(tx: Transaction, station: str, now_ms: int) -> tuple[AirTask, ...]:
    """What this station is to send, the oldest first."""
    rows = tx.query(
        "SELECT number, address, answers, content FROM air_tasks"
        " WHERE is_open = 1 AND expires_at_ms > ? AND (station = ? OR station = '')"
        " AND (channel IS NOT NULL OR NOT EXISTS ("
        "SELECT 1 FROM airings WHERE airings.task = air_tasks.number AND airings.station = ?))"
        " ORDER BY number LIMIT ?",
        (now_ms, station, station, MAX_ON_AIR),
    )
    return tuple(AirTask(*row) for row in rows)


def mark_aired(tx: Transaction, station: str, task: int, now_ms: int) -> Aired | None:
    """Book that a station has sent a task; None when it was booked before, or is not its own."""
    rows = tx.query(
        "SELECT channel, orders, answers FROM air_tasks"
        " WHERE number = ? AND (station = ? OR station = '')",
        (task, station),
    )
    if not rows:
        return None
    fresh = tx.execute(
        "INSERT INTO airings (task, station, aired_at_ms) VALUES (?, ?, ?)"
        " ON CONFLICT (task, station) DO NOTHING",
        (task, station, now_ms),
    )
    [(channel, orders, answers)] = rows
    if answers:
        close(tx, task)
    return Aired(channel, _numbers(orders)) if fresh else None


def close(tx: Transaction, task: int) -> None:
    """Send a task no more."""
    tx.execute("UPDATE air_tasks SET is_open = 0 WHERE number = ?", (task,))


def close_expired(tx: Transaction, now_ms: int) -> None:
    """Send no more what nobody needs any more."""
    tx.execute(
        "UPDATE air_tasks SET is_open = 0 WHERE is_open = 1 AND expires_at_ms <= ?", (now_ms,)
    )


def open_tasks(tx: Transaction) -> int:
    """How many tasks wait for a station."""
    [[count]] = tx.query("SELECT COUNT(*) FROM air_tasks WHERE is_open = 1")
    return int(count)


def _text(orders: tuple[int, ...]) -> str:
    return " ".join(map(str, orders))


def _numbers(text: str) -> tuple[int, ...]:
    return tuple(map(int, text.split()))
