"""What a hub and its members say to each other on a stream: length (4 bytes), then MessagePack.

The hub speaks first, with a challenge; a member proves its name with the token that belongs to it,
an HMAC of that name under the hub's secret. So a member that knows its own token cannot take
another's name, and nothing secret travels. A frame above the limit ends the connection before it is
read.
"""

import asyncio
import hashlib
import hmac
from typing import TypeVar

import msgspec

from feiqian.outcomes import Outcome, Refusal
from feiqian.wire.envelope import MAX_MESSAGE_BYTES

F = TypeVar("F")

HEAD_BYTES = 4
MAX_FRAME_BYTES = MAX_MESSAGE_BYTES + 512
"""The longest payload, with its names and numbers."""
MAX_DETAIL_LENGTH = 300
CHALLENGE_BYTES = 32
TOKEN_BYTES = 32


class Frame(msgspec.Struct, frozen=True, array_like=True, tag=True, forbid_unknown_fields=True):
    """Any of the frames below."""


class Challenge(Frame, frozen=True):
    """Hub: prove who you are, with this."""

    challenge: bytes


class Hello(Frame, frozen=True):
    """Member: my name, and the proof that I may have it."""

    name: str
    proof: bytes


class Welcome(Frame, frozen=True):
    """Hub: you are in."""


class Ended(Frame, frozen=True):
    """Hub: you are out, or were not let in; do not come back by yourself."""

    outcome: str
    detail: str


class Publish(Frame, frozen=True):
    """Member: put this into an inbox."""

    number: int
    recipient: str
    kind: str
    payload: bytes


class Published(Frame, frozen=True):
    """Hub: what became of a publication."""

    number: int
    outcome: str
    detail: str


class Deliver(Frame, frozen=True):
    """Hub: the next message of your inbox."""

    number: int
    sender: str
    kind: str
    payload: bytes


class Taken(Frame, frozen=True):
    """Member: I have all messages up to this one."""

    number: int


FromHub = Challenge | Welcome | Ended | Published | Deliver
FromMember = Hello | Publish | Taken

_FROM_HUB: msgspec.msgpack.Decoder[FromHub] = msgspec.msgpack.Decoder(FromHub)
_FROM_MEMBER: msgspec.msgpack.Decoder[FromMember] = msgspec.msgpack.Decoder(FromMember)


def member_token(secret: bytes, name: str) -> bytes:
    """The token with which a member proves its name to the hub that has `secret`."""
    return hmac.digest(secret, b"feiqian bus member\0" + name.encode(), hashlib.sha256)


def proof_of(token: bytes, challenge: bytes) -> bytes:
    """The answer to a hub's challenge."""
    return hmac.digest(token, b"feiqian bus hello\0" + challenge, hashlib.sha256)


def write_frame(writer: asyncio.StreamWriter, frame: Frame) -> None:
    """Queue a frame for sending; a lost connection is noticed by who reads from it."""
    body = msgspec.msgpack.encode(frame)
    writer.write(len(body).to_bytes(HEAD_BYTES, "big") + body)


async def read_from_hub(reader: asyncio.StreamReader) -> FromHub:
    """The hub's next frame. `Refusal`: unavailable, too_large, malformed."""
    return _decoded(_FROM_HUB, await _body(reader))


async def read_from_member(reader: asyncio.StreamReader) -> FromMember:
    """A member's next frame. `Refusal`: unavailable, too_large, malformed."""
    return _decoded(_FROM_MEMBER, await _body(reader))


async def _body(reader: asyncio.StreamReader) -> bytes:
    try:
        length = int.from_bytes(await reader.readexactly(HEAD_BYTES), "big")
        if length > MAX_FRAME_BYTES:
            raise Refusal(Outcome.TOO_LARGE, f"expected at most {MAX_FRAME_BYTES} bytes")
        return await reader.readexactly(length)
    except (OSError, asyncio.IncompleteReadError) as error:
        detail = f"the connection to the bus is lost: {type(error).__name__}"
        raise Refusal(Outcome.UNAVAILABLE, detail) from error


def _decoded(decoder: msgspec.msgpack.Decoder[F], body: bytes) -> F:
    try:
        return decoder.decode(body)
    except msgspec.DecodeError as error:
        raise Refusal(Outcome.MALFORMED, f"expected a frame of the bus: {error}") from error
