"""Issue and return (P-01): reserves become authorised issuance, and back, by signed order.

An institution asks by signed request; the platform answers with a signed `IssuanceOrder`, numbered
without gaps per institution. Both are kept: they are the evidence that the audit adds up. The
platform cannot see how much of its authorisation an institution has put into circulation: that the
returned part is free is the institution's signed word. What the platform can see it checks: the
authorisation exists, and covers what others have claimed from the institution.
"""

from dataclasses import dataclass

from feiqian.central import claims
from feiqian.central.authority import Authority
from feiqian.central.ledger import (
    EntryKind,
    LedgerEntry,
    balance_minor,
    issuance,
    move,
    post,
    reserves,
)
from feiqian.crypto.cbor import VERSION
from feiqian.outcomes import Outcome, Refusal
from feiqian.ports import Transaction
from feiqian.wire.platform_requests import ISSUANCE_ORDER, IssuanceOrder, IssueResult


@dataclass(frozen=True, slots=True)
class IssuanceWish:
    """What an institution asked for, with the signed request that says so."""

    institution: str
    amount_minor: int
    request_raw: bytes


def issue(authority: Authority, wish: IssuanceWish, tx: Transaction, now_ms: int) -> IssueResult:
    """Turn reserves into issuance. `Refusal` insufficient_reserves."""
    held_minor = balance_minor(tx, reserves(wish.institution))
    if wish.amount_minor > held_minor:
        raise Refusal(
            Outcome.INSUFFICIENT_RESERVES, f"expected at most the reserves of {held_minor}"
        )
    return _order(authority, wish, tx, now_ms, EntryKind.ISSUE)


def take_back(
    authority: Authority, wish: IssuanceWish, tx: Transaction, now_ms: int
) -> IssueResult:
    """Turn issuance into reserves. `Refusal` quota_exceeded."""
    free_minor = balance_minor(tx, issuance(wish.institution)) - _reserved_minor(
        tx, wish.institution
    )
    if wish.amount_minor > free_minor:
        raise Refusal(
            Outcome.QUOTA_EXCEEDED,
            f"expected at most {max(0, free_minor)}: what is authorised and not claimed",
        )
    return _order(authority, wish, tx, now_ms, EntryKind.RETURN)


def _reserved_minor(tx: Transaction, institution: str) -> int:
    """What a net cycle would take from the institution now."""
    owed = claims.unsettled_minor(tx, institution)
    return max(0, owed.by_it_minor - owed.to_it_minor)


def _order(
    authority: Authority, wish: IssuanceWish, tx: Transaction, now_ms: int, kind: EntryKind
) -> IssueResult:
    code = wish.institution
    [[last]] = tx.query(
        "SELECT COALESCE(MAX(number), 0) FROM issuance_orders WHERE institution = ?", (code,)
    )
    number = int(last or 0) + 1
    accounts = (reserves(code), issuance(code))
    source, target = accounts if kind is EntryKind.ISSUE else reversed(accounts)
    entry = post(
        tx,
        LedgerEntry(kind, f"order {code} {number}", now_ms),
        move(source, target, wish.amount_minor),
    )
    signed_minor = wish.amount_minor if kind is EntryKind.ISSUE else -wish.amount_minor
    authorised_minor = balance_minor(tx, issuance(code))
    order = IssuanceOrder(VERSION, number, code, signed_minor, authorised_minor, now_ms)
    raw = ISSUANCE_ORDER.sign(authority.suite, authority.key, order)
    tx.execute(
        "INSERT INTO issuance_orders "
        "(institution, number, amount_minor, entry, request_raw, order_raw) "
        "VALUES (?, ?, ?, ?, ?, ?)",
        (code, number, signed_minor, entry, wish.request_raw, raw),
    )
    return IssueResult(VERSION, raw)
