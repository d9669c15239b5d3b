"""What one QR code of a link says, and how codes become messages again.

A message that fits one code is shown as it is. A longer one becomes an animation of fountain-coded
frames (RaptorQ, RFC 6330): any frames that are together slightly longer than the message suffice,
in any order, so a camera may miss what it will. Every frame names its session, its sender, the
number of its message, its length and the start of its SHA-256. All of that is a stranger's word:
each number is bounded before anything is kept for it, and a message that does not have the digest
it announced is forgotten, together with the frames it was made of.
"""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass

from raptorq import Decoder, Encoder

from feiqian.adapters.qr_codes import MAX_CODE_BYTES
from feiqian.wire.envelope import MAX_MESSAGE_BYTES

SESSION_BYTES = 4
MAX_MESSAGE_NUMBER = 0xFFFF
MAX_AHEAD = 8
"""How many messages beyond the one expected are gathered."""
MAX_GATHERED = 16
"""Messages that are gathered at once; more only come from somebody who shows nonsense."""

_MAGIC = b"FQ2"
_DIGEST_BYTES = 8
_LENGTH_BYTES = 4
_HEAD_BYTES = len(_MAGIC) + SESSION_BYTES + 1 + 2 + _LENGTH_BYTES + _DIGEST_BYTES
_PAYER_BIT, _STREAM_BIT = 1, 2
_PACKET_HEAD_BYTES = 4
"""RFC 6330, 3.2: number of the source block, identifier of the symbol."""
_SYMBOL_BYTES = 560
"""Makes a code of version 16, which a camera still reads from a moving picture."""
_MAX_SYMBOLS = 1_024
"""Highest symbol identifier that is read, several times what we draw."""

STILL_BYTES = MAX_CODE_BYTES - _HEAD_BYTES
"""Longest message that is one code."""

PAYEE, PAYER = 0, 1


@dataclass(frozen=True, slots=True)
class QrFrame:
    """One code: a whole message, or a packet of its fountain."""

    session: bytes
    side: int
    number: int
    length: int
    digest: bytes
    streamed: bool
    body: bytes

    def encode(self) -> bytes:
        """The bytes in the image."""
        flags = self.side * _PAYER_BIT | self.streamed * _STREAM_BIT
        numbers = self.number.to_bytes(2, "big") + self.length.to_bytes(_LENGTH_BYTES, "big")
        return _MAGIC + self.session + bytes([flags]) + numbers + self.digest + self.body

    @classmethod
    def decode(cls, data: bytes) -> "QrFrame | None":
        """Read an image's bytes; None when they are not a frame of ours, or not a sound one."""
        if not _HEAD_BYTES <= len(data) <= MAX_CODE_BYTES or not data.startswith(_MAGIC):
            return None
        session, rest = data[3:7], data[7:]
        flags, number = rest[0], int.from_bytes(rest[1:3], "big")
        length, digest = int.from_bytes(rest[3:7], "big"), rest[7:15]
        frame = cls(session, flags & 1, number, length, digest, bool(flags & 2), rest[15:])
        return frame if flags < 4 and frame.is_sound else None

    @property
    def is_sound(self) -> bool:
        """Whether the body can be what the head says; the decoder gets nothing else."""
        if not self.streamed:
            return self.length == len(self.body)
        symbol = int.from_bytes(self.body[1:_PACKET_HEAD_BYTES], "big")
        return (
            STILL_BYTES < self.length <= MAX_MESSAGE_BYTES
            and len(self.body) == _PACKET_HEAD_BYTES + _SYMBOL_BYTES
            and self.body[0] == 0  # a message is one source block
            and symbol < _MAX_SYMBOLS
        )


def frames_of(session: bytes, side: int, number: int, message: bytes) -> tuple[QrFrame, ...]:
    """The codes to show for a message, the one that is enough or half as many again as needed."""
    streamed = len(message) > STILL_BYTES
    bodies = _packets(message) if streamed else [message]
    digest = _digest(message)
    return tuple(
        QrFrame(session, side, number, len(message), digest, streamed, body) for body in bodies
    )


def _packets(message: bytes) -> list[bytes]:
    needed = -(-len(message) // _SYMBOL_BYTES)
    encoder = Encoder.with_defaults(message, _SYMBOL_BYTES)
    return list(encoder.get_encoded_packets(needed // 2 + 2))


class Gathering:
    """Frames in, in any order and any number of times; whole messages out, in order, once."""

    def __init__(self) -> None:
        self._expected = 0
        self._whole: dict[int, bytes] = {}
        self._fountains: dict[tuple[int, int, bytes], Decoder] = {}

    def take(self, frame: QrFrame) -> None:
        """Take up a frame, or leave it: what is not among the next messages is of no use."""
        ahead = frame.number - self._expected
        if not 0 <= ahead < MAX_AHEAD or frame.number in self._whole:
            return
        message = self._poured(frame) if frame.streamed else frame.body
        if message is not None and _digest(message) == frame.digest:
            self._whole[frame.number] = message

    def _poured(self, frame: QrFrame) -> bytes | None:
        key = frame.number, frame.length, frame.digest
        if key not in self._fountains and len(self._fountains) >= MAX_GATHERED:
            return None
        fountain = self._fountains.get(key) or Decoder.with_defaults(frame.length, _SYMBOL_BYTES)
        message: bytes | None = fountain.decode(frame.body)
        self._fountains[key] = fountain
        if message is not None:
            del self._fountains[key]
        return message

    def messages(self) -> Iterator[bytes]:
        """Every message that is whole and whose turn it is; each is given once."""
        while self._expected in self._whole:
            message = self._whole.pop(self._expected)
            self._expected += 1
            self._fountains = {
                key: fountain
                for key, fountain in self._fountains.items()
                if key[0] >= self._expected
            }
            yield message


def _digest(message: bytes) -> bytes:
    return hashlib.sha256(message).digest()[:_DIGEST_BYTES]
