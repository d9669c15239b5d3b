"""What both sides of a fee do alike: who is paid keeps, proves and tells it the way the payer does."""

from typing import TypeVar

from feiqian.crypto.suites import Suite
from feiqian.protocol.service.facts import Settlement
from feiqian.protocol.service.fees import read_order, receipt_fields
from feiqian.protocol.service.machine import ServiceMachine
from feiqian.protocol.service.records import EntityService, VehicleService
from feiqian.protocol.service.states import Event
from feiqian.timing.moment import Moment
from feiqian.wire.fees import FeeOrder, FeeReceipt

F = TypeVar("F", bound=VehicleService | EntityService)


class FeeSide(ServiceMachine[F]):
    """The vehicle's machine, or the entity's."""

    def __init__(self, record: F, name: str, suite: Suite) -> None:
        super().__init__(record, name)
        self._suite = suite
        self._settled: Settlement | None = None

    @property
    def _order(self) -> FeeOrder:
        """The order that this service has."""
        return read_order(self._suite, self.record.order)

    def _paid(self, settlement: Settlement) -> Event:
        self._settled = settlement
        return Event.PAID_OFFLINE if settlement.offline else Event.PAID

    def _enter_paid(self, _: Moment) -> None:
        self._receipt()

    def _enter_paid_offline(self, _: Moment) -> None:
        self._receipt()

    def _receipt(self) -> None:
        """Give it when the payment has just been made; a later word on it changes nothing in it."""
        if self._settled is not None:
            self._tell(FeeReceipt, **receipt_fields(self._order, self._settled))

    def _tell(self, shape: type, **fields: object) -> None:
        self._say(shape, self._management, request_id=self.record.request_id, **fields)
