"""The two-person rule: what reaches many is proposed by one operator and approved by another (R-06).

A proposal is kept as it was made, and what it would do is done in the transaction that approves it.
What needs no second person is approved by whoever proposed it, there and then. Approving one's own
proposal is refused; anybody may reject. The table's own constraint says the same again.
"""

from dataclasses import dataclass
from enum import StrEnum

from feiqian.outcomes import Outcome, Refusal
from feiqian.ports import Transaction

MAX_OPEN = 1_024
"""Most proposals that wait for somebody."""


class ProposedAction(StrEnum):
    """What can be proposed."""

    ORDER = "order"
    LISTING = "listing"
    OPERATOR = "operator"


class ProposalStage(StrEnum):
    """Where a proposal stands."""

    OPEN = "open"
    APPROVED = "approved"
    REJECTED = "rejected"


@dataclass(frozen=True, slots=True)
class Proposal:
    """What one operator wants; `document` is the JSON of its action's struct."""

    number: int
    action: ProposedAction
    document: bytes
    needs_second: bool
    proposed_by: str
    proposed_at_ms: int
    decision: ProposalStage
    decided_by: str
    decided_at_ms: int | None


@dataclass(frozen=True, slots=True)
class ProposalWish:
    """A proposal before it has a number."""

    action: ProposedAction
    document: bytes
    needs_second: bool
    operator: str


_SELECT = (
    "SELECT number, action, document, needs_second, proposed_by, proposed_at_ms, decision,"
    " decided_by, decided_at_ms FROM proposals"
)


def propose(tx: Transaction, wish: ProposalWish, now_ms: int) -> Proposal:
    """Enter a proposal that waits. `Refusal` busy when too many do."""
    [[waiting]] = tx.query("SELECT COUNT(*) FROM proposals WHERE decision = 'open'")
    if waiting >= MAX_OPEN:
        raise Refusal(Outcome.BUSY, f"expected at most {MAX_OPEN} open proposals")
    [[number]] = tx.query("SELECT COALESCE(MAX(number), 0) + 1 FROM proposals")
    tx.execute(
        "INSERT INTO proposals (number, action, document, needs_second, proposed_by,"
        " proposed_at_ms, decision, decided_by, decided_at_ms)"
        " VALUES (?, ?, ?, ?, ?, ?, 'open', '', NULL)",
        (number, wish.action, wish.document, int(wish.needs_second), wish.operator, now_ms),
    )
    return find(tx, number)


def find(tx: Transaction, number: int) -> Proposal:
    """A proposal by its number. `Refusal` unknown_name."""
    rows = tx.query(f"{_SELECT} WHERE number = ?", (number,))
    if not rows:
        raise Refusal(Outcome.UNKNOWN_NAME, f"expected a proposal, got {number}")
    return _proposal(rows[0])


def newest(tx: Transaction, limit: int) -> list[Proposal]:
    """Proposals, those that wait first, then the newest."""
    rows = tx.query(
        f"{_SELECT} ORDER BY CASE WHEN decision = 'open' THEN 0 ELSE 1 END, number DESC LIMIT ?",
        (limit,),
    )
    return [_proposal(row) for row in rows]


def approve(tx: Transaction, number: int, operator: str, now_ms: int) -> Proposal:
    """Mark a proposal as approved; the caller does, in this transaction, what it says.

    Raises `Refusal`: unknown_name, second_person_required, key_reused when it was decided.
    """
    proposal = find(tx, number)
    if proposal.needs_second and proposal.proposed_by == operator:
        raise Refusal(Outcome.SECOND_PERSON_REQUIRED, "expected the approval of another operator")
    return _decide(tx, proposal, ProposalStage.APPROVED, operator, now_ms)


def reject(tx: Transaction, number: int, operator: str, now_ms: int) -> Proposal:
    """Put a proposal away. `Refusal`: unknown_name, key_reused when it was decided."""
    return _decide(tx, find(tx, number), ProposalStage.REJECTED, operator, now_ms)


def _decide(
    tx: Transaction, proposal: Proposal, decision: ProposalStage, operator: str, now_ms: int
) -> Proposal:
    if proposal.decision is not ProposalStage.OPEN:
        raise Refusal(
            Outcome.KEY_REUSED, f"proposal {proposal.number} was {proposal.decision} before"
        )
    tx.execute(
        "UPDATE proposals SET decision = ?, decided_by = ?, decided_at_ms = ? WHERE number = ?",
        (decision, operator, now_ms, proposal.number),
    )
    return find(tx, proposal.number)


def _proposal(row: tuple[object, ...]) -> Proposal:
    number, action, document, second, proposed_by, proposed_at, decision, decided_by, at = row
    assert isinstance(number, int)
    assert isinstance(document, bytes)
    assert isinstance(proposed_at, int)
    assert isinstance(at, int | None)
    return Proposal(
        number,
        ProposedAction(str(action)),
        document,
        bool(second),
        str(proposed_by),
        proposed_at,
        ProposalStage(str(decision)),
        str(decided_by),
        at,
    )
