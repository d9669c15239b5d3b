"""What a simulated charge point says in OCPP 1.6 and in 2.0.1; what it does is the device's."""

from collections.abc import Callable
from typing import Any, Protocol

from ocpp.routing import on
from ocpp.v16 import ChargePoint as ChargePoint16
from ocpp.v16 import call as call16
from ocpp.v16 import call_result as result16
from ocpp.v16.enums import ChargePointErrorCode
from ocpp.v201 import ChargePoint as ChargePoint201
from ocpp.v201 import call as call201
from ocpp.v201 import call_result as result201

from feiqian.adapters.ocpp.readings import REGISTER, written_moment


class ChargePoint(Protocol):
    """The device, as either version speaks for it."""

    name: str
    now_ms: Callable[[], int]
    plugged: bool
    key: str | None
    transaction: int | str
    invalid: int

    def asked_to_begin(self, key: str) -> bool:
        """Whether it will, once a plug is in."""
        ...

    def asked_to_stop(self, transaction: int | str) -> bool:
        """Whether it will."""
        ...


class Talk16(ChargePoint16):
    """1.6."""

    def __init__(self, point: ChargePoint, connection: Any) -> None:  # noqa: ANN401 - has recv and send
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


class Talk201(ChargePoint201):
    """2.0.1."""

    def __init__(self, point: ChargePoint, connection: Any) -> None:  # noqa: ANN401 - has recv and send
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
