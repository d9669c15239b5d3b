"""ISO-DEP: command and response APDUs as blocks between a reader and a card (ISO/IEC 14443-4).

Half duplex, the reader speaks first: chaining, block numbers, repeats of what was lost, waiting
time extensions, deselection; both sides, over any radio that exchanges frames. The rules are those
of the standard's clause 7.5.4 and are named by their letters and numbers. With them a frame that is
lost or comes twice is neither missing nor double in what is handed up; a radio that loses more than
a few in a row is a link that is lost: `Refusal` unavailable.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from feiqian.outcomes import Outcome, Refusal

MAX_APDU_BYTES = 261
"""Longest APDU of either direction: a short one of 255 bytes, its header, lengths, status word."""
MAX_TRIES = 5
"""How often a block is tried."""
MAX_EXTENSIONS = 64
"""How often in a row a card may ask for more time."""
CARD_SILENCE_S = 2.0
"""A card that has not heard its reader for so long has left the field."""

FRAME_SIZES = (16, 24, 32, 40, 48, 64, 96, 128, 256)
"""By the codes FSDI and FSCI, with prologue and the radio's own 2 bytes of checksum."""
PROLOGUE_BYTES, CHECKSUM_BYTES = 1, 2
MIN_WAIT_S, WAIT_UNIT_S = 0.1, 0.000302
"""Least patience with a card, whatever it announces; and the unit of the frame waiting time."""
MAX_WAIT_S = 5.0

_RATS, _FSDI = 0xE0, 8
_CHAIN, _NAK = 0x10, 0x10
_I_BLOCK, _R_BLOCK = 0x02, 0xA2
_WTX, _DESELECT = b"\xf2", b"\xc2"
_ATS_FORMAT = 0x70
"""TA, TB and TC follow."""


class FrameLost(Exception):
    """No frame came in time, or not a sound one."""


class Radio(Protocol):
    """An activated connection of reader and card, before any block of ISO-DEP; blocking."""

    def exchange(self, frame: bytes | None, timeout_s: float) -> bytes:
        """Send a frame (a card may send none) and wait for the next. Raises `FrameLost`; `Refusal`
        unavailable when the other side has left the field.
        """
        ...

    def close(self) -> None:
        """Leave the field."""
        ...


@dataclass(frozen=True, slots=True)
class Block:
    """A frame taken apart."""

    prologue: int
    information: bytes

    @property
    def is_information(self) -> bool:
        """Whether it carries part of an APDU."""
        return self.prologue & ~(_CHAIN | 1) == _I_BLOCK

    @property
    def is_acknowledgement(self) -> bool:
        """Whether it is an R block, of either kind."""
        return self.prologue & ~(_NAK | 1) == _R_BLOCK and not self.information

    @property
    def is_negative(self) -> bool:
        """Of an R block: whether it asks for a repeat."""
        return bool(self.prologue & _NAK)

    @property
    def is_chained(self) -> bool:
        """Of an I block: whether more follows."""
        return bool(self.prologue & _CHAIN)

    @property
    def number(self) -> int:
        """The block number, 0 or 1."""
        return self.prologue & 1

    def encode(self) -> bytes:
        """The frame."""
        return bytes([self.prologue]) + self.information


def information_blocks(apdu: bytes, size: int) -> list[tuple[bytes, int]]:
    """An APDU in parts of at most `size` bytes, each with its prologue but for the number."""
    parts = [apdu[at : at + size] for at in range(0, len(apdu), size)] or [b""]
    return [(part, _I_BLOCK | _CHAIN) for part in parts[:-1]] + [(parts[-1], _I_BLOCK)]


class ReaderSide:
    """The reader's blocks."""

    def __init__(self, radio: Radio) -> None:
        self._radio = radio
        self._number = 0  # rule A
        self._size = FRAME_SIZES[2] - PROLOGUE_BYTES - CHECKSUM_BYTES
        self._wait_s = MIN_WAIT_S

    def activate(self) -> None:
        """Ask for ISO-DEP and learn what the card can. `Refusal` unavailable."""
        for _ in range(MAX_TRIES):
            try:
                ats = self._radio.exchange(bytes([_RATS, _FSDI << 4]), MIN_WAIT_S)
            except FrameLost:
                continue
            if self._read_ats(ats):
                return
        raise Refusal(Outcome.UNAVAILABLE, "the card does not speak ISO-DEP")

    def _read_ats(self, ats: bytes) -> bool:
        if len(ats) < 1 or ats[0] != len(ats):
            return False
        form = ats[1] if len(ats) > 1 else 2  # a lone length byte means the defaults
        at = 2 + bool(form & 0x10)
        if len(ats) < at + bool(form & 0x20) + bool(form & 0x40):
            return False
        code = min(form & 0x0F, len(FRAME_SIZES) - 1)
        self._size = FRAME_SIZES[code] - PROLOGUE_BYTES - CHECKSUM_BYTES
        announced_s = WAIT_UNIT_S * 2 ** (ats[at] >> 4 if form & 0x20 else 4)
        self._wait_s = min(max(announced_s, MIN_WAIT_S), MAX_WAIT_S)
        return True

    def transceive(self, command: bytes) -> bytes:
        """One APDU each way. `Refusal` unavailable."""
        answer = Block(0, b"")
        for part, prologue in information_blocks(command, self._size):
            answer = self._ask(Block(prologue | self._number, part))
        if not answer.is_information:
            raise _lost()
        response = answer.information
        while answer.is_chained:
            answer = self._ask(Block(_R_BLOCK | self._number, b""))
            response += answer.information
            if not answer.is_information or len(response) > MAX_APDU_BYTES:
                raise _lost()
        return response

    def _ask(self, block: Block) -> Block:
        """Send a block until the card has answered just that one."""
        frame, wait_s, tries, extensions = block.encode(), self._wait_s, 0, 0
        while tries < MAX_TRIES and extensions < MAX_EXTENSIONS:
            try:
                heard = self._radio.exchange(frame, wait_s)
            except FrameLost:
                heard = b""
            if heard[:1] == _WTX and len(heard) == 2:  # rule 3
                frame, extensions = heard, extensions + 1
                wait_s = min(self._wait_s * max(heard[1] & 0x3F, 1), MAX_WAIT_S)
                continue
            answer = Block(heard[0], heard[1:]) if heard else Block(0, b"")
            if self._answers(answer, block):
                self._number ^= 1  # rule B
                return answer
            frame, wait_s, tries = self._again(answer, block), self._wait_s, tries + 1
        raise _lost()

    def _answers(self, answer: Block, block: Block) -> bool:
        if answer.is_information:
            return answer.number == self._number and not (block.is_information and block.is_chained)
        expected = block.is_information and block.is_chained and not answer.is_negative
        return answer.is_acknowledgement and expected and answer.number == self._number

    def _again(self, answer: Block, block: Block) -> bytes:
        if block.is_acknowledgement:
            return block.encode()  # rule 5
        if answer.is_acknowledgement and answer.number != self._number:
            return block.encode()  # rule 6: the card has not got it
        return bytes([_R_BLOCK | _NAK | self._number])  # rule 4

    def deselect(self) -> None:
        """Let the card go; its silence is an answer, too."""
        try:
            self._radio.exchange(_DESELECT, MIN_WAIT_S)
        except (FrameLost, Refusal):
            return


class CardSide:
    """The card's blocks; `handle` is the application: a command in, a response out."""

    def __init__(self, radio: Radio, handle: Callable[[bytes], bytes], frame_code: int = 8) -> None:
        self._radio = radio
        self._handle = handle
        self._code = frame_code
        self._size = FRAME_SIZES[frame_code] - PROLOGUE_BYTES - CHECKSUM_BYTES
        self._reset()

    def _reset(self) -> None:
        self._number = 1  # rule C
        self._command = b""
        self._parts: list[tuple[bytes, int]] = []
        self._last: bytes | None = None

    def serve(self) -> None:
        """Answer until the reader lets go. `Refusal` unavailable when it just leaves."""
        answer: bytes | None = None
        while True:
            try:
                frame = self._radio.exchange(answer, CARD_SILENCE_S)
            except FrameLost:
                raise _lost() from None
            if frame == _DESELECT:
                self._farewell()
                return
            answer = self.answer(frame)

    def _farewell(self) -> None:
        try:
            self._radio.exchange(_DESELECT, 0)
        except (FrameLost, Refusal):
            return

    def answer(self, frame: bytes) -> bytes | None:
        """What to say to a frame; nothing to what is no sound block."""
        if len(frame) == 2 and frame[0] == _RATS:
            self._reset()
            self._size = min(self._size, FRAME_SIZES[min(frame[1] >> 4, 8)] - 3)
            return bytes([5, _ATS_FORMAT | self._code, 0, 0x90, 0])  # FWI 9: 155 ms
        block = Block(frame[0], frame[1:]) if frame else Block(0, b"")
        if block.is_information:
            return self._take(block)
        if block.is_acknowledgement:
            return self._acknowledged(block)
        return None

    def _take(self, block: Block) -> bytes | None:
        if block.number == self._number:  # it came twice: only the answer is repeated
            return self._last
        self._number = block.number  # rule D
        self._command += block.information
        if len(self._command) > MAX_APDU_BYTES:
            raise Refusal(Outcome.UNAVAILABLE, f"expected APDUs of at most {MAX_APDU_BYTES} bytes")
        if block.is_chained:
            return self._say(Block(_R_BLOCK | self._number, b""))  # rule 2
        command, self._command = self._command, b""
        self._parts = information_blocks(self._handle(command), self._size)
        return self._next_part()

    def _acknowledged(self, block: Block) -> bytes | None:
        if block.number == self._number:
            return self._last  # rule 11
        if block.is_negative:
            return bytes([_R_BLOCK | self._number])  # rule 12
        if not self._parts:
            return None
        self._number = block.number  # rule E
        return self._next_part()  # rule 13

    def _next_part(self) -> bytes:
        part, prologue = self._parts.pop(0)
        return self._say(Block(prologue | self._number, part))

    def _say(self, block: Block) -> bytes:
        self._last = block.encode()
        return self._last


def _lost() -> Refusal:
    return Refusal(Outcome.UNAVAILABLE, "the NFC link is lost")
