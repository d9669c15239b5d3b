"""Messages that came up, each once for its channel and number (W-06, R-08).

A satellite service repeats messages, and senders repeat them until they are answered: what came before
is answered as before. A number that comes with other content has been used twice, by a host that was
set back or by somebody with its key; it changes nothing.
"""

from dataclasses import dataclass

from feiqian.outcomes import Outcome, Refusal
from feiqian.ports import Transaction

HOUR_MS = 60 * 60 * 1000
MAX_EACH_HOUR = 120
"""Most messages of one channel that count within an hour; twice what any service sends."""


@dataclass(frozen=True, slots=True)
class Uplink:
    """A message from a channel."""

    channel: int
    number: int
    digest: bytes
    station: str


@dataclass(frozen=True, slots=True)
class KnownMessage:
    """A message that came before; `answer` is the one it got, if it got one yet."""

    answer: bytes | None


def look_up(tx: Transaction, uplink: Uplink) -> KnownMessage | None:
    """What is known of a message. `Refusal` key_reused when its number was another message's."""
    rows = tx.query(
        "SELECT digest, answer FROM uplinks WHERE channel = ? AND number = ?",
        (uplink.channel, uplink.number),
    )
    if not rows:
        return None
    digest, answer = rows[0]
    if digest != uplink.digest:
        raise Refusal(Outcome.KEY_REUSED, "expected a new number for another message")
    return KnownMessage(answer)


def keep(tx: Transaction, uplink: Uplink, now_ms: int) -> None:
    """Count a new message. `Refusal` busy when its channel sends too much."""
    [[count]] = tx.query(
        "SELECT COUNT(*) FROM uplinks WHERE channel = ? AND received_at_ms > ?",
        (uplink.channel, now_ms - HOUR_MS),
    )
    if count >= MAX_EACH_HOUR:
        raise Refusal(Outcome.BUSY, f"expected at most {MAX_EACH_HOUR} messages an hour")
    tx.execute(
        "INSERT INTO uplinks (channel, number, digest, station, received_at_ms, answer)"
        " VALUES (?, ?, ?, ?, ?, NULL)",
        (uplink.channel, uplink.number, uplink.digest, uplink.station, now_ms),
    )


def answer(tx: Transaction, channel: int, number: int, content: bytes) -> bytes:
    """Keep the answer (sealed) of a message, for whenever it comes again; its digest."""
    [[digest]] = tx.query(
        "UPDATE uplinks SET answer = ? WHERE channel = ? AND number = ? RETURNING digest",
        (content, channel, number),
    )
    return bytes(digest)
