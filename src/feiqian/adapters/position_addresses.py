"""Where positions come from, as people write it: ``gpsd://HOST[:PORT]`` or ``cam://HOST:PORT/STATION``."""

from urllib.parse import urlsplit

from feiqian.adapters.cam_positions import CamPositions
from feiqian.adapters.gnss_positions import GnssPositions
from feiqian.adapters.gpsd import parse_gpsd
from feiqian.outcomes import Outcome, Refusal
from feiqian.ports import Clock, PositionSource

MAX_STATION = 2**32 - 1


async def open_positions(address: str, clock: Clock) -> PositionSource:
    """The source at an address. `Refusal` malformed, unavailable."""
    if address.startswith("cam:"):
        host, port, station = parse_cam(address)
        return await CamPositions.open(host, port, station, clock)
    return await GnssPositions.open(*parse_gpsd(address))


def parse_cam(text: str) -> tuple[str, int, int]:
    """Host, port and station of ``cam://HOST:PORT/STATION``. `Refusal` malformed."""
    try:
        parts = urlsplit(text)
        host, port, station = parts.hostname, parts.port, int(parts.path.removeprefix("/"))
    except ValueError:
        host, port, station = None, None, -1
    if not host or port is None or not 0 <= station <= MAX_STATION:
        expected = "expected messages of a station such as cam://127.0.0.1:4400/4711"
        raise Refusal(Outcome.MALFORMED, f"{expected}, got {text!r}")
    return host, port, station
