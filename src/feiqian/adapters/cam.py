"""What a vehicle's cooperative awareness message says of its position (ETSI EN 302 637-2, TS 103 900).

The messages are ASN.1 in unaligned packed encoding (ITU-T X.691): fields of fixed width, one after the
other. All that is wanted here stands in the first 37 bytes, so these are read and the rest, which
others may extend, is not. The accuracy is the semi-major axis of the 95 % ellipse. The moment is sent
modulo 65,536 ms; the clock of the receiver tells which of these minutes is meant, and nothing else.
"""

from dataclasses import dataclass

from feiqian.outcomes import Outcome, Refusal
from feiqian.timing.moment import Moment
from feiqian.wire.positions import MAX_LATITUDE_E7, MAX_LONGITUDE_E7, Position, PositionSourceKind

MAX_CAM_BYTES = 1_400
"""More does not fit the frames that these messages travel in."""
ITS_EPOCH_MS = 1_072_915_200_000
"""2004-01-01, since when ITS counts milliseconds, leap seconds included."""
LEAP_MS = 5_000
"""Leap seconds since then; none has been announced."""
GENERATION_MS = 50
"""Longest from the position's moment to the message's."""
EARLY_MS = 2_000
"""How far a sender's clock may be ahead of ours before its minute is mistaken for the last one."""

_DELTA_MODULUS = 65_536
_VERSIONS = (1, 2)
_CAM = 2
_ROADSIDE = 15
_AXIS_OUT_OF_RANGE, _NO_HEADING, _NO_SPEED = 4_094, 3_601, 16_383
_MM_PER_AXIS_UNIT, _CDEG_PER_HEADING_UNIT, _MM_S_PER_SPEED_UNIT = 10, 10, 10
_LOWEST_LATITUDE_E7, _LOWEST_LONGITUDE_E7 = -MAX_LATITUDE_E7, -MAX_LONGITUDE_E7


@dataclass(frozen=True, slots=True)
class Awareness:
    """Who sent a message, and where that vehicle was; None if it does not know well enough."""

    station: int
    position: Position | None


class _Bits:
    """Reads fields from the front."""

    def __init__(self, raw: bytes) -> None:
        self._value = int.from_bytes(raw, "big")
        self._left = 8 * len(raw)

    def take(self, width: int) -> int:
        if width > self._left:
            raise Refusal(Outcome.MALFORMED, "expected more of the message")
        self._left -= width
        return self._value >> self._left & ((1 << width) - 1)


def read_cam(raw: bytes, now: Moment) -> Awareness:
    """Sender and position. `Refusal` too_large, malformed, unknown_version."""
    if len(raw) > MAX_CAM_BYTES:
        raise Refusal(Outcome.TOO_LARGE, f"expected at most {MAX_CAM_BYTES} bytes")
    bits = _Bits(raw)
    if bits.take(8) not in _VERSIONS:
        raise Refusal(Outcome.UNKNOWN_VERSION, f"expected a CAM of version {_VERSIONS}")
    if bits.take(8) != _CAM:
        raise Refusal(Outcome.MALFORMED, "expected a cooperative awareness message")
    station = bits.take(32)
    moment = _moment(bits.take(16), now)
    bits.take(3)  # extension, and whether the two optional containers follow
    extended = bits.take(1)
    if bits.take(8) == _ROADSIDE:
        raise Refusal(Outcome.MALFORMED, "expected a vehicle, not a roadside unit")
    latitude_e7 = bits.take(31) + _LOWEST_LATITUDE_E7
    longitude_e7 = bits.take(32) + _LOWEST_LONGITUDE_E7
    axis = bits.take(12)
    bits.take(12 + 12 + 20 + 4)  # minor axis, orientation, altitude
    heading, speed = (_NO_HEADING, _NO_SPEED) if extended else _motion(bits)
    if not _is_place(latitude_e7, longitude_e7) or not 0 < axis < _AXIS_OUT_OF_RANGE:
        return Awareness(station, None)
    return Awareness(
        station,
        Position(
            moment,
            latitude_e7,
            longitude_e7,
            axis * _MM_PER_AXIS_UNIT,
            None if speed >= _NO_SPEED else speed * _MM_S_PER_SPEED_UNIT,
            None if heading >= _NO_HEADING else heading % 3_600 * _CDEG_PER_HEADING_UNIT,
            PositionSourceKind.CAM,
        ),
    )


def _motion(bits: _Bits) -> tuple[int, int]:
    """Heading and speed; they come first in the container of a vehicle."""
    bits.take(1)  # extension of the choice
    if bits.take(1):
        return _NO_HEADING, _NO_SPEED
    bits.take(7)  # which optional fields follow
    heading = bits.take(12)
    bits.take(7)
    return heading, bits.take(14)


def _is_place(latitude_e7: int, longitude_e7: int) -> bool:
    """Whether both are known: one above the largest means that they are not."""
    return abs(latitude_e7) <= MAX_LATITUDE_E7 and abs(longitude_e7) <= MAX_LONGITUDE_E7


def _moment(delta: int, now: Moment) -> Moment:
    """The latest moment of that remainder which our clock allows."""
    latest_ms = now.midpoint_ms + EARLY_MS - ITS_EPOCH_MS + LEAP_MS
    passed_ms = (latest_ms - delta) % _DELTA_MODULUS
    return Moment(now.midpoint_ms + EARLY_MS - passed_ms, GENERATION_MS)
