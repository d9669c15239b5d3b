"""Rogue chips: the real applet, but somebody has opened the chip and can put its memory back.

Every double spend needs just this one thing that no chip allows: an image of the past. A chip may be
rolled back by hand, cloned with its key, or forget each payment as soon as it has signed it. Nothing
else about them is false, so whatever they sign is as good as a chip's. They exist to be found out,
in tests, in simulations, and in the demonstration's act of fraud; the floors' contract keeps every
other module away from them.
"""

from typing import Self

from feiqian.chip.commands import Instruction
from feiqian.crypto.suites import Suite
from feiqian.testing.chips import RemovableChip
from feiqian.testing.memories import PlainMemory

_INS = 1
"""Where a command APDU has its instruction byte."""


class RogueChip(RemovableChip):
    """A chip whose memory can be read, and put back."""

    def __init__(self, suite: Suite, image: bytes = b"", seed: int = 0) -> None:
        """`image`: of whatever chip it was copied from; empty for a blank one."""
        self._cells = PlainMemory(image)
        super().__init__(suite, self._cells, seed)

    @property
    def image(self) -> bytes:
        """All that it remembers, its key included."""
        return self._cells.image

    def roll_back(self, image: bytes) -> None:
        """Be again what it was; it has to be selected and unlocked anew, as after a reset."""
        self._cells.commit(image)
        self.reset()

    def clone(self, seed: int) -> Self:
        """A second chip of the same key and memory, which goes its own way from here."""
        return type(self)(self.suite, self.image, seed)


class ForgetfulChip(RogueChip):
    """It forgets every payment as soon as it has signed it, and can spend the same pieces again."""

    def __init__(self, suite: Suite, image: bytes = b"", seed: int = 0) -> None:
        super().__init__(suite, image, seed)
        self._session: dict[int, bytes] = {}

    def transmit(self, apdu: bytes) -> bytes:
        """One command; after PAY or PAY FEE the memory is what it was before, and the session goes on."""
        instruction, before = apdu[_INS], self.image
        answer = super().transmit(apdu)
        if instruction in (Instruction.SELECT, Instruction.VERIFY_PIN):
            self._session[instruction] = apdu
        if instruction in (Instruction.PAY, Instruction.PAY_FEE):
            self.roll_back(before)
            for opening in self._session.values():
                super().transmit(opening)
        return answer
