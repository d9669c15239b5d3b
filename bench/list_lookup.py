"""The double-spending list with a million entries: room, look-ups, changes, mistakes of the compact form."""

import hashlib
import os
import time
from collections.abc import Callable
from itertools import islice
from typing import TypeVar

from feiqian.crypto.p256 import P256_SHA256
from feiqian.money.compact_set import build_compact, decode_compact, encode_compact
from feiqian.money.double_spending import (
    ENTRY_BYTES,
    MAX_CHANGED,
    Changes,
    DoubleSpendingList,
    build_list,
    pack_entry,
)

ENTRIES = int(os.environ.get("FEIQIAN_BENCH_ENTRIES", "1000000"))
LOOKUPS = 200_000
OUTSIDE = 2_000_000
"""Hashes tried that are not listed, to count false positives."""
ROUNDS = 5


def run() -> dict[str, object]:
    """Build, look up, change, encode, and count mistakes."""
    entries = sorted(pack_entry(_hash("in", number), bytes(32)) for number in range(ENTRIES))
    listed, build_s = _timed(lambda: build_list(P256_SHA256, [b"".join(entries)], []))
    asked = [_hash("in", number) for number in range(0, ENTRIES, max(1, 2 * ENTRIES // LOOKUPS))]
    asked += [_hash("out", number) for number in range(len(asked))]
    compact, compact_s = _timed(lambda: build_compact(listed.keys()))
    data = encode_compact(compact)
    loaded, load_s = _timed(lambda: decode_compact(compact.count, data))
    is_maybe = loaded.searcher()
    false = sum(is_maybe(_hash("out", number)) for number in range(OUTSIDE))
    nothing = _rate(asked, lambda _: None)
    return {
        "entries": listed.count,
        "exact_bytes_per_entry": round(_exact_bytes(listed) / listed.count, 2),
        "compact_bytes_per_entry": round(len(data) / listed.count, 3),
        "compact_loaded_bytes_per_entry": round(
            (len(loaded.offsets) + len(loaded.remainders)) * loaded.offsets.itemsize / listed.count,
            2,
        ),
        "exact_lookups_per_s": round(exact := _rate(asked, listed.honoured)),
        "compact_lookups_per_s": round(compactly := _rate(asked, is_maybe)),
        "python_calls_per_s": round(nothing),
        "calls_per_exact_lookup": round(nothing / exact, 1),
        "calls_per_compact_lookup": round(nothing / compactly, 1),
        "exact_build_s": round(build_s, 2),
        "delta_entries": 1_000,
        "delta_apply_ms": round(_apply_ms(listed), 1),
        "compact_build_s": round(compact_s, 2),
        "compact_load_s": round(load_s, 2),
        "false_positives": false,
        "false_positive_rate": false / OUTSIDE,
        "false_positive_bound": loaded.false_positive_bound,
    }


def _hash(label: str, number: int) -> bytes:
    return hashlib.sha256(f"{label}/{number}".encode()).digest()


T = TypeVar("T")


def _timed(make: Callable[[], T]) -> tuple[T, float]:
    start = time.perf_counter()
    made = make()
    return made, time.perf_counter() - start


def _rate(asked: list[bytes], look_up: Callable[[bytes], object]) -> float:
    """Calls in a second of this process's own time, whatever else the machine does."""
    best = 0.0
    for _ in range(ROUNDS):
        start = time.process_time()
        for each in asked:
            look_up(each)
        best = max(best, len(asked) / (time.process_time() - start))
    return best


def _exact_bytes(listed: DoubleSpendingList) -> int:
    """Entries, digests, and what Python keeps for each of the two (33 bytes and a reference)."""
    held = [*listed.buckets, *filter(None, listed.digests)]
    return sum(len(each) + 33 + 8 for each in held)


def _apply_ms(listed: DoubleSpendingList) -> float:
    """Five hundred come, five hundred go, digest included; the best of several rounds."""
    half = min(MAX_CHANGED, 1_000) // 2
    coming = b"".join(sorted(pack_entry(_hash("new", number), bytes(32)) for number in range(half)))
    listed_entries = (
        bucket[at : at + ENTRY_BYTES]
        for bucket in listed.packed()
        for at in range(0, len(bucket), ENTRY_BYTES * 61)
    )
    leaving = b"".join(islice(listed_entries, half))
    changes = Changes(coming, leaving, (), ())
    times = [_timed(lambda: listed.changed(changes).digest)[1] for _ in range(ROUNDS)]
    return min(times) * 1000
