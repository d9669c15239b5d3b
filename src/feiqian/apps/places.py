"""Places that people write: degrees with a decimal point, north and east positive."""

import re

from feiqian.outcomes import Outcome, Refusal
from feiqian.wire.positions import DEGREE_E7, MAX_LATITUDE_E7, MAX_LONGITUDE_E7

_PLACE = re.compile(r"(-?)(\d{1,2})(?:\.(\d{1,7}))?,(-?)(\d{1,3})(?:\.(\d{1,7}))?", re.ASCII)


def parse_place(text: str) -> tuple[int, int]:
    """Latitude and longitude in ten-millionths of a degree. `Refusal` malformed."""
    found = _PLACE.fullmatch(text.replace(" ", ""))
    if found is None:
        raise Refusal(
            Outcome.MALFORMED, f"expected LATITUDE,LONGITUDE in degrees, got {text[:40]!r}"
        )
    latitude_e7 = _degrees_e7(*found.group(1, 2, 3))
    longitude_e7 = _degrees_e7(*found.group(4, 5, 6))
    if abs(latitude_e7) > MAX_LATITUDE_E7 or abs(longitude_e7) > MAX_LONGITUDE_E7:
        raise Refusal(Outcome.MALFORMED, "expected at most 90 degrees north and 180 east")
    return latitude_e7, longitude_e7


def _degrees_e7(sign: str, whole: str, fraction: str | None) -> int:
    magnitude = int(whole) * DEGREE_E7 + int((fraction or "").ljust(7, "0"))
    return -magnitude if sign else magnitude
