"""The double-spending list: which states were spent twice, and whose keys did it.

An *entry* is 40 bytes: the first 24 bytes of a circulation identifier that two different transfers
consume, and the first 16 of the name of the transfer that its issuer has recorded (both are hashes of
32 bytes, so that neither part can be met by searching). That transfer's branch is honoured; every other transfer of the identifier is anomalous. So pieces that merely share the
ancestor, by way of the recorded transfer, are never hit (D-17). An *offender* is a chip's key with
its wallet number. The list is a value: a change makes another list, which shares what did not
change. It is kept packed in buckets, 40 bytes an entry, and each bucket has its digest, so that the
digest of the whole list costs what was changed and not what is listed. A million entries fit a phone.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import compress
from typing import Annotated, Self

from msgspec import Meta, Struct

from feiqian.crypto import cbor
from feiqian.crypto.certificates import UnixMs, WalletNumber
from feiqian.crypto.suites import HASH_BYTES, Suite
from feiqian.money.identifiers import Fingerprint
from feiqian.money.piece import Output
from feiqian.money.transfer import SignedTransfer
from feiqian.outcomes import LocalProtocolError, Outcome, Refusal

IDENTIFIER_BYTES = 24
"""Kept of an identifier: nobody finds another one that begins alike."""
PREFIX_BYTES = 16
"""Kept of a name: a rogue who makes both transfers would have to search 2**64 of them."""
ENTRY_BYTES = IDENTIFIER_BYTES + PREFIX_BYTES
MAX_IDENTIFIERS = 2**21
"""Most entries of a list: 80 MiB."""
MAX_OFFENDERS = 2**16
MAX_CHANGED = 1_024
"""Most entries, or offenders, that one version adds or revokes."""

_BUCKET_BITS = 14
"""So that a bucket of a million entries has some sixty: quick to search, quick to make anew."""
_BUCKET_SHIFT = 16 - _BUCKET_BITS
_LIST_DOMAIN = b"feiqian/double-spending-list\x00"
_BUCKET_DOMAIN = b"feiqian/double-spending-bucket\x00"

Step = tuple[Output, SignedTransfer]
"""A transfer with the state it consumes, as `piece.walk` and `piece.verify_piece` give them."""


class Offender(Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """A chip that signed two transfers of one state."""

    fingerprint: Fingerprint
    """Of the chip's key."""
    wallet: WalletNumber
    since_ms: UnixMs
    """When it was listed: for people; no decision leans on it, for its own chip dates transfers."""


PackedEntries = Annotated[bytes, Meta(max_length=ENTRY_BYTES * MAX_CHANGED)]
Offenders = Annotated[tuple[Offender, ...], Meta(max_length=MAX_CHANGED)]
Fingerprints = Annotated[tuple[Fingerprint, ...], Meta(max_length=MAX_CHANGED)]


class Changes(Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """What leads from one list to the next; entries are packed, 40 bytes each, in order."""

    added: PackedEntries
    revoked: PackedEntries
    offenders_added: Offenders
    offenders_revoked: Fingerprints


def pack_entry(consumed: bytes, recorded: bytes) -> bytes:
    """The entry of an identifier and the name of the transfer that its issuer has recorded."""
    if len(consumed) != HASH_BYTES or len(recorded) != HASH_BYTES:
        raise LocalProtocolError("expected an identifier and the name of a transfer")
    return consumed[:IDENTIFIER_BYTES] + recorded[:PREFIX_BYTES]


def split_entries(packed: bytes) -> list[bytes]:
    """The entries in packed form. `Refusal` malformed unless they are whole and ascend."""
    if len(packed) % ENTRY_BYTES:
        raise Refusal(Outcome.MALFORMED, f"expected entries of {ENTRY_BYTES} bytes")
    entries = _entries(packed)
    last = b""
    for entry in entries:
        if entry[:IDENTIFIER_BYTES] <= last:
            raise Refusal(Outcome.MALFORMED, "expected each identifier once, in order")
        last = entry[:IDENTIFIER_BYTES]
    return entries


@dataclass(frozen=True, slots=True)
class DoubleSpendingList:
    """An exact list; immutable. Begin with `empty_list` or `build_list`."""

    suite: Suite
    buckets: tuple[bytes, ...]
    """Entries by their first bits, packed, in order."""
    digests: tuple[bytes, ...]
    """Of each bucket; empty for an empty one."""
    offenders: dict[bytes, Offender]
    """By fingerprint; never changed once the list is made."""
    count: int
    """How many identifiers are listed."""

    @property
    def digest(self) -> bytes:
        """The digest of all that is listed (32 bytes); the order of its making does not matter."""
        parts = [
            place.to_bytes(2, "big") + self.digests[place]
            for place in compress(range(len(self.digests)), self.digests)
        ]
        named = [self.offenders[fingerprint] for fingerprint in sorted(self.offenders)]
        offenders = self.suite.digest(_LIST_DOMAIN + cbor.encode(named))
        return self.suite.digest(_LIST_DOMAIN + b"".join(parts) + offenders)

    def honoured(self, consumed: bytes) -> bytes | None:
        """The first 16 bytes of the recorded transfer's name if `consumed` is listed, else None."""
        bucket = self.buckets[(consumed[0] << 8 | consumed[1]) >> _BUCKET_SHIFT]
        kept = consumed[:IDENTIFIER_BYTES]
        at = bucket.find(kept)
        while at >= 0:
            if at % ENTRY_BYTES == 0:
                return bucket[at + IDENTIFIER_BYTES : at + ENTRY_BYTES]
            at = bucket.find(kept, at + 1)
        return None

    def packed(self) -> Iterator[bytes]:
        """All entries in order, in pieces of whole entries."""
        return filter(None, self.buckets)

    def keys(self) -> Iterator[bytes]:
        """What is kept of every identifier, and every offender's fingerprint: for a compact list."""
        for bucket in self.packed():
            for entry in _entries(bucket):
                yield entry[:IDENTIFIER_BYTES]
        yield from self.offenders

    def changed(self, changes: Changes) -> Self:
        """The list after `changes`.

        Raises `Refusal`: malformed; list_mismatch when something is added that is listed, or
        revoked that is not; too_large.
        """
        revoked, added = split_entries(changes.revoked), split_entries(changes.added)
        buckets, digests = list(self.buckets), list(self.digests)
        touched: dict[int, tuple[list[bytes], list[bytes]]] = {}
        for entry in revoked:
            touched.setdefault(_bucket_of(entry), ([], []))[0].append(entry)
        for entry in added:
            touched.setdefault(_bucket_of(entry), ([], []))[1].append(entry)
        for place, (leaving, coming) in touched.items():
            buckets[place] = _changed_bucket(buckets[place], leaving, coming)
            digests[place] = _bucket_digest(self.suite, buckets[place])
        count = self.count + len(added) - len(revoked)
        if count > MAX_IDENTIFIERS:
            raise Refusal(Outcome.TOO_LARGE, f"expected at most {MAX_IDENTIFIERS} entries")
        offenders = _changed_offenders(self.offenders, changes)
        return type(self)(self.suite, tuple(buckets), tuple(digests), offenders, count)


def empty_list(suite: Suite) -> DoubleSpendingList:
    """The list on which nothing stands."""
    size = 1 << _BUCKET_BITS
    return DoubleSpendingList(suite, (b"",) * size, (b"",) * size, {}, 0)


def build_list(
    suite: Suite, packed: Sequence[bytes], offenders: Sequence[Offender]
) -> DoubleSpendingList:
    """The list of packed entries, in order across all pieces, and offenders.

    Raises `Refusal`: malformed, too_large.
    """
    if sum(map(len, packed)) > MAX_IDENTIFIERS * ENTRY_BYTES or len(offenders) > MAX_OFFENDERS:
        raise Refusal(Outcome.TOO_LARGE, f"expected at most {MAX_IDENTIFIERS} entries")
    gathered: dict[int, list[bytes]] = {}
    last = b""
    for piece in packed:
        entries = split_entries(piece)
        if entries and entries[0][:IDENTIFIER_BYTES] <= last:
            raise Refusal(Outcome.MALFORMED, "expected each identifier once, in order")
        for entry in entries:
            gathered.setdefault(_bucket_of(entry), []).append(entry)
        last = entries[-1][:IDENTIFIER_BYTES] if entries else last
    buckets, digests = [b""] * (1 << _BUCKET_BITS), [b""] * (1 << _BUCKET_BITS)
    for place, entries in gathered.items():
        buckets[place] = b"".join(entries)
        digests[place] = _bucket_digest(suite, buckets[place])
    named = {offender.fingerprint: offender for offender in offenders}
    if len(named) != len(offenders):
        raise Refusal(Outcome.MALFORMED, "expected each offender once")
    count = sum(map(len, gathered.values()))
    return DoubleSpendingList(suite, tuple(buckets), tuple(digests), named, count)


def check_chain(listed: DoubleSpendingList, steps: Sequence[Step]) -> None:
    """Search the list for a piece: every link, then those who signed it (D-03, D-05).

    A link that consumes a listed identifier is honoured if it is the one that was recorded; then
    all links before it are recorded, too. What an offender signed after that must be verified.

    Raises `Refusal`: double_spent when a link is another spender of a listed identifier,
    listed_offender when the payer is an offender, verification_required when an earlier owner is.
    """
    settled = 0
    for place, (consumed, transfer) in enumerate(steps, start=1):
        honoured = listed.honoured(consumed.identifier)
        if honoured is None:
            continue
        if transfer.name[:PREFIX_BYTES] != honoured:
            raise Refusal(Outcome.DOUBLE_SPENT, "what was paid here was paid to another before")
        settled = place
    if steps and steps[-1][0].owner in listed.offenders:
        raise Refusal(Outcome.LISTED_OFFENDER, "the payer has spent the same value twice")
    if any(consumed.owner in listed.offenders for consumed, _ in steps[settled:]):
        raise Refusal(Outcome.VERIFICATION_REQUIRED, "an earlier owner has spent value twice")


def _bucket_of(entry: bytes) -> int:
    return (entry[0] << 8 | entry[1]) >> _BUCKET_SHIFT


def _entries(packed: bytes) -> list[bytes]:
    return [packed[at : at + ENTRY_BYTES] for at in range(0, len(packed), ENTRY_BYTES)]


def _bucket_digest(suite: Suite, bucket: bytes) -> bytes:
    return suite.digest(_BUCKET_DOMAIN + bucket) if bucket else b""


def _changed_bucket(bucket: bytes, leaving: Sequence[bytes], coming: Sequence[bytes]) -> bytes:
    entries = {entry[:IDENTIFIER_BYTES]: entry for entry in _entries(bucket)}
    for entry in leaving:
        if entries.pop(entry[:IDENTIFIER_BYTES], None) != entry:
            raise Refusal(Outcome.LIST_MISMATCH, "expected an entry that is listed, to revoke it")
    for entry in coming:
        if entries.setdefault(entry[:IDENTIFIER_BYTES], entry) is not entry:
            raise Refusal(Outcome.LIST_MISMATCH, "expected an entry that is not listed yet")
    return b"".join(entries[identifier] for identifier in sorted(entries))


def _changed_offenders(before: dict[bytes, Offender], changes: Changes) -> dict[bytes, Offender]:
    if not changes.offenders_added and not changes.offenders_revoked:
        return before
    after = dict(before)
    for fingerprint in changes.offenders_revoked:
        if after.pop(fingerprint, None) is None:
            raise Refusal(Outcome.LIST_MISMATCH, "expected an offender who is listed")
    for offender in changes.offenders_added:
        if after.setdefault(offender.fingerprint, offender) is not offender:
            raise Refusal(Outcome.LIST_MISMATCH, "expected an offender who is not listed yet")
    if len(after) > MAX_OFFENDERS:
        raise Refusal(Outcome.TOO_LARGE, f"expected at most {MAX_OFFENDERS} offenders")
    return after
