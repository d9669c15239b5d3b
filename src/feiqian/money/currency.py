"""Currency: value issued by one institution to one owner, as signed bytes.

A currency is new value with a serial of its own, or the *renewal* of a state that is already in
circulation: the issuer's statement that it has seen the history so far. A renewal keeps the serial
and the circulation identifier, so it replaces a long chain with one signature and changes nothing
about what may be spent once. New currencies are numbered per owner (`sequence`): a chip loads each
number once and in order, and so can never be made to load the same value twice.
"""

from dataclasses import dataclass
from typing import Annotated

from msgspec import Meta, Struct

from feiqian.crypto import cose
from feiqian.crypto.certificates import InstitutionCode, UnixMs
from feiqian.crypto.signed import SignedKind
from feiqian.crypto.suites import PrivateKey, Suite
from feiqian.crypto.trust import TrustStore
from feiqian.money.amounts import AmountMinor
from feiqian.money.identifiers import Fingerprint, Identifier, currency_identifier
from feiqian.outcomes import Outcome, Refusal

MAX_CURRENCY_BYTES = 256

Serial = Annotated[bytes, Meta(min_length=16, max_length=16)]


class Currency(Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """The payload of a currency."""

    version: int
    issuer: InstitutionCode
    serial: Serial
    """UUIDv7 (RFC 9562): time-ordered, its random part places the root in a shard."""
    amount_minor: AmountMinor
    owner: Fingerprint
    issued_at_ms: UnixMs
    sequence: Annotated[int, Meta(ge=0, le=2**32 - 1)]
    """Position among the new currencies issued to this owner, from 1; 0 in a renewal."""
    renewal_of: Identifier | None
    """The identifier that a renewal keeps; None for new value."""


CURRENCY = SignedKind(b"feiqian/currency", Currency, MAX_CURRENCY_BYTES)


@dataclass(frozen=True, slots=True)
class SignedCurrency:
    """A currency with the bytes that were signed and the identifier they have."""

    raw: bytes
    value: Currency
    identifier: bytes
    signed: cose.Sign1


def sign_currency(suite: Suite, issuer_key: PrivateKey, currency: Currency) -> SignedCurrency:
    """Issue: the signed form of `currency`."""
    return parse_currency(suite, CURRENCY.sign(suite, issuer_key, currency))


def parse_currency(suite: Suite, raw: bytes) -> SignedCurrency:
    """Read a currency without trusting it. `Refusal` by name when it is malformed."""
    signed, value = CURRENCY.parse(suite, raw)
    if (value.sequence == 0) != (value.renewal_of is not None):
        raise Refusal(Outcome.MALFORMED, "expected a sequence from 1, or 0 in a renewal")
    identifier = value.renewal_of or currency_identifier(suite, signed.payload)
    return SignedCurrency(raw=raw, value=value, identifier=identifier, signed=signed)


def verify_currency(trust: TrustStore, currency: SignedCurrency) -> None:
    """Raise `Refusal` unknown_issuer or bad_signature unless its issuer signed it."""
    issuer = trust.institution(currency.value.issuer)
    CURRENCY.verify(trust.suite, issuer.value.public_key, currency.signed)
