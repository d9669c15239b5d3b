"""Signed requests and answers: what a wallet asks its institution, an institution the platform.

One form for both: who asks, whom, when, what, and a request id that the sender made and stored
before sending. The receiver stores its answer under that id: the same request gets the same answer
for ever, a different request under a used id is refused (key_reused). A request that is not known
yet and older than `MAX_AGE_MS` is refused as expired, which therefore always means "not done".
The body and the result are encodings of the action's own structs: `wallet_requests` and
`platform_requests`.
"""

from enum import StrEnum
from typing import Annotated

from msgspec import Meta, Struct

from feiqian.crypto.certificates import Name, UnixMs
from feiqian.crypto.signed import SignedKind
from feiqian.outcomes import Outcome
from feiqian.wire.payment import Detail

REQUESTS_PATH = "/v1/requests"
"""Where an institution takes its wallets' requests, and the platform its members'."""
MAX_REQUEST_BYTES = 65_536
MAX_BODY_BYTES = 61_440
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
    CHANNEL = "channel"
    """Register a satellite channel; of wallets, and passed on by their institutions."""
    ORDERS = "orders"
    """Bring news of control orders, and fetch those that are open; passed on alike."""
    ISSUE = "issue"
    RETURN = "return"
    SETTLE = "settle"
    POSITION = "position"
    REPORT = "report"
    KEY_INFORMATION = "key_information"
    """The platform passes on a wallet's key information set (`risk.PLATFORM_REQUEST`)."""


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


class EmptyBody(Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """An action without parameters: account, synchronise, position."""

    version: int
