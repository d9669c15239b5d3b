"""Ground stations: registered by the operator with a key, and believed only with its signature.

An exchange counts once: its number is above that of the one before, and its moment is recent. A
station that was heard twice, or an old exchange that somebody kept, changes nothing.
"""

from feiqian.central.control_documents import NewStation, StationStanding
from feiqian.crypto.suites import Suite
from feiqian.outcomes import Outcome, Refusal
from feiqian.ports import Transaction
from feiqian.timing.moment import Moment
from feiqian.wire.request_envelope import MAX_AGE_MS
from feiqian.wire.stations import STATION_EXCHANGE, StationExchange

MAX_STATIONS = 64


def add(suite: Suite, new: NewStation, tx: Transaction, now_ms: int) -> StationStanding:
    """Register a station. `Refusal`: malformed, key_reused under another key, too_large."""
    public_key = bytes.fromhex(new.public_key)
    suite.fingerprint(public_key)  # refuses what is no point of the curve
    rows = tx.query("SELECT public_key FROM stations WHERE name = ?", (new.name,))
    if rows and rows[0][0] != public_key:
        raise Refusal(Outcome.KEY_REUSED, f"expected the key {new.name} was registered with")
    if not rows:
        _insert(tx, new.name, public_key, now_ms)
    return StationStanding(new.name, new.public_key, None)


def _insert(tx: Transaction, name: str, public_key: bytes, now_ms: int) -> None:
    [[count]] = tx.query("SELECT COUNT(*) FROM stations")
    if count >= MAX_STATIONS:
        raise Refusal(Outcome.TOO_LARGE, f"expected at most {MAX_STATIONS} stations")
    tx.execute(
        "INSERT INTO stations (name, public_key, added_at_ms, exchange_number, seen_at_ms)"
        " VALUES (?, ?, ?, 0, NULL)",
        (name, public_key, now_ms),
    )


def standings(tx: Transaction) -> tuple[StationStanding, ...]:
    """Every station, by name."""
    rows = tx.query("SELECT name, public_key, seen_at_ms FROM stations ORDER BY name")
    return tuple(StationStanding(name, key.hex(), seen) for name, key, seen in rows)


def read_exchange(
    suite: Suite, public_keys: dict[str, bytes], raw: bytes, now: Moment
) -> StationExchange:
    """Judge who speaks and when.

    Raises `Refusal`: malformed and its kin, unknown_name, bad_signature, expired.
    """
    signed, exchange = STATION_EXCHANGE.parse(suite, raw)
    public_key = public_keys.get(exchange.station)
    if public_key is None:
        raise Refusal(Outcome.UNKNOWN_NAME, "expected a registered station")
    STATION_EXCHANGE.verify(suite, public_key, signed)
    if abs(now.midpoint_ms - exchange.sent_at_ms) > MAX_AGE_MS:
        raise Refusal(Outcome.EXPIRED, f"expected an exchange sent within {MAX_AGE_MS} ms")
    return exchange


def public_keys(tx: Transaction) -> dict[str, bytes]:
    """The key of every station."""
    return dict(tx.query("SELECT name, public_key FROM stations"))


def count_exchange(tx: Transaction, exchange: StationExchange, now_ms: int) -> None:
    """Take an exchange as the newest. `Refusal` outdated unless its number has grown."""
    counted = tx.execute(
        "UPDATE stations SET exchange_number = ?, seen_at_ms = ?"
        " WHERE name = ? AND exchange_number < ?",
        (exchange.number, now_ms, exchange.station, exchange.number),
    )
    if not counted:
        raise Refusal(Outcome.OUTDATED, "expected a number above that of the last exchange")
