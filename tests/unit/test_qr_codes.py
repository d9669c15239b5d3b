"""Bytes as QR codes, as images and in a terminal."""

import io

import pytest
from PIL import Image

from feiqian.adapters.qr import MAX_PARTS, Code
from feiqian.adapters.qr_codes import (
    MAX_CODE_BYTES,
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
    assert decode_png(encode_png(data)) == data


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
    assert decode_png(image) is None


def test_an_image_without_a_code_holds_none() -> None:
    """A blank image is no code."""
    buffer = io.BytesIO()
    Image.new("L", (50, 50), 255).save(buffer, "PNG")
    assert decode_png(buffer.getvalue()) is None


def test_a_huge_image_is_refused_before_it_is_decoded() -> None:
    """An image of many bytes, or of few bytes and many pixels, is refused by name."""
    buffer = io.BytesIO()
    Image.new("1", (MAX_IMAGE_SIDE + 1, 1)).save(buffer, "PNG")
    for image in (bytes(MAX_IMAGE_BYTES + 1), buffer.getvalue()):
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


def test_only_our_own_codes_are_read() -> None:
    """A code says whose it is and which part; any other bytes are nobody's."""
    code = Code(b"SESS", 1, 300, 2, 3, b"part")
    assert Code.decode(code.encode()) == code
    for data in (b"", b"https://example.org", code.encode()[:10], b"FQ2" + code.encode()[3:]):
        assert Code.decode(data) is None
    for index, total in ((3, 3), (0, 0), (0, MAX_PARTS + 1)):
        assert Code.decode(Code(b"SESS", 1, 0, index, total, b"").encode()) is None
