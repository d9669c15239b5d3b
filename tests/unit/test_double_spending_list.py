"""The double-spending list as a value: entries, changes, digest, and whom a search hits."""

import hashlib
from itertools import pairwise

import pytest

from feiqian.crypto.cbor import VERSION
from feiqian.crypto.p256 import P256_SHA256
from feiqian.money.double_spending import (
    ENTRY_BYTES,
    MAX_CHANGED,
    PREFIX_BYTES,
    Changes,
    Offender,
    build_list,
    check_chain,
    empty_list,
    pack_entry,
    split_entries,
)
from feiqian.money.piece import issued_output, walk
from feiqian.money.transfer import Acceptor, Transfer, sign_transfer
from feiqian.outcomes import LocalProtocolError, Outcome
from feiqian.testing.keys import NOW_MS, TrustWorld
from feiqian.timing.moment import Moment
from feiqian.wire.double_spending import (
    LIST_CHUNK,
    LIST_DELTA,
    ListChunk,
    ListDelta,
    apply_delta,
    assemble_base,
    base_of,
    first_list,
    parse_document_name,
    state_of,
)
from tests.golden import outcome_of

SUITE = P256_SHA256


def hashed(number):
    """A 32-byte hash of a number."""
    return hashlib.sha256(str(number).encode()).digest()


def entries(*numbers):
    """Packed entries, in order."""
    return b"".join(sorted(pack_entry(hashed(number), hashed(-number)) for number in numbers))


def offender(number):
    """An offender of that number."""
    return Offender(hashed(number), f"A-000{number}", NOW_MS)


@pytest.fixture
def world():
    """Keys of two institutions and a root."""
    return TrustWorld()


@pytest.fixture
def trust(world):
    """What a device believes."""
    return world.trust_store()


def transfer(key, consumed, payee, amount_minor, counter=1):
    """A transfer of a whole state, from chip to chip."""
    value = Transfer(
        VERSION,
        consumed,
        payee,
        amount_minor,
        0,
        counter,
        Moment(NOW_MS),
        bytes(16),
        Acceptor.CHIP,
    )
    return sign_transfer(SUITE, key, value)


def chain(world, *names):
    """A currency of the first, handed on by each to the next: its steps."""
    people = [world.chip("A", f"A-{name}") for name in names]
    currency = world.issue("A", people[0].fingerprint, 500)
    state, transfers = currency.identifier, []
    for payer, payee in pairwise(people):
        transfers.append(transfer(payer.key, state, payee.fingerprint, 500))
        state = transfers[-1].payee_output
    return walk(issued_output(currency), transfers)


def listing(consumed=None, recorded=None, *offenders):
    """A list with at most one entry, and offenders by fingerprint."""
    entry = pack_entry(consumed, recorded) if consumed else b""
    named = tuple(Offender(fingerprint, "A-0001", NOW_MS) for fingerprint in offenders)
    return empty_list(SUITE).changed(Changes(entry, b"", named, ()))


def test_an_entry_is_forty_bytes():
    """24 bytes of an identifier and 16 of a transfer's name, made of whole ones."""
    entry = pack_entry(hashed(1), hashed(2))
    assert entry == hashed(1)[:24] + hashed(2)[:16]
    assert len(entry) == ENTRY_BYTES == 40
    for cut_off in ((hashed(1)[1:], hashed(2)), (hashed(1), hashed(2)[1:])):
        with pytest.raises(LocalProtocolError):
            pack_entry(*cut_off)


def test_what_is_added_is_found_and_what_is_revoked_is_not():
    """Each listed identifier answers with its recorded transfer, any other with nothing."""
    listed = empty_list(SUITE).changed(Changes(entries(*range(300)), b"", (), ()))
    assert listed.count == 300
    for number in range(300):
        assert listed.honoured(hashed(number)) == hashed(-number)[:PREFIX_BYTES]
    without = listed.changed(Changes(b"", entries(7), (), ()))
    assert without.honoured(hashed(7)) is None
    assert without.honoured(hashed(8)) is not None
    assert listed.honoured(hashed(7)) is not None, "a list does not change"


def test_a_hit_must_begin_where_an_entry_begins():
    """Bytes that only look like an identifier across two entries are not listed."""
    first = bytes(23) + b"\x01" + b"\xaa" * 16
    second = bytes(23) + b"\x02" + b"\xbb" * 16
    straddling = (first + second)[8:40]
    listed = build_list(SUITE, [first + second], [])
    assert straddling[:2] == bytes(2), "it falls into the same bucket"
    assert listed.honoured(straddling) is None
    assert listed.honoured(second[:24] + bytes(8)) == b"\xbb" * 16


@pytest.mark.feature("D-08", "D-17")
def test_a_transfer_whose_name_only_begins_alike_is_not_honoured(world):
    """A name that agrees with the recorded one in its first 8 bytes, or 15, is another spender's."""
    steps = chain(world, "1111", "2222")
    consumed, recorded = steps[0]
    for alike in (8, 15):
        other = recorded.name[:alike] + bytes([recorded.name[alike] ^ 1]) + bytes(31)
        listed = listing(consumed.identifier, other[:32])
        assert outcome_of(lambda listed=listed: check_chain(listed, steps)) is Outcome.DOUBLE_SPENT
    check_chain(listing(consumed.identifier, recorded.name[:16] + bytes(16)), steps)


@pytest.mark.feature("D-07")
def test_the_digest_is_of_the_content_alone():
    """Whatever way led to a list, equal content has the same digest and other content another."""
    at_once = empty_list(SUITE).changed(Changes(entries(1, 2, 3), b"", (offender(1),), ()))
    by_steps = empty_list(SUITE)
    for number in (3, 1, 9, 2):
        by_steps = by_steps.changed(Changes(entries(number), b"", (), ()))
    by_steps = by_steps.changed(Changes(b"", entries(9), (offender(1), offender(2)), ()))
    assert by_steps.digest != at_once.digest
    by_steps = by_steps.changed(Changes(b"", b"", (), (hashed(2),)))
    assert by_steps.digest == at_once.digest
    assert build_list(SUITE, list(at_once.packed()), [offender(1)]).digest == at_once.digest
    other = Changes(pack_entry(hashed(1), bytes(32)), b"", (), ())
    same = Changes(entries(1), b"", (), ())
    assert empty_list(SUITE).changed(other).digest != empty_list(SUITE).changed(same).digest


@pytest.mark.parametrize(
    "changes",
    [
        Changes(entries(1), b"", (), ()),
        Changes(pack_entry(hashed(1), bytes(32)), b"", (), ()),
        Changes(b"", entries(2), (), ()),
        Changes(b"", pack_entry(hashed(1), bytes(32)), (), ()),
        Changes(b"", b"", (offender(1),), ()),
        Changes(b"", b"", (), (hashed(2),)),
    ],
)
def test_a_change_that_does_not_fit_is_refused(changes):
    """What is listed cannot be added, what is not cannot be revoked, and nothing is half done."""
    listed = empty_list(SUITE).changed(Changes(entries(1), b"", (offender(1),), ()))
    before = listed.digest
    assert outcome_of(lambda: listed.changed(changes)) is Outcome.LIST_MISMATCH
    assert listed.digest == before


@pytest.mark.parametrize(
    "packed", [bytes(39), entries(1, 2)[40:] + entries(1, 2)[:40], entries(1) * 2]
)
def test_packed_entries_are_whole_and_in_order(packed):
    """Anything but whole entries, each identifier once and ascending, is malformed."""
    assert outcome_of(lambda: split_entries(packed)) is Outcome.MALFORMED
    assert outcome_of(lambda: build_list(SUITE, [packed], [])) is Outcome.MALFORMED
    halves = [entries(1, 2)[40:], entries(1, 2)[:40]]
    assert outcome_of(lambda: build_list(SUITE, halves, [])) is Outcome.MALFORMED


@pytest.mark.feature("D-03", "D-08", "D-17")
def test_only_the_other_spender_of_a_listed_state_is_hit(world):
    """The recorded transfer passes, wherever in the chain it is; every other one is anomalous."""
    steps = chain(world, "1111", "2222", "3333", "4444")
    consumed, recorded = steps[1]
    check_chain(listing(consumed.identifier, recorded.name), steps)
    assert outcome_of(lambda: check_chain(listing(consumed.identifier, hashed(0)), steps)) is (
        Outcome.DOUBLE_SPENT
    )
    check_chain(listing(hashed(5), hashed(6)), steps)


@pytest.mark.feature("D-17")
def test_what_an_offender_signed_before_the_recorded_transfer_is_settled(world):
    """Links up to a recorded one are known to be recorded, too; later ones need the back end."""
    steps = chain(world, "1111", "2222", "3333", "4444")
    first, second, third = (consumed.owner for consumed, _ in steps)
    recorded = steps[1][0].identifier, steps[1][1].name
    check_chain(listing(*recorded, first, second), steps)
    assert outcome_of(lambda: check_chain(listing(None, None, second), steps)) is (
        Outcome.VERIFICATION_REQUIRED
    )
    assert outcome_of(lambda: check_chain(listing(*recorded, third), steps)) is (
        Outcome.LISTED_OFFENDER
    )


def test_a_proven_double_spend_comes_before_a_doubt(world):
    """When several reasons hold, the gravest is named."""
    steps = chain(world, "1111", "2222", "3333")
    owners = [consumed.owner for consumed, _ in steps]
    listed = listing(steps[0][0].identifier, hashed(0), *owners)
    assert outcome_of(lambda: check_chain(listed, steps)) is Outcome.DOUBLE_SPENT


def signed_delta(world, held, changes, number=None, digest=None):
    """A delta by the platform, with what it should come to."""
    listed = held.listed.changed(changes)
    state = state_of(listed, number or held.state.number + 1, NOW_MS)
    if digest is not None:
        state = type(state)(state.number, NOW_MS, state.identifiers, state.offenders, digest)
    return LIST_DELTA.sign(SUITE, world.root.key, ListDelta(VERSION, state, changes))


@pytest.mark.feature("D-07")
def test_deltas_are_applied_in_order_and_never_back(world, trust):
    """The next one is taken; one that is held is outdated, one too far ahead or wrong a mismatch."""
    first = first_list(SUITE, NOW_MS)
    changes = Changes(entries(1), b"", (), ())
    raw = signed_delta(world, first, changes)
    second = apply_delta(trust, first, raw)
    assert (second.state.number, second.listed.count) == (2, 1)
    assert outcome_of(lambda: apply_delta(trust, second, raw)) is Outcome.OUTDATED
    ahead = signed_delta(world, first, changes, number=3)
    assert outcome_of(lambda: apply_delta(trust, first, ahead)) is Outcome.LIST_MISMATCH
    wrong = signed_delta(world, first, changes, digest=bytes(32))
    assert outcome_of(lambda: apply_delta(trust, first, wrong)) is Outcome.LIST_MISMATCH
    forged = LIST_DELTA.sign(
        SUITE, world.institutions["A"].key, ListDelta(VERSION, second.state, changes)
    )
    assert outcome_of(lambda: apply_delta(trust, first, forged)) is Outcome.BAD_SIGNATURE


def chunks_of(world, listed, number, sizes):
    """A base in chunks of so many entries."""
    state, packed = state_of(listed, number, NOW_MS), b"".join(listed.packed())
    named = tuple(sorted(listed.offenders.values(), key=lambda each: each.fingerprint))
    raws = []
    for place, size in enumerate(sizes):
        part, packed = packed[: size * ENTRY_BYTES], packed[size * ENTRY_BYTES :]
        chunk = ListChunk(VERSION, state, place, len(sizes), part, () if place else named)
        raws.append(LIST_CHUNK.sign(SUITE, world.root.key, chunk))
    return raws


@pytest.mark.feature("D-07")
def test_a_base_is_all_its_chunks_in_order(world, trust):
    """The whole is taken; a part, another order, another list's chunk or an older base is not."""
    listed = empty_list(SUITE).changed(Changes(entries(1, 2, 3), b"", (offender(4),), ()))
    raws = chunks_of(world, listed, 257, (2, 1))
    held = assemble_base(trust, raws, 257)
    assert (held.listed.digest, held.state.number) == (listed.digest, 257)
    others = chunks_of(world, listed, 513, (2, 1))
    for wrong in ([], raws[:1], raws[::-1], [raws[0], others[1]]):
        refused = outcome_of(lambda wrong=wrong: assemble_base(trust, wrong))
        assert refused is Outcome.LIST_MISMATCH
    assert outcome_of(lambda: assemble_base(trust, raws, 258)) is Outcome.OUTDATED


@pytest.mark.parametrize(
    ("number", "base"), [(1, 1), (2, 1), (256, 1), (257, 257), (512, 257), (513, 513)]
)
def test_a_device_reads_one_base_and_few_deltas(number, base):
    """Every 256th version has a base, from which any version is reached by its deltas."""
    assert base_of(number) == base


@pytest.mark.parametrize("name", ["", "version/1", "deltas", "deltas/", "deltas/01", "deltas/-1"])
def test_documents_are_asked_for_in_one_way(name):
    """A name that is none of the published ones is malformed."""
    assert outcome_of(lambda: parse_document_name(name)) is Outcome.MALFORMED


def test_a_version_changes_a_bounded_number_of_entries():
    """A delta of the greatest size is within the limit of its signed form."""
    many = entries(*range(MAX_CHANGED))
    named = tuple(offender(number) for number in range(9)) * (MAX_CHANGED // 9)
    state = first_list(SUITE, NOW_MS).state
    fingerprints = (bytes(32),) * MAX_CHANGED
    delta = ListDelta(VERSION, state, Changes(many, many, named, fingerprints))
    key = SUITE.load(bytes([1]) * 32)
    assert len(LIST_DELTA.sign(SUITE, key, delta)) <= LIST_DELTA.limit
