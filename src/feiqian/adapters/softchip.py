"""The software chip: the reference applet with a file for memory, behind the chip port.

The file holds two slots (`chip.card.slots`) and never changes its length, so one write and one
`fdatasync` make a commit, and a write torn at any byte leaves the other slot to count. One process
at a time owns a chip: the file is locked while it is open. It is readable by its owner alone, but
it is no secure element: whoever reads the file has the key.
"""

import fcntl
import os
import tempfile
from pathlib import Path

from feiqian.chip.card import slots
from feiqian.chip.card.applet import Applet
from feiqian.chip.card.memory import Memory
from feiqian.crypto.suites import Suite
from feiqian.outcomes import Outcome, Refusal
from feiqian.ports import Entropy

_CONTENT_BYTES = slots.SLOTS * slots.SLOT_BYTES


class FileMemory:
    """A chip's memory in one file, mode 0600."""

    def __init__(self, path: Path) -> None:
        """Open or create the file.

        Raises `Refusal`: busy while another process has it, chip_refused when it is damaged.
        """
        if not path.exists():
            _create(path)
        self._file = os.open(path, os.O_RDWR | os.O_CLOEXEC)
        try:
            _lock(self._file, path)
            self._slot = slots.current(os.pread(self._file, _CONTENT_BYTES, 0))
        except Refusal:
            self.close()
            raise

    def load(self) -> bytes:
        """The image of the newest slot that is whole."""
        return self._slot.image

    def commit(self, image: bytes) -> None:
        """Write the other slot and flush it.

        Raises `Refusal` unavailable when the disk fails, and from then on until it is opened again:
        after a failed flush nobody knows what the disk holds.
        """
        if self._file < 0:
            raise Refusal(Outcome.UNAVAILABLE, "the chip's memory is closed")
        generation = self._slot.generation + 1
        index = generation % slots.SLOTS
        try:
            _write(self._file, slots.seal(generation, image), index * slots.SLOT_BYTES)
            os.fdatasync(self._file)
        except OSError as error:
            self.close()
            raise Refusal(Outcome.UNAVAILABLE, f"the chip's memory failed: {error}") from error
        self._slot = slots.Slot(index, generation, image)

    def close(self) -> None:
        """Let go of the file; closing twice is harmless."""
        if self._file >= 0:
            os.close(self._file)
            self._file = -1


def _create(path: Path) -> None:
    """Make the file appear whole or not at all, also if two processes try at once."""
    descriptor, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    try:
        _write(descriptor, slots.fresh(), 0)
        os.fsync(descriptor)
        Path(path).hardlink_to(name)
    except FileExistsError:
        return
    finally:
        os.close(descriptor)
        Path(name).unlink()
    _flush_directory(path.parent)


def _flush_directory(directory: Path) -> None:
    descriptor = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _lock(file: int, path: Path) -> None:
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise Refusal(Outcome.BUSY, f"the chip {path.name} is in use by another process") from None


def _write(file: int, content: bytes, offset: int) -> None:
    while content:
        written = os.pwrite(file, content, offset)
        content, offset = content[written:], offset + written


class SoftChip:
    """A powered software chip; a new one on the same memory is the same chip after a reset."""

    def __init__(self, memory: Memory, suite: Suite, entropy: Entropy) -> None:
        self._applet = Applet(memory, suite, entropy)

    def transmit(self, apdu: bytes) -> bytes:
        """One command APDU for one response APDU."""
        return self._applet.process(apdu)
