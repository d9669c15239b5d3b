"""Bytes as QR codes, as images and in a terminal."""

import io
import struct
import zlib
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from feiqian.adapters.qr_codes import (
    MAX_CODE_BYTES,
    MAX_FRAMES,
    MAX_IMAGE_BYTES,
    MAX_IMAGE_SIDE,
    decode_png,
    draw_code,
    encode_png,
    terminal_code,
)
from feiqian.outcomes import Outcome, Refusal


@pytest.mark.parametrize("size", [1, 100, MAX_CODE_BYTES])
def test_bytes_come_back_from_an_image(size: int) -> None:
    """Any bytes up to the limit are read back from their own image."""
    data = bytes((index * 7) % 256 for index in range(size))
    assert decode_png(encode_png(data)) == [data]


def test_several_codes_are_one_animation() -> None:
    """An animated image holds each of its codes, in their order, and starts over."""
    codes = [bytes([number]) * 100 * number for number in range(1, 6)]
    image = encode_png(*codes)
    assert decode_png(image) == codes
    with Image.open(io.BytesIO(image)) as opened:
        assert opened.info["loop"] == 0


def test_too_much_for_one_code_is_refused() -> None:
    """More than fits one code is refused by name."""
    with pytest.raises(Refusal) as refused:
        encode_png(bytes(MAX_CODE_BYTES + 1))
    assert refused.value.outcome is Outcome.TOO_LARGE


@pytest.mark.parametrize(
    "image", [b"", b"not an image", b"\x89PNG\r\n\x1a\n", encode_png(b"torn")[:200]]
)
def test_what_is_no_image_holds_no_code(image: bytes) -> None:
    """Anything that cannot be read as an image is no code, and no error."""
    assert decode_png(image) == []


def test_an_image_without_a_code_holds_none() -> None:
    """A blank image is no code."""
    buffer = io.BytesIO()
    Image.new("L", (50, 50), 255).save(buffer, "PNG")
    assert decode_png(buffer.getvalue()) == []


def test_a_huge_image_is_refused_before_it_is_decoded() -> None:
    """An image of many bytes, or of few bytes and many pixels, is refused by name."""
    buffer = io.BytesIO()
    Image.new("1", (MAX_IMAGE_SIDE + 1, 1)).save(buffer, "PNG")
    bomb = struct.pack(
        ">8sI4sIIBBBBB", b"\x89PNG\r\n\x1a\n", 13, b"IHDR", 60_000, 60_000, *b"\x08\0\0\0\0"
    )
    bomb += zlib.crc32(bomb[12:]).to_bytes(4, "big") + bytes(3) + b"\1IDAT\0" + bytes(4)
    many = encode_png(*(number.to_bytes(2, "big") for number in range(MAX_FRAMES + 1)))
    for image in (bytes(MAX_IMAGE_BYTES + 1), buffer.getvalue(), bomb, many):
        with pytest.raises(Refusal) as refused:
            decode_png(image)
        assert refused.value.outcome is Outcome.TOO_LARGE


def test_a_terminal_shows_every_module() -> None:
    """Each character stands for two modules, one above the other."""
    drawn = draw_code(b"feiqian")
    lines = terminal_code(b"feiqian").split("\n")
    assert {len(line) for line in lines} == {drawn.width}
    assert len(lines) == -(-drawn.height // 2)
    light = {"█": (True, True), "▀": (True, False), "▄": (False, True), " ": (False, False)}
    for row in range(drawn.height):
        for column in range(drawn.width):
            shown = light[lines[row // 2][column]][row % 2]
            assert shown == (drawn.getpixel((column, row)) == 255)


ANIMATION = encode_png(*(bytes([number]) * 20 for number in range(3)))


@pytest.mark.filterwarnings("ignore:Invalid APNG")
@given(st.integers(0, len(ANIMATION) - 1), st.binary(min_size=1, max_size=8), st.booleans())
def test_a_damaged_image_harms_nobody(at: int, damage: bytes, cut: bool) -> None:
    """Whatever an image's bytes are, its codes are read or it is refused by name."""
    image = ANIMATION[:at] + damage + (b"" if cut else ANIMATION[at + len(damage) :])
    with suppress(Refusal):
        assert len(decode_png(image)) <= MAX_FRAMES
