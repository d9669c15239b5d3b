"""Positions from a satellite receiver behind gpsd (`ports.PositionSource`).

One connection is watched for as long as the source is open. A report without a fix, without its
accuracy or of a moment already reported says nothing, and is passed over: in a tunnel the source waits.
The moment is that of the position, as the receiver says it, however late it came.
"""

from datetime import UTC, datetime, timedelta
from typing import Self

import msgspec

from feiqian.adapters.gpsd import GpsdConnection, SkyReport, TimePositionVelocity
from feiqian.timing.moment import MAX_MS, Moment
from feiqian.wire.positions import MAX_ACCURACY_MM, Position, PositionSourceKind

_FIXED = 2
_DEFAULT_ERROR_S = 0.01
_MAX_ERROR_S = 3_600
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class GnssPositions:
    """The receiver's positions, one by one."""

    def __init__(self, gpsd: GpsdConnection) -> None:
        self._gpsd = gpsd
        self._last_ms = -1

    @classmethod
    async def open(cls, host: str, port: int) -> Self:
        """Connect to a gpsd. `Refusal` unavailable."""
        return cls(await GpsdConnection.open(host, port))

    async def position(self) -> Position:
        """The next position. `Refusal` unavailable when gpsd is lost."""
        while True:
            report = await self._gpsd.report()
            position = None if isinstance(report, SkyReport) else position_of(report)
            if position is not None and position.moment.midpoint_ms > self._last_ms:
                self._last_ms = position.moment.midpoint_ms
                return position

    async def close(self) -> None:
        """End the connection; closing twice is harmless."""
        await self._gpsd.close()


def position_of(report: TimePositionVelocity) -> Position | None:
    """A report as a position; None if it lacks what a position needs, or cannot be meant."""
    moment = _moment_of(report)
    if moment is None or report.lat is None or report.lon is None or not report.eph:
        return None
    said = (
        moment,
        round(report.lat * 1e7),
        round(report.lon * 1e7),
        min(round(report.eph * 1e3), MAX_ACCURACY_MM),
        None if report.speed is None else round(report.speed * 1e3),
        None if report.track is None else round(report.track * 100) % 36_000,
        PositionSourceKind.GNSS,
    )
    try:
        return msgspec.convert(said, Position)
    except msgspec.ValidationError:
        return None


def _moment_of(report: TimePositionVelocity) -> Moment | None:
    """When the position was taken."""
    if report.mode < _FIXED or report.time is None:
        return None
    try:
        at = datetime.fromisoformat(report.time)
        said_ms = (at - _EPOCH) // timedelta(milliseconds=1)
    except (ValueError, TypeError, OverflowError):
        return None
    error_s = _DEFAULT_ERROR_S if report.ept is None else report.ept
    if not (0 <= error_s <= _MAX_ERROR_S and 0 <= said_ms <= MAX_MS):
        return None
    return Moment(said_ms, round(error_s * 1000) + 1)
