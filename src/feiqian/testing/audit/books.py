"""An institution's own books against the evidence: every balance is recomputed twice.

Once from the postings, by the rules of double entry written here anew; once from the evidence's
sums, which know nothing of postings. ``authorised + claims = circulation + headroom + returning +
obligations`` follows, and is what keeps the network's total.
"""

from collections import Counter

from feiqian.testing.audit.checks import Check
from feiqian.testing.audit.evidence import Snapshot, total
from feiqian.testing.audit.findings import Findings
from feiqian.testing.audit.sums import Sums

_POSTED = (
    "SELECT debit, credit, SUM(amount_minor) FROM postings GROUP BY debit, credit"
    " ORDER BY debit, credit"
)
_BALANCES = "SELECT account, balance_minor FROM balances ORDER BY account"
_SETTLED = "SELECT creditor, settled_total_minor FROM obligations"
_SETTLED_CLAIMS = "SELECT debtor, settled_total_minor FROM claims"
_OPENING = (
    "SELECT SUM(amount_minor) FROM postings WHERE debit = 'bank_cash' AND reference = 'opening'"
)
_PAID_IN = "SELECT SUM(amount_minor) FROM pay_ins"
_ACCOUNTS = "SELECT SUM(balance_minor) FROM accounts"
_BANK_ACCOUNTS = ("bank_cash", "deposits")


def read_balances(snapshot: Snapshot) -> Counter[str]:
    """The balances as the institution keeps them."""
    return Counter(dict(snapshot.rows(_BALANCES)))


def audit_books(code: str, snapshot: Snapshot, sums: Sums, findings: Findings) -> None:
    """Check every balance against the postings and against the evidence."""
    kept = read_balances(snapshot)
    posted = _posted(snapshot)
    for account in sorted(kept.keys() | posted.keys()):
        findings.equal(Check.POSTINGS, code, account, posted[account], kept[account])
    assets = sum(minor for account, minor in kept.items() if _is_asset(account))
    findings.equal(Check.POSTINGS, code, "assets", kept.total() - assets, assets)
    # Headroom waits in an account of its own while it is being returned to the platform.
    free = kept.pop("returning", 0)
    kept["headroom"] += free
    expected = _expected(code, snapshot, sums)
    for account in sorted(kept.keys() | expected.keys()):
        if account not in _BANK_ACCOUNTS:
            findings.equal(Check.BOOKS, code, account, expected[account], kept[account])
    _check_bank_money(code, snapshot, sums, findings)


def _posted(snapshot: Snapshot) -> Counter[str]:
    posted: Counter[str] = Counter()
    for debit, credit, amount_minor in snapshot.rows(_POSTED):
        posted[debit] += amount_minor if _is_asset(debit) else -amount_minor
        posted[credit] += -amount_minor if _is_asset(credit) else amount_minor
    return posted


def _is_asset(account: str) -> bool:
    return account in ("authorised", "bank_cash") or account.startswith("claims:")


def _expected(code: str, snapshot: Snapshot, sums: Sums) -> Counter[str]:
    """What the evidence says of every account but bank money."""
    settled: dict[str, int] = dict(snapshot.rows(_SETTLED))
    settled_claims: dict[str, int] = dict(snapshot.rows(_SETTLED_CLAIMS))
    expected: Counter[str] = Counter()
    expected["circulation"] = sums.issued_minor - sums.redeemed_minor.total()
    expected["headroom"] = sums.ordered_minor - sums.withdrawn_minor + sums.deposited_minor
    expected["authorised"] = (
        sums.ordered_minor + sum(settled_claims.values()) - sum(settled.values())
    )
    for creditor, minor in sums.redeemed_minor.items():
        expected[f"obligations:{creditor}"] = minor - settled.get(creditor, 0)
    for debtor, minor in sums.cashed_minor.items():
        if debtor == code:
            expected[f"obligations:{code}"] -= minor
        else:
            expected[f"claims:{debtor}"] = minor - settled_claims.get(debtor, 0)
    return expected


def _check_bank_money(code: str, snapshot: Snapshot, sums: Sums, findings: Findings) -> None:
    kept = read_balances(snapshot)
    came_in = total(snapshot, _OPENING) + total(snapshot, _PAID_IN)
    expected = came_in + sums.deposited_minor - sums.withdrawn_minor
    findings.equal(Check.BANK_MONEY, code, "deposits", expected, kept["deposits"])
    findings.equal(Check.BANK_MONEY, code, "bank_cash", expected, kept["bank_cash"])
    findings.equal(Check.BANK_MONEY, code, "accounts", total(snapshot, _ACCOUNTS), expected)
