"""What vehicle, provider, management server and service entity say to each other: all of it signed.

Every message names its sender and whom it is for, and is signed by the sender's key, so that it makes
no difference who carries it: a bus that lies can delay, drop, repeat and reorder, and say nothing of
its own. A message is delivered until it is acknowledged, and means the same the second time: services
are named by the request, fees by the order. Nothing here moves money; the fee order only says what
the vehicle's chip may pay, and the payment itself is the ordinary one (V-05).
"""

from enum import StrEnum
from typing import Annotated

from msgspec import Meta, Struct

from feiqian.crypto.certificates import MAX_CERTIFICATE_BYTES, Name, PublicKey, UnixMs
from feiqian.crypto.signed import SignedKind
from feiqian.money.amounts import AmountMinor, AmountOrZeroMinor
from feiqian.money.identifiers import Identifier
from feiqian.outcomes import Outcome
from feiqian.timing.moment import Moment
from feiqian.wire.authorisation import RawAuthorisation, RawEntityStatement
from feiqian.wire.payment import Detail
from feiqian.wire.usage import ServiceClass, Usage

MAX_MEMBERSHIP_BYTES = 256
MAX_SHORT_BYTES = 512
"""Of a message without anything long in it."""
MAX_OFFER_BYTES = 1_024
MAX_REQUEST_BYTES = 1_024
MAX_AUTHORISED_BYTES = 2_560
MAX_MATCHED_BYTES = 1_024
MAX_ENDED_BYTES = 8_192
MAX_CLOSED_BYTES = 1_024

MAX_RECIPIENTS = 3
MAX_TARIFF_NAME = 24

RequestId = Annotated[bytes, Meta(min_length=16, max_length=16)]
RawMembership = Annotated[bytes, Meta(max_length=MAX_MEMBERSHIP_BYTES)]


class Member(StrEnum):
    """The four roles in a service."""

    VEHICLE = "vehicle"
    PROVIDER = "provider"
    MANAGEMENT = "management"
    ENTITY = "entity"


class Ending(StrEnum):
    """How a service ended, the same word on every side."""

    PAID = "paid"
    PAID_OFFLINE = "paid offline"
    """From chip to chip; the entity has not reconciled it yet."""
    FREE = "free"
    """Nothing was to be paid."""
    UNPAID = "unpaid"
    """The fee order ran out; a receipt that still comes corrects this."""
    CANCELLED = "cancelled"
    EXPIRED = "expired"
    MISMATCH = "mismatch"
    """The vehicle stands at another entity than the authorised one."""
    LEFT_EARLY = "left early"
    """The vehicle left before anything was served."""
    DISPUTED = "disputed"
    """The two receipts do not agree."""
    REFUSED = "refused"
    """For the reason given."""


class Membership(Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """The management server's word on whose key a name belongs to; its members trust by it."""

    version: int
    management: Name
    name: Name
    member: Member
    public_key: PublicKey
    not_after_ms: UnixMs


class Said(Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """What every message begins with."""

    version: int
    sender: Name
    recipients: Annotated[tuple[Name, ...], Meta(min_length=1, max_length=MAX_RECIPIENTS)]


class Acknowledged(Said, frozen=True):
    """Anybody -> sender: this message is stored here; say it no more."""

    digest: Identifier
    """Of the whole signed message."""


# Request and authorisation -----------------------------------------------------------------------
class ServiceRequest(Said, frozen=True):
    """Vehicle -> provider: serve me (V-01)."""

    request_id: RequestId
    service: ServiceClass
    entity: Name | None
    """The one wished for, if any."""
    membership: RawMembership
    """Of the vehicle."""
    moment: Moment


class ServiceOffer(Said, frozen=True):
    """Provider -> vehicle: the entity that will serve you, by its statement (V-01)."""

    request_id: RequestId
    service: ServiceClass
    statement: RawEntityStatement
    """Entity, service class and the fingerprint of its wallet, signed by the provider."""
    management: Name
    """Who matches and orders the fee."""
    tariff: Annotated[str, Meta(min_length=1, max_length=MAX_TARIFF_NAME)]
    expires_at_ms: UnixMs


class RequestDeclined(Said, frozen=True):
    """Provider -> vehicle: not now, not this."""

    request_id: RequestId
    outcome: Outcome
    detail: Detail


class ServiceAuthorised(Said, frozen=True):
    """Vehicle -> management: my chip has authorised what I was offered (V-02)."""

    request_id: RequestId
    offer: Annotated[bytes, Meta(max_length=MAX_OFFER_BYTES)]
    """As the provider signed it."""
    authorisation: RawAuthorisation
    """As the chip signed it; one-time or standing."""
    certificate: Annotated[bytes, Meta(max_length=MAX_CERTIFICATE_BYTES)]
    """Of the chip."""


# Match -------------------------------------------------------------------------------------------
class Matched(Said, frozen=True):
    """Management -> vehicle and entity: this vehicle stands at this entity; serve it (V-04)."""

    request_id: RequestId
    vehicle: Name
    entity: Name
    service: ServiceClass
    tariff: Annotated[str, Meta(min_length=1, max_length=MAX_TARIFF_NAME)]
    ceiling_minor: AmountMinor
    """What the vehicle authorised for one use: the entity serves no more than this pays for."""
    valid_until_ms: UnixMs
    """Of the authorisation: the fee must be paid before."""
    moment: Moment


# Service -----------------------------------------------------------------------------------------
class ServiceStarted(Said, frozen=True):
    """Entity -> management."""

    request_id: RequestId
    moment: Moment


class ServiceStop(Said, frozen=True):
    """Management -> entity: end it now; the answer is `ServiceEnded`, with what was used so far."""

    request_id: RequestId
    reason: Outcome
    left: Moment | None
    """When the vehicle left, if it did: what is used ends then, however late this comes."""


class ServiceEnded(Said, frozen=True):
    """Entity -> management: what was used. Once for a request, also when nothing was."""

    request_id: RequestId
    served: bool
    """Whether the service had begun at all."""
    usage: Usage


class ServiceCancelled(Said, frozen=True):
    """Vehicle or entity -> provider or management: I want no more of it, or cannot serve."""

    request_id: RequestId
    outcome: Outcome
    detail: Detail


class ServiceClosed(Said, frozen=True):
    """Management -> all it concerns: how it ended here. A later one replaces an earlier one."""

    request_id: RequestId
    ending: Ending
    outcome: Outcome
    detail: Detail
    amount_minor: AmountOrZeroMinor
    number: Annotated[int, Meta(ge=1, le=1_000)]
    """Of this request's endings."""


MEMBERSHIP = SignedKind(b"feiqian/membership", Membership, MAX_MEMBERSHIP_BYTES)
ACKNOWLEDGED = SignedKind(b"feiqian/service-acknowledged", Acknowledged, MAX_SHORT_BYTES)
REQUEST = SignedKind(b"feiqian/service-request", ServiceRequest, MAX_REQUEST_BYTES)
OFFER = SignedKind(b"feiqian/service-offer", ServiceOffer, MAX_OFFER_BYTES)
DECLINED = SignedKind(b"feiqian/service-declined", RequestDeclined, MAX_CLOSED_BYTES)
AUTHORISED = SignedKind(b"feiqian/service-authorised", ServiceAuthorised, MAX_AUTHORISED_BYTES)
MATCHED = SignedKind(b"feiqian/service-matched", Matched, MAX_MATCHED_BYTES)
STARTED = SignedKind(b"feiqian/service-started", ServiceStarted, MAX_SHORT_BYTES)
STOP = SignedKind(b"feiqian/service-stop", ServiceStop, MAX_SHORT_BYTES)
ENDED = SignedKind(b"feiqian/service-ended", ServiceEnded, MAX_ENDED_BYTES)
CANCELLED = SignedKind(b"feiqian/service-cancelled", ServiceCancelled, MAX_CLOSED_BYTES)
CLOSED = SignedKind(b"feiqian/service-closed", ServiceClosed, MAX_CLOSED_BYTES)
