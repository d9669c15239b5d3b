"""What the evidence of one institution adds up to; the books are compared with it at the end."""

from collections import Counter
from dataclasses import dataclass, field


@dataclass(slots=True)
class Sums:
    """Running sums over one institution's early snapshot; minor units."""

    issued_minor: int = 0
    """Of all currencies: the issuer's signed word."""
    circulating_minor: int = 0
    """Of all states that the record calls circulating."""
    redeemed_minor: Counter[str] = field(default_factory=Counter)
    """Of signed transfers recorded as redeemed, by redeemer."""
    cashed_minor: Counter[str] = field(default_factory=Counter)
    """Of presented items that were cashed, by issuer."""
    withdrawn_minor: int = 0
    deposited_minor: int = 0
    ordered_minor: int = 0
    """Of the platform's signed orders."""
