"""Where a vehicle was, and when: in integers, so that every machine reads and compares the same.

Degrees are counted in ten-millionths (about 11 mm of latitude), WGS 84, as in vehicle messages (ETSI
TS 102 894-2). The accuracy is the radius of the circle that holds the truth in 95 of 100 cases. What
a source does not know it leaves out; nothing is made up. Who says it, and as which of its reports,
stands around it: a position report is signed and numbered (`wire.service`).
"""

from enum import StrEnum
from typing import Annotated

import msgspec

from feiqian.timing.moment import Moment

DEGREE_E7 = 10_000_000
MAX_LATITUDE_E7 = 90 * DEGREE_E7
MAX_LONGITUDE_E7 = 180 * DEGREE_E7
MAX_ACCURACY_MM = 1_000_000
"""A source that is less certain than one kilometre knows no position."""
MAX_SPEED_MM_S = 200_000
MAX_HEADING_CDEG = 35_999


class PositionSourceKind(StrEnum):
    """How a position became known."""

    GNSS = "gnss"
    """A receiver in the vehicle."""
    CAM = "cam"
    """The vehicle's cooperative awareness messages (ETSI EN 302 637-2)."""
    SIMULATED = "simulated"
    """A simulator; never in traffic."""


class Position(msgspec.Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """Latitude and longitude with their 95 % radius, at a moment; speed and heading if known."""

    moment: Moment
    latitude_e7: Annotated[int, msgspec.Meta(ge=-MAX_LATITUDE_E7, le=MAX_LATITUDE_E7)]
    longitude_e7: Annotated[int, msgspec.Meta(ge=-MAX_LONGITUDE_E7, le=MAX_LONGITUDE_E7)]
    accuracy_mm: Annotated[int, msgspec.Meta(ge=0, le=MAX_ACCURACY_MM)]
    speed_mm_s: Annotated[int, msgspec.Meta(ge=0, le=MAX_SPEED_MM_S)] | None
    heading_cdeg: Annotated[int, msgspec.Meta(ge=0, le=MAX_HEADING_CDEG)] | None
    """Clockwise from north, in hundredths of a degree."""
    source: PositionSourceKind
