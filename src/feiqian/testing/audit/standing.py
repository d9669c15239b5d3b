"""What one institution owes, is owed and was authorised for, against what others have signed.

Its orders are the platform's word, its claims the debtors'. Its own totals must be what the evidence
adds up to; what others believe of it is compared in `between`.
"""

from feiqian.crypto.trust import TrustStore
from feiqian.money.transfer import parse_transfer, verify_transfer
from feiqian.outcomes import Outcome, Refusal
from feiqian.ports import Row
from feiqian.testing.audit.checks import Check
from feiqian.testing.audit.evidence import Snapshot, first
from feiqian.testing.audit.findings import Findings
from feiqian.testing.audit.sums import Sums
from feiqian.wire.cashing import OBLIGATION_STATEMENT
from feiqian.wire.platform_requests import ISSUANCE_ORDER

_ORDERS = "SELECT number, amount_minor, raw FROM issuance_orders ORDER BY number"
_OBLIGATIONS = "SELECT creditor, owed_total_minor, settled_total_minor FROM obligations"
_CLAIMS = (
    "SELECT debtor, claimed_total_minor, settled_total_minor, stated_total_minor, statement"
    " FROM claims ORDER BY debtor"
)
_CONFLICTS = "SELECT transfer, consumed, raw, certificate, found_at_ms FROM conflicts"
_SPENDER = "SELECT state, consumed_by FROM record WHERE identifier = ?"


class StandingAudit:
    """Audits the totals of one institution, and the double spends it has kept."""

    def __init__(
        self, code: str, snapshot: Snapshot, trust: TrustStore, findings: Findings
    ) -> None:
        self._code = code
        self._snapshot = snapshot
        self._trust = trust
        self._findings = findings

    def run(self, sums: Sums) -> None:
        """Check orders, obligations, claims and conflicts; add up the orders."""
        for place, row in enumerate(self._snapshot.rows(_ORDERS), start=1):
            self._check_order(place, row, sums)
        self._check_obligations(sums)
        self._check_claims(sums)
        for row in self._snapshot.rows(f"{_CONFLICTS} ORDER BY transfer"):
            self._check_conflict(*row)

    def _check_order(self, place: int, row: Row, sums: Sums) -> None:
        number, amount_minor, raw = row
        try:
            order = ISSUANCE_ORDER.read(self._trust.suite, raw, self._trust.root.value.public_key)
        except Refusal as refusal:
            self._findings.refused(Check.ORDER, self._code, f"order {number}", refusal)
            return
        sums.ordered_minor += order.amount_minor
        self._findings.equal(
            Check.ORDER,
            self._code,
            f"order {number}",
            (place, self._code, number, amount_minor),
            (order.number, order.institution, order.number, order.amount_minor),
        )

    def _check_obligations(self, sums: Sums) -> None:
        owed = {row[0]: row for row in self._snapshot.rows(_OBLIGATIONS)}
        for creditor in sorted(owed.keys() | sums.redeemed_minor.keys()):
            _, owed_minor, settled_minor = owed.get(creditor, (creditor, 0, 0))
            redeemed_minor = sums.redeemed_minor[creditor]
            self._findings.equal(Check.OBLIGATION, self._code, creditor, redeemed_minor, owed_minor)
            self._findings.expect(
                settled_minor <= owed_minor,
                Check.OBLIGATION,
                self._code,
                creditor,
                f"at most {owed_minor} settled, found {settled_minor}",
            )

    def _check_claims(self, sums: Sums) -> None:
        claims = {row[0]: row for row in self._snapshot.rows(_CLAIMS)}
        debtors = claims.keys() | sums.cashed_minor.keys()
        for debtor in sorted(debtors - {self._code}):
            nothing = (debtor, 0, 0, 0, None)
            _, claimed_minor, settled_minor, stated_minor, statement = claims.get(debtor, nothing)
            cashed_minor = sums.cashed_minor[debtor]
            self._findings.equal(Check.CLAIM, self._code, debtor, cashed_minor, claimed_minor)
            self._findings.expect(
                settled_minor <= claimed_minor <= stated_minor,
                Check.CLAIM,
                self._code,
                debtor,
                f"settled {settled_minor}, claimed {claimed_minor}, stated {stated_minor} to grow",
            )
            self._check_statement(debtor, stated_minor, statement)

    def _check_statement(self, debtor: str, stated_minor: int, raw: bytes | None) -> None:
        try:
            if raw is None:
                raise Refusal(Outcome.MALFORMED, f"expected a statement of {debtor}")
            public = self._trust.institution(debtor).value.public_key
            stated = OBLIGATION_STATEMENT.read(self._trust.suite, raw, public)
        except Refusal as refusal:
            self._findings.refused(Check.STATEMENT, self._code, debtor, refusal)
            return
        self._findings.equal(
            Check.STATEMENT,
            self._code,
            debtor,
            (debtor, self._code, stated_minor),
            (stated.debtor, stated.creditor, stated.owed_total_minor),
        )

    def _check_conflict(
        self, name: bytes, consumed: bytes, raw: bytes, certificate: bytes, found_at_ms: int
    ) -> None:
        suite = self._trust.suite
        try:
            transfer = parse_transfer(suite, raw)
            chip = self._trust.verify_chip(certificate, found_at_ms)
            verify_transfer(suite, chip.value.public_key, transfer)
        except Refusal as refusal:
            self._findings.refused(Check.CONFLICT, self._code, name, refusal)
            return
        self._findings.expect(
            (transfer.name, transfer.value.consumed) == (name, consumed)
            and _is_taken(self._snapshot, consumed, name),
            Check.CONFLICT,
            self._code,
            name,
            "another use of the state that it consumes",
        )


def _is_taken(snapshot: Snapshot, identifier: bytes, by_other_than: bytes) -> bool:
    """Whether a state was redeemed, or consumed by another transfer."""
    row = first(snapshot, _SPENDER, (identifier,))
    return row is not None and row[0] != 0 and row[1] != by_other_than
