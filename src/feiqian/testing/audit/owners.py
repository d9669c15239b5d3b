"""Whom currencies were issued to, and for what (C-10).

The numbers of an owner's currencies run from 1 to the number in the wallet's row: a chip loads each
once, so none may be missing or come twice. Every currency has a cause: a payment, of which as much
was cashed, or a withdrawal, of which the institution has signed the answer.
"""

from collections.abc import Sequence

from feiqian.crypto import cbor
from feiqian.crypto.trust import TrustStore
from feiqian.outcomes import Refusal
from feiqian.ports import Row
from feiqian.testing.audit.checks import Check
from feiqian.testing.audit.evidence import Snapshot, align, first
from feiqian.testing.audit.findings import Findings
from feiqian.testing.audit.roots import read_value
from feiqian.testing.audit.sums import Sums
from feiqian.wire.request_envelope import ANSWER, MAX_BODY_BYTES
from feiqian.wire.wallet_requests import IssuedResult

PAYMENT, CONVERT, DEPOSIT = 0, 1, 2
"""How a payment's row writes what the payee is to get."""

_SEQUENCES = "SELECT owner, sequence FROM issued ORDER BY owner, sequence"
_WALLETS = "SELECT fingerprint, issued_sequence FROM wallets ORDER BY fingerprint"
_CAUSES = "SELECT cause, owner, raw FROM issued ORDER BY cause, sequence"
_PAYMENTS = (
    "SELECT y.payment, y.purpose, w.fingerprint, y.credited_minor,"
    " (SELECT COALESCE(SUM(p.amount_minor), 0) FROM presented p"
    " WHERE p.payment = y.payment AND p.state = 1)"
    " FROM payments y LEFT JOIN wallets w ON w.number = y.wallet ORDER BY y.payment"
)
_ANSWER = (
    "SELECT r.answer FROM requests r JOIN wallets w ON w.number = r.sender"
    " WHERE w.fingerprint = ? AND r.request_id = ?"
)


class OwnerAudit:
    """Audits what one institution issued to whom."""

    def __init__(
        self, code: str, snapshot: Snapshot, trust: TrustStore, findings: Findings
    ) -> None:
        self._code = code
        self._snapshot = snapshot
        self._trust = trust
        self._findings = findings

    def run(self, sums: Sums) -> None:
        """Check numbers and causes; add up withdrawals and deposits."""
        self._check_sequences()
        streams = (self._snapshot.rows(sql) for sql in (_CAUSES, _PAYMENTS))
        for cause, (issued, payments) in align(*streams):
            if payments:
                self._check_payment(cause, issued, payments[0], sums)
            else:
                for row in issued:
                    self._check_withdrawal(cause, row, sums)

    def _check_sequences(self) -> None:
        streams = (self._snapshot.rows(sql) for sql in (_SEQUENCES, _WALLETS))
        for owner, (issued, wallets) in align(*streams):
            numbers = [sequence for _, sequence in issued]
            last = wallets[0][1] if wallets else 0
            self._findings.expect(
                numbers == list(range(1, last + 1)),
                Check.CURRENCY_SEQUENCE,
                self._code,
                owner,
                f"each number from 1 to {last} once",
            )

    def _check_payment(self, name: bytes, issued: Sequence[Row], payment: Row, sums: Sums) -> None:
        _, purpose, owner, credited_minor, cashed_minor = payment
        findings, code = self._findings, self._code
        findings.equal(Check.CREDIT, code, name, cashed_minor, credited_minor)
        wanted_minor = 0 if purpose == DEPOSIT else cashed_minor
        if purpose == DEPOSIT:
            sums.deposited_minor += cashed_minor
        findings.equal(Check.COVER, code, name, wanted_minor, self._worth(issued))
        if issued:
            owners = {row[1] for row in issued}
            findings.expect(owners == {owner}, Check.COVER, code, name, "the payee to own it")

    def _check_withdrawal(self, request_id: bytes, row: Row, sums: Sums) -> None:
        _, owner, raw = row
        sums.withdrawn_minor += self._worth([row])
        answer = first(self._snapshot, _ANSWER, (owner, request_id))
        if answer is None:
            self._findings.expect(
                False, Check.COVER, self._code, request_id, "a payment or a withdrawal behind it"
            )
            return
        try:
            public = self._trust.institution(self._code).value.public_key
            said = ANSWER.read(self._trust.suite, answer[0], public)
            result = cbor.decode(said.result, IssuedResult, limit=MAX_BODY_BYTES)
        except Refusal as refusal:
            self._findings.refused(Check.COVER, self._code, request_id, refusal)
            return
        self._findings.expect(
            raw in result.currencies and said.request_id == request_id,
            Check.COVER,
            self._code,
            request_id,
            "the withdrawal's answer to hold this currency",
        )

    def _worth(self, issued: Sequence[Row]) -> int:
        values = (read_value(self._trust, row[2]) for row in issued)
        return sum(value.amount_minor for value in values if value is not None)
