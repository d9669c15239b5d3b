"""OCPP 2.0.1: a charging station's messages, and what the management system answers.

A transaction's life comes as TransactionEvents, which the station numbers and names itself; the id
token, our key, is in the first of them, and may be in any. An EVSE is a connector to us.
"""

from typing import Any

from ocpp.routing import on
from ocpp.v201 import ChargePoint, call, call_result
from ocpp.v201.datatypes import IdTokenInfoType, IdTokenType
from ocpp.v201.enums import (
    Action,
    AuthorizationStatusEnumType,
    ChargingStateEnumType,
    ConnectorStatusEnumType,
    IdTokenEnumType,
    RegistrationStatusEnumType,
    RequestStartStopStatusEnumType,
    TransactionEventEnumType,
)

from feiqian.adapters.ocpp.connector import Connector
from feiqian.adapters.ocpp.conversation import HEARTBEAT_S, VersionedConversation, number_of
from feiqian.adapters.ocpp.readings import energies, moment_ms


class Conversation201(VersionedConversation, ChargePoint):
    """A charging station of 2.0.1 that is connected."""

    async def remote_start(self, connector: int, key: str) -> bool:
        """Ask it to begin."""
        token = IdTokenType(id_token=key, type=IdTokenEnumType.central)
        answer = await self._asked(
            call.RequestStartTransaction(token, number_of(key), evse_id=connector)
        )
        return answer is not None and answer.status == RequestStartStopStatusEnumType.accepted

    async def remote_stop(self, transaction: str) -> bool:
        """Ask it to stop."""
        answer = await self._asked(call.RequestStopTransaction(transaction))
        return answer is not None and answer.status == RequestStartStopStatusEnumType.accepted

    @on(Action.boot_notification)
    def on_boot(self, **_: object) -> call_result.BootNotification:
        """It started."""
        accepted = RegistrationStatusEnumType.accepted
        return call_result.BootNotification(self._now(), HEARTBEAT_S, accepted)

    @on(Action.heartbeat)
    def on_heartbeat(self, **_: object) -> call_result.Heartbeat:
        """It is there."""
        return call_result.Heartbeat(self._now())

    @on(Action.status_notification)
    def on_status(
        self, connector_status: str, evse_id: int, **_: object
    ) -> call_result.StatusNotification:
        """A connector's state."""
        connector = self._connectors.get(evse_id)
        if connector is not None:
            connector.plugged(occupied=connector_status == ConnectorStatusEnumType.occupied)
        return call_result.StatusNotification()

    @on(Action.authorize)
    def on_authorize(self, id_token: dict[str, Any], **_: object) -> call_result.Authorize:
        """Whether this token may charge."""
        return call_result.Authorize(self._info(id_token["id_token"]))

    def _info(self, key: str) -> IdTokenInfoType:
        status = AuthorizationStatusEnumType
        return IdTokenInfoType(status.accepted if self._expects(key) else status.invalid)

    @on(Action.meter_values)
    def on_meter_values(self, **_: object) -> call_result.MeterValues:
        """Readings outside of transactions are for nobody."""
        return call_result.MeterValues()

    @on(Action.transaction_event)
    async def on_transaction_event(
        self,
        event_type: str,
        timestamp: str,
        transaction_info: dict[str, Any],
        meter_value: list[dict[str, Any]] | None = None,
        id_token: dict[str, Any] | None = None,
        **_: object,
    ) -> call_result.TransactionEvent:
        """A transaction's beginning, course or end, now or while it was away; also repeated."""
        transaction = transaction_info["transaction_id"]
        connector = self._connector_of(transaction, id_token)
        if connector is None:
            return call_result.TransactionEvent(
                id_token_info=self._info("") if id_token is not None else None
            )
        at_ms, readings = moment_ms(timestamp), energies(meter_value or ())
        if id_token is not None and connector.key_of(transaction) is None:
            register = readings[0][1] if readings else 0
            await connector.began(id_token["id_token"], at_ms, register, transaction)
        if event_type == TransactionEventEnumType.ended:
            await connector.metered(transaction, readings[:-1])
            register = readings[-1][1] if readings else 0
            await connector.finished(transaction, at_ms, register)
        else:
            await connector.metered(transaction, readings)
            await self._pause(connector, at_ms, transaction_info.get("charging_state"))
        if id_token is None:
            return call_result.TransactionEvent()
        return call_result.TransactionEvent(id_token_info=self._info(id_token["id_token"]))

    def _connector_of(self, transaction: str, id_token: dict[str, Any] | None) -> Connector | None:
        """Where a transaction of ours runs, by its name or by the key it was begun with."""
        for connector in self._connectors.values():
            if connector.key_of(transaction) is not None:
                return connector
            if id_token is not None and connector.expects(id_token["id_token"]):
                return connector
        return None

    async def _pause(self, connector: Connector, at_ms: int, state: str | None) -> None:
        if state is not None:
            await connector.paused(at_ms, paused=state != ChargingStateEnumType.charging)
