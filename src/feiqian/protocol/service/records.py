"""What each of the four roles stores of a service: enough to go on from after a crash, and no more.

A record is frozen; a step makes the next one. What is stored grows at the end, with defaults, so that
a program reads what an older one has written.
"""

from msgspec import Struct

from feiqian.crypto.cbor import VERSION
from feiqian.crypto.certificates import Name, UnixMs
from feiqian.outcomes import Outcome
from feiqian.protocol.service.states import State
from feiqian.timing.moment import Moment
from feiqian.wire.payment import Detail
from feiqian.wire.service import RequestId
from feiqian.wire.usage import ServiceClass

NEVER_MS = 0


class Service(Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """What every role stores of a service."""

    version: int
    request_id: RequestId
    state: State = State.START
    deadline_ms: UnixMs = NEVER_MS
    """When `EXPIRED` is due; 0: never."""
    outcome: Outcome = Outcome.ACCEPTED
    """Why it stands or ended as it did."""
    detail: Detail = ""
    closed_number: int = 0
    """Of the last ending that the management server told."""


class VehicleService(Service, frozen=True):
    """The vehicle's."""

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
    """The fee order, as signed."""
    amount_minor: int = 0
    """Of the order."""


class ProviderService(Service, frozen=True):
    """The provider's."""

    vehicle: Name = "-"
    entity: str = ""


class ManagementService(Service, frozen=True):
    """The management server's."""

    vehicle: str = ""
    provider: str = ""
    entity: str = ""
    service: ServiceClass = ServiceClass.PARKING
    tariff: str = ""
    wallet: bytes = b""
    """Fingerprint of the entity's."""
    payer: bytes = b""
    """Fingerprint of the vehicle's."""
    authorisation_number: int = 0
    ceiling_minor: int = 0
    until_ms: int = 0
    """The authorisation's end."""
    matched: bool = False
    """Whether the entity has heard of it."""
    asked: tuple[str, ...] = ()
    answers: tuple[tuple[str, bool], ...] = ()
    question_count: int = 0
    resume_ms: int = 0
    """The deadline that questions interrupted."""
    stop_reason: Outcome = Outcome.ACCEPTED
    amount_minor: int = 0
    order: bytes = b""
    """The order's id, once there is one."""
    payer_receipt: bytes = b""
    payee_receipt: bytes = b""
    """Both as signed: the evidence if they do not agree."""
    reconciled: Outcome | None = None
    endings: int = 0
    left: Moment | None = None
    """When the vehicle left, if it did before the service ended."""


class EntityService(Service, frozen=True):
    """The entity's."""

    vehicle: Name = "-"
    service: ServiceClass = ServiceClass.PARKING
    tariff: str = ""
    ceiling_minor: int = 0
    until_ms: int = 0
    """The authorisation's end."""
    order: bytes = b""
    """The fee order, as signed."""
    left: Moment | None = None
    """When the vehicle left, by the management server's word."""


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
