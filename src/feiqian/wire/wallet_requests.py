"""What a wallet asks its institution: the bodies and results of its signed requests.

Each action of `request_envelope.Action` that a wallet may ask has its body and its result here.
"""

from typing import Annotated

from msgspec import Meta, Struct

from feiqian.crypto.certificates import PublicKey
from feiqian.money.amounts import AmountMinor, AmountOrZeroMinor
from feiqian.money.identifiers import Identifier
from feiqian.outcomes import Outcome
from feiqian.wire.items import MAX_ITEMS, Items, RawCertificate, RawCurrency
from feiqian.wire.payment import RawReceipt
from feiqian.wire.request_envelope import MAX_LISTED
from feiqian.wire.synchronisation import RawSynchronisation

MAX_LETTER_BYTES = 32_768
"""Longest payment request that an institution keeps for a wallet."""


class OpenBody(Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """Open a wallet for this chip key in this tier (P-02, P-03)."""

    version: int
    public_key: PublicKey
    tier: Annotated[int, Meta(ge=0, le=15)]


class OpenResult(Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """The chip's certificate; its subject is the wallet number. The account is empty for tier 0."""

    version: int
    chip_certificate: RawCertificate
    account: Annotated[str, Meta(max_length=24)]


class WithdrawBody(Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """Take `amount_minor` from the bank account as digital currency (P-04)."""

    version: int
    amount_minor: AmountMinor


class IssuedResult(Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """New currencies, in the order of their sequence. For withdraw, convert and issued."""

    version: int
    currencies: Annotated[tuple[RawCurrency, ...], Meta(max_length=MAX_LISTED)]


class RedeemBody(Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """Items paid to the institution's own key: for deposit (P-04) or convert (C-14)."""

    version: int
    items: Items


class DepositResult(Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """What was credited, and the bank account's balance afterwards."""

    version: int
    amount_minor: AmountMinor
    account_minor: AmountOrZeroMinor
    renewals: Annotated[tuple[RawCurrency, ...], Meta(max_length=MAX_ITEMS)]


class ConvertResult(Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """One currency of the own institution with the same sum, and renewed change if any."""

    version: int
    currency: RawCurrency
    renewals: Annotated[tuple[RawCurrency, ...], Meta(max_length=MAX_ITEMS)]


class IssuedBody(Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """Ask again for the currencies issued to this chip after sequence `after`."""

    version: int
    after: Annotated[int, Meta(ge=0, le=2**32 - 1)]


class TransfersBody(Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """Ask what became of transfers this wallet signed."""

    version: int
    transfers: Annotated[tuple[Identifier, ...], Meta(min_length=1, max_length=MAX_LISTED)]


class TransferStanding(Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """What the record knows of one transfer; unknown_identifier: it has not arrived."""

    transfer: Identifier
    outcome: Outcome
    redeemer: Annotated[str, Meta(max_length=11)]
    renewal: RawCurrency | None


class TransfersResult(Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """One standing for each transfer asked about, in the same order."""

    version: int
    standings: Annotated[tuple[TransferStanding, ...], Meta(max_length=MAX_LISTED)]


class AccountResult(Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """The bank account behind the wallet."""

    version: int
    account: Annotated[str, Meta(max_length=24)]
    balance_minor: AmountOrZeroMinor
    issued_sequence: Annotated[int, Meta(ge=0, le=2**32 - 1)]
    """Sequence of the last currency issued to this chip."""


class SynchroniseResult(Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """The signed `Synchronisation` for the wallet's chip."""

    version: int
    statement: RawSynchronisation


Letter = Annotated[bytes, Meta(max_length=MAX_LETTER_BYTES)]


class MailboxBody(Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """Ask for payments left for this wallet's chip, and say what became of those fetched before."""

    version: int
    receipts: Annotated[tuple[RawReceipt, ...], Meta(max_length=MAX_LISTED)]
    """Of payments that the chip has taken in; their payers can ask for them."""
    refused: Annotated[tuple[Identifier, ...], Meta(max_length=MAX_LISTED)]
    """First transfers of payments that are not to be offered again."""


class MailboxResult(Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """Payment request messages, the longest waiting first, as many as fit."""

    version: int
    letters: Annotated[tuple[Letter, ...], Meta(max_length=MAX_LISTED)]
