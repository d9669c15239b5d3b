"""Signed requests of institutions, on their own account and for their wallets (P-01, P-05, P-07, D-14).

Three steps. `read_request` judges the bytes. `authenticate` judges who signed them, and turns the
request into its decision: a function of a transaction. `answer` runs that under the sender's key.
A decision refuses before its first change; its refusal is an answer, too, signed and stored. A
refusal of the earlier steps, and of a request that comes too late, is not: nothing was done.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from msgspec import Struct

from feiqian.central import channels, claims, idempotency, issuance, news, reports, settlement
from feiqian.central.authority import Authority
from feiqian.central.claims import Statement
from feiqian.central.ledger import balance_minor
from feiqian.central.ledger import issuance as issuance_account
from feiqian.central.ledger import reserves as reserves_account
from feiqian.central.list_book import ListBook
from feiqian.crypto import cbor, cose
from feiqian.crypto.cbor import VERSION
from feiqian.crypto.certificates import PLATFORM, check_validity
from feiqian.crypto.suites import Suite
from feiqian.crypto.trust import TrustStore
from feiqian.money.amounts import MAX_AMOUNT_MINOR
from feiqian.outcomes import Outcome, Refusal
from feiqian.ports import Transaction
from feiqian.timing.moment import Moment
from feiqian.wire.channels import PassOnChannelBody
from feiqian.wire.control_delivery import WalletNews
from feiqian.wire.platform_requests import (
    IssueBody,
    PositionResult,
    ReportBody,
    SettleBody,
    SettledClaim,
    SettleResult,
)
from feiqian.wire.request_envelope import (
    ANSWER,
    INSTITUTION_REQUEST,
    MAX_AGE_MS,
    MAX_BODY_BYTES,
    Action,
    Answer,
    EmptyBody,
    Request,
)

Body = IssueBody | SettleBody | EmptyBody | ReportBody | PassOnChannelBody | WalletNews
Decision = Callable[[Transaction, int], Struct]
"""What an authenticated request does, at a moment in Unix milliseconds, and its result."""

_SHAPES: dict[Action, type[Body]] = {
    Action.ISSUE: IssueBody,
    Action.RETURN: IssueBody,
    Action.SETTLE: SettleBody,
    Action.POSITION: EmptyBody,
    Action.REPORT: ReportBody,
    Action.CHANNEL: PassOnChannelBody,
    Action.ORDERS: WalletNews,
}


@dataclass(frozen=True, slots=True)
class ReadRequest:
    """A request read from bytes; nobody has said yet that it is genuine."""

    signed: cose.Sign1
    request: Request
    body: Body
    statements: tuple[Statement, ...] = ()
    """Of a settle request."""


@dataclass(frozen=True, slots=True)
class Accepted:
    """A request that is genuine, and what it does."""

    key: idempotency.Key
    request: Request
    decision: Decision
    is_kept: bool = True
    """Whether the answer is kept under the key; not where doing it again is harmless."""


def read_request(suite: Suite, raw: bytes) -> ReadRequest:
    """Judge the bytes. `Refusal`: malformed and its kin, also for an action not served here."""
    signed, request = INSTITUTION_REQUEST.parse(suite, raw)
    shape = _SHAPES.get(request.action)
    if shape is None:
        raise Refusal(Outcome.MALFORMED, f"expected one of {', '.join(_SHAPES)}")
    body = cbor.decode(request.body, shape, limit=MAX_BODY_BYTES)
    if not isinstance(body, SettleBody):
        return ReadRequest(signed, request, body)
    statements = tuple(claims.read_statement(suite, shown) for shown in body.statements)
    return ReadRequest(signed, request, body, statements)


def authenticate(
    authority: Authority, trust: TrustStore, book: ListBook, asked: ReadRequest, now: Moment
) -> Accepted:
    """Judge who signed, and prepare what to do.

    Raises `Refusal`: unknown_issuer, certificate_expired, bad_signature, wrong_addressee; for a
    report what its evidence is refused for.
    """
    request = asked.request
    sender = trust.institution(request.sender).value
    check_validity(sender, now.midpoint_ms)
    INSTITUTION_REQUEST.verify(authority.suite, sender.public_key, asked.signed)
    if request.addressee != PLATFORM:
        raise Refusal(Outcome.WRONG_ADDRESSEE, f"expected a request to {PLATFORM}")
    digest = authority.suite.digest(asked.signed.payload)
    key = idempotency.Key(request.sender, request.request_id, digest)
    decision = _decision(authority, trust, book, asked, now)
    return Accepted(key, request, decision, is_kept=request.action is not Action.ORDERS)


def answer(authority: Authority, accepted: Accepted, now: Moment, tx: Transaction) -> bytes:
    """The signed answer, made now or as it was stored. `Refusal`: key_reused, expired."""

    def decide() -> bytes:
        if now.certainly_after(accepted.request.sent_at_ms + MAX_AGE_MS):
            raise Refusal(Outcome.EXPIRED, f"expected a new request within {MAX_AGE_MS} ms")
        return _decided(authority, accepted, now.midpoint_ms, tx)

    if not accepted.is_kept:
        return decide()
    return idempotency.once(tx, accepted.key, decide)


def _decided(authority: Authority, accepted: Accepted, now_ms: int, tx: Transaction) -> bytes:
    try:
        result = cbor.encode(accepted.decision(tx, now_ms))
        outcome, detail = Outcome.ACCEPTED, ""
    except Refusal as refusal:
        result, outcome, detail = b"", refusal.outcome, refusal.detail
    said = Answer(VERSION, accepted.request.request_id, outcome, detail, now_ms, result)
    return ANSWER.sign(authority.suite, authority.key, said)


def _decision(
    authority: Authority, trust: TrustStore, book: ListBook, asked: ReadRequest, now: Moment
) -> Decision:
    sender, body = asked.request.sender, asked.body
    if isinstance(body, ReportBody):
        report = reports.read_report(trust, body, sender, asked.signed.raw)
        return partial(reports.accept, book, report)
    if isinstance(body, PassOnChannelBody):
        return partial(channels.register, channels.read_registration(trust, body, sender, now))
    if isinstance(body, WalletNews):
        return partial(news.exchange, trust.suite, news.read_news(trust, body, sender, now))
    if isinstance(body, IssueBody):
        wish = issuance.IssuanceWish(sender, body.amount_minor, asked.signed.raw)
        act = issuance.issue if asked.request.action is Action.ISSUE else issuance.take_back
        return partial(act, authority, wish)
    if isinstance(body, SettleBody):
        return partial(_settle, [_verified(trust, sender, shown) for shown in asked.statements])
    return partial(_position, sender)


def _verified(trust: TrustStore, creditor: str, statement: Statement) -> Statement | SettledClaim:
    """The statement, or why it is no claim: one that is refused does not spoil the others."""
    try:
        claims.verify_statement(trust, creditor, statement)
    except Refusal as refusal:
        return SettledClaim(statement.value.debtor, refusal.outcome, refusal.detail, 0, 0)
    return statement


def _settle(verified: list[Statement | SettledClaim], tx: Transaction, now_ms: int) -> SettleResult:
    results = tuple(
        settlement.present(tx, shown, now_ms) if isinstance(shown, Statement) else shown
        for shown in verified
    )
    return SettleResult(VERSION, results)


def _position(code: str, tx: Transaction, _now_ms: int) -> PositionResult:
    owed = claims.unsettled_minor(tx, code)
    return PositionResult(
        VERSION,
        balance_minor(tx, reserves_account(code)),
        balance_minor(tx, issuance_account(code)),
        min(owed.to_it_minor, MAX_AMOUNT_MINOR),
        min(owed.by_it_minor, MAX_AMOUNT_MINOR),
        claims.settled_pairs(tx, code),
    )
