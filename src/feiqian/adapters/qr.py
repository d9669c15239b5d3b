"""`ports.Link` by QR codes: each side shows images, the other one's camera reads them.

A directory stands for the two screens. Each side writes its codes there, whole or not at all, and
watches for the other's. A message longer than one code is split; every code names its session, its
sender, the number of its message and its part. The payee begins the session and names it; codes of
other sessions are ignored. Showing an image cannot fail and nobody sees the other side leave, so
only timers end a session whose peer has vanished; an orderly end leaves a mark.
"""

import asyncio
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from feiqian.adapters.clock import system_entropy
from feiqian.adapters.qr_codes import MAX_CODE_BYTES, MAX_IMAGE_BYTES, decode_png, encode_png
from feiqian.outcomes import Outcome, Refusal
from feiqian.wire.envelope import MAX_MESSAGE_BYTES

POLL_S = 0.05
MAX_FILES = 4_096
"""Most images in the directory that are looked at."""

_MAGIC = b"FQ1"
_SESSION_BYTES = 4
_HEAD_BYTES = len(_MAGIC) + _SESSION_BYTES + 5
_PART_BYTES = MAX_CODE_BYTES - _HEAD_BYTES
MAX_PARTS = -(-MAX_MESSAGE_BYTES // _PART_BYTES)


@dataclass(frozen=True, slots=True)
class Code:
    """What one QR code says."""

    session: bytes
    side: int
    message: int
    index: int
    total: int
    part: bytes

    def encode(self) -> bytes:
        """The bytes in the image."""
        numbers = bytes([self.side, *self.message.to_bytes(2, "big"), self.index, self.total])
        return _MAGIC + self.session + numbers + self.part

    @classmethod
    def decode(cls, data: bytes) -> "Code | None":
        """Read an image's bytes; None when they are not a code of ours."""
        if len(data) < _HEAD_BYTES or not data.startswith(_MAGIC):
            return None
        at = len(_MAGIC)
        session, at = data[at : at + _SESSION_BYTES], at + _SESSION_BYTES
        side, message = data[at], int.from_bytes(data[at + 1 : at + 3], "big")
        index, total = data[at + 3], data[at + 4]
        if not index < total <= MAX_PARTS:
            return None
        return cls(session, side, message, index, total, data[at + 5 :])


PAYEE, PAYER = 0, 1
_NAMES = {PAYEE: "payee", PAYER: "payer"}


class QrLink:
    """One side of a session in a directory."""

    def __init__(
        self, directory: Path, side: int, show: Callable[[bytes], None] | None = None
    ) -> None:
        """Open; the payee clears the directory and begins. `show` gets each code's bytes too."""
        self._directory = directory
        self._side = side
        self._show = show
        self._session = system_entropy(_SESSION_BYTES) if side == PAYEE else b""
        self._sent = 0
        self._received = 0
        self._parts: dict[tuple[int, int], bytes] = {}
        self._totals: dict[int, int] = {}
        self._read: set[str] = set()
        self._closed = False
        self._ended = _text(self._mark(1 - side))
        """A session whose images are still there, but which ended before we came."""
        self._prepare()

    def _prepare(self) -> None:
        try:
            self._directory.mkdir(parents=True, exist_ok=True)
            stale = [self._side] if self._side == PAYER else [PAYEE, PAYER]
            for side in stale:
                for path in self._paths(side):
                    path.unlink(missing_ok=True)
                self._mark(side).unlink(missing_ok=True)
        except OSError as error:
            raise Refusal(Outcome.UNAVAILABLE, f"cannot use {self._directory}: {error}") from error

    async def send(self, message: bytes) -> None:
        """Show a message's codes."""
        if len(message) > MAX_MESSAGE_BYTES:
            raise Refusal(Outcome.TOO_LARGE, f"expected at most {MAX_MESSAGE_BYTES} bytes")
        if self._closed or self._peer_closed() or not self._session:
            raise Refusal(Outcome.UNAVAILABLE, "the QR session is not open")
        number, self._sent = self._sent, self._sent + 1
        for code in self._split(number, message):
            await asyncio.to_thread(self._write, code)
            if self._show is not None:
                self._show(code.encode())

    def _split(self, number: int, message: bytes) -> Iterator[Code]:
        parts = [message[at : at + _PART_BYTES] for at in range(0, len(message), _PART_BYTES)]
        parts = parts or [b""]
        for index, part in enumerate(parts):
            yield Code(self._session, self._side, number, index, len(parts), part)

    def _write(self, code: Code) -> None:
        name = f"{_NAMES[self._side]}-{code.message:05d}-{code.index:02d}-of-{code.total:02d}.png"
        hidden = self._directory / f".{name}.part"
        try:
            hidden.write_bytes(encode_png(code.encode()))
            os.replace(hidden, self._directory / name)  # noqa: PTH105 - atomic, and says so
        except OSError as error:
            raise Refusal(Outcome.UNAVAILABLE, f"cannot show a code: {error}") from error

    async def receive(self) -> bytes:
        """Watch until the next message's codes have all been seen."""
        while True:
            if self._closed:
                raise Refusal(Outcome.UNAVAILABLE, "the QR session is closed")
            ended = self._peer_closed()  # asked before looking: what was shown first is read first
            await asyncio.to_thread(self._look)
            message = self._assembled()
            if message is not None:
                return message
            if ended:
                raise Refusal(Outcome.UNAVAILABLE, "the other side closed the QR session")
            await asyncio.sleep(POLL_S)

    def _look(self) -> None:
        for path in self._paths(1 - self._side):
            if path.name in self._read:
                continue
            code = _read_code(path)
            if code is not None and self._is_ours(code):
                self._read.add(path.name)
                self._parts[code.message, code.index] = code.part
                self._totals[code.message] = code.total

    def _is_ours(self, code: Code) -> bool:
        if code.side == self._side:
            return False
        if not self._session and code.session.hex() != self._ended:
            self._session = code.session
        return code.session == self._session

    def _assembled(self) -> bytes | None:
        total = self._totals.get(self._received)
        if total is None:
            return None
        keys = [(self._received, index) for index in range(total)]
        if any(key not in self._parts for key in keys):
            return None
        self._received += 1
        return b"".join(self._parts.pop(key) for key in keys)

    def _paths(self, side: int) -> list[Path]:
        return sorted(self._directory.glob(f"{_NAMES[side]}-*.png"))[:MAX_FILES]

    def _mark(self, side: int) -> Path:
        return self._directory / f"{_NAMES[side]}.closed"

    def _peer_closed(self) -> bool:
        return bool(self._session) and _text(self._mark(1 - self._side)) == self._session.hex()

    async def close(self) -> None:
        """Leave a mark; what was shown stays for the other side to read."""
        if not self._closed and self._session:
            self._mark(self._side).write_text(self._session.hex(), encoding="ascii")
        self._closed = True


def _read_code(path: Path) -> Code | None:
    try:
        if path.stat().st_size > MAX_IMAGE_BYTES:
            return None
        data = decode_png(path.read_bytes())
    except (OSError, Refusal):
        return None  # gone again, or not drawn by us
    return None if data is None else Code.decode(data)


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="ascii")
    except (OSError, ValueError):
        return ""
