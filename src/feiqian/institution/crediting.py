"""What follows from an issuer's answer, in one transaction: evidence, decisions, credit, books.

What was newly cashed of a payment becomes one new currency for the payee (C-10), or money in the
bank account (deposit). The counter-entry is what the issuer now owes us.
"""

from dataclasses import dataclass

from feiqian.institution import accounts, books, presented, wallets
from feiqian.institution.issuing import issue
from feiqian.institution.office import Office
from feiqian.institution.presented import Payment, Purpose
from feiqian.outcomes import Outcome, Refusal
from feiqian.ports import Transaction
from feiqian.wire.cashing import OBLIGATION_STATEMENT, CashResult


@dataclass(frozen=True, slots=True)
class IssuersAnswer:
    """An issuer's results, verified; the signed forms are None when the issuer is ourselves."""

    issuer: str
    request_id: bytes | None
    raw: bytes | None
    statement: bytes | None
    results: tuple[CashResult, ...]


def book(tx: Transaction, office: Office, answer: IssuersAnswer) -> None:
    """Store an answer and everything that follows from it.

    Raises `Refusal` amount_mismatch when the issuer states to owe less than it has cashed.
    """
    now_ms = office.now_ms()
    if answer.raw is not None:
        tx.execute(
            "INSERT INTO cash_responses (request_id, issuer, raw) VALUES (?, ?, ?)",
            (answer.request_id, answer.issuer, answer.raw),
        )
    fresh: dict[bytes, _Credit] = {}
    for result in answer.results:
        if presented.decide(tx, result, answer.request_id):
            payment, chip, amount_minor = presented.payment_of(tx, result.transfer)
            credit = fresh.setdefault(payment.payment, _Credit(payment, chip))
            credit.amount_minor += amount_minor
    fresh_minor = sum(credit.amount_minor for credit in fresh.values())
    _claim(tx, office, answer, fresh_minor)
    issued_minor = sum(_give(tx, office, credit, now_ms) for credit in fresh.values())
    source = _owed_by(office, answer.issuer)
    books.post(tx, source, books.CIRCULATION, issued_minor, "cashed", now_ms)
    books.post(tx, source, books.HEADROOM, fresh_minor - issued_minor, "cashed", now_ms)


@dataclass(slots=True)
class _Credit:
    """What an answer brings to one payment."""

    payment: Payment
    chip: bytes
    amount_minor: int = 0


def _give(tx: Transaction, office: Office, credit: _Credit, now_ms: int) -> int:
    """Give the payee what was cashed; how much of it was issued as currency."""
    name, amount_minor = credit.payment.payment, credit.amount_minor
    is_deposit = credit.payment.purpose is Purpose.DEPOSIT
    if is_deposit:
        account = wallets.account_of(tx, credit.payment.wallet)
        accounts.pay_in(tx, account, amount_minor, name.hex()[:16], now_ms)
    else:
        issue(tx, office, credit.chip, amount_minor, name)
    presented.complete(tx, name, amount_minor, now_ms)
    return 0 if is_deposit else amount_minor


def _owed_by(office: Office, issuer: str) -> str:
    """The account on which what `issuer` cashed for us stands."""
    return books.obligations_to(issuer) if issuer == office.code else books.claims_on(issuer)


def _claim(tx: Transaction, office: Office, answer: IssuersAnswer, fresh_minor: int) -> None:
    """Keep the newest statement of what the issuer owes us, never below what it has cashed."""
    if answer.statement is None:
        return
    stated = OBLIGATION_STATEMENT.peek(office.suite, answer.statement).owed_total_minor
    rows = tx.query(
        "INSERT INTO claims"
        " (debtor, claimed_total_minor, settled_total_minor, stated_total_minor, statement)"
        " VALUES (?, ?, 0, ?, ?) ON CONFLICT (debtor) DO UPDATE SET"
        " claimed_total_minor = claims.claimed_total_minor + excluded.claimed_total_minor,"
        " statement = CASE WHEN excluded.stated_total_minor > claims.stated_total_minor"
        " THEN excluded.statement ELSE claims.statement END,"
        " stated_total_minor = CASE WHEN excluded.stated_total_minor > claims.stated_total_minor"
        " THEN excluded.stated_total_minor ELSE claims.stated_total_minor END"
        " RETURNING claimed_total_minor, stated_total_minor",
        (answer.issuer, fresh_minor, stated, answer.statement),
    )
    claimed_total, stated_total = rows[0]
    if claimed_total > stated_total:
        raise Refusal(
            Outcome.AMOUNT_MISMATCH, f"{answer.issuer} states less than what it has cashed for us"
        )
