"""OCPP 1.6: a charge point's messages, and what the central system answers.

The transaction's number is ours to give, and follows from the service's key: a StartTransaction that is
sent again gets the same one.
"""

from typing import Any

from ocpp.routing import on
from ocpp.v16 import ChargePoint, call, call_result
from ocpp.v16.enums import (
    Action,
    AuthorizationStatus,
    ChargePointStatus,
    DataTransferStatus,
    RegistrationStatus,
    RemoteStartStopStatus,
)

from feiqian.adapters.ocpp.conversation import HEARTBEAT_S, VersionedConversation, number_of
from feiqian.adapters.ocpp.readings import energies, moment_ms

_FREE = frozenset(
    {
        ChargePointStatus.available,
        ChargePointStatus.reserved,
        ChargePointStatus.unavailable,
        ChargePointStatus.faulted,
    }
)
_PAUSED = frozenset(
    {
        ChargePointStatus.suspended_ev,
        ChargePointStatus.suspended_evse,
        ChargePointStatus.finishing,
    }
)


class Conversation16(VersionedConversation, ChargePoint):
    """A charge point of 1.6 that is connected."""

    async def remote_start(self, connector: int, key: str) -> bool:
        """Ask it to begin."""
        answer = await self._asked(call.RemoteStartTransaction(id_tag=key, connector_id=connector))
        return answer is not None and answer.status == RemoteStartStopStatus.accepted

    async def remote_stop(self, transaction: str) -> bool:
        """Ask it to stop."""
        answer = await self._asked(call.RemoteStopTransaction(transaction_id=int(transaction)))
        return answer is not None and answer.status == RemoteStartStopStatus.accepted

    @on(Action.boot_notification)
    def on_boot(self, **_: object) -> call_result.BootNotification:
        """It started."""
        return call_result.BootNotification(self._now(), HEARTBEAT_S, RegistrationStatus.accepted)

    @on(Action.heartbeat)
    def on_heartbeat(self) -> call_result.Heartbeat:
        """It is there."""
        return call_result.Heartbeat(self._now())

    @on(Action.data_transfer)
    def on_data_transfer(self, **_: object) -> call_result.DataTransfer:
        """Something of its maker's; not ours."""
        return call_result.DataTransfer(DataTransferStatus.unknown_vendor_id)

    @on(Action.status_notification)
    async def on_status(
        self, connector_id: int, status: str, timestamp: str | None = None, **_: object
    ) -> call_result.StatusNotification:
        """A connector's state."""
        connector = self._connectors.get(connector_id)
        if connector is not None:
            connector.plugged(occupied=status not in _FREE)
            if status in _PAUSED or status == ChargePointStatus.charging:
                at_ms = moment_ms(timestamp or self._now())
                await connector.paused(at_ms, paused=status in _PAUSED)
        return call_result.StatusNotification()

    @on(Action.authorize)
    def on_authorize(self, id_tag: str) -> call_result.Authorize:
        """Whether this tag may charge."""
        return call_result.Authorize(id_tag_info={"status": self._status(id_tag)})

    def _status(self, id_tag: str) -> AuthorizationStatus:
        known = self._expects(id_tag)
        return AuthorizationStatus.accepted if known else AuthorizationStatus.invalid

    @on(Action.start_transaction)
    async def on_start(
        self, connector_id: int, id_tag: str, meter_start: int, timestamp: str, **_: object
    ) -> call_result.StartTransaction:
        """A transaction began, now or while it was away."""
        number = number_of(id_tag)
        connector = self._connectors.get(connector_id)
        if connector is None or not connector.expects(id_tag):
            return call_result.StartTransaction(number, {"status": AuthorizationStatus.invalid})
        await connector.began(id_tag, moment_ms(timestamp), meter_start, str(number))
        return call_result.StartTransaction(number, {"status": AuthorizationStatus.accepted})

    @on(Action.meter_values)
    async def on_meter_values(
        self,
        connector_id: int,
        meter_value: list[dict[str, Any]],
        transaction_id: int | None = None,
    ) -> call_result.MeterValues:
        """Readings; those of no transaction are for nobody."""
        connector = self._connectors.get(connector_id)
        if connector is not None and transaction_id is not None:
            await connector.metered(str(transaction_id), energies(meter_value))
        return call_result.MeterValues()

    @on(Action.stop_transaction)
    async def on_stop(
        self, meter_stop: int, timestamp: str, transaction_id: int, **_: object
    ) -> call_result.StopTransaction:
        """A transaction ended; a repetition changes nothing."""
        for connector in self._connectors.values():
            await connector.finished(str(transaction_id), moment_ms(timestamp), meter_stop)
        return call_result.StopTransaction()
