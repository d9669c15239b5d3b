"""What two managers say to each other when one cashes with the other (C-08, C-09).

The payee's manager (redeemer) presents transfers to the manager that issued what they consume
(issuer). The issuer answers each in the order asked and states, under the same signature, the
total it has ever owed the redeemer: a figure that only grows, so the newest statement alone is
enough to settle and a lost or repeated one changes nothing.
"""

from typing import Annotated

from msgspec import Meta, Struct

from feiqian.crypto.certificates import InstitutionCode, UnixMs
from feiqian.crypto.signed import SignedKind
from feiqian.money.amounts import AmountOrZeroMinor
from feiqian.money.identifiers import Identifier
from feiqian.outcomes import Outcome
from feiqian.wire.items import PaymentItem, RawCertificate, RawCurrency, RawTransfer
from feiqian.wire.payment import Detail
from feiqian.wire.request_envelope import RequestId

CASH_PATH = "/v1/cash"
"""Where an issuer cashes what another institution presents."""
MAX_CASHED = 256
"""Most transfers presented in one request."""
MAX_CASH_BYTES = 1_048_576


class CashItem(Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """One paying transfer and to whom it pays."""

    item: PaymentItem
    payee_certificate: RawCertificate | None
    """Of the payee's chip, issued by the redeemer; None when it pays the redeemer itself."""


class CashRequest(Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """The payload that the redeemer signs."""

    version: int
    request_id: RequestId
    redeemer: InstitutionCode
    issuer: InstitutionCode
    sent_at_ms: UnixMs
    items: Annotated[tuple[CashItem, ...], Meta(min_length=1, max_length=MAX_CASHED)]


class CashResult(Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """What became of one item: accepted, repeated (same result as then), or why not."""

    transfer: Identifier
    outcome: Outcome
    detail: Detail
    renewal: RawCurrency | None
    """The payer's change, re-issued."""
    conflict: RawTransfer | None
    """On double_spent: the other signed transfer."""


class ObligationStatement(Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """The issuer's word on what it has owed the redeemer in all, settled or not."""

    version: int
    debtor: InstitutionCode
    creditor: InstitutionCode
    owed_total_minor: AmountOrZeroMinor
    stated_at_ms: UnixMs


class CashResponse(Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """The payload that the issuer signs: results in the order of the request's items."""

    version: int
    request_id: RequestId
    issuer: InstitutionCode
    redeemer: InstitutionCode
    results: Annotated[tuple[CashResult, ...], Meta(max_length=MAX_CASHED)]
    statement: Annotated[bytes, Meta(max_length=256)]
    """A signed `ObligationStatement`, on its own so that it can be shown to the platform."""


CASH_REQUEST = SignedKind(b"feiqian/cash-request", CashRequest, MAX_CASH_BYTES)
CASH_RESPONSE = SignedKind(b"feiqian/cash-response", CashResponse, MAX_CASH_BYTES)
OBLIGATION_STATEMENT = SignedKind(b"feiqian/obligation-statement", ObligationStatement, 256)
