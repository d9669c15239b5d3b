"""Cooperative awareness messages of vehicles, for tests: real bytes, with other values put in.

The rest of the message stays as in the one that an independent encoder made (`vectors/foreign/cam.json`).
"""

from feiqian.adapters.cam import ITS_EPOCH_MS, LEAP_MS
from feiqian.wire.positions import MAX_LATITUDE_E7, MAX_LONGITUDE_E7, Position

_TEMPLATE = bytes.fromhex(
    "0202000012673039005a9e5a700e68e85a01f4190708327d1000384122b69302908a8053ff01fff880"
)
_FIELDS = {
    "station": (16, 32),
    "delta": (48, 16),
    "latitude": (76, 31),
    "longitude": (107, 32),
    "axis": (139, 12),
    "heading": (208, 12),
    "speed": (227, 14),
}
"""First bit and width of what is put in."""
_NO_HEADING, _NO_SPEED = 3_601, 16_383


def cam_of(station: int, position: Position) -> bytes:
    """What a vehicle says of a position."""
    heading, speed = position.heading_cdeg, position.speed_mm_s
    return _filled(
        station=station,
        delta=(position.moment.midpoint_ms - ITS_EPOCH_MS + LEAP_MS) % 65_536,
        latitude=position.latitude_e7 + MAX_LATITUDE_E7,
        longitude=position.longitude_e7 + MAX_LONGITUDE_E7,
        axis=max(1, position.accuracy_mm // 10),
        heading=_NO_HEADING if heading is None else heading // 10,
        speed=_NO_SPEED if speed is None else speed // 10,
    )


def _filled(**values: int) -> bytes:
    bits = int.from_bytes(_TEMPLATE, "big")
    whole = 8 * len(_TEMPLATE)
    for name, value in values.items():
        first, width = _FIELDS[name]
        shift = whole - first - width
        bits = bits & ~(((1 << width) - 1) << shift) | value << shift
    return bits.to_bytes(len(_TEMPLATE), "big")
