"""The platform's evidence: signed directory and orders, claims, settlements, and its ledger (P-05).

The ledger is added up again from its postings, and issuance once more from the orders and
settlements, which do not know the ledger.
"""

from collections import Counter

from feiqian.crypto.trust import TrustStore
from feiqian.outcomes import Refusal
from feiqian.ports import Row
from feiqian.testing.audit.checks import Check
from feiqian.testing.audit.evidence import Snapshot, first
from feiqian.testing.audit.findings import Findings
from feiqian.wire.cashing import OBLIGATION_STATEMENT
from feiqian.wire.platform_requests import ISSUANCE_ORDER

PARTY = "platform"
OUTSIDE = "outside"

_ORDERS = (
    "SELECT institution, number, amount_minor, order_raw, entry FROM issuance_orders"
    " ORDER BY institution, number"
)
_POSTED = "SELECT account, amount_minor FROM postings WHERE entry = ? ORDER BY account"
_ENTRIES = "SELECT entry, SUM(amount_minor) FROM postings GROUP BY entry ORDER BY entry"
_BALANCES = "SELECT account, balance_minor FROM balances"
_ACCOUNTS = "SELECT account, SUM(amount_minor) FROM postings GROUP BY account"
_OBLIGATIONS = (
    "SELECT debtor, creditor, claimed_total_minor, settled_total_minor, statement_raw"
    " FROM obligations ORDER BY debtor, creditor"
)
_SETTLEMENTS = (
    "SELECT debtor, creditor, SUM(amount_minor) FROM settlements GROUP BY debtor, creditor"
)


class PlatformAudit:
    """Audits the platform."""

    def __init__(self, snapshot: Snapshot, trust: TrustStore, findings: Findings) -> None:
        self._snapshot = snapshot
        self._trust = trust
        self._findings = findings

    def run(self) -> int:
        """Check everything; the platform's issuance in minor units, by its signed orders."""
        issuance = self._check_orders()
        ordered_minor = issuance.total()
        for entry, sum_minor in self._snapshot.rows(_ENTRIES):
            self._findings.equal(Check.PLATFORM_ENTRY, PARTY, f"entry {entry}", 0, sum_minor)
        balances = self._check_balances()
        for debtor, creditor, settled_minor in self._check_obligations():
            issuance[debtor] -= settled_minor
            issuance[creditor] += settled_minor
        for code in sorted(issuance.keys() | set(self._trust.codes)):
            found = balances[f"issuance:{code}"]
            self._findings.equal(Check.PLATFORM_ISSUANCE, PARTY, code, issuance[code], found)
        return ordered_minor

    def _check_orders(self) -> Counter[str]:
        ordered: Counter[str] = Counter()
        numbers: Counter[str] = Counter()
        for code, number, amount_minor, raw, entry in self._snapshot.rows(_ORDERS):
            subject = f"order {code} {number}"
            numbers[code] += 1
            try:
                order = ISSUANCE_ORDER.read(
                    self._trust.suite, raw, self._trust.root.value.public_key
                )
            except Refusal as refusal:
                self._findings.refused(Check.PLATFORM_ORDER, PARTY, subject, refusal)
                continue
            ordered[code] += order.amount_minor
            expected = [(f"issuance:{code}", amount_minor), (f"reserves:{code}", -amount_minor)]
            self._findings.equal(
                Check.PLATFORM_ORDER,
                PARTY,
                subject,
                (numbers[code], number, code, amount_minor, expected),
                (
                    order.number,
                    order.number,
                    order.institution,
                    order.amount_minor,
                    list(self._snapshot.rows(_POSTED, (entry,))),
                ),
            )
        return ordered

    def _check_balances(self) -> Counter[str]:
        kept: Counter[str] = Counter(dict(self._snapshot.rows(_BALANCES)))
        posted: Counter[str] = Counter(dict(self._snapshot.rows(_ACCOUNTS)))
        for account in sorted(kept.keys() | posted.keys()):
            same = self._findings.equal(
                Check.PLATFORM_BALANCE, PARTY, account, posted[account], kept[account]
            )
            if same and account != OUTSIDE:
                self._findings.expect(
                    kept[account] >= 0, Check.PLATFORM_BALANCE, PARTY, account, "zero or more"
                )
        return kept

    def _check_obligations(self) -> list[Row]:
        """What was settled of each claim, by the single settlements."""
        rows = sorted(self._snapshot.rows(_SETTLEMENTS))
        settled = {(debtor, creditor): minor for debtor, creditor, minor in rows}
        for debtor, creditor, claimed_minor, settled_minor, raw in self._snapshot.rows(
            _OBLIGATIONS
        ):
            subject = f"{debtor} owes {creditor}"
            self._check_statement(subject, (debtor, creditor, claimed_minor), raw)
            found = settled.pop((debtor, creditor), 0)
            self._findings.expect(
                found == settled_minor <= claimed_minor,
                Check.PLATFORM_SETTLEMENT,
                PARTY,
                subject,
                f"{settled_minor} settled of {claimed_minor}, found {found}",
            )
        for debtor, creditor in settled:
            self._findings.expect(
                False, Check.PLATFORM_SETTLEMENT, PARTY, f"{debtor} owes {creditor}", "a claim"
            )
        return rows

    def _check_statement(self, subject: str, expected: tuple[str, str, int], raw: bytes) -> None:
        try:
            public = self._trust.institution(expected[0]).value.public_key
            stated = OBLIGATION_STATEMENT.read(self._trust.suite, raw, public)
        except Refusal as refusal:
            self._findings.refused(Check.PLATFORM_STATEMENT, PARTY, subject, refusal)
            return
        found = (stated.debtor, stated.creditor, stated.owed_total_minor)
        self._findings.equal(Check.PLATFORM_STATEMENT, PARTY, subject, expected, found)


def newest_directory(snapshot: Snapshot) -> bytes:
    """The signed directory with the highest number; empty when there is none."""
    row = first(snapshot, "SELECT raw FROM directories ORDER BY number DESC LIMIT 1")
    return bytes(row[0]) if row else b""
