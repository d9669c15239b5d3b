"""Key information sets that came in, and what became of each at the wallet's institution (W-05, W-07).

A report is kept, as its chip signed it, before anybody is asked about it, and passed on in a request
of which the very bytes are kept, too: so a crash or a lost answer makes no second one. Only a number
above that of the chip's last report counts; what somebody plays back is refused.
"""

from dataclasses import dataclass

from feiqian.central.authority import Authority
from feiqian.crypto import cbor
from feiqian.crypto.cbor import VERSION
from feiqian.crypto.certificates import PLATFORM
from feiqian.crypto.suites import Suite
from feiqian.outcomes import Outcome, Refusal
from feiqian.ports import Row, Transaction
from feiqian.wire.key_information import KEY_INFORMATION, KeyInformation
from feiqian.wire.request_envelope import Action, Request
from feiqian.wire.risk import PLATFORM_REQUEST, Finding, ReportedBody

REQUEST_ID_BYTES = 16
MAX_WAITING = 4_096
"""Most reports passed on in one go."""


@dataclass(frozen=True, slots=True)
class GenuineReport:
    """A report that is genuine."""

    wallet: str
    institution: str
    chip: bytes
    """The fingerprint of the chip that signed it."""
    raw: bytes
    value: KeyInformation


@dataclass(frozen=True, slots=True)
class Waiting:
    """A report that its institution has not judged."""

    chip: bytes
    number: int
    wallet: str
    institution: str
    channel: int
    uplink: int
    request: bytes


@dataclass(frozen=True, slots=True)
class ReportJudgement:
    """What the institution said; without an outcome of success it refused to judge."""

    outcome: Outcome
    detail: str
    findings: tuple[Finding, ...]
    statement: bytes
    """A signed `Synchronisation` (COSE), or empty."""


@dataclass(frozen=True, slots=True)
class JudgedReport:
    """A report with all that is known of it."""

    wallet: str
    raw: bytes
    received_at_ms: int
    judged_at_ms: int | None
    outcome: str
    detail: str
    findings: str
    statement: bytes | None


def read_report(suite: Suite, raw: bytes, chip_key: bytes) -> KeyInformation:
    """What the chip says. `Refusal`: malformed and its kin, bad_signature."""
    return KEY_INFORMATION.read(suite, raw, chip_key)


def keep(
    tx: Transaction,
    authority: Authority,
    report: GenuineReport,
    uplink: tuple[int, int],
    now_ms: int,
) -> None:
    """Keep a report to be passed on; `uplink` is channel and message number.

    Raises `Refusal` outdated unless its number has grown.
    """
    [[last]] = tx.query(
        "SELECT COALESCE(MAX(number), 0) FROM wallet_reports WHERE chip = ?", (report.chip,)
    )
    if report.value.number <= last:
        raise Refusal(Outcome.OUTDATED, f"expected a report after number {last}")
    tx.execute(
        "INSERT INTO wallet_reports (wallet, chip, number, channel, uplink, institution, raw,"
        " received_at_ms, request, judged_at_ms, outcome, detail, findings, statement)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, NULL, '', '', '', NULL)",
        (
            report.wallet,
            report.chip,
            report.value.number,
            *uplink,
            report.institution,
            report.raw,
            now_ms,
            _request(authority, report, now_ms),
        ),
    )


def _request(authority: Authority, report: GenuineReport, now_ms: int) -> bytes:
    body = ReportedBody(VERSION, report.wallet, report.raw)
    request = Request(
        VERSION,
        authority.suite.digest(report.raw)[:REQUEST_ID_BYTES],
        PLATFORM,
        report.institution,
        now_ms,
        Action.KEY_INFORMATION,
        cbor.encode(body),
    )
    return PLATFORM_REQUEST.sign(authority.suite, authority.key, request)


def renew(tx: Transaction, authority: Authority, waiting: Waiting, now_ms: int) -> bytes:
    """A new request in place of one that expired, which means that it was never served."""
    suite = authority.suite
    body = cbor.decode(
        PLATFORM_REQUEST.peek(suite, waiting.request).body, ReportedBody, limit=len(waiting.request)
    )
    value = KEY_INFORMATION.peek(suite, body.report)
    report = GenuineReport(waiting.wallet, waiting.institution, waiting.chip, body.report, value)
    request = _request(authority, report, now_ms)
    tx.execute(
        "UPDATE wallet_reports SET request = ? WHERE chip = ? AND number = ?",
        (request, waiting.chip, waiting.number),
    )
    return request


def waiting(tx: Transaction) -> list[Waiting]:
    """Reports that are not judged yet, the longest waiting first."""
    rows = tx.query(
        "SELECT chip, number, wallet, institution, channel, uplink, request FROM wallet_reports"
        " WHERE judged_at_ms IS NULL ORDER BY received_at_ms, chip LIMIT ?",
        (MAX_WAITING,),
    )
    return [Waiting(*row) for row in rows]


def judge(tx: Transaction, waiting: Waiting, judgement: ReportJudgement, now_ms: int) -> bool:
    """Keep what the institution said; False when that was kept before."""
    kept = tx.execute(
        "UPDATE wallet_reports SET judged_at_ms = ?, outcome = ?, detail = ?, findings = ?,"
        " statement = ? WHERE chip = ? AND number = ? AND judged_at_ms IS NULL",
        (
            now_ms,
            judgement.outcome,
            judgement.detail,
            " ".join(finding.name.lower() for finding in judgement.findings),
            judgement.statement or None,
            waiting.chip,
            waiting.number,
        ),
    )
    return bool(kept)


def newest(tx: Transaction, wallet: str, limit: int) -> list[JudgedReport]:
    """Reports of a wallet, or with an empty name of all, the newest first."""
    rows: list[Row] = tx.query(
        "SELECT wallet, raw, received_at_ms, judged_at_ms, outcome, detail, findings, statement"
        " FROM wallet_reports WHERE wallet = ? OR ? = ''"
        " ORDER BY received_at_ms DESC, number DESC LIMIT ?",
        (wallet, wallet, limit),
    )
    return [JudgedReport(*row) for row in rows]
