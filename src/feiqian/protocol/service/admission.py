"""Whether the management server takes a service on: an offer, an authorisation and a register that fit.

The same things are judged again by the vehicle's chip when it pays (V-07, V-09); this spares everybody
a service that would end in a refusal.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from msgspec.structs import replace

from feiqian.crypto.trust import TrustStore
from feiqian.outcomes import Outcome, Refusal
from feiqian.protocol.service.grants import check_covers, read_authorisation, read_statement
from feiqian.protocol.service.records import ManagementService
from feiqian.timing.moment import Moment
from feiqian.wire.service import OFFER, ServiceAuthorised, ServiceOffer
from feiqian.wire.usage import Fee, Usage

PAYMENT_MARGIN_MS = 300_000
"""How long before the authorisation ends a service is stopped, so that its fee can still be paid."""

Pricing = Callable[[str, Usage], Fee]
"""What a usage costs by the tariff of this name. `Refusal` when there is none."""


class Register(Protocol):
    """Who belongs to this management server."""

    def provider_key(self, name: str) -> bytes:
        """`Refusal` unknown_name."""
        ...

    def wallet_of(self, entity: str) -> bytes:
        """Fingerprint of a registered entity's wallet. `Refusal` unknown_name."""
        ...

    def statement_of(self, entity: str) -> bytes:
        """Its provider's statement."""
        ...

    def uses_taken(self, payer: bytes, authorisation_number: int) -> int:
        """Requests under this authorisation that were, or may still be, charged."""
        ...


@dataclass(frozen=True, slots=True)
class ManagementSetup:
    """What the server judges by."""

    name: str
    trust: TrustStore
    register: Register
    price: Pricing


def admitted(
    record: ManagementService, authorised: ServiceAuthorised, setup: ManagementSetup, now: Moment
) -> ManagementService:
    """The record of a service that is taken on. `Refusal` by name when it is not."""
    suite, register = setup.trust.suite, setup.register
    provider = OFFER.peek(suite, authorised.offer).sender
    key = register.provider_key(provider)
    offer = OFFER.read(suite, authorised.offer, key)
    _check_offer(offer, record.request_id, authorised.sender, setup.name, now)
    statement = read_statement(suite, offer.statement, key, now)
    if register.wallet_of(statement.entity) != statement.wallet:
        raise Refusal(Outcome.NOT_AUTHORISED, "expected the entity's registered wallet")
    chip = setup.trust.verify_chip(authorised.certificate, now.midpoint_ms)
    signed = read_authorisation(suite, authorised.authorisation, chip.value.public_key)
    check_covers(signed, statement, key, now)
    grant = signed.grant
    if register.uses_taken(chip.fingerprint, signed.number) >= grant.uses:
        raise Refusal(Outcome.NOT_AUTHORISED, "expected an authorisation with a use left")
    return replace(
        record,
        provider=provider,
        entity=statement.entity,
        service=offer.service,
        tariff=offer.tariff,
        wallet=statement.wallet,
        payer=chip.fingerprint,
        authorisation_number=signed.number,
        ceiling_minor=grant.ceiling_minor,
        until_ms=grant.valid_until_ms,
        deadline_ms=min(offer.expires_at_ms, grant.valid_until_ms - PAYMENT_MARGIN_MS),
    )


def _check_offer(
    offer: ServiceOffer, request_id: bytes, vehicle: str, management: str, now: Moment
) -> None:
    if vehicle not in offer.recipients or offer.management != management:
        raise Refusal(Outcome.WRONG_ADDRESSEE, "expected an offer to this vehicle, for us")
    if offer.request_id != request_id:
        raise Refusal(Outcome.WRONG_SESSION, "expected the offer of this request")
    if now.certainly_after(offer.expires_at_ms):
        raise Refusal(Outcome.EXPIRED, "expected an offer that still stands")
