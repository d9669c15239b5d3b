"""A command: its instruction byte, its data, the shape of its answer.

Command and answer data are CBOR arrays, version first, inside ISO 7816-4 APDUs with extended length.
"""

from enum import IntEnum
from typing import Annotated, ClassVar

from msgspec import Meta, Struct

from feiqian.crypto.cbor import VERSION

AID = bytes.fromhex("F0464549514941 4E01".replace(" ", ""))
"""The applet's identifier: proprietary (F0), FEIQIAN, 01."""
SELECT_BY_NAME = 0x04
"""P1 of SELECT; every other command has P1 and P2 zero."""

Count = Annotated[int, Meta(ge=0, le=2**32 - 1)]


class Instruction(IntEnum):
    """INS bytes; class byte 00 for ISO commands, 80 for our own."""

    VERIFY_PIN = 0x20
    CHANGE_PIN = 0x24
    UNBLOCK_PIN = 0x2C
    INITIALISE = 0x46
    PERSONALISE = 0xDA
    SELECT = 0xA4
    LOCK = 0xE6
    STATUS = 0xF2
    PIECES = 0xCA
    LOAD = 0x40
    OFFER = 0x42
    PAY = 0x44
    ACCEPT = 0x48
    EXPORT = 0x4A
    EXPORTS = 0xCC
    SIGN_REQUEST = 0x88
    SYNCHRONISE = 0x4C
    CONTROL = 0x60
    REPORT = 0x62
    AUTHORISE = 0x64
    REVOKE = 0x66
    AUTHORISATIONS = 0xCE
    PAY_FEE = 0x68
    NEXT_MESSAGE = 0x6A

    @property
    def class_byte(self) -> int:
        """CLA of a command with this instruction."""
        return 0x00 if self in _ISO_INSTRUCTIONS else 0x80


_ISO_INSTRUCTIONS = frozenset(
    {
        Instruction.SELECT,
        Instruction.VERIFY_PIN,
        Instruction.CHANGE_PIN,
        Instruction.UNBLOCK_PIN,
    }
)


class Data(Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """What every command's and every answer's data begins with."""

    version: int = VERSION


class Empty(Data, frozen=True):
    """No data."""


class Command(Data, frozen=True):
    """A command's data; the class knows its instruction and the shape of its answer."""

    INSTRUCTION: ClassVar[Instruction]
    ANSWER: ClassVar[type[Struct]] = Empty

    def __repr__(self) -> str:
        """Only the name: PINs are among the data, and what is shown may end in a log."""
        return f"<{type(self).__name__}>"
