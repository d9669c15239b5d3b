"""Addresses of short-message modules that people write, and opening the module behind one.

``CLASS://HOST:PORT`` is a line over TCP, ``CLASS:DEVICE`` a serial device, ``CLASS:DEVICE@BAUD`` one at
another speed than usual. CLASS is the channel class that the module's card is for. With the address
of a gpsd, the module is read through it and only written to directly.
"""

import re
from pathlib import Path

from feiqian.adapters.gpsd import parse_gpsd
from feiqian.adapters.rdss.gpsd_line import GpsdLine
from feiqian.adapters.rdss.line import Line, StreamLine
from feiqian.adapters.rdss.rdss_module import RdssModule
from feiqian.adapters.rdss.serial_line import DEFAULT_BAUD, open_serial
from feiqian.outcomes import Outcome, Refusal
from feiqian.wire.rdss.bds2 import Bds2
from feiqian.wire.rdss.bds3 import Bds3
from feiqian.wire.rdss.module import Dialect
from feiqian.wire.short_messages import RDSS2, RDSS3_GLOBAL, RDSS3_REGIONAL

DIALECTS: dict[str, Dialect] = {
    RDSS2.name: Bds2(),
    RDSS3_REGIONAL.name: Bds3(RDSS3_REGIONAL),
    RDSS3_GLOBAL.name: Bds3(RDSS3_GLOBAL),
}
FORMS = "CLASS://HOST:PORT or CLASS:DEVICE, where CLASS is " + " or ".join(DIALECTS)
MAX_PORT = 65_535

_TCP = re.compile(r"(?P<name>[a-z0-9-]+)://(?P<host>[^\s:/]+):(?P<port>\d{1,5})")
_SERIAL = re.compile(r"(?P<name>[a-z0-9-]+):(?P<device>/(?!/)[^@\s]+)(@(?P<baud>\d{4,6}))?")


async def open_module(address: str, gpsd: str | None = None) -> RdssModule:
    """Sign on to the module at `address`, read through the gpsd at ``gpsd://HOST:PORT`` if given.

    Raises `Refusal`: malformed, unavailable when module or gpsd do not answer.
    """
    found = _TCP.fullmatch(address) or _SERIAL.fullmatch(address)
    if found is None or found["name"] not in DIALECTS:
        raise Refusal(Outcome.MALFORMED, f"expected a module such as {FORMS}, got {address!r}")
    through = None if gpsd is None else parse_gpsd(gpsd)
    line = await _open_line(found)
    if through is not None:
        line = await _read_through(through, line)
    return await RdssModule.sign_on(line, DIALECTS[found["name"]])


async def _open_line(found: re.Match[str]) -> Line:
    parts = found.groupdict()
    if "host" in parts:
        return await StreamLine.connect(parts["host"], _port(parts["port"]))
    return await open_serial(Path(parts["device"]), int(parts["baud"] or DEFAULT_BAUD))


async def _read_through(gpsd: tuple[str, int], outgoing: Line) -> Line:
    try:
        return await GpsdLine.open(*gpsd, outgoing)
    except BaseException:  # also when the wait is given up
        await outgoing.close()
        raise


def _port(text: str) -> int:
    port = int(text)
    if not 0 < port <= MAX_PORT:
        raise Refusal(Outcome.MALFORMED, f"expected a port from 1 to {MAX_PORT}, got {port}")
    return port
