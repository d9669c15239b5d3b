"""Whether a vehicle takes an offer: whom its holder trusts, what was asked for, what is authorised already."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from msgspec.structs import replace

from feiqian.crypto.suites import Suite
from feiqian.outcomes import Outcome, Refusal
from feiqian.protocol.service.grants import covers, read_authorisation, read_statement
from feiqian.protocol.service.records import VehicleService
from feiqian.timing.moment import Moment
from feiqian.wire.authorisation import Authorisation, Grant
from feiqian.wire.service import ServiceOffer


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

    def read_authorisation(self, raw: bytes) -> Authorisation:
        """One that our chip has signed."""
        return read_authorisation(self.suite, raw, self.chip_key)


def taken(
    record: VehicleService, offer: ServiceOffer, raw: bytes, setup: VehicleSetup, now: Moment
) -> VehicleService:
    """The record with the offer in it. `Refusal` by name when it is not what was asked for."""
    if offer.management not in setup.managements:
        raise Refusal(Outcome.UNKNOWN_ISSUER, f"{offer.management} is not trusted here")
    if offer.service is not record.service:
        raise Refusal(Outcome.WRONG_SESSION, f"expected an offer of {record.service}")
    if now.certainly_after(offer.expires_at_ms):
        raise Refusal(Outcome.EXPIRED, "expected an offer that still stands")
    key = setup.providers[record.provider]
    statement = read_statement(setup.suite, offer.statement, key, now)
    if statement.service != offer.service:
        raise Refusal(Outcome.WRONG_SESSION, f"expected an entity for {offer.service}")
    if record.wished not in (None, statement.entity):
        raise Refusal(Outcome.WRONG_ADDRESSEE, f"expected the entity {record.wished}")
    return replace(
        record,
        offer=raw,
        deadline_ms=offer.expires_at_ms,
        management=offer.management,
        entity=statement.entity,
        payee=statement.wallet,
    )


def covering(
    record: VehicleService, offer: ServiceOffer, setup: VehicleSetup, now: Moment
) -> bytes | None:
    """The standing authorisation that covers an offer taken, if there is one."""
    key = setup.providers[record.provider]
    statement = read_statement(setup.suite, offer.statement, key, now)
    for raw in setup.standing:
        authorisation = setup.read_authorisation(raw)
        enough = authorisation.grant.ceiling_minor >= record.ceiling_minor
        if enough and covers(authorisation, statement, key, now):
            return raw
    return None


def grant_for(record: VehicleService, setup: VehicleSetup) -> tuple[Grant, Moment]:
    """What the chip is to authorise for the offer taken: one use, at one entity; and when."""
    assert record.asked_at is not None
    grant = Grant(
        payee=record.payee,
        provider=setup.providers[record.provider],
        service=record.service,
        ceiling_minor=record.ceiling_minor,
        valid_from_ms=record.asked_at.earliest_ms,
        valid_until_ms=record.asked_at.midpoint_ms + record.valid_ms,
        uses=1,
    )
    return grant, record.asked_at
