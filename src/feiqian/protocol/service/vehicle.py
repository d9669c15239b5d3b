"""The vehicle's machine: it asks, has its chip authorise, lets itself be served, and pays by order.

After the authorisation nobody in the vehicle does anything any more. An order is paid if it is the
management server's, for this request, at the authorised entity, within the ceiling; whatever else a
server orders is put aside here, and would be refused by the chip.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar

from feiqian.crypto.cbor import VERSION
from feiqian.crypto.certificates import Name
from feiqian.crypto.suites import Suite
from feiqian.outcomes import SUCCESSES, UNDECIDED, Outcome, Refusal
from feiqian.protocol.service.facts import (
    CancelAsked,
    ChipAuthorised,
    ChipRefused,
    FeeSettled,
    FundsArrived,
    Heard,
)
from feiqian.protocol.service.fees import order_id_of, read_order, receipt_fields
from feiqian.protocol.service.grants import covers, read_authorisation, read_statement
from feiqian.protocol.service.machine import Service, ServiceMachine, require_sender
from feiqian.protocol.service.states import Event, State
from feiqian.timing.moment import Moment
from feiqian.wire.authorisation import Grant
from feiqian.wire.fees import FeeOrder, FeeOwed, FeeReceipt
from feiqian.wire.service import (
    Matched,
    Member,
    RequestDeclined,
    ServiceAuthorised,
    ServiceCancelled,
    ServiceClosed,
    ServiceOffer,
    ServiceRequest,
)
from feiqian.wire.usage import ServiceClass

REQUEST_PATIENCE_MS = 120_000
"""How long a vehicle waits for an offer."""
GRACE_MS = 300_000
"""How long after the bounds it knows of a vehicle still waits for the management server's word."""


class VehicleService(Service, frozen=True):
    """What a vehicle stores of a service."""

    provider: Name = "-"
    service: ServiceClass = ServiceClass.PARKING
    wished: str | None = None
    """The entity asked for."""
    ceiling_minor: int = 0
    """What the holder allows."""
    valid_ms: int = 0
    """For how long, from the authorisation on."""
    membership: bytes = b""
    management: str = ""
    entity: str = ""
    payee: bytes = b""
    """The fingerprint of the entity's wallet."""
    offer: bytes = b""
    asked_at: Moment | None = None
    """When the chip was to authorise."""
    authorisation: bytes = b""
    matched: bytes = b""
    """The match as signed, to be shown to an entity that has no network."""
    order: bytes = b""
    amount_minor: int = 0
    """Of the order."""


@dataclass(frozen=True, slots=True)
class VehicleSetup:
    """What a vehicle trusts, and what it holds."""

    name: str
    suite: Suite
    certificate: bytes
    """Of its chip."""
    chip_key: bytes
    providers: Mapping[str, bytes]
    """Their keys, by name: the holder's choice."""
    managements: frozenset[str]
    """The servers that may match and order."""
    standing: Sequence[bytes] = ()
    """Authorisations that may cover an offer without asking for the PIN."""


class VehicleMachine(ServiceMachine[VehicleService]):
    """The vehicle's side."""

    MEMBER: ClassVar = Member.VEHICLE

    def __init__(self, record: VehicleService, setup: VehicleSetup) -> None:
        super().__init__(record, setup.name)
        self._setup = setup
        self._settled: FeeSettled | None = None

    def begin(self, now: Moment) -> None:
        """Ask the provider."""
        self._set(state=State.REQUESTING, deadline_ms=now.midpoint_ms + REQUEST_PATIENCE_MS)
        record = self.record
        self._say(
            ServiceRequest,
            record.provider,
            request_id=record.request_id,
            service=record.service,
            entity=record.wished,
            membership=record.membership,
            moment=now,
        )

    # Offer and authorisation ---------------------------------------------------------------------
    def _on_service_offer(self, heard: Heard, now: Moment) -> Event:
        offer = heard.message
        require_sender(offer, self.record.provider)
        assert isinstance(offer, ServiceOffer)
        try:
            self._consider(offer, now)
        except Refusal as refusal:
            self._because(refusal.outcome, refusal.detail)
            return Event.UNACCEPTABLE
        self._set(offer=heard.raw, deadline_ms=offer.expires_at_ms)
        covering = self._covering(offer, now)
        if covering is None:
            return Event.OFFER
        self._set(authorisation=covering)
        return Event.COVERED_OFFER

    def _consider(self, offer: ServiceOffer, now: Moment) -> None:
        if offer.management not in self._setup.managements:
            raise Refusal(Outcome.UNKNOWN_ISSUER, f"{offer.management} is not trusted here")
        if offer.service is not self.record.service:
            raise Refusal(Outcome.WRONG_SESSION, f"expected an offer of {self.record.service}")
        if now.certainly_after(offer.expires_at_ms):
            raise Refusal(Outcome.EXPIRED, "expected an offer that still stands")
        statement = read_statement(self._setup.suite, offer.statement, self._provider_key(), now)
        if statement.service != offer.service:
            raise Refusal(Outcome.WRONG_SESSION, f"expected an entity for {offer.service}")
        if self.record.wished not in (None, statement.entity):
            raise Refusal(Outcome.WRONG_ADDRESSEE, f"expected the entity {self.record.wished}")
        self._set(management=offer.management, entity=statement.entity, payee=statement.wallet)

    def _provider_key(self) -> bytes:
        return self._setup.providers[self.record.provider]

    def _covering(self, offer: ServiceOffer, now: Moment) -> bytes | None:
        setup, key = self._setup, self._provider_key()
        statement = read_statement(setup.suite, offer.statement, key, now)
        for raw in setup.standing:
            authorisation = read_authorisation(setup.suite, raw, setup.chip_key)
            if authorisation.grant.ceiling_minor >= self.record.ceiling_minor and covers(
                authorisation, statement, key, now
            ):
                return raw
        return None

    def _enter_authorising(self, now: Moment) -> None:
        self._set(asked_at=now)

    @property
    def grant(self) -> tuple[Grant, Moment]:
        """What the chip is to authorise for the offer taken: one use, at one entity; and when."""
        record = self.record
        assert record.asked_at is not None
        grant = Grant(
            payee=record.payee,
            provider=self._provider_key(),
            service=record.service,
            ceiling_minor=record.ceiling_minor,
            valid_from_ms=record.asked_at.earliest_ms,
            valid_until_ms=record.asked_at.midpoint_ms + record.valid_ms,
            uses=1,
        )
        return grant, record.asked_at

    def _on_request_declined(self, heard: Heard, _: Moment) -> Event:
        require_sender(heard.message, self.record.provider)
        assert isinstance(heard.message, RequestDeclined)
        self._because(heard.message.outcome, heard.message.detail)
        return Event.DECLINED

    def _on_chip_authorised(self, fact: ChipAuthorised, _: Moment) -> Event:
        self._set(authorisation=fact.raw)
        return Event.CHIP_AUTHORISED

    def _on_chip_refused(self, fact: ChipRefused, _: Moment) -> Event:
        self._because(fact.refusal.outcome, fact.refusal.detail)
        return Event.CHIP_REFUSED

    def _enter_authorised(self, _: Moment) -> None:
        record = self.record
        self._set(deadline_ms=record.deadline_ms + GRACE_MS)
        self._say(
            ServiceAuthorised,
            record.management,
            request_id=record.request_id,
            offer=record.offer,
            authorisation=record.authorisation,
            certificate=self._setup.certificate,
        )

    # Match and order -----------------------------------------------------------------------------
    def _on_matched(self, heard: Heard, _: Moment) -> Event:
        matched = heard.message
        require_sender(matched, self.record.management)
        assert isinstance(matched, Matched)
        if (matched.vehicle, matched.entity) != (self.name, self.record.entity):
            raise Refusal(Outcome.WRONG_ADDRESSEE, f"expected a match with {self.record.entity}")
        self._set(matched=heard.raw, deadline_ms=matched.valid_until_ms + GRACE_MS)
        return Event.MATCHED

    def _on_fee_order(self, heard: Heard, now: Moment) -> Event:
        order, record = heard.message, self.record
        require_sender(order, record.management)
        assert isinstance(order, FeeOrder)
        if (order.vehicle, order.entity) != (self.name, record.entity):
            raise Refusal(Outcome.WRONG_ADDRESSEE, f"expected an order of {record.entity}")
        if order.order_id != order_id_of(self._setup.suite, record.request_id):
            raise Refusal(Outcome.WRONG_SESSION, "expected the one order id of this request")
        ceiling_minor = self._authorised_minor()
        if order.amount_minor > ceiling_minor:
            raise Refusal(Outcome.OVER_CEILING, f"expected at most {ceiling_minor}")
        if now.certainly_after(order.expires_at_ms):
            raise Refusal(Outcome.EXPIRED, "expected an order that still stands")
        key = self._provider_key()
        statement = read_statement(self._setup.suite, order.statement, key, now)
        if (statement.entity, statement.wallet) != (record.entity, record.payee):
            raise Refusal(Outcome.NOT_AUTHORISED, "expected the wallet that was authorised")
        self._set(order=heard.raw, amount_minor=order.amount_minor, deadline_ms=order.expires_at_ms)
        return Event.ORDER

    def _authorised_minor(self) -> int:
        setup, raw = self._setup, self.record.authorisation
        authorisation = read_authorisation(setup.suite, raw, setup.chip_key)
        return min(authorisation.grant.ceiling_minor, self.record.ceiling_minor)

    # Payment -------------------------------------------------------------------------------------
    def _on_fee_settled(self, fact: FeeSettled, _: Moment) -> Event | None:
        settlement = fact.settlement
        self._because(settlement.outcome, settlement.detail)
        if settlement.outcome in SUCCESSES:
            self._settled = fact
            return Event.PAID_OFFLINE if settlement.offline else Event.PAID
        if settlement.signed:
            return Event.SIGNED
        if settlement.outcome in UNDECIDED or settlement.outcome is Outcome.CANCELLED:
            return None  # nothing moved, and nothing is decided: it is tried again
        owed = settlement.outcome in OWES
        return Event.OWED if owed else Event.CHIP_REFUSED

    def _on_funds_arrived(self, fact: FundsArrived, _: Moment) -> Event | None:
        return Event.TOPPED_UP if fact.spendable_minor >= self.record.amount_minor else None

    def _enter_owing(self, _: Moment) -> None:
        self._tell_owed()

    def _enter_refused(self, _: Moment) -> None:
        if self.record.order:
            self._tell_owed()

    def _tell_owed(self) -> None:
        record, order = self.record, read_order(self._setup.suite, self.record.order)
        self._say(
            FeeOwed,
            record.management,
            request_id=record.request_id,
            order_id=order.order_id,
            outcome=record.outcome,
        )

    def _enter_paid(self, _: Moment) -> None:
        self._receipt()

    def _enter_paid_offline(self, _: Moment) -> None:
        self._receipt()

    def _receipt(self) -> None:
        if self._settled is None:
            return
        record, order = self.record, read_order(self._setup.suite, self.record.order)
        fields = receipt_fields(order, self._settled.settlement)
        self._say(FeeReceipt, record.management, request_id=record.request_id, **fields)

    # Ends ----------------------------------------------------------------------------------------
    def _on_cancel_asked(self, fact: CancelAsked, _: Moment) -> Event:
        self._because(Outcome.CANCELLED, fact.detail)
        return Event.CANCELLED

    def _enter_cancelled(self, _: Moment) -> None:
        if not self.record.authorisation:
            self._tell_cancelled(self.record.provider)

    def _enter_cancelling(self, _: Moment) -> None:
        self._tell_cancelled(self.record.management)

    def _tell_cancelled(self, recipient: str) -> None:
        record = self.record
        self._say(
            ServiceCancelled,
            recipient,
            request_id=record.request_id,
            outcome=record.outcome,
            detail=record.detail,
        )

    def _on_service_closed(self, heard: Heard, _: Moment) -> Event | None:
        closed = heard.message
        require_sender(closed, self.record.management)
        assert isinstance(closed, ServiceClosed)
        return self._closed(closed)

    def _judge_time(self, now: Moment) -> Event | None:
        event = super()._judge_time(now)
        if event is not None and not self.record.order:
            self._because(Outcome.EXPIRED, f"it was over while {self.record.state}")
        return event


OWES = frozenset(
    {
        Outcome.INSUFFICIENT_BALANCE,
        Outcome.OVER_OFFLINE_LIMIT,
        Outcome.OVER_HOLDING_LIMIT,
        Outcome.PIN_BLOCKED,
        Outcome.WALLET_FROZEN,
    }
)
"""Why a fee cannot be paid now and can be later (V-10)."""


def new_vehicle_service(
    request_id: bytes,
    provider: str,
    service: ServiceClass,
    membership: bytes,
    *,
    ceiling_minor: int,
    valid_ms: int,
    entity: str | None = None,
) -> VehicleService:
    """What a holder asks for, before anybody was asked."""
    return VehicleService(
        VERSION,
        request_id,
        provider=provider,
        service=service,
        wished=entity,
        ceiling_minor=ceiling_minor,
        valid_ms=valid_ms,
        membership=membership,
    )
