"""What the platform's operator can do: admit, move reserves, choose how to settle, look.

Done again under the same key with the same content, an action answers as it did then; with other
content it is refused (key_reused). A refused action leaves its key unused.
"""

from feiqian.central import claims, membership, reports, settlement
from feiqian.central.audit import invariants
from feiqian.central.authority import Authority
from feiqian.central.documents import (
    Admission,
    Admitted,
    CycleOrder,
    CycleReport,
    InstitutionStanding,
    ModeChange,
    ModeChosen,
    ObligationStanding,
    OpenClaim,
    PlatformReport,
    ReservesBalance,
    ReservesChange,
)
from feiqian.central.ledger import (
    OUTSIDE,
    EntryKind,
    LedgerEntry,
    balance_minor,
    issuance,
    move,
    post,
    reserves,
)
from feiqian.central.list_book import ListBook
from feiqian.central.list_documents import (
    MAX_SHOWN,
    EvidenceFound,
    EvidenceQuery,
    EvidenceStanding,
    ListedOffender,
    ListReport,
    ListRevocation,
    ListRevoked,
)
from feiqian.central.netting import Claim
from feiqian.money.amounts import MAX_AMOUNT_MINOR
from feiqian.outcomes import Outcome, Refusal
from feiqian.ports import Transaction


def admit(authority: Authority, admission: Admission, tx: Transaction, now_ms: int) -> Admitted:
    """Certify and publish an institution. `Refusal`: malformed, wrong_owner."""
    public_key = bytes.fromhex(admission.public_key)
    member = membership.admit(tx, authority, admission.code, public_key, admission.url, now_ms)
    number = membership.directory_number(tx)
    return Admitted(member.code, member.certificate.hex(), number)


def change_reserves(change: ReservesChange, tx: Transaction, now_ms: int) -> ReservesBalance:
    """Pay in or out.

    Raises `Refusal`: malformed, unknown_issuer, over_holding_limit, insufficient_reserves.
    """
    if change.amount_minor == 0:
        raise Refusal(Outcome.MALFORMED, "expected an amount other than zero")
    membership.require_member(tx, change.code)
    _check_cover(tx, change)
    kind = EntryKind.PAY_IN if change.amount_minor > 0 else EntryKind.PAY_OUT
    account = reserves(change.code)
    post(tx, LedgerEntry(kind, change.key, now_ms), move(OUTSIDE, account, change.amount_minor))
    return ReservesBalance(change.code, balance_minor(tx, account))


def _check_cover(tx: Transaction, change: ReservesChange) -> None:
    if change.amount_minor - balance_minor(tx, OUTSIDE) > MAX_AMOUNT_MINOR:
        raise Refusal(
            Outcome.OVER_HOLDING_LIMIT, f"expected at most {MAX_AMOUNT_MINOR} in the whole network"
        )
    held_minor = balance_minor(tx, reserves(change.code))
    if held_minor + change.amount_minor < 0:
        raise Refusal(
            Outcome.INSUFFICIENT_RESERVES, f"expected at most the reserves of {held_minor}"
        )


def choose_mode(change: ModeChange, tx: Transaction, _now_ms: int) -> ModeChosen:
    """Change when claims settle."""
    settlement.choose_mode(tx, change.mode)
    return ModeChosen(change.mode)


def run_cycle(_order: CycleOrder, tx: Transaction, now_ms: int) -> CycleReport:
    """Settle all that waits."""
    cycle = settlement.run_cycle(tx, now_ms)
    return CycleReport(
        cycle.number,
        tuple(_open_claim(claim) for claim in cycle.settled),
        tuple(_open_claim(claim) for claim in cycle.left_out),
        cycle.positions_minor,
    )


def _open_claim(claim: Claim) -> OpenClaim:
    return OpenClaim(claim.debtor, claim.creditor, claim.amount_minor)


def list_report(book: ListBook, tx: Transaction) -> ListReport:
    """The newest double-spending list at a glance."""
    held = book.current(tx)
    newest = sorted(held.listed.offenders.values(), key=lambda each: each.since_ms, reverse=True)
    [[count]] = tx.query("SELECT COUNT(*) FROM evidence")
    state = held.state
    return ListReport(
        state.number,
        state.issued_at_ms,
        state.identifiers,
        state.offenders,
        state.digest.hex(),
        int(count),
        tuple(
            ListedOffender(each.fingerprint.hex(), each.wallet, each.since_ms)
            for each in newest[:MAX_SHOWN]
        ),
    )


def revoke(book: ListBook, revocation: ListRevocation, tx: Transaction, now_ms: int) -> ListRevoked:
    """Take something off the list. `Refusal`: unknown_identifier, unknown_wallet."""
    revoked = ListRevoked(*reports.revoke(book, _subject(revocation.subject), tx, now_ms))
    tx.execute(
        "INSERT INTO list_revocations (number, subject, reason) VALUES (?, ?, ?)",
        (revoked.number, revocation.subject, revocation.reason),
    )
    return revoked


def find_evidence(query: EvidenceQuery, tx: Transaction) -> EvidenceFound:
    """The evidence that is kept about something or somebody."""
    rows = reports.evidence_on(tx, _subject(query.subject), MAX_SHOWN)
    return EvidenceFound(
        tuple(
            EvidenceStanding(
                identifier.hex(),
                consumed.hex(),
                recorded.hex(),
                wallet,
                reporter,
                reported_at_ms,
                raw.hex(),
            )
            for identifier, consumed, recorded, wallet, reporter, raw, reported_at_ms in rows
        )
    )


def _subject(text: str) -> bytes | str:
    """A wallet number as text, anything else as bytes; the document has checked the form."""
    return text if "-" in text else bytes.fromhex(text)


def report(tx: Transaction) -> PlatformReport:
    """The state of the books."""
    standings = tuple(_standing(tx, member) for member in membership.members(tx))
    return PlatformReport(
        settlement.mode(tx),
        membership.directory_number(tx),
        -balance_minor(tx, OUTSIDE),
        sum(standing.authorised_minor for standing in standings),
        standings,
        tuple(
            ObligationStanding(
                owed.debtor, owed.creditor, owed.claimed_total_minor, owed.settled_total_minor
            )
            for owed in claims.obligations(tx)
        ),
        invariants(tx),
    )


def _standing(tx: Transaction, member: membership.Member) -> InstitutionStanding:
    owed = claims.unsettled_minor(tx, member.code)
    return InstitutionStanding(
        member.code,
        member.url,
        balance_minor(tx, reserves(member.code)),
        balance_minor(tx, issuance(member.code)),
        owed.to_it_minor,
        owed.by_it_minor,
    )
