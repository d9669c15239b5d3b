"""A Bluetooth LE radio: a controller reached over HCI, with the host stack of `bumble` above it.

The controller is hardware (``usb:0``, ``serial:/dev/ttyUSB0,1000000``) or a virtual one
(``tcp-client:127.0.0.1:6402``); no kernel driver and no system service take part. Whatever goes
wrong in the stack is a link that cannot be had: `Refusal` unavailable. Every run uses a new random
address, so that a holder is not followed by it.
"""

import asyncio
from collections.abc import Coroutine
from contextlib import suppress
from typing import Any, Self, TypeVar

import usb1
from bumble.core import BaseBumbleError
from bumble.device import Device
from bumble.hci import Address
from bumble.transport import open_transport
from bumble.transport.common import Transport, TransportSink, TransportSource

from feiqian.outcomes import Outcome, Refusal

T = TypeVar("T")

OPEN_TIMEOUT_S = 10.0
ANSWER_TIMEOUT_S = 5.0
"""How long one answer of the controller or of the other side may take."""
CLOSE_TIMEOUT_S = 1.0

FAILURES = (BaseBumbleError, OSError, ValueError, EOFError, usb1.USBError)
"""What the stack and its transports raise."""


class BleRadio:
    """A powered controller; one link at a time."""

    def __init__(self, device: Device, transport: Transport | None = None) -> None:
        self.device = device
        self._transport = transport

    @classmethod
    async def open(cls, name: str) -> Self:
        """Open a controller by the name of its transport. `Refusal` unavailable."""
        what = f"no Bluetooth controller at {name}"
        transport = await answered(open_transport(name), what, OPEN_TIMEOUT_S)
        radio = cls(radio_device(transport.source, transport.sink), transport)
        try:
            await radio.power_on()
        except Refusal:
            await radio.close()
            raise
        return radio

    async def power_on(self) -> None:
        """Reset the controller and make it ours. `Refusal` unavailable."""
        await answered(
            self.device.power_on(), "the Bluetooth controller does not answer", OPEN_TIMEOUT_S
        )

    async def close(self) -> None:
        """Let go of the controller; what does not end in time is left."""
        for connection in list(self.device.connections.values()):
            await attempted(connection.disconnect())
        await attempted(self.device.power_off())
        if self._transport is not None:
            await attempted(self._transport.close())


def radio_device(source: TransportSource, sink: TransportSink) -> Device:
    """The host stack above a controller, under a new random address."""
    return Device.with_hci("", Address.generate_static_address(), source, sink)


async def answered(
    asked: Coroutine[Any, Any, T], failure: str, timeout_s: float = ANSWER_TIMEOUT_S
) -> T:
    """What the stack answers. `Refusal` unavailable with `failure` when it fails or is silent.

    It runs as a task, because the stack cancels what waits on a connection that is lost.
    """
    task = asyncio.ensure_future(asked)
    try:
        await asyncio.wait({task}, timeout=timeout_s)
        if not task.done() or task.cancelled():
            raise Refusal(Outcome.UNAVAILABLE, failure)
        return task.result()
    except FAILURES as error:
        raise Refusal(Outcome.UNAVAILABLE, f"{failure}: {error or type(error).__name__}") from error
    finally:
        task.cancel()


async def attempted(asked: Coroutine[Any, Any, object]) -> None:
    """Do it if it can be done in time."""
    with suppress(Refusal):  # what is being ended may be gone already
        await answered(asked, "it does not end", CLOSE_TIMEOUT_S)
