"""A second, small CBOR codec (RFC 8949), written apart from the project's and from its library.

Strict: definite lengths, shortest heads, no tags, no floats, nothing after the item. It knows
integers, byte strings, text, arrays, false, true and null, which is all that Feiqian may use.
"""

SIMPLE = {0xF4: False, 0xF5: True, 0xF6: None}
FIRST_OF_WIDTH = {1: 24, 2: 2**8, 4: 2**16, 8: 2**32}


class NotStrict(Exception):
    """The bytes are not one strictly encoded item."""


def decode(data: bytes):
    """The one item that `data` is."""
    item, end = _item(data, 0)
    if end != len(data):
        raise NotStrict(f"{len(data) - end} bytes after the item")
    return item


def encode(item) -> bytes:
    """The shortest encoding of an item."""
    if item is None or isinstance(item, bool):
        return bytes([next(byte for byte, value in SIMPLE.items() if value is item)])
    if isinstance(item, int):
        return _head(0, item) if item >= 0 else _head(1, -1 - item)
    if isinstance(item, bytes):
        return _head(2, len(item)) + item
    if isinstance(item, str):
        return _head(3, len(item.encode())) + item.encode()
    return _head(4, len(item)) + b"".join(encode(part) for part in item)


def _item(data: bytes, at: int):
    if data[at : at + 1] in {bytes([byte]) for byte in SIMPLE}:
        return SIMPLE[data[at]], at + 1
    major, argument, at = _read_head(data, at)
    if major == 4:
        return _array(data, at, argument)
    if major in {0, 1}:
        return (argument if major == 0 else -1 - argument), at
    end = at + argument
    if end > len(data):
        raise NotStrict("a string beyond the end")
    return (data[at:end] if major == 2 else data[at:end].decode("utf-8")), end


def _array(data: bytes, at: int, count: int):
    items = []
    for _ in range(count):
        item, at = _item(data, at)
        items.append(item)
    return items, at


def _read_head(data: bytes, at: int) -> tuple[int, int, int]:
    if at >= len(data):
        raise NotStrict("an item beyond the end")
    major, short = data[at] >> 5, data[at] & 0x1F
    if major > 4 or short > 27:
        raise NotStrict(f"the initial byte {data[at]:#04x}")
    width = 0 if short < 24 else 1 << (short - 24)
    argument = int.from_bytes(data[at + 1 : at + 1 + width], "big") if width else short
    if at + 1 + width > len(data) or (width and argument < FIRST_OF_WIDTH[width]):
        raise NotStrict("a head that is cut or not the shortest")
    return major, argument, at + 1 + width


def _head(major: int, argument: int) -> bytes:
    if argument < 24:
        return bytes([major << 5 | argument])
    short, width = next(
        (24 + power, 1 << power) for power in range(4) if argument < 1 << (8 << power)
    )
    return bytes([major << 5 | short]) + argument.to_bytes(width, "big")
