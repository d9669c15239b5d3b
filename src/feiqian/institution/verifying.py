"""Verifying what was received offline, for own wallets and for other institutions (D-04, D-12).

Own currency: the record takes in the history, without redeeming it, and decides; foreign currency: its
issuer is asked, once for all items of a request that it issued, and its signed verdict is passed on.
Nothing is kept here of a foreign verdict: asking again gives it again. An issuer that cannot be
reached has decided nothing, and the result says so.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass

import structlog

from feiqian.crypto.cbor import VERSION
from feiqian.institution import conflicts, record
from feiqian.institution.checking import check_verifiable
from feiqian.institution.office import Office
from feiqian.money.currency import parse_currency, verify_currency
from feiqian.outcomes import Outcome, Refusal
from feiqian.ports import Transaction
from feiqian.wire.envelope import decode_message, encode_message
from feiqian.wire.items import CheckedItem, PaymentItem, read_item
from feiqian.wire.verification import (
    VERDICT,
    VERIFY_PATH,
    VERIFY_REQUEST,
    Verdict,
    VerificationRequest,
    VerificationResult,
    VerifiedItem,
    VerifyRequest,
)

REQUEST_ID_BYTES = 16
MAX_DETAIL = 300

log = structlog.get_logger("verifying")


@dataclass(frozen=True, slots=True)
class DecidedItem:
    """What this institution has decided on an item."""

    transfer: bytes
    outcome: Outcome
    detail: str = ""
    evidence: bytes | None = None
    renewal: bytes | None = None


Checked = CheckedItem | DecidedItem


async def verify(office: Office, raw: bytes) -> bytes:
    """Answer a `VerificationRequest` with a `VerificationResult`; both as message bytes.

    Raises `Refusal` for what cannot be read; else every item has its own result.
    """
    checked = _check_all(office, decode_message(raw, VerificationRequest).items)
    chosen: dict[str, list[Checked]] = {}
    for each in checked:
        chosen.setdefault(_decider_of(office, each), []).append(each)
    answers = await asyncio.gather(
        *(_verify_at(office, decider, of_it) for decider, of_it in chosen.items())
    )
    waiting = {code: iter(results) for code, results in zip(chosen, answers, strict=True)}
    results = tuple(next(waiting[_decider_of(office, each)]) for each in checked)
    return encode_message(VerificationResult(results))


async def answer_verify_request(office: Office, raw: bytes) -> bytes:
    """Answer another institution's signed `VerifyRequest` with a `VerificationResult` message.

    Raises `Refusal` when the request as a whole is not an institution's or not for us.
    """
    claimed = VERIFY_REQUEST.peek(office.suite, raw)
    sender = office.trust.institution(claimed.sender)
    request = VERIFY_REQUEST.read(office.suite, raw, sender.value.public_key)
    if request.issuer != office.code:
        raise Refusal(Outcome.WRONG_ADDRESSEE, f"expected a request to {office.code}")
    checked = _check_all(office, request.items)
    return encode_message(VerificationResult(await _decide_all(office, request.sender, checked)))


def _check_all(office: Office, items: Sequence[PaymentItem]) -> list[Checked]:
    now_ms = office.now_ms()
    return [_check(office, item, now_ms) for item in items]


def _check(office: Office, item: PaymentItem, now_ms: int) -> Checked:
    """The item checked, or decided because it can be seen that it is worth nothing."""
    name = read_item(office.suite, item).payment.name
    try:
        return check_verifiable(office.trust, item, now_ms)
    except Refusal as refusal:
        return DecidedItem(name, refusal.outcome, refusal.detail[:MAX_DETAIL])


def _decider_of(office: Office, checked: Checked) -> str:
    return office.code if isinstance(checked, DecidedItem) else checked.read.item.issuer


async def _verify_at(
    office: Office, decider: str, checked: Sequence[Checked]
) -> tuple[VerifiedItem, ...]:
    if decider == office.code:
        return await _decide_all(office, office.code, checked)
    items = [each for each in checked if isinstance(each, CheckedItem)]
    try:
        return await _ask(office, decider, items)
    except Refusal as refusal:
        log.warning("not verified", issuer=decider, outcome=refusal.outcome, detail=refusal.detail)
        return (VerifiedItem(None, None),) * len(items)


async def _ask(
    office: Office, issuer: str, checked: Sequence[CheckedItem]
) -> tuple[VerifiedItem, ...]:
    """What the issuer has decided; its signatures are checked before they are passed on."""
    items: tuple[PaymentItem, ...] = tuple(each.read.item for each in checked)
    request = VerifyRequest(
        VERSION,
        office.entropy(REQUEST_ID_BYTES),
        office.code,
        issuer,
        office.now_ms(),
        items,
    )
    raw = await office.courier.post(
        office.trust.url(issuer) + VERIFY_PATH,
        VERIFY_REQUEST.sign(office.suite, office.key, request),
    )
    results = decode_message(raw, VerificationResult).results
    if len(results) != len(checked):
        raise Refusal(Outcome.WRONG_SESSION, "expected an answer to each item of our request")
    for each, result in zip(checked, results, strict=True):
        _check_result(office, issuer, each, result)
    return results


def _check_result(office: Office, issuer: str, checked: CheckedItem, result: VerifiedItem) -> None:
    if result.verdict is None:
        raise Refusal(Outcome.WRONG_SESSION, f"expected the verdict of {issuer}")
    public = office.trust.institution(issuer).value.public_key
    verdict = VERDICT.read(office.suite, result.verdict, public)
    if verdict.transfer != checked.payment.name:
        raise Refusal(Outcome.WRONG_SESSION, "expected a verdict on what was asked")
    if result.renewal is not None:
        renewal = parse_currency(office.suite, result.renewal)
        verify_currency(office.trust, renewal)
        if renewal.identifier != checked.payment.payee_output:
            raise Refusal(Outcome.WRONG_SESSION, "expected the renewal of what was verified")


async def _decide_all(
    office: Office, presenter: str, checked: Sequence[Checked]
) -> tuple[VerifiedItem, ...]:
    """Decide on own currency, durably, and sign."""
    now_ms = office.now_ms()
    decisions = await office.store.write(
        lambda tx: [_decide(tx, office, presenter, each, now_ms) for each in checked]
    )
    return tuple(_signed(office, decided, now_ms) for decided in decisions)


def _decide(
    tx: Transaction, office: Office, presenter: str, checked: Checked, now_ms: int
) -> DecidedItem:
    if isinstance(checked, DecidedItem):
        return checked
    name = checked.payment.name
    try:
        seen = record.observe(tx, checked, now_ms)
    except record.DoubleSpend as conflict:
        evidence = conflicts.keep(tx, office.trust, conflict, presenter, now_ms)
        return DecidedItem(name, conflict.outcome, conflict.detail, evidence)
    except Refusal as refusal:
        return DecidedItem(name, refusal.outcome, refusal.detail[:MAX_DETAIL])
    renewal = seen.renewal(office.suite, office.key, office.code)
    outcome = Outcome.REPEATED if seen.repeated else Outcome.ACCEPTED
    return DecidedItem(name, outcome, renewal=renewal)


def _signed(office: Office, decided: DecidedItem, now_ms: int) -> VerifiedItem:
    verdict = Verdict(
        VERSION,
        office.code,
        decided.transfer,
        decided.outcome,
        decided.detail,
        decided.evidence,
        now_ms,
    )
    return VerifiedItem(VERDICT.sign(office.suite, office.key, verdict), decided.renewal)
