"""How the double-spending list travels: the platform signs versions, changes, and whole lists (D-07).

Versions are numbered from 1, which lists nothing. Every number after it comes with a *delta*: what it
adds and revokes. A *base* is a whole list in signed chunks, made for every `BASE_EVERY`-th number, so
that a device that knows nothing reads one base and at most `BASE_EVERY - 1` deltas. Every signed part
names the list it belongs to by number, counts and digest; whoever applies one compares the digest.
Numbers only grow: nobody goes back to an older list. The *compact* list is for narrow channels and
can only say "maybe": it never accuses.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Annotated

from msgspec import Meta, Struct

from feiqian.crypto.certificates import UnixMs
from feiqian.crypto.signed import SignedKind
from feiqian.crypto.suites import Suite
from feiqian.crypto.trust import TrustStore
from feiqian.money.compact_set import CompactSet, decode_compact
from feiqian.money.double_spending import (
    ENTRY_BYTES,
    MAX_IDENTIFIERS,
    MAX_OFFENDERS,
    Changes,
    DoubleSpendingList,
    Offender,
    Step,
    build_list,
    empty_list,
)
from feiqian.money.identifiers import Identifier
from feiqian.outcomes import Outcome, Refusal

FIRST_NUMBER = 1
"""The version that lists nothing."""
BASE_EVERY = 256
"""A whole list is made for the first version and for every `BASE_EVERY`-th after it."""
CHUNK_ENTRIES = 16_384
MAX_CHUNKS = MAX_IDENTIFIERS // CHUNK_ENTRIES + MAX_OFFENDERS // CHUNK_ENTRIES
PART_BYTES = 32_768
"""Of a compact list, in one part."""
MAX_PARTS = 256

MAX_LIST_VERSION_BYTES = 256
MAX_DELTA_BYTES = 262_144
MAX_CHUNK_BYTES = 2_000_000
MAX_PART_BYTES = PART_BYTES + 512

Number = Annotated[int, Meta(ge=FIRST_NUMBER, le=2**53 - 1)]


class ListState(Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """One version of the list: what its content must come to."""

    number: Number
    issued_at_ms: UnixMs
    identifiers: Annotated[int, Meta(ge=0, le=MAX_IDENTIFIERS)]
    offenders: Annotated[int, Meta(ge=0, le=MAX_OFFENDERS)]
    digest: Identifier


class ListVersion(Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """The payload of the newest version's announcement."""

    version: int
    state: ListState


class ListDelta(Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """The payload of what leads from the version before to `state`."""

    version: int
    state: ListState
    changes: Changes


class ListChunk(Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """The payload of one part of a base; all parts together are the whole list."""

    version: int
    state: ListState
    chunk: Annotated[int, Meta(ge=0, le=MAX_CHUNKS)]
    chunks: Annotated[int, Meta(ge=1, le=MAX_CHUNKS + 1)]
    entries: Annotated[bytes, Meta(max_length=CHUNK_ENTRIES * ENTRY_BYTES)]
    """Packed, 40 bytes each, in order across all chunks."""
    offenders: Annotated[tuple[Offender, ...], Meta(max_length=CHUNK_ENTRIES)]


class CompactPart(Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """The payload of one part of the compact list of version `state`."""

    version: int
    state: ListState
    elements: Annotated[int, Meta(ge=0, le=MAX_IDENTIFIERS + MAX_OFFENDERS)]
    part: Annotated[int, Meta(ge=0, le=MAX_PARTS)]
    parts: Annotated[int, Meta(ge=1, le=MAX_PARTS + 1)]
    data: Annotated[bytes, Meta(max_length=PART_BYTES)]


LIST_VERSION = SignedKind(b"feiqian/list-version", ListVersion, MAX_LIST_VERSION_BYTES)
LIST_DELTA = SignedKind(b"feiqian/list-delta", ListDelta, MAX_DELTA_BYTES)
LIST_CHUNK = SignedKind(b"feiqian/list-chunk", ListChunk, MAX_CHUNK_BYTES)
COMPACT_PART = SignedKind(b"feiqian/list-compact", CompactPart, MAX_PART_BYTES)


class DocumentKind(StrEnum):
    """What can be read of the list, as published documents."""

    VERSION = "version"
    DELTA = "deltas"
    """By the number of the version it leads to."""
    CHUNK = "chunks"
    """Of the newest base, from 0."""
    PART = "compact"
    """Of the compact list, from 0."""


LIST_PATH = "/v1/double-spending"
"""Where the platform and every institution publish the documents of the list."""
EVIDENCE_PATH = "/v1/evidence"
"""Where evidence is read by its name in hexadecimal."""

_DOCUMENT = re.compile(r"(version)|(deltas|chunks|compact)/(0|[1-9][0-9]{0,15})", re.ASCII)


def document_name(kind: DocumentKind, number: int = 0) -> str:
    """The last part of a document's address."""
    return kind.value if kind is DocumentKind.VERSION else f"{kind}/{number}"


def parse_document_name(name: str) -> tuple[DocumentKind, int]:
    """What is asked for by the last part of an address. `Refusal` malformed."""
    found = _DOCUMENT.fullmatch(name)
    if found is None:
        raise Refusal(Outcome.MALFORMED, "expected version, deltas/N, chunks/N or compact/N")
    return DocumentKind(found[1] or found[2]), int(found[3] or 0)


@dataclass(frozen=True, slots=True)
class HeldList:
    """A list with the version it is."""

    state: ListState
    listed: DoubleSpendingList


@dataclass(frozen=True, slots=True)
class HeldCompact:
    """A compact list with the version it was made from."""

    state: ListState
    listed: CompactSet


def base_of(number: int) -> int:
    """The number of the base that leads to version `number`."""
    return number - (number - FIRST_NUMBER) % BASE_EVERY


def state_of(listed: DoubleSpendingList, number: int, issued_at_ms: int) -> ListState:
    """What version `number` must come to if it lists this."""
    return ListState(number, issued_at_ms, listed.count, len(listed.offenders), listed.digest)


def first_list(suite: Suite, issued_at_ms: int) -> HeldList:
    """Version 1."""
    listed = empty_list(suite)
    return HeldList(state_of(listed, FIRST_NUMBER, issued_at_ms), listed)


def read_version(trust: TrustStore, raw: bytes) -> ListState:
    """The newest version, as announced. `Refusal`: malformed and its kin, bad_signature."""
    return LIST_VERSION.read(trust.suite, raw, trust.root.value.public_key).state


def apply_delta(trust: TrustStore, held: HeldList, raw: bytes) -> HeldList:
    """The list after a signed delta.

    Raises `Refusal`: malformed and its kin, bad_signature, outdated for a version that is held or
    older, list_mismatch for one that does not follow, or when the digest is another.
    """
    delta = read_delta(trust, raw)
    _check_not_older(delta.state, held.state.number + 1)
    if delta.state.number != held.state.number + 1:
        raise Refusal(Outcome.LIST_MISMATCH, f"expected the delta to {held.state.number + 1}")
    return _checked(delta.state, held.listed.changed(delta.changes))


def read_delta(trust: TrustStore, raw: bytes) -> ListDelta:
    """A change of the list, not applied yet. `Refusal`: malformed and its kin, bad_signature."""
    return LIST_DELTA.read(trust.suite, raw, trust.root.value.public_key)


def read_chunk(trust: TrustStore, raw: bytes) -> ListChunk:
    """One chunk of a base. `Refusal`: malformed and its kin, bad_signature."""
    return LIST_CHUNK.read(trust.suite, raw, trust.root.value.public_key)


def assemble_base(trust: TrustStore, raws: Sequence[bytes], not_before: int = 0) -> HeldList:
    """The whole list of all chunks of one base, in order.

    Raises `Refusal`: malformed and its kin, bad_signature, outdated when its number is below
    `not_before`, list_mismatch when the chunks are not those of one list.
    """
    chunks = [read_chunk(trust, raw) for raw in raws]
    if not chunks or chunks[0].chunks != len(chunks):
        raise Refusal(Outcome.LIST_MISMATCH, "expected every chunk of the list")
    state = chunks[0].state
    _check_not_older(state, not_before)
    for place, chunk in enumerate(chunks):
        if (chunk.state, chunk.chunk, chunk.chunks) != (state, place, len(chunks)):
            raise Refusal(Outcome.LIST_MISMATCH, "expected the chunks of one list, in order")
    offenders = [offender for chunk in chunks for offender in chunk.offenders]
    listed = build_list(trust.suite, [chunk.entries for chunk in chunks], offenders)
    return _checked(state, listed)


def read_part(trust: TrustStore, raw: bytes) -> CompactPart:
    """One part of a compact list. `Refusal`: malformed and its kin, bad_signature."""
    return COMPACT_PART.read(trust.suite, raw, trust.root.value.public_key)


def assemble_compact(trust: TrustStore, raws: Sequence[bytes], not_before: int = 0) -> HeldCompact:
    """The compact list of all its parts, in order; errors as for `assemble_base`."""
    parts = [read_part(trust, raw) for raw in raws]
    if not parts or parts[0].parts != len(parts):
        raise Refusal(Outcome.LIST_MISMATCH, "expected every part of the compact list")
    first = parts[0]
    _check_not_older(first.state, not_before)
    for place, part in enumerate(parts):
        if (part.state, part.elements, part.part) != (first.state, first.elements, place):
            raise Refusal(Outcome.LIST_MISMATCH, "expected the parts of one list, in order")
    data = b"".join(part.data for part in parts)
    return HeldCompact(first.state, decode_compact(first.elements, data))


def check_chain_compactly(listed: CompactSet, steps: Sequence[Step]) -> None:
    """Search a compact list. `Refusal` verification_required when anything may be listed."""
    is_maybe = listed.searcher()
    for consumed, _ in steps:
        if is_maybe(consumed.identifier) or is_maybe(consumed.owner):
            raise Refusal(Outcome.VERIFICATION_REQUIRED, "the compact list may hold this piece")


def _check_not_older(state: ListState, not_before: int) -> None:
    if state.number < not_before:
        raise Refusal(Outcome.OUTDATED, f"expected version {not_before} or a newer one")


def _checked(state: ListState, listed: DoubleSpendingList) -> HeldList:
    if state_of(listed, state.number, state.issued_at_ms) != state:
        raise Refusal(Outcome.LIST_MISMATCH, f"expected the list of version {state.number}")
    return HeldList(state, listed)
