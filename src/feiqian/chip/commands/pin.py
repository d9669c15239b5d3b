"""The commands of PIN and PUK."""

from typing import Annotated, ClassVar

from msgspec import Meta

from feiqian.chip.commands.command import Command, Instruction

PIN_TRIES = 3
PUK_TRIES = 10

Pin = Annotated[bytes, Meta(min_length=4, max_length=12)]


class VerifyPin(Command, frozen=True, kw_only=True):
    """Unlock for PAY, EXPORT, AUTHORISE and SIGN REQUEST until LOCK, reset or deselection."""

    INSTRUCTION: ClassVar = Instruction.VERIFY_PIN
    pin: Pin


class ChangePin(Command, frozen=True, kw_only=True):
    """Replace the PIN, knowing the old one (its tries count)."""

    INSTRUCTION: ClassVar = Instruction.CHANGE_PIN
    pin: Pin
    new_pin: Pin


class UnblockPin(Command, frozen=True, kw_only=True):
    """Set a new PIN and its full try counter, knowing the PUK (its tries count, too)."""

    INSTRUCTION: ClassVar = Instruction.UNBLOCK_PIN
    puk: Pin
    new_pin: Pin


class Lock(Command, frozen=True):
    """Forget that the PIN was verified."""

    INSTRUCTION: ClassVar = Instruction.LOCK
