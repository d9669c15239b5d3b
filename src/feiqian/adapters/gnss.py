"""Moments from a satellite receiver behind gpsd, of whatever constellation it hears (W-02, W-12).

Only a position fix tells the time: without one, a receiver shows its own clock. What it says was true
when the satellites were heard, and reaches us within `RECEIVER_DELAY_MS`; the interval covers that.
Every fix is asked for over a new connection, so that none can have waited in a buffer.
"""

import asyncio
from collections import Counter
from datetime import UTC, datetime, timedelta

from feiqian.adapters.gpsd import GpsdConnection, Report, SkyReport, TimePositionVelocity
from feiqian.outcomes import Outcome, Refusal
from feiqian.ports import Oscillator
from feiqian.timing.fixes import Fix, FixedPlace
from feiqian.timing.moment import MAX_MS, Moment

RECEIVER_DELAY_MS = 1_000
"""Longest from the moment said to its arrival here: sentences at 4,800 baud take most of a second."""
FIX_TIMEOUT_MS = 10_000
MAX_REPORTS = 200
"""Most reports that are read for one fix."""

_DEFAULT_ERROR_S = 0.01
_MAX_ERROR_S = 3_600
_FIXED = 2
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_CONSTELLATIONS = {
    0: "gps",
    1: "sbas",
    2: "galileo",
    3: "beidou",
    5: "qzss",
    6: "glonass",
    7: "navic",
}


class GnssReceiver:
    """`ports.FixSource` from a gpsd."""

    def __init__(
        self, host: str, port: int, oscillator: Oscillator, timeout_ms: int = FIX_TIMEOUT_MS
    ) -> None:
        self._host = host
        self._port = port
        self._oscillator = oscillator
        self._timeout_ms = timeout_ms

    async def fix(self) -> Fix:
        """The next fix. `Refusal` fix_missing, unavailable."""
        gpsd = await GpsdConnection.open(self._host, self._port)
        try:
            async with asyncio.timeout(self._timeout_ms / 1000):
                return await self._first(gpsd)
        except TimeoutError:
            raise Refusal(
                Outcome.FIX_MISSING, f"the receiver had no fix within {self._timeout_ms} ms"
            ) from None
        finally:
            await gpsd.close()

    async def _first(self, gpsd: GpsdConnection) -> Fix:
        heard_from = "gnss"
        for _ in range(MAX_REPORTS):
            report = await gpsd.report()
            fix = self._fix_of(report, heard_from)
            if fix is not None:
                return fix
            if isinstance(report, SkyReport):
                heard_from = source_of(report)
        raise Refusal(Outcome.FIX_MISSING, f"no fix in {MAX_REPORTS} reports of the receiver")

    def _fix_of(self, report: Report, source: str) -> Fix | None:
        if not isinstance(report, TimePositionVelocity):
            return None
        moment = moment_of(report)
        if moment is None:
            return None
        return Fix(moment, self._oscillator.read(), source, place_of(report))


def moment_of(report: TimePositionVelocity) -> Moment | None:
    """When a report was heard; None without a position fix, or a time that can be meant."""
    if report.mode < _FIXED or report.time is None:
        return None
    try:
        at = datetime.fromisoformat(report.time)
        said_ms = (at - _EPOCH) // timedelta(milliseconds=1)
    except (ValueError, TypeError, OverflowError):
        return None
    error_s = _DEFAULT_ERROR_S if report.ept is None else report.ept
    if not (0 <= error_s <= _MAX_ERROR_S and 0 <= said_ms <= MAX_MS - RECEIVER_DELAY_MS):
        return None
    half_ms = RECEIVER_DELAY_MS // 2
    return Moment(said_ms + half_ms, half_ms + int(error_s * 1000) + 1)


def place_of(report: TimePositionVelocity) -> FixedPlace | None:
    """Where the receiver was, if it says so with its uncertainty."""
    if report.lat is None or report.lon is None or report.eph is None:
        return None
    return FixedPlace(round(report.lat * 1e7), round(report.lon * 1e7), round(report.eph * 1000))


def source_of(sky: SkyReport) -> str:
    """The constellation of most satellites in use, such as ``gnss:beidou``."""
    used = Counter(each.gnssid for each in sky.satellites if each.used)
    for gnssid, _ in used.most_common(1):
        name = None if gnssid is None else _CONSTELLATIONS.get(gnssid)
        return "gnss" if name is None else f"gnss:{name}"
    return "gnss"
