"""The double-spending list as this institution follows and passes it on (D-07, D-14).

The platform's documents are stored as they were signed, after they were verified and applied; wallets
read them here. A newer version is reached by its deltas, or by a new base when one lies in between.
An older one is never taken. Own wallets that a version newly names as offenders are frozen in the
transaction that stores it; only the operator unfreezes them, also when an entry is revoked.
"""

from dataclasses import dataclass, field

import structlog

from feiqian.institution.office import Office
from feiqian.outcomes import Outcome, Refusal
from feiqian.ports import Library, Transaction
from feiqian.wire.double_spending import (
    LIST_PATH,
    DocumentKind,
    HeldList,
    ListState,
    apply_delta,
    assemble_base,
    base_of,
    document_name,
    parse_document_name,
    read_chunk,
    read_part,
    read_version,
)

log = structlog.get_logger("listing")


@dataclass(slots=True)
class _Fetched:
    """What an update has read and verified, to be stored as a whole."""

    held: HeldList
    version: bytes
    base: list[bytes] | None = None
    """The chunks of a new base; None when the old one stays."""
    deltas: dict[int, bytes] = field(default_factory=dict)
    parts: list[bytes] = field(default_factory=list)


class ListKeeper:
    """Follows the platform's list, and answers for what is held."""

    def __init__(self, office: Office) -> None:
        self._office = office
        self._held: HeldList | None = None

    async def held(self) -> HeldList | None:
        """The list that is held; None before the first update."""
        if self._held is None:
            self._held = await self._office.store.read(self._load)
        return self._held

    async def update(self, library: Library) -> ListState:
        """Follow the platform to its newest version; the version held then.

        Raises `Refusal`: what the platform's documents are refused for, unavailable, timed_out.
        """
        held = await self.held()
        version = await self._get(library, DocumentKind.VERSION)
        newest = read_version(self._office.trust, version)
        if held is not None and newest.number <= held.state.number:
            return held.state
        fetched = await self._follow(library, held, newest, version)
        fetched.parts = await self._parts(library)
        await self._office.store.write(lambda tx: self._store(tx, held, fetched))
        self._held = fetched.held
        log.info("list taken", number=newest.number, identifiers=newest.identifiers)
        return newest

    async def document(self, name: str) -> bytes:
        """A document of the list (COSE bytes). `Refusal`: malformed, unknown_identifier."""
        kind, number = parse_document_name(name)
        rows = await self._office.store.read(
            lambda tx: tx.query(
                "SELECT raw FROM list_documents WHERE kind = ? AND number = ?", (kind, number)
            )
        )
        if not rows:
            raise Refusal(Outcome.UNKNOWN_IDENTIFIER, f"expected a document that is held: {name}")
        return bytes(rows[0][0])

    async def _follow(
        self, library: Library, held: HeldList | None, newest: ListState, version: bytes
    ) -> _Fetched:
        trust = self._office.trust
        base: list[bytes] | None = None
        if held is None or base_of(newest.number) > held.state.number:
            base = await self._chunks(library)
            held = assemble_base(trust, base, base_of(newest.number))
        fetched = _Fetched(held, version, base)
        for number in range(held.state.number + 1, newest.number + 1):
            raw = await self._get(library, DocumentKind.DELTA, number)
            fetched.held = apply_delta(trust, fetched.held, raw)
            fetched.deltas[number] = raw
        if fetched.held.state != newest:
            raise Refusal(Outcome.LIST_MISMATCH, f"expected the list of version {newest.number}")
        return fetched

    async def _chunks(self, library: Library) -> list[bytes]:
        raws = [await self._get(library, DocumentKind.CHUNK)]
        count = read_chunk(self._office.trust, raws[0]).chunks
        raws += [await self._get(library, DocumentKind.CHUNK, place) for place in range(1, count)]
        return raws

    async def _parts(self, library: Library) -> list[bytes]:
        raws = [await self._get(library, DocumentKind.PART)]
        count = read_part(self._office.trust, raws[0]).parts
        raws += [await self._get(library, DocumentKind.PART, place) for place in range(1, count)]
        return raws

    async def _get(self, library: Library, kind: DocumentKind, number: int = 0) -> bytes:
        url = f"{self._office.central_url}{LIST_PATH}/{document_name(kind, number)}"
        return await library.get(url)

    def _store(self, tx: Transaction, before: HeldList | None, fetched: _Fetched) -> None:
        if fetched.base is not None:
            tx.execute("DELETE FROM list_documents WHERE kind = ?", (DocumentKind.DELTA,))
            _replace(tx, DocumentKind.CHUNK, fetched.base)
        for number, raw in fetched.deltas.items():
            _put(tx, DocumentKind.DELTA, number, raw)
        _replace(tx, DocumentKind.PART, fetched.parts)
        _put(tx, DocumentKind.VERSION, 0, fetched.version)
        self._freeze_offenders(tx, before, fetched.held)

    def _freeze_offenders(self, tx: Transaction, before: HeldList | None, after: HeldList) -> None:
        known = before.listed.offenders if before else {}
        for fingerprint in after.listed.offenders.keys() - known.keys():
            rows = tx.query(
                "UPDATE wallets SET frozen = 1 WHERE fingerprint = ? RETURNING number",
                (fingerprint,),
            )
            for (number,) in rows:
                tx.execute(
                    "INSERT INTO listed_wallets (wallet, list_number, frozen_at_ms)"
                    " VALUES (?, ?, ?) ON CONFLICT (wallet) DO UPDATE SET"
                    " list_number = excluded.list_number, frozen_at_ms = excluded.frozen_at_ms",
                    (number, after.state.number, self._office.now_ms()),
                )
                log.warning("wallet frozen", wallet=number, list_number=after.state.number)

    def _load(self, tx: Transaction) -> HeldList | None:
        """The list from the stored documents, verified again."""
        base = _all(tx, DocumentKind.CHUNK)
        if not base:
            return None
        held = assemble_base(self._office.trust, base)
        for raw in _all(tx, DocumentKind.DELTA):
            held = apply_delta(self._office.trust, held, raw)
        return held


def _all(tx: Transaction, kind: DocumentKind) -> list[bytes]:
    rows = tx.query("SELECT raw FROM list_documents WHERE kind = ? ORDER BY number", (kind,))
    return [raw for (raw,) in rows]


def _replace(tx: Transaction, kind: DocumentKind, raws: list[bytes]) -> None:
    tx.execute("DELETE FROM list_documents WHERE kind = ?", (kind,))
    for number, raw in enumerate(raws):
        _put(tx, kind, number, raw)


def _put(tx: Transaction, kind: DocumentKind, number: int, raw: bytes) -> None:
    tx.execute(
        "INSERT INTO list_documents (kind, number, raw) VALUES (?, ?, ?)"
        " ON CONFLICT (kind, number) DO UPDATE SET raw = excluded.raw",
        (kind, number, raw),
    )
