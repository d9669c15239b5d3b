"""Multilateral netting: many claims become one position per institution; pure arithmetic.

A position is what an institution is owed less what it owes; positions add up to zero. Only
positions move in the ledger, yet every claim behind them counts as settled in full.

When every institution has presented its claims, each negative position is covered (docs/settlement.md
shows why). One that is not covered means that claims are missing or a debtor has signed for more
than it ever had. What such a debtor owes is then left out and positions are made anew, round by
round, so that the others can settle without it; what is left out stays claimed.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, order=True)
class Claim:
    """What a debtor still owes a creditor."""

    debtor: str
    creditor: str
    amount_minor: int


def net_positions(claims: Iterable[Claim]) -> dict[str, int]:
    """For each institution named: minor units it is owed, less those it owes."""
    positions: dict[str, int] = {}
    for claim in claims:
        positions[claim.debtor] = positions.get(claim.debtor, 0) - claim.amount_minor
        positions[claim.creditor] = positions.get(claim.creditor, 0) + claim.amount_minor
    return positions


def covered_claims(claims: Iterable[Claim], cover_minor: Mapping[str, int]) -> tuple[Claim, ...]:
    """The claims that settle now, given what each institution can give away.

    Ends after at most one round per debtor, because a debtor left out has no negative position.
    """
    kept = tuple(claims)
    while True:
        short = {
            code
            for code, position_minor in net_positions(kept).items()
            if position_minor + cover_minor.get(code, 0) < 0
        }
        if not short:
            return kept
        kept = tuple(claim for claim in kept if claim.debtor not in short)
