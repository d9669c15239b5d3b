"""Bytes to QR codes and back: as PNG images, still or animated, and as half blocks for a terminal.

Binary QR codes (ISO/IEC 18004 byte mode) of error correction level L, small enough that a phone's
camera reads them from a screen. Several codes make one animated PNG, which browsers and phones show
in a loop. What is read is bounded before it is decoded: bytes, frames, and pixels of all frames.
"""

import io
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, cast

import zxingcpp
from PIL import Image, UnidentifiedImageError

from feiqian.outcomes import Outcome, Refusal

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer as Buffer

MAX_CODE_BYTES = 1_200
"""Most bytes in one code (about version 26, 121 modules wide)."""
MAX_IMAGE_BYTES = 1_048_576
MAX_IMAGE_SIDE = 4_096
"""Most pixels in a row or column that are decoded."""
MAX_FRAMES = 256
"""Most codes in one animation."""
MAX_PIXELS = 67_108_864
"""Most pixels in all frames of an image together."""
PIXELS_PER_MODULE = 4
FRAME_MS = 200
"""How long each code of an animation is shown: slow enough for a camera of 15 pictures a second."""

_FORMATS = zxingcpp.BarcodeFormats([zxingcpp.BarcodeFormat.QRCode])
_DARK_BELOW = 128
_WHITE = 255
_HALF_BLOCKS = {
    (False, False): "█",
    (False, True): "▀",
    (True, False): "▄",
    (True, True): " ",
}
"""By (upper dark, lower dark): light modules are drawn, for light text on a dark terminal."""


def draw_code(data: bytes) -> Image.Image:
    """A QR code with its quiet zone, one pixel per module."""
    if len(data) > MAX_CODE_BYTES:
        raise Refusal(Outcome.TOO_LARGE, f"expected at most {MAX_CODE_BYTES} bytes in one code")
    barcode = zxingcpp.create_barcode(data, zxingcpp.BarcodeFormat.QRCode, ec_level="L")
    bitmap = barcode.to_image(scale=1)
    # zxing-cpp's image has the buffer protocol, which its type stubs do not say.
    pixels = memoryview(cast("Buffer", bitmap))
    height, width = pixels.shape or (0, 0)
    return Image.frombytes("L", (width, height), pixels.tobytes())


def encode_png(*codes: bytes) -> bytes:
    """One QR code as a PNG image, or several as an animated one that starts over."""
    drawn = [draw_code(data) for data in codes]
    modules = max(code.width for code in drawn)
    first, *others = [_enlarged(code, modules) for code in drawn]
    buffer = io.BytesIO()
    if others:
        first.save(
            buffer, "PNG", save_all=True, append_images=others, duration=FRAME_MS, loop=0, blend=0
        )
    else:
        first.save(buffer, "PNG")
    return buffer.getvalue()


def _enlarged(code: Image.Image, modules: int) -> Image.Image:
    """A code on a white square of so many modules: codes of as many bytes may differ in version."""
    square = Image.new("1", (modules, modules), _WHITE)
    square.paste(code.convert("1", dither=Image.Dither.NONE))
    side = modules * PIXELS_PER_MODULE
    return square.resize((side, side), Image.Resampling.NEAREST)


def decode_png(image: bytes) -> Sequence[bytes]:
    """The bytes of the QR codes in a PNG image, at most one in each frame; none when unreadable.

    Raises `Refusal` too_large for an image larger than anything we draw.
    """
    if len(image) > MAX_IMAGE_BYTES:
        raise Refusal(Outcome.TOO_LARGE, f"expected an image of at most {MAX_IMAGE_BYTES} bytes")
    try:
        with Image.open(io.BytesIO(image), formats=["PNG"]) as opened:
            return list(_codes(opened))
    except (Image.DecompressionBombError, Image.DecompressionBombWarning):
        raise Refusal(Outcome.TOO_LARGE, f"expected at most {MAX_PIXELS} pixels") from None
    except (UnidentifiedImageError, OSError, SyntaxError, ValueError, EOFError):
        return []  # Pillow reports broken PNG chunks as SyntaxError, or as ValueError


def _codes(image: Image.Image) -> Iterator[bytes]:
    frames = getattr(image, "n_frames", 1)  # a still image has no such attribute
    if max(image.size) > MAX_IMAGE_SIDE:
        raise Refusal(Outcome.TOO_LARGE, f"expected at most {MAX_IMAGE_SIDE} pixels a side")
    if frames > MAX_FRAMES or frames * image.width * image.height > MAX_PIXELS:
        raise Refusal(
            Outcome.TOO_LARGE, f"expected at most {MAX_FRAMES} frames, {MAX_PIXELS} pixels"
        )
    for number in range(frames):
        image.seek(number)
        found = zxingcpp.read_barcodes(image.convert("L"), formats=_FORMATS)
        if found:
            yield bytes(found[0].bytes)


def terminal_code(data: bytes) -> str:
    """A QR code as lines of half blocks, two modules in each character's height."""
    code = draw_code(data)
    pixels = code.tobytes()
    rows = [
        [pixel < _DARK_BELOW for pixel in pixels[at : at + code.width]]
        for at in range(0, len(pixels), code.width)
    ]
    if len(rows) % 2:
        rows.append([False] * code.width)
    pairs = zip(rows[::2], rows[1::2], strict=True)
    return "\n".join(
        "".join(_HALF_BLOCKS[pair] for pair in zip(upper, lower, strict=True))
        for upper, lower in pairs
    )
