"""`ports.Link` by QR codes: each side shows images, the other one's camera reads them.

A directory stands for the two screens. For every message each side writes one image there, whole or
not at all, and watches for the other's: a still code when the message fits one, else an animation
of which any sufficient part of the frames is enough (`adapters.qr_frames`); frames that a camera
caught are read as single images just as well. The payee begins the session and names it; codes of
other sessions are ignored. Showing an image cannot fail and nobody sees the other side leave, so
only timers end a session whose peer has vanished; an orderly end leaves a mark.
"""

import asyncio
import os
from collections import deque
from collections.abc import Callable, Sequence
from itertools import cycle
from pathlib import Path

from feiqian.adapters.clock import system_entropy
from feiqian.adapters.qr_codes import FRAME_MS, MAX_IMAGE_BYTES, decode_png, encode_png
from feiqian.adapters.qr_frames import (
    MAX_MESSAGE_NUMBER,
    PAYEE,
    PAYER,
    SESSION_BYTES,
    Gathering,
    QrFrame,
    frames_of,
)
from feiqian.outcomes import Outcome, Refusal
from feiqian.wire.envelope import MAX_MESSAGE_BYTES

POLL_S = 0.05
MAX_FILES = 4_096
"""Most images in the directory that are looked at."""

_NAMES = {PAYEE: "payee", PAYER: "payer"}
_State = tuple[int, int, int]
"""What tells one state of a file from another: inode, time of change in nanoseconds, size."""


class QrLink:
    """One side of a session in a directory."""

    def __init__(
        self, directory: Path, side: int, show: Callable[[bytes], None] | None = None
    ) -> None:
        """Open; the payee clears the directory and begins. `show` gets each code's bytes too, those
        of an animation again and again until the other side answers.
        """
        self._directory = directory
        self._side = side
        self._show = show
        self._session = system_entropy(SESSION_BYTES) if side == PAYEE else b""
        self._sent = 0
        self._gathering = Gathering()
        self._received: deque[bytes] = deque()
        self._seen: dict[str, _State] = {}
        self._playing: asyncio.Task[None] | None = None
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
        """Show a message."""
        if len(message) > MAX_MESSAGE_BYTES:
            raise Refusal(Outcome.TOO_LARGE, f"expected at most {MAX_MESSAGE_BYTES} bytes")
        if self._closed or self._peer_closed() or not self._session:
            raise Refusal(Outcome.UNAVAILABLE, "the QR session is not open")
        if self._sent > MAX_MESSAGE_NUMBER:
            raise Refusal(Outcome.UNAVAILABLE, "the QR session has used up its message numbers")
        number, self._sent = self._sent, self._sent + 1
        codes = [frame.encode() for frame in frames_of(self._session, self._side, number, message)]
        await asyncio.to_thread(self._write, number, codes)
        self._play(codes)

    def _write(self, number: int, codes: Sequence[bytes]) -> None:
        name = f"{_NAMES[self._side]}-{number:05d}.png"
        hidden = self._directory / f".{name}.part"
        try:
            hidden.write_bytes(encode_png(*codes))
            os.replace(hidden, self._directory / name)  # noqa: PTH105 - atomic, and says so
        except OSError as error:
            raise Refusal(Outcome.UNAVAILABLE, f"cannot show a code: {error}") from error

    def _play(self, codes: Sequence[bytes]) -> None:
        self._stop_playing()
        if self._show is not None and len(codes) == 1:
            self._show(codes[0])
        elif self._show is not None:
            self._playing = asyncio.create_task(_repeat(codes, self._show))

    def _stop_playing(self) -> None:
        if self._playing is not None:
            self._playing.cancel()
            self._playing = None

    async def receive(self) -> bytes:
        """Watch until enough of the next message has been seen."""
        while True:
            if self._closed:
                raise Refusal(Outcome.UNAVAILABLE, "the QR session is closed")
            ended = self._peer_closed()  # asked before looking: what was shown first is read first
            if not self._received:
                await self._look()
            if self._received:
                self._stop_playing()
                return self._received.popleft()
            if ended:
                raise Refusal(Outcome.UNAVAILABLE, "the other side closed the QR session")
            await asyncio.sleep(POLL_S)

    async def _look(self) -> None:
        """Read what is new; a look that is given up is taken again, and frames never harm twice."""
        for path in await asyncio.to_thread(self._paths, 1 - self._side):
            state = _state(path)
            if state is None or self._seen.get(path.name) == state:
                continue
            for code in await asyncio.to_thread(_read_codes, path):
                self._take(QrFrame.decode(code))
            self._seen[path.name] = state
            self._received.extend(self._gathering.messages())

    def _take(self, frame: QrFrame | None) -> None:
        if frame is None or frame.side == self._side:
            return
        if not self._session and frame.session.hex() != self._ended:
            self._session = frame.session
        if frame.session == self._session:
            self._gathering.take(frame)

    def _paths(self, side: int) -> list[Path]:
        return sorted(self._directory.glob(f"{_NAMES[side]}-*.png"))[:MAX_FILES]

    def _mark(self, side: int) -> Path:
        return self._directory / f"{_NAMES[side]}.closed"

    def _peer_closed(self) -> bool:
        return bool(self._session) and _text(self._mark(1 - self._side)) == self._session.hex()

    async def close(self) -> None:
        """Leave a mark; what was shown stays for the other side to read."""
        self._stop_playing()
        if not self._closed and self._session:
            self._mark(self._side).write_text(self._session.hex(), encoding="ascii")
        self._closed = True


async def _repeat(codes: Sequence[bytes], show: Callable[[bytes], None]) -> None:
    for code in cycle(codes):
        show(code)
        await asyncio.sleep(FRAME_MS / 1_000)


def _state(path: Path) -> _State | None:
    try:
        found = path.stat()
    except OSError:
        return None  # gone again
    return found.st_ino, found.st_mtime_ns, found.st_size


def _read_codes(path: Path) -> Sequence[bytes]:
    try:
        if path.stat().st_size > MAX_IMAGE_BYTES:
            return []
        return decode_png(path.read_bytes())
    except (OSError, Refusal):
        return []  # gone again, or not drawn by us


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="ascii")
    except (OSError, ValueError):
        return ""
