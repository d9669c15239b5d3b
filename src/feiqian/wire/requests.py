"""Signed requests and answers: what a wallet asks its institution, an institution the platform.

One form for both: who asks, whom, when, what, and a request id that the sender made and stored
before sending. The receiver stores its answer under that id: the same request gets the same answer
for ever, a different request under a used id is refused (key_reused). A request that is not known
yet and older than `MAX_AGE_MS` is refused as expired, which therefore always means "not done".
The body and the result are encodings of the action's own structs, below.
"""

from enum import StrEnum
from typing import Annotated

from msgspec import Meta, Struct

from feiqian.crypto.certificates import InstitutionCode, Name, PublicKey, UnixMs, WalletNumber
from feiqian.crypto.signed import SignedKind
from feiqian.money.amounts import MAX_AMOUNT_MINOR, AmountMinor, AmountOrZeroMinor
from feiqian.money.identifiers import Identifier
from feiqian.outcomes import Outcome
from feiqian.timing.moment import Moment
from feiqian.wire.items import MAX_ITEMS, Items, RawCertificate, RawCurrency
from feiqian.wire.payment import Detail, RawReceipt

MAX_REQUEST_BYTES = 65_536
MAX_BODY_BYTES = 61_440
MAX_LETTER_BYTES = 32_768
"""Longest payment request that an institution keeps for a wallet."""
MAX_AGE_MS = 10 * 60 * 1000
MAX_LISTED = 32
"""Most entries in one page of an answer."""

RequestId = Annotated[bytes, Meta(min_length=16, max_length=16)]
Body = Annotated[bytes, Meta(max_length=MAX_BODY_BYTES)]


class Action(StrEnum):
    """What can be asked by signed request."""

    OPEN = "open"
    WITHDRAW = "withdraw"
    DEPOSIT = "deposit"
    CONVERT = "convert"
    ISSUED = "issued"
    TRANSFERS = "transfers"
    ACCOUNT = "account"
    SYNCHRONISE = "synchronise"
    MAILBOX = "mailbox"
    ISSUE = "issue"
    RETURN = "return"
    SETTLE = "settle"
    POSITION = "position"
    REPORT = "report"


class Request(Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """The payload of a signed request."""

    version: int
    request_id: RequestId
    sender: Name
    """A wallet number or institution code; ``new`` when a wallet is being opened."""
    addressee: Name
    sent_at_ms: UnixMs
    action: Action
    body: Body


class Answer(Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """The payload of a signed answer; `result` is empty unless the outcome is a success."""

    version: int
    request_id: RequestId
    outcome: Outcome
    detail: Detail
    answered_at_ms: UnixMs
    result: Body


WALLET_REQUEST = SignedKind(b"feiqian/wallet-request", Request, MAX_REQUEST_BYTES)
INSTITUTION_REQUEST = SignedKind(b"feiqian/institution-request", Request, MAX_REQUEST_BYTES)
ANSWER = SignedKind(b"feiqian/answer", Answer, MAX_REQUEST_BYTES)

NEW_WALLET = "new"
"""Sender of an opening request; it is signed with the key to be certified."""


# Wallet -> institution ---------------------------------------------------------------------------
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


class EmptyBody(Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """An action without parameters: account, synchronise, position."""

    version: int


class AccountResult(Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """The bank account behind the wallet."""

    version: int
    account: Annotated[str, Meta(max_length=24)]
    balance_minor: AmountOrZeroMinor
    issued_sequence: Annotated[int, Meta(ge=0, le=2**32 - 1)]
    """Sequence of the last currency issued to this chip."""


class Synchronisation(Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """What an institution signs for a wallet's chip: at this moment it was in touch."""

    version: int
    wallet: WalletNumber
    moment: Moment
    number: Annotated[int, Meta(ge=1, le=2**32 - 1)]
    """Of this wallet's synchronisations; it only grows, so none counts twice."""


SYNCHRONISATION = SignedKind(b"feiqian/synchronisation", Synchronisation, 192)

RawSynchronisation = Annotated[bytes, Meta(max_length=192)]


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


# Institution -> platform -------------------------------------------------------------------------
class IssueBody(Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """Ask the platform to issue (or, in return, to take back) against reserves (P-01)."""

    version: int
    amount_minor: AmountMinor


class IssuanceOrder(Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """What the platform signs for issue and return: evidence for both sides and the auditor."""

    version: int
    number: Annotated[int, Meta(ge=1, le=2**53 - 1)]
    """Of this institution's orders, without gaps."""
    institution: InstitutionCode
    amount_minor: Annotated[int, Meta(ge=-MAX_AMOUNT_MINOR, le=MAX_AMOUNT_MINOR)]
    """Positive for issue, negative for return."""
    authorised_minor: AmountOrZeroMinor
    """What the institution may have issued after this order and all settlements before it."""
    ordered_at_ms: UnixMs


ISSUANCE_ORDER = SignedKind(b"feiqian/issuance-order", IssuanceOrder, 256)


class IssueResult(Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """The signed order."""

    version: int
    order: Annotated[bytes, Meta(max_length=256)]


class SettleBody(Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """Claim what others owe: the latest signed obligation statement of each debtor (P-05)."""

    version: int
    statements: Annotated[
        tuple[Annotated[bytes, Meta(max_length=256)], ...], Meta(min_length=1, max_length=256)
    ]


class SettledClaim(Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """What became of one statement."""

    debtor: InstitutionCode
    outcome: Outcome
    detail: Detail
    claimed_total_minor: AmountOrZeroMinor
    settled_total_minor: AmountOrZeroMinor


class SettleResult(Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """One result for each statement, in order."""

    version: int
    claims: Annotated[tuple[SettledClaim, ...], Meta(max_length=256)]


class ReportBody(Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """Report a double spend (D-13): the issuer's word on which transfer its record honours."""

    version: int
    evidence: Annotated[bytes, Meta(max_length=1_280)]
    """An encoded `Evidence`."""
    recorded: Identifier
    """The name of that one of its two transfers that was recorded first."""


class ReportResult(Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """The report is kept; the list that has it."""

    version: int
    list_number: Annotated[int, Meta(ge=1, le=2**53 - 1)]


class SettledPair(Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """What a debtor has settled with a creditor in all; only grows."""

    debtor: InstitutionCode
    creditor: InstitutionCode
    settled_total_minor: AmountOrZeroMinor


class PositionResult(Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """An institution's standing at the platform."""

    version: int
    reserves_minor: AmountOrZeroMinor
    authorised_minor: AmountOrZeroMinor
    owed_to_minor: AmountOrZeroMinor
    """Claimed by this institution, not settled yet."""
    owes_minor: AmountOrZeroMinor
    """Claimed from this institution, not settled yet."""
    settled: Annotated[tuple[SettledPair, ...], Meta(max_length=512)]
    """Every pair that this institution is one side of: both sides book settlement from here."""
