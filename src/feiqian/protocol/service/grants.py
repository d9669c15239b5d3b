"""Whether an authorisation covers an entity: the same judgement for vehicle and management server.

The chip judges again, alone and last, when it pays (V-07, V-09); this only spares everybody a service
that would end in a refusal.
"""

from feiqian.crypto.suites import Suite
from feiqian.outcomes import Outcome, Refusal
from feiqian.timing.moment import Moment
from feiqian.wire.authorisation import (
    AUTHORISATION,
    ENTITY_STATEMENT,
    Authorisation,
    EntityStatement,
)


def read_statement(suite: Suite, raw: bytes, provider_key: bytes, now: Moment) -> EntityStatement:
    """A provider's word on its entity. `Refusal`: malformed and its kin, bad_signature, expired."""
    statement = ENTITY_STATEMENT.read(suite, raw, provider_key)
    if not now.certainly_before(statement.not_after_ms):
        raise Refusal(Outcome.EXPIRED, "expected a statement that still holds")
    return statement


def read_authorisation(suite: Suite, raw: bytes, chip_key: bytes) -> Authorisation:
    """What a chip has signed. `Refusal`: malformed and its kin, bad_signature."""
    return AUTHORISATION.read(suite, raw, chip_key)


def check_covers(
    authorisation: Authorisation, statement: EntityStatement, provider_key: bytes, now: Moment
) -> None:
    """Raise `Refusal` not_authorised unless it covers this entity of this provider, now (V-07)."""
    grant = authorisation.grant
    if (grant.provider, grant.service) != (provider_key, statement.service):
        raise Refusal(Outcome.NOT_AUTHORISED, "expected an authorisation for provider and service")
    if grant.payee not in (None, statement.wallet):
        raise Refusal(Outcome.NOT_AUTHORISED, "expected an authorisation for this entity's wallet")
    if now.certainly_before(grant.valid_from_ms) or not now.certainly_before(grant.valid_until_ms):
        raise Refusal(Outcome.NOT_AUTHORISED, "expected an authorisation that is in force")


def covers(
    authorisation: Authorisation, statement: EntityStatement, provider_key: bytes, now: Moment
) -> bool:
    """Whether it does."""
    try:
        check_covers(authorisation, statement, provider_key, now)
    except Refusal:
        return False
    return True
