"""Power cuts: every command of a chip happens whole or not at all, at any byte of its write."""

import random

import pytest

from feiqian.adapters.softchip import SoftChip
from feiqian.chip.session import ChipSession
from feiqian.crypto.p256 import P256_SHA256
from feiqian.outcomes import Outcome
from feiqian.testing.chip_conformance import Bench
from feiqian.testing.chip_conformance.bench import NOW
from feiqian.testing.chip_conformance.grants import Grants
from feiqian.testing.chip_conformance.orders import EVERY_KIND, Orders
from feiqian.testing.chips import PIN
from feiqian.testing.memories import PowerCutError, TornMemory
from feiqian.wire.control import CONTROL_RECEIPT
from feiqian.wire.key_information import KEY_INFORMATION

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


def _control(what):
    """The chip is to execute an order; the answer is what its receipt says."""

    def prepare(bench):
        bench.load(70)
        order = Orders(bench).signed(7, what)
        suite = bench.world.suite
        return lambda session: CONTROL_RECEIPT.peek(suite, session.control(order, NOW)).outcome

    prepare.__name__ = f"_control_{what[0].name.lower()}"
    return prepare


def _authorise(bench):
    grant = Grants(bench).grant()
    return lambda session: session.authorise(grant, NOW)


def _revoke(bench):
    number = Grants(bench).authorise().number
    return lambda session: session.revoke(number)


def _pay_fee(bench):
    grants = Grants(bench)
    fee = grants.fee(grants.authorise(uses=2).number, 30, bench.load(10, 100))
    return lambda session: session.pay_fee(fee)


def _open(chip):
    session = ChipSession(chip)
    session.verify_pin(PIN)
    return session


def _facts(session):
    return session.status(), session.pieces(), session.exports(), session.authorisations()


PREPARATIONS = [
    _load,
    _pay,
    _export,
    _accept,
    _synchronise,
    *map(_control, EVERY_KIND),
    _authorise,
    _revoke,
    _pay_fee,
]


@pytest.mark.feature("C-22", "C-16", "R-04", "V-09", "W-10")
@pytest.mark.parametrize("prepare", PREPARATIONS, ids=lambda prepare: prepare.__name__)
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
        assert repeated == answer or (happened and _says_repeated(repeated))


@pytest.mark.feature("W-05")
def test_a_report_cut_at_any_byte_leaves_no_number_to_two():
    """After a cut the next report has a new number or, if none was signed, the same; nothing is lost."""
    chip = TornChip()
    bench = Bench(chip)
    bench.personalise()
    bench.load(70)
    start = chip.memory.snapshot()
    chip.memory.tear(99, 0)
    bench.session.report(bytes(6), 0, NOW)
    (length,) = chip.memory.written_bytes
    for cut in _interesting_cuts(length):
        chip.memory.rewind(start)
        chip.reset()
        session = _open(chip)
        chip.memory.tear(0, cut)
        with pytest.raises(PowerCutError):
            session.report(bytes(6), 0, NOW)
        chip.memory.restore_power()
        chip.reset()
        session = _open(chip)
        before = session.status().report_number
        assert before == 0 or cut >= SLOT_HEADER_BYTES
        assert before == 1 or cut < length
        raw = session.report(bytes(6), 0, NOW)
        assert KEY_INFORMATION.peek(bench.world.suite, raw).number == before + 1
        assert session.status().balance_minor == 70


@pytest.mark.feature("W-06")
def test_a_message_number_cut_at_any_byte_is_never_given_twice():
    """A number is durable before it is told; one whose answer was lost is not told again."""
    chip = TornChip()
    bench = Bench(chip)
    bench.personalise()
    start = chip.memory.snapshot()
    chip.memory.tear(99, 0)
    bench.session.next_message()
    (length,) = chip.memory.written_bytes
    for cut in _interesting_cuts(length):
        chip.memory.rewind(start)
        chip.reset()
        session = _open(chip)
        chip.memory.tear(0, cut)
        with pytest.raises(PowerCutError):
            session.next_message()
        chip.memory.restore_power()
        chip.reset()
        session = _open(chip)
        before = session.status().message_number
        assert before == 0 or cut >= SLOT_HEADER_BYTES
        assert before == 1 or cut < length
        assert session.next_message() == before + 1


def _says_repeated(answer):
    return answer is False or answer is Outcome.REPEATED or answer.repeated


def _interesting_cuts(length):
    """Every byte of the header, then a spread of the image, its last bytes, and the end itself."""
    spread = range(SLOT_HEADER_BYTES, length, 61)
    return sorted({*range(SLOT_HEADER_BYTES - 1), *spread, length - 2, length - 1, length})
