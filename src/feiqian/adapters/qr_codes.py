"""Bytes to QR codes and back: as PNG images, and as half blocks for a terminal.

Binary QR codes (ISO/IEC 18004 byte mode) of error correction level L, small enough that a phone's
camera reads them from a screen. What is read is bounded before it is decoded.
"""

import io
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
PIXELS_PER_MODULE = 4

_FORMATS = zxingcpp.BarcodeFormats([zxingcpp.BarcodeFormat.QRCode])
_DARK_BELOW = 128
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


def encode_png(data: bytes) -> bytes:
    """A QR code as a PNG image."""
    small = draw_code(data)
    size = (small.width * PIXELS_PER_MODULE, small.height * PIXELS_PER_MODULE)
    buffer = io.BytesIO()
    small.resize(size, Image.Resampling.NEAREST).save(buffer, "PNG", optimize=True)
    return buffer.getvalue()


def decode_png(image: bytes) -> bytes | None:
    """The bytes of the QR code in a PNG image; None when there is none to be read.

    Raises `Refusal` too_large for an image larger than anything we draw.
    """
    if len(image) > MAX_IMAGE_BYTES:
        raise Refusal(Outcome.TOO_LARGE, f"expected an image of at most {MAX_IMAGE_BYTES} bytes")
    try:
        with Image.open(io.BytesIO(image), formats=["PNG"]) as opened:
            if max(opened.size) > MAX_IMAGE_SIDE:
                raise Refusal(Outcome.TOO_LARGE, f"expected at most {MAX_IMAGE_SIDE} pixels a side")
            codes = zxingcpp.read_barcodes(opened.convert("L"), formats=_FORMATS)
    except (UnidentifiedImageError, OSError, SyntaxError):
        return None  # Pillow reports broken PNG chunks as SyntaxError
    return bytes(codes[0].bytes) if codes else None


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
