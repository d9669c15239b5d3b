"""A real gpsd for tests, on a free port of this machine, fed by receivers of the test's own."""

import asyncio
import os
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from feiqian.testing.free_ports import HOST, free_ports

START_TIMEOUT_S = 20.0
_PATH = f"{os.environ.get('PATH', os.defpath)}:/usr/sbin:/sbin"


def gpsd_program() -> str | None:
    """Where gpsd is; None when it is not installed."""
    return shutil.which("gpsd", path=_PATH)


needs_gpsd = pytest.mark.skipif(
    gpsd_program() is None and os.environ.get("CI") != "true",
    reason="gpsd is not installed: tools/install-system gpsd",
)
"""Where it cannot be installed; a build server must have it."""


@asynccontextmanager
async def running_gpsd(*receivers: str) -> AsyncIterator[int]:
    """A gpsd that listens to `receivers` (such as ``tcp://127.0.0.1:5000``); its port.

    It is ended by its process, whatever happens in this context. Raises `RuntimeError` when it does
    not start, with what it said.
    """
    program = gpsd_program()
    assert program is not None, "expected gpsd; see README, system packages"
    port = free_ports(1)
    # -N: stay a child of ours; -n: read the receivers before anybody asks; -D 1: errors only.
    options = ("-N", "-n", "-D", "1", "-S", str(port))
    gpsd = await asyncio.create_subprocess_exec(
        program, *options, *receivers, stderr=asyncio.subprocess.PIPE
    )
    try:
        async with asyncio.timeout(START_TIMEOUT_S):
            await _listening(gpsd, port)
        yield port
    finally:
        if gpsd.returncode is None:
            gpsd.kill()
        await gpsd.communicate()


async def _listening(gpsd: asyncio.subprocess.Process, port: int) -> None:
    while not await _answers(port):
        if gpsd.returncode is not None:
            _, said = await gpsd.communicate()
            raise RuntimeError(f"gpsd ended: {said.decode(errors='replace')}")


async def _answers(port: int) -> bool:
    """Whether somebody greets at this port."""
    try:
        reader, writer = await asyncio.open_connection(HOST, port)
    except OSError:
        return False
    try:
        return b'"VERSION"' in await reader.readline()
    finally:
        writer.close()
        await writer.wait_closed()
