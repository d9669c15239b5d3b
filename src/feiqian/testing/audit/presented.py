"""What one institution presented to the issuers, and what they answered.

A cash item is kept as it was presented: the transfer in it says what the row may say. Whatever was
cashed at another institution stands as a success in an answer that the other signed; with itself
an institution exchanges no signatures, so there the record alone must agree (`between`).
"""

from collections.abc import Sequence

from msgspec import Struct

from feiqian.crypto import cbor
from feiqian.crypto.trust import TrustStore
from feiqian.money.transfer import parse_transfer
from feiqian.outcomes import SUCCESSES, Outcome, Refusal
from feiqian.ports import Row
from feiqian.testing.audit.checks import Check
from feiqian.testing.audit.evidence import Snapshot, align
from feiqian.testing.audit.findings import Findings
from feiqian.testing.audit.sums import Sums
from feiqian.wire.cashing import CASH_RESPONSE, OBLIGATION_STATEMENT, CashItem, CashResponse

PENDING, CASHED, REFUSED = 0, 1, 2
"""How an item's row writes where it stands."""
MAX_STORED_ITEM_BYTES = 65_536

_ITEMS = "SELECT transfer, cash_item, issuer, amount_minor, state FROM presented ORDER BY transfer"
_ORPHANS = (
    "SELECT transfer FROM presented WHERE payment NOT IN (SELECT payment FROM payments)"
    " ORDER BY transfer"
)
_ANSWERED = (
    "SELECT COALESCE(response, ?), transfer, issuer FROM presented"
    " WHERE state = 1 AND issuer <> ? ORDER BY 1, transfer"
)
_RESPONSES = "SELECT request_id, issuer, raw FROM cash_responses ORDER BY request_id"


class StoredItem(Struct, frozen=True, array_like=True):
    """How a cash item is stored."""

    version: int
    cash_item: CashItem


class PresentedAudit:
    """Audits the redeemer's side of one institution."""

    def __init__(
        self, code: str, snapshot: Snapshot, trust: TrustStore, findings: Findings
    ) -> None:
        self._code = code
        self._snapshot = snapshot
        self._trust = trust
        self._findings = findings

    def run(self, sums: Sums) -> None:
        """Check items and answers; add up what was cashed."""
        for row in self._snapshot.rows(_ITEMS):
            self._check_item(row, sums)
        for (transfer,) in self._snapshot.rows(_ORPHANS):
            self._findings.expect(
                False, Check.CREDIT, self._code, transfer, "the payment that it belongs to"
            )
        streams = (
            self._snapshot.rows(_ANSWERED, (b"", self._code)),
            self._snapshot.rows(_RESPONSES),
        )
        for name, (items, responses) in align(*streams):
            self._check_answered(items, self._successes(name, responses))

    def _check_item(self, row: Row, sums: Sums) -> None:
        name, stored, issuer, amount_minor, state = row
        if state == CASHED:
            sums.cashed_minor[issuer] += amount_minor
        try:
            item = cbor.decode(stored, StoredItem, limit=MAX_STORED_ITEM_BYTES).cash_item.item
            transfer = parse_transfer(self._trust.suite, item.transfers[-1])
        except Refusal as refusal:
            self._findings.refused(Check.PRESENTED, self._code, name, refusal)
            return
        self._findings.equal(
            Check.PRESENTED,
            self._code,
            name,
            (name.hex(), issuer, amount_minor),
            (transfer.name.hex(), item.issuer, transfer.value.amount_minor),
        )

    def _check_answered(self, items: Sequence[Row], successes: set[tuple[str, bytes]]) -> None:
        for _, transfer, issuer in items:
            self._findings.expect(
                (issuer, transfer) in successes,
                Check.CASH_RESPONSE,
                self._code,
                transfer,
                f"the signed word of {issuer} that it was cashed",
            )

    def _successes(self, name: bytes, responses: Sequence[Row]) -> set[tuple[str, bytes]]:
        """What a stored answer says was cashed, and by whom; nothing unless it is genuine."""
        for _, issuer, raw in responses:
            try:
                response = self._read(name, issuer, raw)
            except Refusal as refusal:
                self._findings.refused(Check.CASH_RESPONSE, self._code, name, refusal)
                continue
            self._findings.facts += 1
            return {
                (issuer, result.transfer)
                for result in response.results
                if result.outcome in SUCCESSES
            }
        return set()

    def _read(self, name: bytes, issuer: str, raw: bytes) -> CashResponse:
        suite = self._trust.suite
        response = CASH_RESPONSE.read(suite, raw, self._trust.institution(issuer).value.public_key)
        if (response.request_id, response.issuer) != (name, issuer):
            raise Refusal(Outcome.WRONG_SESSION, "expected the answer that the row names")
        if response.redeemer != self._code:
            raise Refusal(Outcome.WRONG_ADDRESSEE, f"expected an answer to {self._code}")
        # Inside a signed answer; the newest one, which goes to the platform, is verified apart.
        OBLIGATION_STATEMENT.peek(suite, response.statement)
        return response
