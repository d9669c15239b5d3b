"""The provider's machine: it answers a request with an entity of its own, and learns how it ended."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar

from feiqian.outcomes import Outcome, Refusal
from feiqian.protocol.service.facts import Heard
from feiqian.protocol.service.machine import ServiceMachine, require_sender
from feiqian.protocol.service.records import ProviderService
from feiqian.protocol.service.states import Event
from feiqian.timing.moment import Moment
from feiqian.wire.service import (
    Member,
    RequestDeclined,
    ServiceCancelled,
    ServiceOffer,
    ServiceRequest,
)
from feiqian.wire.usage import ServiceClass


@dataclass(frozen=True, slots=True)
class OfferedEntity:
    """An entity that a provider offers."""

    entity: str
    service: ServiceClass
    statement: bytes
    """Signed by the provider's key."""
    tariff: str


@dataclass(frozen=True, slots=True)
class ProviderSetup:
    """What a provider answers with."""

    name: str
    management: str
    offer_valid_ms: int
    """How long a vehicle has to arrive."""
    choose: Callable[[ServiceRequest], OfferedEntity]
    """`Refusal` when there is none of the kind, or not the one wished for."""


class ProviderMachine(ServiceMachine[ProviderService]):
    """The provider's side."""

    MEMBER: ClassVar = Member.PROVIDER

    def __init__(self, record: ProviderService, setup: ProviderSetup) -> None:
        super().__init__(record, setup.name)
        self._setup = setup
        self._offered: tuple[ServiceRequest, OfferedEntity] | None = None

    @property
    def _management(self) -> str:
        return self._setup.management

    def _on_service_request(self, heard: Heard, _: Moment) -> Event:
        request = heard.message
        assert isinstance(request, ServiceRequest)
        self._set(vehicle=request.sender)
        try:
            self._offered = request, self._setup.choose(request)
        except Refusal as refusal:
            self._because(refusal.outcome, refusal.detail)
            return Event.DECLINED
        return Event.OFFER

    def _on_service_cancelled(self, heard: Heard, _: Moment) -> Event:
        require_sender(heard.message, self.record.vehicle)
        assert isinstance(heard.message, ServiceCancelled)
        self._because(heard.message.outcome, heard.message.detail)
        return Event.CANCELLED

    def _judge_time(self, now: Moment) -> Event | None:
        event = super()._judge_time(now)
        if event is not None:
            self._because(Outcome.EXPIRED, "nobody said how it ended")
        return event

    def _enter_offered(self, now: Moment) -> None:
        assert self._offered is not None
        request, chosen = self._offered
        expires_at_ms = now.midpoint_ms + self._setup.offer_valid_ms
        # The management server says how it ended; the provider itself only forgets, much later.
        self._set(entity=chosen.entity, deadline_ms=expires_at_ms + FORGOTTEN_AFTER_MS)
        self._say(
            ServiceOffer,
            request.sender,
            request_id=request.request_id,
            service=chosen.service,
            statement=chosen.statement,
            management=self._setup.management,
            tariff=chosen.tariff,
            expires_at_ms=expires_at_ms,
        )

    def _enter_refused(self, _: Moment) -> None:
        if self.record.entity:
            return
        record = self.record
        self._say(
            RequestDeclined,
            record.vehicle,
            request_id=record.request_id,
            outcome=record.outcome,
            detail=record.detail,
        )


FORGOTTEN_AFTER_MS = 7 * 24 * 3600 * 1000
"""How long after its offer ran out a provider still waits to hear how a service ended."""
