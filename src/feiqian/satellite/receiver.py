"""What a satellite receiver says every second: sentences of NMEA 0183, made from a moment and a place.

Talkers name the constellation: BD or GB BeiDou, GP GPS, GL GLONASS, GA Galileo, GN several at once. A
receiver without a fix goes on talking: its status says void, and its position fields are empty. It may
still show a time then, from its own clock, which nobody should believe. A spoofer's sentences have
the same form as honest ones, with another moment or place; nothing in them gives it away.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum

from feiqian.timing.fixes import FixedPlace
from feiqian.wire.rdss.sentences import Sentence

MAX_SENTENCE_BYTES = 82
"""NMEA 0183 with its ``$`` and line end."""

_DEGREE_E7 = 10_000_000
_MINUTES = 60
_MINUTE_PLACES = 100_000
_GSV_SATELLITES = 4
"""Satellites that one GSV sentence names."""


class Talker(StrEnum):
    """First two letters of a sentence's address."""

    BEIDOU = "BD"
    BEIDOU_ELSEWHERE = "GB"
    GPS = "GP"
    GLONASS = "GL"
    GALILEO = "GA"


@dataclass(frozen=True, slots=True)
class Sky:
    """What a receiver hears from: one constellation, and satellites of it by number."""

    talker: Talker = Talker.BEIDOU
    satellites: tuple[int, ...] = (1, 3, 6, 9, 14, 21)


def sentence(body: str) -> bytes:
    """A sentence from ``TALKERTYPE,field,...``: with ``$``, checksum and line end."""
    address, *fields = body.split(",")
    return Sentence(address, tuple(fields)).encode()


def speak(sky: Sky, moment_ms: int, place: FixedPlace | None) -> Sequence[bytes]:
    """One second of a receiver that has a fix at `place`, or none.

    GGA, GSA, GSV, RMC and ZDA; the moment is Unix milliseconds, and hundredths of seconds are said.
    """
    at = datetime.fromtimestamp(moment_ms // 10 / 100, UTC)
    clock = f"{at:%H%M%S}.{at.microsecond // 10_000:02d}"
    return (
        _gga(sky, clock, place),
        _gsa(sky, place),
        *_gsv(sky),
        _rmc(sky, at, clock, place),
        sentence(f"{sky.talker}ZDA,{clock},{at:%d,%m,%Y},00,00"),
    )


def _gga(sky: Sky, clock: str, place: FixedPlace | None) -> bytes:
    if place is None:
        return sentence(f"{sky.talker}GGA,{clock},,,,,0,00,99.9,,M,,M,,")
    count = len(sky.satellites)
    return sentence(f"{sky.talker}GGA,{clock},{_angles(place)},1,{count:02d},1.0,50.0,M,0.0,M,,")


def _gsa(sky: Sky, place: FixedPlace | None) -> bytes:
    used = sky.satellites[:12] if place is not None else ()
    numbers = ",".join([f"{number:02d}" for number in used] + [""] * (12 - len(used)))
    mode, dilution = (3, "1.7,1.0,1.3") if place is not None else (1, "99.9,99.9,99.9")
    return sentence(f"{sky.talker}GSA,A,{mode},{numbers},{dilution}")


def _gsv(sky: Sky) -> Sequence[bytes]:
    groups = [
        sky.satellites[start : start + _GSV_SATELLITES]
        for start in range(0, len(sky.satellites), _GSV_SATELLITES)
    ]
    total = len(sky.satellites)
    return [
        sentence(
            f"{sky.talker}GSV,{len(groups)},{place},{total:02d},"
            + ",".join(f"{number:02d},45,{10 * number % 360:03d},42" for number in group)
        )
        for place, group in enumerate(groups, start=1)
    ]


def _rmc(sky: Sky, at: datetime, clock: str, place: FixedPlace | None) -> bytes:
    if place is None:
        return sentence(f"{sky.talker}RMC,{clock},V,,,,,,,{at:%d%m%y},,,N")
    return sentence(f"{sky.talker}RMC,{clock},A,{_angles(place)},0.0,0.0,{at:%d%m%y},,,A")


def _angles(place: FixedPlace) -> str:
    latitude = _degrees_minutes(place.latitude_e7, 2)
    longitude = _degrees_minutes(place.longitude_e7, 3)
    north_south = "N" if place.latitude_e7 >= 0 else "S"
    east_west = "E" if place.longitude_e7 >= 0 else "W"
    return f"{latitude},{north_south},{longitude},{east_west}"


def _degrees_minutes(angle_e7: int, width: int) -> str:
    """``ddmm.mmmmm``, cut, from ten-millionths of a degree."""
    degrees, rest_e7 = divmod(abs(angle_e7), _DEGREE_E7)
    minutes, fraction = divmod(rest_e7 * _MINUTES * _MINUTE_PLACES // _DEGREE_E7, _MINUTE_PLACES)
    return f"{degrees:0{width}d}{minutes:02d}.{fraction:05d}"
