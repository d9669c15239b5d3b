"""The chip's memory: images, slots torn at any byte, and the file of the software chip."""

import os
import stat
from pathlib import Path

import pytest
from msgspec.structs import replace

from feiqian.adapters.softchip import FileMemory, SoftChip
from feiqian.chip.card import memory, slots
from feiqian.chip.card.paying import MAX_COUNTER
from feiqian.chip.card.standing import MAX_STANDING, StandingOrder
from feiqian.chip.commands import (
    MAX_AUTHORISATIONS,
    MAX_CHARGED,
    MAX_EXPORT_RECORDS,
    MAX_OFFERS,
    MAX_PIECES,
    ExportRecord,
    HeldPiece,
    LifeCycle,
    LiveAuthorisation,
    VerifyPin,
)
from feiqian.crypto import cbor
from feiqian.crypto.certificates import MAX_CERTIFICATE_BYTES
from feiqian.crypto.p256 import P256_SHA256
from feiqian.money.amounts import MAX_AMOUNT_MINOR
from feiqian.money.limits import MAX_OFFLINE_HOPS, Limits
from feiqian.money.transfer import MAX_TRANSFER_BYTES
from feiqian.outcomes import Outcome, Refusal
from feiqian.testing.chip_conformance import Bench
from feiqian.testing.chips import RemovableChip, personalise
from feiqian.testing.keys import TrustWorld
from feiqian.timing.moment import MAX_MS, Moment
from feiqian.wire.authorisation import MAX_AUTHORISATION_BYTES, MAX_USES
from feiqian.wire.control import (
    EVERYBODY,
    MAX_GROUP,
    MAX_GROUPS,
    OrderKind,
    Scope,
    ScopeKind,
    group_scope,
)
from feiqian.wire.items import MAX_ITEMS
from feiqian.wire.payment import MAX_RECEIPT_BYTES

HIGH = Limits(*(MAX_AMOUNT_MINOR,) * 4, MAX_OFFLINE_HOPS)
OTHERS = MAX_STANDING - 1
"""Scopes with a register besides the wallet."""
FULL = memory.CardState(
    life_cycle=LifeCycle.OPERATIONAL,
    secret=bytes(32),
    public_key=bytes(33),
    root_public_key=bytes(33),
    pin=memory.Code(bytes(16), bytes(32), 15),
    puk=memory.Code(bytes(16), bytes(32), 15),
    institution_certificate=bytes(MAX_CERTIFICATE_BYTES),
    chip_certificate=bytes(MAX_CERTIFICATE_BYTES),
    counter=2**32 - 1,
    loaded_sequence=2**32 - 1,
    pieces=(HeldPiece(bytes(32), MAX_AMOUNT_MINOR),) * MAX_PIECES,
    session_count=2**32 - 1,
    taken_sessions=bytes(MAX_OFFERS // 8),
    journal=(memory.SignedPayment(bytes(16), bytes(32), (bytes(MAX_TRANSFER_BYTES),) * MAX_ITEMS),)
    * memory.MAX_JOURNAL,
    accepted=(memory.AcceptedSession(bytes(16), bytes(32), bytes(MAX_RECEIPT_BYTES)),)
    * memory.MAX_ACCEPTED,
    exports=(ExportRecord(bytes(16), MAX_AMOUNT_MINOR, Moment(MAX_MS, MAX_MS), 2**32 - 1),)
    * MAX_EXPORT_RECORDS,
    exported_count=2**32 - 1,
    exported_minor=MAX_AMOUNT_MINOR,
    offline_paid_minor=MAX_AMOUNT_MINOR,
    offline_received_minor=MAX_AMOUNT_MINOR,
    synchronised_at=Moment(MAX_MS, MAX_MS),
    synchronised_number=2**32 - 1,
    frozen=True,
    ordered_limits=HIGH,
    floor_ms=MAX_MS,
    executed_numbers=(2**32 - 1,) * len(OrderKind),
    groups=(MAX_GROUP,) * MAX_GROUPS,
    report_number=2**32 - 1,
    authorisation_number=2**32 - 1,
    authorisations=(LiveAuthorisation(bytes(MAX_AUTHORISATION_BYTES), MAX_USES),)
    * MAX_AUTHORISATIONS,
    charged=bytes(memory.CHARGED_BYTES * MAX_CHARGED),
    standing=tuple(
        StandingOrder(kind, scope, 2**32 - 1, frozen=limits is None, limits=limits)
        for kind, limits in ((OrderKind.FREEZE, None), (OrderKind.LIMITS, HIGH))
        for scope in (Scope(ScopeKind.WALLET, "x" * 24), *(group_scope(MAX_GROUP),) * OTHERS)
    ),
    forgotten_number=2**32 - 1,
    message_number=2**32 - 1,
)
LATER_FIELDS = 12
"""Fields of the state from `frozen` on, which images of the first chips lack."""
UNSCOPED_FIELDS = 3
"""Those from `standing` on."""


def test_the_fullest_state_fits_the_image():
    """A chip with every ring, list and field at its limit still fits its memory."""
    image = memory.encode_state(FULL)
    assert len(image) <= memory.MAX_IMAGE_BYTES
    assert memory.decode_state(image) == FULL


def test_an_older_image_reads_with_defaults():
    """An image from before a field existed reads as if nothing of that field had happened."""
    fields = cbor.read_array(memory.encode_state(FULL), limit=memory.MAX_IMAGE_BYTES)
    older = memory.decode_state(cbor.encode(fields[:-LATER_FIELDS]))
    assert older.synchronised_number == FULL.synchronised_number
    assert (older.frozen, older.ordered_limits, older.floor_ms) == (False, None, 0)
    assert (older.executed_numbers, older.groups) == ((0,) * len(OrderKind), ())
    assert (older.authorisations, older.charged) == ((), b"")
    oldest = memory.decode_state(cbor.encode(fields[: -LATER_FIELDS - 2]))
    assert (oldest.synchronised_at, oldest.synchronised_number) == (None, 0)
    assert oldest.pieces == FULL.pieces


@pytest.mark.feature("R-06")
def test_a_freeze_of_unknown_scope_outlasts_the_older_image():
    """A chip frozen before scopes were kept stays frozen, as if everybody had been."""
    fields = cbor.read_array(memory.encode_state(FULL), limit=memory.MAX_IMAGE_BYTES)
    older = memory.decode_state(cbor.encode(fields[:-UNSCOPED_FIELDS]))
    assert older.frozen
    assert [(each.kind, each.scope) for each in older.standing] == [
        (OrderKind.FREEZE, EVERYBODY),
        (OrderKind.LIMITS, EVERYBODY),
    ]


def test_an_image_holds_every_use_of_every_authorisation():
    """No fee order of a live authorisation is forgotten before the authorisation is used up."""
    assert MAX_CHARGED >= MAX_AUTHORISATIONS * MAX_USES


def test_secrets_do_not_show():
    """Neither the state, nor a code, nor a command shows its content when it is printed."""
    assert repr(FULL) == "<CardState OPERATIONAL>"
    assert repr(FULL.pin) == "<Code with 15 tries>"
    assert repr(VerifyPin(pin=b"1234")) == "<VerifyPin>"


@pytest.mark.feature("C-22")
def test_a_write_torn_at_any_byte_leaves_the_image_before():
    """Until the last byte of a slot is written the other slot counts, whichever it is."""
    content = slots.fresh()
    for generation, image in enumerate([b"first", b"second", b"a third one", b"4"], start=1):
        before = slots.current(content)
        sealed = slots.seal(generation, image)
        start = generation % slots.SLOTS * slots.SLOT_BYTES
        for written in range(len(sealed)):
            torn = content[:start] + sealed[:written] + content[start + written :]
            assert slots.current(torn) == before
        content = content[:start] + sealed + content[start + len(sealed) :]
        assert slots.current(content).image == image


def test_damage_does_not_pass_for_blank():
    """A memory without a whole slot is refused; it must not start a second life as a new chip."""
    for content in (b"", bytes(2 * slots.SLOT_BYTES), slots.fresh()[1:]):
        with pytest.raises(Refusal) as caught:
            slots.current(content)
        assert caught.value.outcome is Outcome.CHIP_REFUSED


def test_an_image_has_a_limit():
    """What does not fit a slot is never written."""
    with pytest.raises(ValueError, match="at most"):
        slots.seal(1, bytes(memory.MAX_IMAGE_BYTES + 1))


def test_the_file_keeps_the_last_image(tmp_path: Path):
    """What was committed is there when the file is opened again."""
    path = tmp_path / "chip"
    first = FileMemory(path)
    assert first.load() == b""
    for number in range(5):
        first.commit(b"image %d" % number)
    first.close()
    again = FileMemory(path)
    assert again.load() == b"image 4"
    again.close()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert list(tmp_path.iterdir()) == [path]


def test_a_commit_is_flushed(tmp_path: Path, monkeypatch):
    """When a commit returns, the image was in the file and the file flushed, in that order."""
    path = tmp_path / "chip"
    file = FileMemory(path)
    flushed = []

    def flush(descriptor):
        os.fsync(descriptor)
        flushed.append(slots.current(path.read_bytes()).image)

    monkeypatch.setattr(os, "fdatasync", flush)
    file.commit(b"image")
    assert flushed == [b"image"]
    file.close()


@pytest.mark.feature("C-22")
def test_the_file_survives_a_torn_write(tmp_path: Path):
    """A file whose last write stopped short opens with the image before it."""
    path = tmp_path / "chip"
    whole = FileMemory(path)
    whole.commit(b"kept")
    before = path.read_bytes()
    whole.commit(b"torn")
    after = path.read_bytes()
    whole.close()
    changed = [at for at in range(len(before)) if before[at] != after[at]]
    for cut in changed:
        path.write_bytes(after[:cut] + before[cut:])
        opened = FileMemory(path)
        assert opened.load() == b"kept"
        opened.close()


def test_one_process_at_a_time(tmp_path: Path):
    """A chip that is open cannot be opened a second time until it is closed."""
    path = tmp_path / "chip"
    first = FileMemory(path)
    with pytest.raises(Refusal) as caught:
        FileMemory(path)
    assert caught.value.outcome is Outcome.BUSY
    first.close()
    first.close()
    FileMemory(path).close()


def test_the_last_counter_is_never_passed():
    """A chip whose counter is used up signs nothing more, and keeps its value."""
    chip = RemovableChip(P256_SHA256)
    bench = Bench(chip)
    bench.personalise()
    inputs = bench.load(10, 10)
    worn = replace(memory.decode_state(chip.memory.load()), counter=MAX_COUNTER - 1)
    chip.memory.commit(memory.encode_state(worn))
    bench.reset()
    bench.unlock()
    with bench.unchanged(Outcome.CHIP_REFUSED):
        bench.session.pay(bench.payment(20, inputs))
    bench.session.pay(bench.payment(10, inputs[:1]))
    assert bench.status.counter == MAX_COUNTER


def test_a_failing_disk_is_not_trusted_again(tmp_path: Path):
    """After a write that failed the chip answers unavailable until it is opened again."""
    world = TrustWorld()
    path = tmp_path / "chip"
    file = FileMemory(path)
    session = personalise(world, SoftChip(file, P256_SHA256, os.urandom), "A", "A-7K2Q9D4M")
    owner = session.status().fingerprint
    with path.open("rb") as read_only:
        os.dup2(read_only.fileno(), file._file)
    for _ in range(2):
        with pytest.raises(Refusal) as caught:
            session.load(world.issue("A", owner, 100).raw)
        assert caught.value.outcome is Outcome.UNAVAILABLE
    assert session.status().balance_minor == 0
