"""Chip memories for tests: one that merely remembers, and one whose power fails where you say.

`TornMemory` keeps its content in the same two slots as the file of the software chip, and its write
can stop after any byte. What is left is what the next power-up finds.
"""

from feiqian.chip.card import slots


class PowerCutError(Exception):
    """The chip lost power in the middle of a command; nothing was answered."""


class PlainMemory:
    """Remembers the last image."""

    def __init__(self, image: bytes = b"") -> None:
        self.image = image

    def load(self) -> bytes:
        """The image."""
        return self.image

    def commit(self, image: bytes) -> None:
        """Replace it."""
        self.image = image


class TornMemory:
    """Two slots of bytes, and a power supply that can fail at a byte of a commit."""

    def __init__(self) -> None:
        self._content = bytearray(slots.fresh())
        self._commits_left: int | None = None
        self._bytes_left = 0
        self.written_bytes: list[int] = []
        """How long each commit's write was, since the last `tear`."""

    def tear(self, commit: int, after_bytes: int) -> None:
        """Cut the power in the `commit`-th commit from now (0 is the next) after so many bytes."""
        self._commits_left = commit
        self._bytes_left = after_bytes
        self.written_bytes = []

    def restore_power(self) -> None:
        """Plan no cut any more."""
        self._commits_left = None

    def snapshot(self) -> bytes:
        """All bytes, to come back to with `rewind`."""
        return bytes(self._content)

    def rewind(self, content: bytes) -> None:
        """Put back a snapshot, to try another cut from the same state; no chip can do that."""
        self._content[:] = content
        self.restore_power()

    def load(self) -> bytes:
        """What the newest whole slot holds."""
        return slots.current(bytes(self._content)).image

    def commit(self, image: bytes) -> None:
        """Write the other slot, up to the cut. Raises `PowerCutError` there and ever after."""
        if self._without_power:
            raise PowerCutError
        generation = slots.current(bytes(self._content)).generation + 1
        sealed = slots.seal(generation, image)
        self.written_bytes.append(len(sealed))
        allowed = self._allowed_bytes(len(sealed))
        start = generation % slots.SLOTS * slots.SLOT_BYTES
        self._content[start : start + allowed] = sealed[:allowed]
        if self._without_power:
            raise PowerCutError

    @property
    def _without_power(self) -> bool:
        return self._commits_left is not None and self._commits_left < 0

    def _allowed_bytes(self, length: int) -> int:
        if self._commits_left is None:
            return length
        self._commits_left -= 1
        return length if self._commits_left >= 0 else min(length, self._bytes_left)
