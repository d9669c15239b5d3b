"""Two slots: how an image is replaced atomically in memory that can tear at any byte.

Each slot holds a generation number, an image and a digest over both. A new image goes to the slot
that is not current; until its last byte is there, its digest does not hold and the other slot
counts. Whoever owns the bytes (a file, a simulated EEPROM) only has to write one slot and flush it.
"""

import hashlib
import hmac
from dataclasses import dataclass

from feiqian.chip.card.memory import MAX_IMAGE_BYTES
from feiqian.outcomes import Outcome, Refusal

SLOTS = 2
SLOT_BYTES = 69_632
"""Header and largest image, rounded up to whole pages of 4,096 bytes."""

_MAGIC = b"FQ01"
_GENERATION = slice(4, 12)
_LENGTH = slice(12, 16)
_DIGEST = slice(16, 48)
_HEADER_BYTES = 48


@dataclass(frozen=True, slots=True)
class Slot:
    """A slot whose digest holds."""

    index: int
    generation: int
    image: bytes


def seal(generation: int, image: bytes) -> bytes:
    """What to write at the start of slot `generation % SLOTS`."""
    if len(image) > MAX_IMAGE_BYTES:
        raise ValueError(f"expected an image of at most {MAX_IMAGE_BYTES} bytes")
    head = _MAGIC + generation.to_bytes(8, "big") + len(image).to_bytes(4, "big")
    return head + hashlib.sha256(head + image).digest() + image


def fresh() -> bytes:
    """Both slots of a memory that nothing was committed to yet."""
    return seal(0, b"").ljust(SLOTS * SLOT_BYTES, b"\x00")


def current(content: bytes) -> Slot:
    """The newest slot that is whole.

    Raises `Refusal` chip_refused when none is: the memory is damaged, and must not pass for blank.
    """
    slots = (_read(index, content) for index in range(SLOTS))
    whole = [slot for slot in slots if slot is not None]
    if not whole:
        raise Refusal(Outcome.CHIP_REFUSED, "expected a chip memory with at least one whole slot")
    return max(whole, key=lambda slot: slot.generation)


def _read(index: int, content: bytes) -> Slot | None:
    slot = content[index * SLOT_BYTES : (index + 1) * SLOT_BYTES]
    image = slot[_HEADER_BYTES : _HEADER_BYTES + int.from_bytes(slot[_LENGTH], "big")]
    generation = int.from_bytes(slot[_GENERATION], "big")
    if len(image) > MAX_IMAGE_BYTES:
        return None
    whole = hmac.compare_digest(seal(generation, image)[:_HEADER_BYTES], slot[:_HEADER_BYTES])
    return Slot(index, generation, image) if whole else None
