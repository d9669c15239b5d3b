"""A module on a serial device: opened raw, eight bits, no parity, without another library.

The device is opened twice, once for each direction, because the event loop takes a pipe's two ends as
two files.
"""

import asyncio
import os
import termios
import tty
from asyncio import StreamReader, StreamReaderProtocol, StreamWriter
from pathlib import Path
from typing import BinaryIO

from feiqian.adapters.rdss.line import StreamLine
from feiqian.outcomes import Outcome, Refusal
from feiqian.wire.rdss.sentences import MAX_SENTENCE_BYTES

DEFAULT_BAUD = 115_200
_SPEEDS = {
    each: getattr(termios, f"B{each}") for each in (4_800, 9_600, 19_200, 38_400, 57_600, 115_200)
}
_INPUT_SPEED, _OUTPUT_SPEED = 4, 5
"""Places in what termios says of a device."""


async def open_serial(device: Path, baud: int = DEFAULT_BAUD) -> StreamLine:
    """A line on `device`. `Refusal`: malformed (speed), unavailable (no such device, no right)."""
    if baud not in _SPEEDS:
        raise Refusal(Outcome.MALFORMED, f"expected a speed of {', '.join(map(str, _SPEEDS))}")
    try:
        incoming = _opened(device, os.O_RDONLY, baud)
        outgoing = _opened(device, os.O_WRONLY, baud)
    except (OSError, termios.error) as error:
        raise Refusal(Outcome.UNAVAILABLE, f"no module at {device}: {error}") from None
    return await _streamed(incoming, outgoing)


def _opened(device: Path, direction: int, baud: int) -> BinaryIO:
    descriptor = os.open(device, direction | os.O_NOCTTY | os.O_NONBLOCK)
    try:
        tty.setraw(descriptor, termios.TCSANOW)
        settings = termios.tcgetattr(descriptor)
        settings[_INPUT_SPEED] = settings[_OUTPUT_SPEED] = _SPEEDS[baud]
        termios.tcsetattr(descriptor, termios.TCSANOW, settings)
    except (OSError, termios.error):
        os.close(descriptor)
        raise
    return os.fdopen(descriptor, "rb" if direction == os.O_RDONLY else "wb", buffering=0)


async def _streamed(incoming: BinaryIO, outgoing: BinaryIO) -> StreamLine:
    loop = asyncio.get_running_loop()
    reader = StreamReader(limit=MAX_SENTENCE_BYTES)
    reading, _ = await loop.connect_read_pipe(lambda: StreamReaderProtocol(reader), incoming)
    transport, protocol = await loop.connect_write_pipe(
        lambda: StreamReaderProtocol(StreamReader()), outgoing
    )
    return SerialLine(reader, StreamWriter(transport, protocol, None, loop), reading)


class SerialLine(StreamLine):
    """A line whose two directions end together."""

    def __init__(
        self, reader: StreamReader, writer: StreamWriter, reading: asyncio.ReadTransport
    ) -> None:
        super().__init__(reader, writer)
        self._reading = reading

    async def close(self) -> None:
        """End both directions."""
        self._reading.close()
        await super().close()
