"""A double-spending list in a file: the platform's own signed documents, verified again when read.

It is a base and the deltas since, so that fetching again reads only what is new, and a list never goes
back to an older one. What stands in the file proves itself: nobody needs to trust who has copied it.
"""

from pathlib import Path
from typing import Annotated

from msgspec import Meta, Struct

from feiqian.crypto import cbor
from feiqian.crypto.cbor import VERSION
from feiqian.crypto.trust import TrustStore
from feiqian.outcomes import Outcome, Refusal
from feiqian.ports import Library
from feiqian.wire.double_spending import (
    BASE_EVERY,
    LIST_PATH,
    MAX_CHUNK_BYTES,
    MAX_CHUNKS,
    MAX_DELTA_BYTES,
    DocumentKind,
    HeldList,
    apply_delta,
    assemble_base,
    base_of,
    document_name,
    read_chunk,
    read_version,
)

MAX_FILE_BYTES = 2**28


class ListFile(Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """The content of the file."""

    version: int
    chunks: Annotated[
        tuple[Annotated[bytes, Meta(max_length=MAX_CHUNK_BYTES)], ...],
        Meta(min_length=1, max_length=MAX_CHUNKS + 1),
    ]
    deltas: Annotated[
        tuple[Annotated[bytes, Meta(max_length=MAX_DELTA_BYTES)], ...],
        Meta(max_length=2 * BASE_EVERY),
    ]


def read_list(trust: TrustStore, path: Path) -> HeldList:
    """The list in a file. `Refusal`: malformed and its kin, bad_signature, list_mismatch."""
    return _held(trust, _read(path))


async def fetch_list(trust: TrustStore, library: Library, url: str, path: Path) -> HeldList:
    """Bring the file to the newest version that the server at `url` has.

    Raises `Refusal`: outdated when the server's list is older than the file's, what its documents
    are refused for, unavailable, timed_out.
    """

    async def get(kind: DocumentKind, number: int = 0) -> bytes:
        return await library.get(f"{url}{LIST_PATH}/{document_name(kind, number)}")

    newest = read_version(trust, await get(DocumentKind.VERSION))
    content = _read_if_any(path)
    held = _held(trust, content) if content else None
    if held is not None and held.state.number > newest.number:
        raise Refusal(Outcome.OUTDATED, f"expected version {held.state.number} or a newer one")
    if content is None or held is None or base_of(newest.number) > held.state.number:
        chunks = [await get(DocumentKind.CHUNK)]
        count = read_chunk(trust, chunks[0]).chunks
        chunks += [await get(DocumentKind.CHUNK, place) for place in range(1, count)]
        content, held = ListFile(VERSION, tuple(chunks), ()), assemble_base(trust, chunks)
    deltas = list(content.deltas)
    for number in range(held.state.number + 1, newest.number + 1):
        deltas.append(await get(DocumentKind.DELTA, number))
        held = apply_delta(trust, held, deltas[-1])
    _write(path, ListFile(VERSION, content.chunks, tuple(deltas)))
    return held


def _read_if_any(path: Path) -> ListFile | None:
    return _read(path) if path.exists() else None


def _read(path: Path) -> ListFile:
    if not path.is_file():
        raise Refusal(Outcome.MALFORMED, f"expected a list in {path}")
    return cbor.decode(path.read_bytes(), ListFile, limit=MAX_FILE_BYTES)


def _held(trust: TrustStore, content: ListFile) -> HeldList:
    held = assemble_base(trust, content.chunks)
    for raw in content.deltas:
        held = apply_delta(trust, held, raw)
    return held


def _write(path: Path, content: ListFile) -> None:
    fresh = path.with_suffix(path.suffix + ".new")
    fresh.write_bytes(cbor.encode(content))
    fresh.replace(path)
