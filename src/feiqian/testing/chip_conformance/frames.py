"""Chapter 8, frames: what is not a proper command of the applet is refused by its status word."""

import pytest

from feiqian.chip.apdu import MAX_EXPECTED_BYTES, CommandApdu, ResponseApdu, parse_response
from feiqian.chip.commands import AID, Instruction
from feiqian.chip.status_words import StatusWord
from feiqian.testing.chip_conformance.bench import Bench, Chapter

STATUS = CommandApdu(0x80, Instruction.STATUS, 0, 0, b"\x81\x01", MAX_EXPECTED_BYTES)
SELECT = CommandApdu(0x00, Instruction.SELECT, 4, 0, AID)


def _transmit(bench: Bench, apdu: CommandApdu) -> ResponseApdu:
    return parse_response(bench.chip.transmit(apdu.encode()))


def _status_of(bench: Bench, **changes: int | bytes) -> int:
    fields = {name: getattr(STATUS, name) for name in CommandApdu.__slots__}
    return _transmit(bench, CommandApdu(**(fields | changes))).status


class Frames(Chapter):
    """The outermost shell."""

    def test_nothing_before_selection(self, bench: Bench) -> None:
        """A chip that was reset wants its applet selected first."""
        bench.chip.reset()
        assert _transmit(bench, STATUS).status != StatusWord.SUCCESS
        assert _transmit(bench, SELECT).status == StatusWord.SUCCESS
        assert _transmit(bench, STATUS).status == StatusWord.SUCCESS

    def test_another_applet_is_not_here(self, bench: Bench) -> None:
        """Selecting an unknown name is refused."""
        apdu = CommandApdu(0x00, Instruction.SELECT, 4, 0, b"\xf0\x01\x02\x03\x04")
        assert _transmit(bench, apdu).status == StatusWord.NO_APPLET

    @pytest.mark.feature("C-17")
    def test_there_are_no_other_commands(self, bench: Bench) -> None:
        """No instruction outside the documented ones is known, in either class."""
        unknown = (StatusWord.UNKNOWN_INSTRUCTION, StatusWord.UNKNOWN_CLASS)
        documented = {(one.class_byte, one.value) for one in Instruction}
        for ins in range(0x100):
            for cla in (0x00, 0x80):
                if (cla, ins) not in documented and ins >> 4 not in (0x6, 0x9):
                    assert _status_of(bench, cla=cla, ins=ins) in unknown, hex(ins)

    def test_parameters_are_zero(self, bench: Bench) -> None:
        """P1 and P2 mean nothing but in SELECT, and must be zero."""
        assert _status_of(bench, p1=1) == StatusWord.WRONG_PARAMETERS
        assert _status_of(bench, p2=1) == StatusWord.WRONG_PARAMETERS

    def test_the_answer_must_have_room(self, bench: Bench) -> None:
        """A command is not carried out unless its answer can be of any length."""
        assert _status_of(bench, expected=0) == StatusWord.WRONG_LENGTH
        assert _status_of(bench, expected=256) == StatusWord.WRONG_LENGTH

    @pytest.mark.parametrize(
        ("data", "status"),
        [
            (b"", StatusWord.WRONG_DATA),
            (b"\x80", StatusWord.WRONG_DATA),
            (b"\x81\x02", StatusWord.UNKNOWN_VERSION),
            (b"\x82\x01\x01", StatusWord.WRONG_DATA),
            (b"\x81\x18\x01", StatusWord.NOT_CANONICAL),
            (b"\x81\x01\x00", StatusWord.NOT_CANONICAL),
        ],
    )
    def test_data_has_one_encoding(self, bench: Bench, data: bytes, status: StatusWord) -> None:
        """Command data is deterministic CBOR of a known version, with nothing before or after."""
        assert _status_of(bench, data=data) == status
