"""The double-spending list as this wallet holds it: signed documents, verified again when read (D-07).

It is read from the own institution, by deltas where they lead on, else as a new base; what is held is
replaced whole, in one transaction, and never by an older version. Without a network it is simply
there, as old as it is.
"""

from dataclasses import dataclass, field

from feiqian.crypto.trust import TrustStore
from feiqian.outcomes import Outcome, Refusal
from feiqian.ports import Library, Store, Transaction
from feiqian.wire.double_spending import (
    LIST_PATH,
    DocumentKind,
    HeldList,
    apply_delta,
    assemble_base,
    base_of,
    document_name,
    read_chunk,
    read_delta,
    read_version,
)

MAX_WAITING = 16
"""Changes of the list that may wait for one that is missing."""


@dataclass(slots=True)
class _Fetched:
    """What an update has read and verified."""

    held: HeldList
    base: list[bytes] | None
    deltas: dict[int, bytes] = field(default_factory=dict)


@dataclass(slots=True)
class ListShelf:
    """Holds the list, and follows the institution's."""

    trust: TrustStore
    store: Store
    _held: HeldList | None = None

    async def held(self) -> HeldList | None:
        """The list that is held; None before the first update."""
        if self._held is None:
            self._held = await self.store.read(self._load)
        return self._held

    async def update(self, library: Library, institution_url: str) -> HeldList | None:
        """Follow the institution to its newest version; what is held then.

        None when the institution has no list yet. Raises `Refusal`: what a document is refused for,
        unavailable, timed_out; then what was held is still held.
        """
        held, address = await self.held(), f"{institution_url}{LIST_PATH}"
        try:
            version = await library.get(f"{address}/{document_name(DocumentKind.VERSION)}")
        except Refusal as refusal:
            if refusal.outcome is Outcome.UNKNOWN_IDENTIFIER:
                return held
            raise
        newest = read_version(self.trust, version)
        if held is not None and newest.number <= held.state.number:
            return held
        fetched = await self._follow(library, address, held, newest.number)
        if fetched.held.state != newest:
            raise Refusal(Outcome.LIST_MISMATCH, f"expected the list of version {newest.number}")
        await self.store.write(lambda tx: _replace(tx, fetched))
        self._held = fetched.held
        return self._held

    async def take_delta(self, raw: bytes) -> HeldList | None:
        """Take a change of the list that came by itself, by broadcast; what is held then.

        One that does not follow yet waits, with at most `MAX_WAITING` others, for what is missing.
        Raises `Refusal`: malformed and its kin, bad_signature, list_mismatch; outdated when it is
        held already.
        """
        held = await self.held()
        state = read_delta(self.trust, raw).state
        if held is not None and state.number <= held.state.number:
            raise Refusal(Outcome.OUTDATED, f"expected a change after {held.state.number}")
        waiting = {**await self.store.read(_waiting), state.number: raw}
        fetched = None if held is None else _Fetched(held, None)
        while fetched is not None and fetched.held.state.number + 1 in waiting:
            number = fetched.held.state.number + 1
            fetched.held = apply_delta(self.trust, fetched.held, waiting[number])
            fetched.deltas[number] = waiting.pop(number)
        await self.store.write(lambda tx: _replace_waiting(tx, fetched, waiting))
        if fetched is not None:
            self._held = fetched.held
        return self._held

    async def _follow(
        self, library: Library, address: str, held: HeldList | None, newest: int
    ) -> _Fetched:
        base = None
        if held is None or base_of(newest) > held.state.number:
            base = await self._chunks(library, address)
            held = assemble_base(self.trust, base, held.state.number if held else 0)
        fetched = _Fetched(held, base)
        for number in range(held.state.number + 1, newest + 1):
            raw = await library.get(f"{address}/{document_name(DocumentKind.DELTA, number)}")
            fetched.held = apply_delta(self.trust, fetched.held, raw)
            fetched.deltas[number] = raw
        return fetched

    async def _chunks(self, library: Library, address: str) -> list[bytes]:
        raws: list[bytes] = []
        count = 1
        while len(raws) < count:
            name = document_name(DocumentKind.CHUNK, len(raws))
            raws.append(await library.get(f"{address}/{name}"))
            count = read_chunk(self.trust, raws[-1]).chunks
        return raws

    def _load(self, tx: Transaction) -> HeldList | None:
        base = _documents(tx, DocumentKind.CHUNK)
        if not base:
            return None
        held = assemble_base(self.trust, base)
        for raw in _documents(tx, DocumentKind.DELTA):
            held = apply_delta(self.trust, held, raw)
        return held


def _replace(tx: Transaction, fetched: _Fetched) -> None:
    if fetched.base is not None:
        tx.execute("DELETE FROM list_documents")
        for number, raw in enumerate(fetched.base):
            _put(tx, DocumentKind.CHUNK, number, raw)
    for number, raw in fetched.deltas.items():
        _put(tx, DocumentKind.DELTA, number, raw)


def _waiting(tx: Transaction) -> dict[int, bytes]:
    rows = tx.query("SELECT number, raw FROM waiting_deltas ORDER BY number")
    return {int(number): bytes(raw) for number, raw in rows}


def _replace_waiting(tx: Transaction, fetched: _Fetched | None, waiting: dict[int, bytes]) -> None:
    if fetched is not None:
        _replace(tx, fetched)
    tx.execute("DELETE FROM waiting_deltas")
    held = 0 if fetched is None else fetched.held.state.number
    nearest = [number for number in sorted(waiting) if number > held][:MAX_WAITING]
    for number in nearest:
        tx.execute(
            "INSERT INTO waiting_deltas (number, raw) VALUES (?, ?)", (number, waiting[number])
        )


def _put(tx: Transaction, kind: DocumentKind, number: int, raw: bytes) -> None:
    tx.execute(
        "INSERT INTO list_documents (kind, number, raw) VALUES (?, ?, ?)", (kind, number, raw)
    )


def _documents(tx: Transaction, kind: DocumentKind) -> list[bytes]:
    rows = tx.query("SELECT raw FROM list_documents WHERE kind = ? ORDER BY number", (kind,))
    return [bytes(raw) for (raw,) in rows]
