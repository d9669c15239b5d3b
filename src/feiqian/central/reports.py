"""Reports of double spends: verified evidence is kept, and what it shows is listed (D-13, D-15).

Evidence proves who spent a state twice; that needs nobody's word. Which of the two transfers counts
is the word of the institution that reports, signed in its request and kept with the evidence: it is
the issuer's record that says so. A second report that says otherwise is refused. Evidence that came
before changes nothing, also after its listing was revoked.
"""

from dataclasses import dataclass

from feiqian.central import listings
from feiqian.central.list_book import ListBook
from feiqian.central.listings import Listing
from feiqian.crypto.cbor import VERSION
from feiqian.crypto.trust import TrustStore
from feiqian.money.double_spending import Changes, Offender, pack_entry
from feiqian.outcomes import Outcome, Refusal
from feiqian.ports import Row, Transaction
from feiqian.wire.evidence import Accusation, verify_evidence
from feiqian.wire.platform_requests import ReportBody, ReportResult


@dataclass(frozen=True, slots=True)
class DoubleSpendReport:
    """A report whose evidence holds."""

    accusation: Accusation
    recorded: bytes
    raw: bytes
    """The evidence, encoded."""
    reporter: str
    request_raw: bytes


def read_report(
    trust: TrustStore, body: ReportBody, reporter: str, request_raw: bytes
) -> DoubleSpendReport:
    """Judge a report from the message alone.

    Raises `Refusal`: what `verify_evidence` raises, no_conflict when `recorded` is neither transfer.
    """
    accusation = verify_evidence(trust, body.evidence)
    if body.recorded not in accusation.transfers:
        raise Refusal(Outcome.NO_CONFLICT, "expected one of the two transfers as the recorded one")
    return DoubleSpendReport(accusation, body.recorded, body.evidence, reporter, request_raw)


def accept(book: ListBook, report: DoubleSpendReport, tx: Transaction, now_ms: int) -> ReportResult:
    """Keep the evidence and list what it shows.

    Raises `Refusal` key_reused when another transfer was reported as the recorded one.
    """
    _check_same_word(tx, report)
    if _keep(tx, report, now_ms):
        _list(book, report, tx, now_ms)
    return ReportResult(VERSION, book.current(tx).state.number)


def _check_same_word(tx: Transaction, report: DoubleSpendReport) -> None:
    rows = tx.query(
        "SELECT recorded FROM evidence WHERE consumed = ? AND recorded <> ? LIMIT 1",
        (report.accusation.consumed, report.recorded),
    )
    if rows:
        raise Refusal(
            Outcome.KEY_REUSED, "another transfer of this state was reported as the recorded one"
        )


def _keep(tx: Transaction, report: DoubleSpendReport, now_ms: int) -> bool:
    """Keep evidence; False when it was kept before."""
    accusation = report.accusation
    return bool(
        tx.execute(
            "INSERT INTO evidence (identifier, consumed, recorded, offender, wallet, reporter,"
            " raw, request_raw, reported_at_ms) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)"
            " ON CONFLICT (identifier) DO NOTHING",
            (
                accusation.name,
                accusation.consumed,
                report.recorded,
                accusation.offender,
                accusation.wallet,
                report.reporter,
                report.raw,
                report.request_raw,
                now_ms,
            ),
        )
    )


def _list(book: ListBook, report: DoubleSpendReport, tx: Transaction, now_ms: int) -> None:
    """Publish a version with what is not listed yet."""
    accusation, before = report.accusation, book.current(tx)
    entry = b""
    offenders: tuple[Offender, ...] = ()
    if before.listed.honoured(accusation.consumed) is None:
        entry = pack_entry(accusation.consumed, report.recorded)
    if accusation.offender not in before.listed.offenders:
        offenders = (Offender(accusation.offender, accusation.wallet, now_ms),)
    if not entry and not offenders:
        return
    number = book.publish(tx, Changes(entry, b"", offenders, ()), now_ms).state.number
    if entry:
        listing = Listing(accusation.consumed, report.recorded, accusation.offender)
        listings.list_identifier(tx, listing, number)
    for offender in offenders:
        listings.list_offender(tx, offender, number)


def evidence_on(tx: Transaction, subject: bytes | str, limit: int) -> list[Row]:
    """Evidence by its name, the identifier or the offender it is about, or a wallet number.

    Rows of identifier, consumed, recorded, wallet, reporter, raw, reported_at_ms; the newest first.
    """
    by_wallet = subject if isinstance(subject, str) else ""
    by_hash = b"" if isinstance(subject, str) else subject
    return tx.query(
        "SELECT identifier, consumed, recorded, wallet, reporter, raw, reported_at_ms FROM evidence"
        " WHERE wallet = ? OR identifier = ? OR consumed = ? OR offender = ?"
        " ORDER BY reported_at_ms DESC, identifier LIMIT ?",
        (by_wallet, by_hash, by_hash, by_hash, limit),
    )


def find_evidence(tx: Transaction, name: str) -> bytes:
    """Evidence (encoded) by its name. `Refusal`: malformed, unknown_identifier."""
    try:
        identifier = bytes.fromhex(name)
    except ValueError:
        raise Refusal(Outcome.MALFORMED, "expected a name of 64 hexadecimal digits") from None
    rows = tx.query("SELECT raw FROM evidence WHERE identifier = ?", (identifier,))
    if not rows:
        raise Refusal(Outcome.UNKNOWN_IDENTIFIER, "expected the name of evidence kept here")
    return bytes(rows[0][0])


def revoke(
    book: ListBook, subject: bytes | str, tx: Transaction, now_ms: int
) -> tuple[int, int, int]:
    """Revoke a listed identifier, with its offender unless others accuse him, or a wallet's keys.

    Returns the number of the new version, identifiers and offenders revoked. Raises `Refusal`
    unknown_identifier or unknown_wallet when nothing of that name is listed.
    """
    found = None if isinstance(subject, str) else listings.listing_of(tx, subject)
    if isinstance(subject, str):
        offenders = listings.offender_of_wallet(tx, subject)
        if not offenders:
            raise Refusal(Outcome.UNKNOWN_WALLET, f"expected a listed wallet, got {subject}")
    elif found is None:
        raise Refusal(Outcome.UNKNOWN_IDENTIFIER, "expected an identifier that is listed")
    else:
        offenders = _only_accused_by(book, found, tx)
    entry = found.entry if found else b""
    number = book.publish(tx, Changes(b"", entry, (), tuple(offenders)), now_ms).state.number
    if found:
        listings.revoke_identifier(tx, found.consumed, number)
    for fingerprint in offenders:
        listings.revoke_offender(tx, fingerprint, number)
    return number, int(found is not None), len(offenders)


def _only_accused_by(book: ListBook, found: Listing, tx: Transaction) -> list[bytes]:
    is_listed = found.offender in book.current(tx).listed.offenders
    is_only = listings.listings_against(tx, found.offender) == 1
    return [found.offender] if is_listed and is_only else []
