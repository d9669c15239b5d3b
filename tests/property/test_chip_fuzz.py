"""Whatever bytes a host sends, the applet answers with a status word and keeps its state."""

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from feiqian.chip.apdu import MAX_EXPECTED_BYTES, CommandApdu, parse_response
from feiqian.chip.card.memory import decode_state
from feiqian.chip.commands import AID, Instruction, Load
from feiqian.chip.status_words import StatusWord
from feiqian.crypto import cbor
from feiqian.crypto.p256 import P256_SHA256
from feiqian.testing.chip_conformance import Bench
from feiqian.testing.chip_conformance.bench import NOW, NUMBER
from feiqian.testing.chip_conformance.grants import Grants
from feiqian.testing.chip_conformance.orders import Orders
from feiqian.testing.chips import RemovableChip
from feiqian.wire.request_envelope import Action, Request

FUZZ = settings(
    max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
SELECT = CommandApdu(0x00, Instruction.SELECT, 4, 0, AID).encode()
GET_ANYTHING = bytes.fromhex("00000281010000")
"""The body of a command with no data but its version."""
# All but those that change something for anybody's bytes: codes pay a try, OFFER opens a session,
# REPORT and NEXT MESSAGE take a number.
HARMLESS = sorted(
    set(Instruction)
    - {
        Instruction.VERIFY_PIN,
        Instruction.CHANGE_PIN,
        Instruction.UNBLOCK_PIN,
        Instruction.OFFER,
        Instruction.REPORT,
        Instruction.NEXT_MESSAGE,
    }
)

scalars = st.none() | st.integers(-1, 2**64) | st.binary(max_size=300) | st.text(max_size=9)
trees = st.recursive(scalars, lambda inner: st.lists(inner, max_size=9), max_leaves=12)


@pytest.fixture
def bench():
    """An operational chip that holds value and has a session open."""
    bench = Bench(Tap(P256_SHA256))
    bench.personalise()
    bench.load(100)
    return bench


class Tap(RemovableChip):
    """A chip on a wire that is listened to."""

    def __init__(self, suite):
        super().__init__(suite)
        self.heard = []

    def transmit(self, apdu):
        self.heard.append(super().transmit(apdu))
        return self.heard[-1]


def _send(bench, apdu):
    """Send `apdu` to the selected, unlocked applet; the response, and whether memory changed."""
    bench.chip.transmit(SELECT)
    bench.unlock()
    before = bench.chip.memory.load()
    response = parse_response(bench.chip.transmit(apdu))
    return response, bench.chip.memory.load() != before


def _frame(instruction, data):
    apdu = CommandApdu(instruction.class_byte, instruction, 0, 0, data, MAX_EXPECTED_BYTES)
    return apdu.encode()


@FUZZ
@given(raw=st.binary(max_size=300))
def test_random_bytes_change_nothing(bench, raw):
    """Bytes that are no command get a refusal and leave the memory as it was."""
    response, changed = _send(bench, raw)
    assert response.status != StatusWord.SUCCESS
    assert not changed


@FUZZ
@given(instruction=st.sampled_from(HARMLESS), fields=st.lists(trees, max_size=7))
def test_random_fields_change_nothing(bench, instruction, fields):
    """Well-framed commands with random fields of any type leave the memory as it was."""
    _, changed = _send(bench, _frame(instruction, cbor.encode([cbor.VERSION, *fields])))
    assert not changed


@pytest.mark.feature("C-17", "C-20")
@FUZZ
@given(data=st.data())
def test_a_flipped_bit_is_refused(bench, data):
    """A genuine LOAD or ACCEPT with any one bit flipped is refused and changes nothing."""
    command = data.draw(st.sampled_from(_genuine(bench)))
    encoded = bytearray(cbor.encode(command))
    bit = data.draw(st.integers(0, len(encoded) * 8 - 1))
    encoded[bit // 8] ^= 1 << bit % 8
    response, changed = _send(bench, _frame(command.INSTRUCTION, bytes(encoded)))
    assert response.status != StatusWord.SUCCESS
    assert not changed


def _genuine(bench):
    """The next currency, and a payment in an open session."""
    currency = bench.world.issue("A", bench.fingerprint, 100, 2)
    transfer = bench.transfer(70, bench.offer(70).nonce)
    return [Load(currency=currency.raw), bench.acceptance(transfer)]


@pytest.mark.feature("C-17")
def test_the_key_never_leaves(bench):
    """No answer to any command of a chip's working life contains its private key."""
    secret = decode_state(bench.chip.memory.load()).secret
    inputs = bench.load(100, 100)
    bench.session.pay(bench.payment(100, inputs[:1]))
    bench.session.export(bench.exportation(100, inputs[1:]))
    bench.session.accept(bench.acceptance(bench.transfer(70, bench.offer(70).nonce)))
    request = Request(cbor.VERSION, bytes(16), NUMBER, "A", 0, Action.ACCOUNT, b"")
    bench.session.sign_request(cbor.encode(request))
    bench.session.pieces()
    bench.session.exports()
    grants = Grants(bench)
    number = grants.authorise().number
    bench.session.pay_fee(grants.fee(number, 70, (bench.session.pieces()[0].identifier,)))
    bench.session.report(bytes(6), 0, NOW)
    Orders(bench).give(Orders(bench).signed(1))
    for instruction in range(0x100):
        bench.chip.transmit(bytes((0x80, instruction, 0, 0)) + GET_ANYTHING)
    assert len(secret) == 32
    assert not any(secret in answer for answer in bench.chip.heard)
