"""Wallets' reports that the platform passes on: judged once, kept, and answered for good (W-07, W-10).

Order: bytes, the platform's signature, addressee; then the stored answer if the request is known;
then freshness; then the chip's signature and the report's number. The statement for the chip is
signed in the transaction that stores the judgement, and only when the risk check passes.
"""

import hashlib
from dataclasses import dataclass

import structlog

from feiqian.crypto import cbor
from feiqian.crypto.cbor import VERSION
from feiqian.crypto.certificates import PLATFORM, parse_certificate
from feiqian.institution import risk, wallets
from feiqian.institution.office import Office
from feiqian.institution.synchronising import synchronise
from feiqian.institution.wallets import CustomerWallet
from feiqian.money.currency import parse_currency
from feiqian.money.limits import limits_of
from feiqian.money.offline_policy import LIST_SHARES
from feiqian.outcomes import Outcome, Refusal
from feiqian.ports import Transaction
from feiqian.wire.double_spending import LIST_DELTA, LIST_VERSION, DocumentKind
from feiqian.wire.key_information import KEY_INFORMATION, KeyInformation
from feiqian.wire.request_envelope import (
    ANSWER,
    MAX_AGE_MS,
    MAX_BODY_BYTES,
    Action,
    Answer,
    Request,
)
from feiqian.wire.risk import PLATFORM_REQUEST, Finding, ReportedBody, ReportedResult

MAX_COUNTED = 1_024
"""Issues to one wallet that are added up; of a wallet with more, the balance is not compared."""

log = structlog.get_logger("key_reports")


@dataclass(frozen=True, slots=True)
class ForwardedReport:
    """A genuine request of the platform."""

    request: Request
    digest: bytes
    wallet: CustomerWallet
    chip: bytes
    """The fingerprint of the wallet's chip."""
    raw: bytes
    report: KeyInformation


@dataclass(frozen=True, slots=True)
class KeptReport:
    """A report as it is kept."""

    wallet: str
    raw: bytes
    received_at_ms: int
    findings: str
    statement: bytes | None


async def answer_report(office: Office, raw: bytes) -> bytes:
    """The signed answer, of `ReportedResult`, to the platform's request.

    Raises `Refusal`: malformed and its kin, bad_signature, wrong_addressee, key_reused, expired,
    unknown_wallet, outdated for a report that is not the chip's newest; then nothing was done.
    """
    signed, request = PLATFORM_REQUEST.parse(office.suite, raw)
    PLATFORM_REQUEST.verify(office.suite, office.trust.root.value.public_key, signed)
    if request.sender != PLATFORM or request.addressee != office.code:
        raise Refusal(Outcome.WRONG_ADDRESSEE, f"expected the platform's request to {office.code}")
    if request.action is not Action.KEY_INFORMATION:
        raise Refusal(Outcome.MALFORMED, f"expected a report, not {request.action}")
    digest = hashlib.sha256(signed.payload).digest()
    known = await office.store.read(lambda tx: _stored(tx, request, digest))
    if known is not None:
        return known
    if abs(office.now_ms() - request.sent_at_ms) > MAX_AGE_MS:
        raise Refusal(Outcome.EXPIRED, f"expected a request sent within {MAX_AGE_MS} ms")
    body = cbor.decode(request.body, ReportedBody, limit=MAX_BODY_BYTES)
    wallet = await office.store.read(lambda tx: wallets.find(tx, body.wallet))
    chip = parse_certificate(office.suite, wallet.certificate)
    report = KEY_INFORMATION.read(office.suite, body.report, chip.value.public_key)
    asked = ForwardedReport(request, digest, wallet, chip.fingerprint, body.report, report)
    return await office.store.write(lambda tx: _answer(tx, office, asked))


def _answer(tx: Transaction, office: Office, asked: ForwardedReport) -> bytes:
    request = asked.request
    known = _stored(tx, request, asked.digest)
    if known is not None:
        return known
    result = _judge(tx, office, asked)
    said = Answer(
        VERSION, request.request_id, Outcome.ACCEPTED, "", office.now_ms(), cbor.encode(result)
    )
    answer = ANSWER.sign(office.suite, office.key, said)
    tx.execute(
        "INSERT INTO requests (sender, request_id, digest, answer) VALUES (?, ?, ?, ?)",
        (request.sender, request.request_id, asked.digest, answer),
    )
    return answer


def _judge(tx: Transaction, office: Office, asked: ForwardedReport) -> ReportedResult:
    previous = _previous(tx, office, asked.wallet.number)
    if previous is not None and asked.report.number <= previous.number:
        raise Refusal(Outcome.OUTDATED, f"expected a report after number {previous.number}")
    known = _known(tx, office, asked, previous)
    findings = risk.find(asked.report, known, office.clock.now())
    statement = b""
    if risk.passes(findings):
        statement = synchronise(tx, office, asked.wallet).statement
    _keep(tx, office, asked, findings, statement)
    log.info("judged", wallet=asked.wallet.number, findings=[each.name for each in findings])
    return ReportedResult(VERSION, findings, statement)


def _known(
    tx: Transaction, office: Office, asked: ForwardedReport, previous: KeyInformation | None
) -> risk.KnownWallet:
    rows = tx.query("SELECT number FROM synchronisations WHERE wallet = ?", (asked.wallet.number,))
    return risk.KnownWallet(
        frozen=asked.wallet.frozen,
        limits=limits_of(asked.wallet.tier),
        previous=previous,
        synchronised_number=int(rows[0][0]) if rows else 0,
        list_stale=_is_stale(tx, office, asked.report.list_number),
        issued_minor=_issued_minor(tx, office, asked.chip),
    )


def _previous(tx: Transaction, office: Office, wallet: str) -> KeyInformation | None:
    rows = tx.query(
        "SELECT raw FROM key_informations WHERE wallet = ? ORDER BY number DESC LIMIT 1", (wallet,)
    )
    return KEY_INFORMATION.peek(office.suite, rows[0][0]) if rows else None


def _is_stale(tx: Transaction, office: Office, number: int) -> bool:
    """Whether a version of the list is too old; one that is not known here, is not newer either."""
    rows = tx.query("SELECT raw FROM list_documents WHERE kind = ?", (DocumentKind.VERSION,))
    newest = LIST_VERSION.peek(office.suite, rows[0][0]).state if rows else None
    if newest is None or number > newest.number:
        return False
    if number == newest.number:
        issued_at_ms = newest.issued_at_ms
    else:
        deltas = tx.query(
            "SELECT raw FROM list_documents WHERE kind = ? AND number = ?",
            (DocumentKind.DELTA, number),
        )
        if not deltas:
            return True
        issued_at_ms = LIST_DELTA.peek(office.suite, deltas[0][0]).state.issued_at_ms
    return office.now_ms() - issued_at_ms > LIST_SHARES[-1][0]


def _issued_minor(tx: Transaction, office: Office, chip: bytes) -> int | None:
    rows = tx.query("SELECT raw FROM issued WHERE owner = ? LIMIT ?", (chip, MAX_COUNTED + 1))
    if len(rows) > MAX_COUNTED:
        return None
    return sum(parse_currency(office.suite, raw).value.amount_minor for (raw,) in rows)


def _keep(
    tx: Transaction,
    office: Office,
    asked: ForwardedReport,
    findings: tuple[Finding, ...],
    statement: bytes,
) -> None:
    tx.execute(
        "INSERT INTO key_informations (wallet, number, raw, received_at_ms, findings, statement)"
        " VALUES (?, ?, ?, ?, ?, ?)",
        (
            asked.wallet.number,
            asked.report.number,
            asked.raw,
            office.now_ms(),
            " ".join(finding.name.lower() for finding in findings),
            statement or None,
        ),
    )


def newest(tx: Transaction, wallet: str, limit: int) -> list[KeptReport]:
    """Reports of a wallet, or with an empty name of all, the newest first."""
    rows = tx.query(
        "SELECT wallet, raw, received_at_ms, findings, statement FROM key_informations"
        " WHERE wallet = ? OR ? = '' ORDER BY received_at_ms DESC, number DESC LIMIT ?",
        (wallet, wallet, limit),
    )
    return [KeptReport(*row) for row in rows]


def _stored(tx: Transaction, request: Request, digest: bytes) -> bytes | None:
    rows = tx.query(
        "SELECT digest, answer FROM requests WHERE sender = ? AND request_id = ?",
        (request.sender, request.request_id),
    )
    if not rows:
        return None
    if rows[0][0] != digest:
        raise Refusal(Outcome.KEY_REUSED, "the request id was used for another request")
    return bytes(rows[0][1])
