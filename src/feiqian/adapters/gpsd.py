"""A connection to gpsd, which speaks to satellite receivers of every make: its JSON reports, read.

gpsd says what it knows, one JSON object a line (``gpsd_json(5)``). Only the reports that are used here
have a type; the others are passed over. A connection reads what is said from now on, so a report's
age is that of the receiver's sentence and of the way. gpsd is trusted like the receiver behind it: as
far as its fixes are believed, no further. Its lines are bounded and its silence ends by a timeout.
"""

import asyncio
from typing import Self
from urllib.parse import urlsplit

import msgspec

from feiqian.outcomes import Outcome, Refusal

DEFAULT_PORT = 2947
MAX_LINE_BYTES = 65_536
CONNECT_TIMEOUT_MS = 5_000
MAX_SATELLITES = 256

_WATCH = b'?WATCH={"enable":true,"json":true};\n'
_LOST = (OSError, EOFError, ValueError)
"""A connection that is not there, has ended, or says a line beyond the limit."""


class Satellite(msgspec.Struct, frozen=True):
    """One satellite of a sky report."""

    used: bool = False
    gnssid: int | None = None
    """Constellation, as u-blox numbers them; 3 is BeiDou."""


class SkyReport(msgspec.Struct, frozen=True):
    """SKY: which satellites are heard, and which make the fix."""

    satellites: list[Satellite] = []


class TimePositionVelocity(msgspec.Struct, frozen=True):
    """TPV: time, position, velocity; each only if known. Metres, degrees, seconds."""

    mode: int = 0
    """0 unknown, 1 no fix, 2 a position, 3 with altitude."""
    time: str | None = None
    ept: float | None = None
    lat: float | None = None
    lon: float | None = None
    eph: float | None = None
    """Estimated horizontal error, of 95 in 100 cases."""
    speed: float | None = None
    track: float | None = None


Report = SkyReport | TimePositionVelocity

_SHAPES: dict[str, type[SkyReport] | type[TimePositionVelocity]] = {
    "SKY": SkyReport,
    "TPV": TimePositionVelocity,
}


class _Headed(msgspec.Struct, frozen=True):
    kind: str = msgspec.field(name="class", default="")


class GpsdConnection:
    """A watched gpsd."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer

    @classmethod
    async def open(cls, host: str, port: int) -> Self:
        """Connect and ask for reports. `Refusal` unavailable."""
        try:
            async with asyncio.timeout(CONNECT_TIMEOUT_MS / 1000):
                reader, writer = await asyncio.open_connection(host, port, limit=MAX_LINE_BYTES)
        except (OSError, TimeoutError) as error:
            raise Refusal(Outcome.UNAVAILABLE, f"no gpsd at {host}:{port}: {error}") from None
        writer.write(_WATCH)
        return cls(reader, writer)

    async def report(self) -> Report:
        """The next report. `Refusal` unavailable when the connection is lost or makes no sense."""
        while True:
            report = read_report(await self._line())
            if report is not None:
                return report

    async def _line(self) -> bytes:
        try:
            line = await self._reader.readline()
        except _LOST as error:
            raise Refusal(Outcome.UNAVAILABLE, f"gpsd is lost: {error}") from None
        if not line.endswith(b"\n"):
            raise Refusal(Outcome.UNAVAILABLE, "gpsd has ended the connection")
        return line

    async def close(self) -> None:
        """End the connection; closing twice is harmless."""
        self._writer.close()
        try:
            await self._writer.wait_closed()
        except OSError:
            return


def read_report(line: bytes) -> Report | None:
    """A line as a report; None for kinds that are not used here, and for what is not a report.

    A receiver can put anything on its line, so what is malformed is passed over like noise.
    """
    try:
        shape = _SHAPES.get(msgspec.json.decode(line, type=_Headed).kind)
        report = None if shape is None else msgspec.json.decode(line, type=shape)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None
    if isinstance(report, SkyReport) and len(report.satellites) > MAX_SATELLITES:
        return None
    return report


def parse_gpsd(text: str) -> tuple[str, int]:
    """Host and port of ``gpsd://HOST[:PORT]``. `Refusal` malformed."""
    try:
        parts = urlsplit(text)
        host, port = parts.hostname, parts.port
    except ValueError:
        host, port, parts = None, None, urlsplit("")
    if parts.scheme != "gpsd" or not host or parts.path or parts.query:
        raise Refusal(
            Outcome.MALFORMED, f"expected a receiver such as gpsd://127.0.0.1:2947, got {text!r}"
        )
    return host, DEFAULT_PORT if port is None else port
