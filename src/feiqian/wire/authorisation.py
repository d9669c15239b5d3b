"""Payment authorisations: what a holder lets a chip pay without being asked again (V-02, V-09).

An authorisation is signed by the chip that will pay. It says whose *statements* count: a service
provider's key and a class of service. A statement is the provider's word that an entity of that class
is paid into a certain wallet. An authorisation may also name one wallet, and then no other is paid.
For each use there is a ceiling, there is a number of uses, and a time. The chip itself keeps to all of
it whenever a fee is to be paid; whoever else reads an authorisation only learns what it would allow.
"""

from typing import Annotated

from msgspec import Meta, Struct

from feiqian.crypto.certificates import Name, PublicKey, UnixMs, WalletNumber
from feiqian.crypto.signed import SignedKind
from feiqian.money.amounts import AmountMinor
from feiqian.money.identifiers import Fingerprint
from feiqian.timing.moment import Moment
from feiqian.wire.usage import ServiceClass

MAX_STATEMENT_BYTES = 256
MAX_AUTHORISATION_BYTES = 320
MAX_USES = 64
MAX_VALID_MS = 400 * 24 * 60 * 60 * 1_000
"""Longest time for which a chip authorises: a year, and some days to renew it."""

AuthorisationNumber = Annotated[int, Meta(ge=1, le=2**32 - 1)]
Uses = Annotated[int, Meta(ge=1, le=MAX_USES)]
OrderId = Annotated[bytes, Meta(min_length=16, max_length=16)]
"""Names one fee: it is charged once."""


class EntityStatement(Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """What a service provider signs about a service entity."""

    version: int
    entity: Name
    service: ServiceClass
    wallet: Fingerprint
    """Of the key of the chip that is paid."""
    not_after_ms: UnixMs


class Grant(Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """What is authorised."""

    payee: Fingerprint | None
    """The one wallet that may be paid; None: any that the provider states to be of this class."""
    provider: PublicKey
    """Whose statements count."""
    service: ServiceClass
    ceiling_minor: AmountMinor
    """Most for one use."""
    valid_from_ms: UnixMs
    valid_until_ms: UnixMs
    uses: Uses


class Authorisation(Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """What the chip signs when it has been authorised."""

    version: int
    number: AuthorisationNumber
    """Among this chip's, from 1."""
    wallet: WalletNumber
    grant: Grant
    moment: Moment


ENTITY_STATEMENT = SignedKind(b"feiqian/entity-statement", EntityStatement, MAX_STATEMENT_BYTES)
AUTHORISATION = SignedKind(b"feiqian/authorisation", Authorisation, MAX_AUTHORISATION_BYTES)

RawEntityStatement = Annotated[bytes, Meta(max_length=MAX_STATEMENT_BYTES)]
RawAuthorisation = Annotated[bytes, Meta(max_length=MAX_AUTHORISATION_BYTES)]
