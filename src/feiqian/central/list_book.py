"""The double-spending list as the platform keeps and signs it (D-07, D-14, D-16).

Listings are rows with the version that brought them and the version that revoked them, so every list
that was ever published can be made again. Each change is published as the next version, with its
delta, in the transaction that made it. The newest list is also kept in memory, and made from the rows
again whenever the store has another version than memory: several front ends can serve one database.
"""

from collections.abc import Iterable

from feiqian.central import listings
from feiqian.central.authority import Authority
from feiqian.crypto.cbor import VERSION
from feiqian.money.compact_set import build_compact, encode_compact
from feiqian.money.double_spending import (
    ENTRY_BYTES,
    Changes,
    DoubleSpendingList,
    build_list,
)
from feiqian.outcomes import Outcome, Refusal
from feiqian.ports import Transaction
from feiqian.wire.double_spending import (
    CHUNK_ENTRIES,
    COMPACT_PART,
    FIRST_NUMBER,
    LIST_CHUNK,
    LIST_DELTA,
    LIST_VERSION,
    PART_BYTES,
    CompactPart,
    DocumentKind,
    HeldList,
    ListChunk,
    ListDelta,
    ListState,
    ListVersion,
    base_of,
    first_list,
    parse_document_name,
    state_of,
)

RECENT_FOR_MS = 6 * 60 * 60 * 1000
"""How long the newest version counts as recent news; then the same list is published again."""

_NOTHING = Changes(b"", b"", (), ())


class ListBook:
    """Publishes and revokes, and makes the documents that are read."""

    def __init__(self, authority: Authority) -> None:
        self._authority = authority
        self._held: HeldList | None = None
        self._base: tuple[int, list[bytes]] = (0, [])
        self._parts: tuple[int, list[bytes]] = (0, [])

    def publish_first(self, tx: Transaction, now_ms: int) -> None:
        """Publish the version that lists nothing, unless there is one."""
        if not tx.query("SELECT 1 FROM list_versions LIMIT 1"):
            self._announce(tx, first_list(self._authority.suite, now_ms), None)

    def current(self, tx: Transaction) -> HeldList:
        """The newest list."""
        newest = self._state(tx, _newest(tx))
        if self._held is None or self._held.state != newest:
            self._held = HeldList(newest, self._make(tx, newest.number))
        return self._held

    def publish(self, tx: Transaction, changes: Changes, now_ms: int) -> HeldList:
        """Publish the next version; the rows of its listings are the caller's."""
        before = self.current(tx)
        listed = before.listed.changed(changes)
        held = HeldList(state_of(listed, before.state.number + 1, now_ms), listed)
        delta = ListDelta(VERSION, held.state, changes)
        self._announce(tx, held, LIST_DELTA.sign(self._authority.suite, self._authority.key, delta))
        self._held = held
        return held

    def keep_recent(self, tx: Transaction, now_ms: int) -> None:
        """Publish the list unchanged when its newest version is no recent news any more.

        Without a network, how far a list is believed depends on when it was published (D-16); where
        nobody spends twice it must not grow old for that.
        """
        if now_ms - self.current(tx).state.issued_at_ms >= RECENT_FOR_MS:
            self.publish(tx, _NOTHING, now_ms)

    def document(self, tx: Transaction, name: str) -> bytes:
        """A document of the list (COSE bytes). `Refusal`: malformed, unknown_identifier."""
        kind, number = parse_document_name(name)
        newest = _newest(tx)
        if kind is DocumentKind.VERSION:
            return _version(tx, newest)
        if kind is DocumentKind.DELTA:
            return _delta(tx, number)
        made = (
            self._chunks(tx, base_of(newest)) if kind is DocumentKind.CHUNK else self._compact(tx)
        )
        if number >= len(made):
            raise _unknown(f"{kind} below {len(made)}")
        return made[number]

    def _announce(self, tx: Transaction, held: HeldList, delta: bytes | None) -> None:
        authority = self._authority
        version = LIST_VERSION.sign(
            authority.suite, authority.key, ListVersion(VERSION, held.state)
        )
        tx.execute(
            "INSERT INTO list_versions (number, version_raw, delta_raw) VALUES (?, ?, ?)",
            (held.state.number, version, delta),
        )

    def _state(self, tx: Transaction, number: int) -> ListState:
        return LIST_VERSION.peek(self._authority.suite, _version(tx, number)).state

    def _make(self, tx: Transaction, number: int) -> DoubleSpendingList:
        """The list of any version, from the rows."""
        packed = listings.packed_entries(tx, number)
        return build_list(self._authority.suite, [packed], listings.offenders_in(tx, number))

    def _chunks(self, tx: Transaction, number: int) -> list[bytes]:
        """The signed chunks of a base, made once."""
        made, chunks = self._base
        if made != number:
            chunks = list(self._sign_chunks(self._state(tx, number), self._make(tx, number)))
            self._base = number, chunks
        return chunks

    def _sign_chunks(self, state: ListState, listed: DoubleSpendingList) -> Iterable[bytes]:
        packed = b"".join(listed.packed())
        offenders = [listed.offenders[fingerprint] for fingerprint in sorted(listed.offenders)]
        size = CHUNK_ENTRIES * ENTRY_BYTES
        count = max(1, -(-len(packed) // size), -(-len(offenders) // CHUNK_ENTRIES))
        for place in range(count):
            chunk = ListChunk(
                VERSION,
                state,
                place,
                count,
                packed[place * size : (place + 1) * size],
                tuple(offenders[place * CHUNK_ENTRIES : (place + 1) * CHUNK_ENTRIES]),
            )
            yield LIST_CHUNK.sign(self._authority.suite, self._authority.key, chunk)

    def _compact(self, tx: Transaction) -> list[bytes]:
        """The signed parts of the newest compact list, made once."""
        held = self.current(tx)
        made, parts = self._parts
        if made != held.state.number:
            parts = list(self._sign_parts(held))
            self._parts = held.state.number, parts
        return parts

    def _sign_parts(self, held: HeldList) -> Iterable[bytes]:
        compact = build_compact(held.listed.keys())
        data = encode_compact(compact)
        count = max(1, -(-len(data) // PART_BYTES))
        for place in range(count):
            part = CompactPart(
                VERSION,
                held.state,
                compact.count,
                place,
                count,
                data[place * PART_BYTES : (place + 1) * PART_BYTES],
            )
            yield COMPACT_PART.sign(self._authority.suite, self._authority.key, part)


def _newest(tx: Transaction) -> int:
    [[number]] = tx.query("SELECT COALESCE(MAX(number), 0) FROM list_versions")
    if number < FIRST_NUMBER:
        raise _unknown("a list that is published")
    return int(number)


def _version(tx: Transaction, number: int) -> bytes:
    rows = tx.query("SELECT version_raw FROM list_versions WHERE number = ?", (number,))
    return bytes(rows[0][0])


def _delta(tx: Transaction, number: int) -> bytes:
    rows = tx.query(
        "SELECT delta_raw FROM list_versions WHERE number = ? AND delta_raw IS NOT NULL", (number,)
    )
    if not rows:
        raise _unknown(f"a version that follows on another, got {number}")
    return bytes(rows[0][0])


def _unknown(expected: str) -> Refusal:
    return Refusal(Outcome.UNKNOWN_IDENTIFIER, f"expected {expected}")
