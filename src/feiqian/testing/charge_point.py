"""A charge point that speaks real OCPP, 1.6 or 2.0.1, and does what charge points do.

It charges when it was asked to and a plug is in, counts, and reports. What it has to say about a
transaction it keeps while it is offline and says afterwards, in order, with the moments of then; told
to repeat itself, it says everything twice. Anything with `recv`, `send` and `close` connects it.
"""

import asyncio
import contextlib
from collections import deque
from collections.abc import Callable
from typing import Any

from ocpp.routing import on
from ocpp.v16 import ChargePoint as ChargePoint16
from ocpp.v16 import call as call16
from ocpp.v16 import call_result as result16
from ocpp.v16.enums import ChargePointErrorCode
from ocpp.v201 import ChargePoint as ChargePoint201
from ocpp.v201 import call as call201
from ocpp.v201 import call_result as result201
from websockets import ConnectionClosed
from websockets.asyncio.client import connect

from feiqian.adapters.ocpp.central_system import VERSION_16, VERSION_201
from feiqian.adapters.ocpp.readings import REGISTER, written_moment
from feiqian.tasks import end_tasks

MAX_OUTBOX = 10_000
Payload = Callable[[], Any]
"""Makes a message when it is sent: only then its transaction's name is known for certain."""


class SimulatedChargePoint:
    """One charge point with one connector."""

    def __init__(self, name: str, version: str, now_ms: Callable[[], int]) -> None:
        self.name = name
        self.version = version
        self.now_ms = now_ms
        self.register_wh = 1_000_000
        self.plugged = False
        self.refusing = False
        """It answers remote starts with no."""
        self.repeating = False
        self.key: str | None = None
        """Of the transaction that runs."""
        self.transaction: int | str = 0
        self.invalid = 0
        """How often it was told that a token is not to be served."""
        self.asked = asyncio.Event()
        """Set once it was asked to begin."""
        self._awaited: str | None = None
        self._sequence = 0
        self._count = 0
        self._outbox: deque[Payload] = deque(maxlen=MAX_OUTBOX)
        self._talk: Any = None
        self._connection: Any = None
        self._tasks: list[asyncio.Task[None]] = []
        self._sending = asyncio.Lock()

    # Line ----------------------------------------------------------------------------------------
    async def connect(self, port: int, password: str) -> None:
        """Connect to a central system on this machine."""
        uri = f"ws://{self.name}:{password}@127.0.0.1:{port}/{self.name}"
        self.attach(await connect(uri, subprotocols=[self.version]))  # type: ignore[list-item]  # a NewType of str
        await self.boot()

    def attach(self, connection: Any) -> None:  # noqa: ANN401 - has recv, send and close
        """Speak over a connection."""
        shape = _Talk16 if self.version == VERSION_16 else _Talk201
        self._connection = connection
        self._talk = shape(self, connection)
        self._tasks.append(asyncio.ensure_future(self._listen()))

    async def boot(self) -> None:
        """Introduce itself, and say what it has kept."""
        await self._talk.call(self._talk.booted(), suppress=False)
        await self.say_plug()
        await self.flush()

    async def drop(self) -> None:
        """Lose the connection."""
        connection, self._connection, self._talk = self._connection, None, None
        if connection is not None:
            await connection.close()
        await end_tasks(self._tasks)
        self._tasks.clear()

    async def _listen(self) -> None:
        with contextlib.suppress(ConnectionClosed):
            await self._talk.start()

    # What happens at it --------------------------------------------------------------------------
    async def plug_in(self) -> None:
        """A plug is put in; what was asked for begins."""
        self.plugged = True
        await self.say_plug()
        await self._begin_awaited()

    async def unplug(self) -> None:
        """The plug is pulled; what runs is over."""
        await self.stop()
        self.plugged = False
        await self.say_plug()

    async def say_plug(self) -> None:
        """Report the connector's state, if anybody listens."""
        if self._talk is not None:
            await self._talk.call(self._talk.status())

    async def begin(self, key: str) -> None:
        """A transaction begins."""
        self.key, self._sequence, self._count = key, 0, self._count + 1
        self.transaction = 0 if self.version == VERSION_16 else f"{self.name}-{self._count}"
        await self._say("started", self.now_ms(), self.register_wh, key)

    async def charge(self, energy_wh: int) -> None:
        """Energy flowed; the meter is read."""
        self.register_wh += energy_wh
        await self._say("metered", self.now_ms(), self.register_wh, self.key)

    async def pause(self, *, paused: bool) -> None:
        """The car takes nothing any more, or again."""
        if self._talk is not None:
            await self._talk.call(self._talk.paused(paused=paused))

    async def stop(self) -> None:
        """The transaction ends."""
        key, self.key = self.key, None
        if key is not None:
            await self._say("stopped", self.now_ms(), self.register_wh, key)

    async def present(self, token: str) -> None:
        """Somebody holds a card to the reader, and it begins whatever the answer is."""
        await self._talk.call(self._talk.authorize(token))
        await self.begin(token)

    # Asked from afar -----------------------------------------------------------------------------
    def asked_to_begin(self, key: str) -> bool:
        """Whether it will, once a plug is in."""
        if self.refusing or self.key is not None:
            return False
        self._awaited = key
        self.asked.set()
        self._later(self._begin_awaited())
        return True

    def asked_to_stop(self, transaction: int | str) -> bool:
        """Whether it will."""
        if self.key is None or transaction != self.transaction:
            return False
        self._later(self.stop())
        return True

    async def _begin_awaited(self) -> None:
        if self.plugged and self._awaited is not None:
            key, self._awaited = self._awaited, None
            await self.begin(key)

    def _later(self, doing: Any) -> None:  # noqa: ANN401 - a coroutine
        self._tasks.append(asyncio.ensure_future(doing))

    # Saying --------------------------------------------------------------------------------------
    async def _say(self, what: str, at_ms: int, register_wh: int, key: str | None) -> None:
        sequence, self._sequence = self._sequence, self._sequence + 1
        for _ in range(2 if self.repeating else 1):
            self._outbox.append(
                lambda: getattr(self._talk, what)(at_ms, register_wh, key, sequence)
            )
        await self.flush()

    async def flush(self) -> None:
        """Say what was kept, in order, while anybody listens."""
        async with self._sending:
            while self._outbox and self._talk is not None:
                try:
                    answer = await self._talk.call(self._outbox[0](), suppress=False)
                except (ConnectionClosed, TimeoutError):
                    return
                self._outbox.popleft()
                self._talk.note(answer)


class _Talk16(ChargePoint16):
    """1.6."""

    def __init__(self, point: SimulatedChargePoint, connection: Any) -> None:  # noqa: ANN401 - has recv and send
        super().__init__(point.name, connection, response_timeout=10)
        self.point = point

    @on("RemoteStartTransaction")
    def on_remote_start(self, id_tag: str, **_: object) -> Any:  # noqa: ANN401 - the library's
        """Asked to begin."""
        status = "Accepted" if self.point.asked_to_begin(id_tag) else "Rejected"
        return result16.RemoteStartTransaction(status)

    @on("RemoteStopTransaction")
    def on_remote_stop(self, transaction_id: int) -> Any:  # noqa: ANN401 - the library's
        """Asked to stop."""
        status = "Accepted" if self.point.asked_to_stop(transaction_id) else "Rejected"
        return result16.RemoteStopTransaction(status)

    def booted(self) -> Any:  # noqa: ANN401 - the library's
        """Its introduction."""
        return call16.BootNotification("Simulated", "Feiqian")

    def status(self) -> Any:  # noqa: ANN401 - the library's
        """The connector's state."""
        status = "Available"
        if self.point.plugged:
            status = "Preparing" if self.point.key is None else "Charging"
        return call16.StatusNotification(1, ChargePointErrorCode.no_error, status)

    def paused(self, *, paused: bool) -> Any:  # noqa: ANN401 - the library's
        """The car takes nothing any more, or again."""
        return call16.StatusNotification(
            1,
            ChargePointErrorCode.no_error,
            "SuspendedEV" if paused else "Charging",
            written_moment(self.point.now_ms()),
        )

    def authorize(self, token: str) -> Any:  # noqa: ANN401 - the library's
        """A card."""
        return call16.Authorize(token)

    def started(self, at_ms: int, register_wh: int, key: str, _: int) -> Any:  # noqa: ANN401 - the library's
        """It began."""
        return call16.StartTransaction(1, key, register_wh, written_moment(at_ms))

    def metered(self, at_ms: int, register_wh: int, _: str, __: int) -> Any:  # noqa: ANN401 - the library's
        """A reading, in kWh, with other things beside it."""
        samples = [
            {"value": "230", "measurand": "Voltage", "unit": "V"},
            {"value": f"{register_wh / 1000:.3f}", "measurand": REGISTER, "unit": "kWh"},
        ]
        value = {"timestamp": written_moment(at_ms), "sampledValue": samples}
        return call16.MeterValues(1, [value], transaction_id=self.point.transaction)

    def stopped(self, at_ms: int, register_wh: int, _: str, __: int) -> Any:  # noqa: ANN401 - the library's
        """It ended."""
        return call16.StopTransaction(register_wh, written_moment(at_ms), self.point.transaction)

    def note(self, answer: Any) -> None:  # noqa: ANN401 - the library's
        """What it was told."""
        if isinstance(answer, result16.StartTransaction):
            self.point.transaction = answer.transaction_id
            self.point.invalid += answer.id_tag_info["status"] != "Accepted"


class _Talk201(ChargePoint201):
    """2.0.1."""

    def __init__(self, point: SimulatedChargePoint, connection: Any) -> None:  # noqa: ANN401 - has recv and send
        super().__init__(point.name, connection, response_timeout=10)
        self.point = point

    @on("RequestStartTransaction")
    def on_remote_start(self, id_token: dict[str, Any], **_: object) -> Any:  # noqa: ANN401 - the library's
        """Asked to begin."""
        accepted = self.point.asked_to_begin(id_token["id_token"])
        return result201.RequestStartTransaction("Accepted" if accepted else "Rejected")

    @on("RequestStopTransaction")
    def on_remote_stop(self, transaction_id: str, **_: object) -> Any:  # noqa: ANN401 - the library's
        """Asked to stop."""
        accepted = self.point.asked_to_stop(transaction_id)
        return result201.RequestStopTransaction("Accepted" if accepted else "Rejected")

    def booted(self) -> Any:  # noqa: ANN401 - the library's
        """Its introduction."""
        station = {"model": "Simulated", "vendorName": "Feiqian"}
        return call201.BootNotification(station, "PowerUp")

    def status(self) -> Any:  # noqa: ANN401 - the library's
        """The connector's state."""
        status = "Occupied" if self.point.plugged else "Available"
        return call201.StatusNotification(written_moment(self.point.now_ms()), status, 1, 1)

    def paused(self, *, paused: bool) -> Any:  # noqa: ANN401 - the library's
        """The car takes nothing any more, or again."""
        state = "SuspendedEV" if paused else "Charging"
        return self._event("Updated", self.point.now_ms(), 0, state)

    def authorize(self, token: str) -> Any:  # noqa: ANN401 - the library's
        """A card."""
        return call201.Authorize({"idToken": token, "type": "ISO14443"})

    def started(self, at_ms: int, register_wh: int, key: str, sequence: int) -> Any:  # noqa: ANN401 - the library's
        """It began."""
        return self._event("Started", at_ms, sequence, "Charging", register_wh, key)

    def metered(self, at_ms: int, register_wh: int, _: str, sequence: int) -> Any:  # noqa: ANN401 - the library's
        """A reading."""
        return self._event("Updated", at_ms, sequence, "Charging", register_wh)

    def stopped(self, at_ms: int, register_wh: int, _: str, sequence: int) -> Any:  # noqa: ANN401 - the library's
        """It ended."""
        return self._event("Ended", at_ms, sequence, None, register_wh)

    def _event(
        self,
        kind: str,
        at_ms: int,
        sequence: int,
        state: str | None,
        register_wh: int | None = None,
        key: str | None = None,
    ) -> Any:  # noqa: ANN401 - the library's
        info = {"transactionId": self.point.transaction, "chargingState": state}
        sample = {"value": register_wh, "measurand": REGISTER}
        values = [{"timestamp": written_moment(at_ms), "sampledValue": [sample]}]
        return call201.TransactionEvent(
            kind,
            written_moment(at_ms),
            "RemoteStart" if kind == "Started" else "MeterValuePeriodic",
            sequence,
            {name: value for name, value in info.items() if value is not None},
            meter_value=None if register_wh is None else values,
            id_token=None if key is None else {"idToken": key, "type": "Central"},
        )

    def note(self, answer: Any) -> None:  # noqa: ANN401 - the library's
        """What it was told."""
        info = answer.id_token_info
        if info is not None:
            self.point.invalid += info["status"] != "Accepted"


VERSIONS = (VERSION_16, VERSION_201)


class VirtualPipe:
    """A connection within a process, for virtual time: two ends that `recv`, `send` and `close`."""

    def __init__(self) -> None:
        self.arrived: asyncio.Queue[str | None] = asyncio.Queue()
        """Frames sent by the other end; None is the end."""
        self._other: VirtualPipe | None = None

    @classmethod
    def pair(cls) -> "tuple[VirtualPipe, VirtualPipe]":
        """Two connected ends."""
        one, other = cls(), cls()
        one._other, other._other = other, one
        return one, other

    async def recv(self) -> str:
        """The next frame."""
        frame = await self.arrived.get()
        if frame is None:
            self.arrived.put_nowait(None)
            raise ConnectionClosed(None, None)
        return frame

    async def send(self, frame: str) -> None:
        """Hand over a frame."""
        assert self._other is not None
        self._other.arrived.put_nowait(frame)

    async def close(self, *_: object) -> None:
        """End both ends."""
        assert self._other is not None
        self.arrived.put_nowait(None)
        self._other.arrived.put_nowait(None)
