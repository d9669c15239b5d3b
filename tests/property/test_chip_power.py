"""Power cuts: every command of a chip happens whole or not at all, at any byte of its write."""

import random

import pytest

from feiqian.adapters.softchip import SoftChip
from feiqian.chip.session import ChipSession
from feiqian.crypto.p256 import P256_SHA256
from feiqian.testing.chip_conformance import Bench
from feiqian.testing.chips import PIN
from feiqian.testing.memories import PowerCutError, TornMemory

SLOT_HEADER_BYTES = 48
"""Behind it the image begins, so that nothing cut earlier can be whole."""


class TornChip:
    """A software chip on a memory that tears."""

    def __init__(self) -> None:
        self.memory = TornMemory()
        self.reset()

    def transmit(self, apdu: bytes) -> bytes:
        return self._powered.transmit(apdu)

    def reset(self) -> None:
        self._powered = SoftChip(self.memory, P256_SHA256, random.Random(3).randbytes)


def _load(bench):
    currency = bench.issue(500)
    return lambda session: session.load(currency.raw)


def _pay(bench):
    payment = bench.payment(30, bench.load(10, 100))
    return lambda session: session.pay(payment)


def _export(bench):
    export = bench.exportation(30, bench.load(10, 100))
    return lambda session: session.export(export)


def _accept(bench):
    acceptance = bench.acceptance(bench.transfer(70, bench.offer(70).nonce))
    return lambda session: session.accept(acceptance)


def _synchronise(bench):
    bench.accept(70)
    statement = bench.synchronisation(1)
    return lambda session: session.synchronise(statement)


def _open(chip):
    session = ChipSession(chip)
    session.verify_pin(PIN)
    return session


def _facts(session):
    return session.status(), session.pieces(), session.exports()


@pytest.mark.feature("C-22", "C-16")
@pytest.mark.parametrize("prepare", [_load, _pay, _export, _accept, _synchronise])
def test_a_command_cut_at_any_byte_happens_whole_or_not_at_all(prepare):
    """After a cut the chip is as before; the command again does what it would have done."""
    chip = TornChip()
    bench = Bench(chip)
    bench.personalise()
    command = prepare(bench)
    start = chip.memory.snapshot()
    before = _facts(bench.session)
    chip.memory.tear(99, 0)
    answer = command(bench.session)
    after = _facts(bench.session)
    (length,) = chip.memory.written_bytes
    for cut in _interesting_cuts(length):
        chip.memory.rewind(start)
        chip.reset()
        session = _open(chip)
        chip.memory.tear(0, cut)
        with pytest.raises(PowerCutError):
            command(session)
        chip.memory.restore_power()
        chip.reset()
        session = _open(chip)
        # A tail that was in the slot before needs no writing, so whole may come a little early.
        happened = _facts(session) == after
        assert happened or _facts(session) == before
        assert happened or cut < length
        assert not happened or cut >= SLOT_HEADER_BYTES
        repeated = command(session)
        assert _facts(session) == after
        assert repeated == answer or (happened and (repeated is False or repeated.repeated))


def _interesting_cuts(length):
    """Every byte of the header, then a spread of the image, its last bytes, and the end itself."""
    spread = range(SLOT_HEADER_BYTES, length, 61)
    return sorted({*range(SLOT_HEADER_BYTES - 1), *spread, length - 2, length - 1, length})
