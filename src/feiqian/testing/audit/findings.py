"""What an audit has found so far: how many facts hold, and what contradicts them.

A fact is one comparison. Discrepancies come out in the order of `Check` and, within one check, in
the order in which the evidence was read, which is fixed: so the same evidence always makes the same
report. Of each check only the first `MAX_LISTED` are kept; all are counted.
"""

from collections import Counter
from collections.abc import Callable

from msgspec import Struct

from feiqian.outcomes import Refusal
from feiqian.testing.audit.checks import PRECEDENCE, Check

MAX_LISTED = 100
"""Most discrepancies listed of one check."""
FACTS_PER_REPORT = 50_000
"""How many facts are checked between two words of progress."""

Progress = Callable[[str], None]
Subject = bytes | str


class Discrepancy(Struct, frozen=True):
    """One contradiction."""

    check: Check
    party: str
    """In whose evidence it was found."""
    subject: str
    """What it is about: an identifier in hexadecimal, an account, another party."""
    detail: str


class Findings:
    """Collects facts and discrepancies."""

    def __init__(self, progress: Progress) -> None:
        self.facts = 0
        self._progress = progress
        self._stage = ""
        self._counts: Counter[Check] = Counter()
        self._kept: list[Discrepancy] = []

    def enter(self, stage: str) -> None:
        """Say what is checked from here on."""
        self._stage = stage
        self._progress(stage)

    def expect(
        self, holds: bool, check: Check, party: str, subject: Subject, expected: str
    ) -> bool:
        """Count a fact, or note that it does not hold; whether it does."""
        self.facts += 1
        if self.facts % FACTS_PER_REPORT == 0:
            self._progress(f"{self._stage}: {self.facts:,} facts so far")
        if not holds:
            self._note(check, party, subject, f"expected {expected}")
        return holds

    def equal(
        self, check: Check, party: str, subject: Subject, expected: object, found: object
    ) -> bool:
        """Count that two values are equal, or note both."""
        holds = expected == found
        return self.expect(
            holds, check, party, subject, "" if holds else f"{expected}, found {found}"
        )

    def refused(self, check: Check, party: str, subject: Subject, refusal: Refusal) -> None:
        """Note that signed evidence is not what it must be."""
        self.facts += 1
        self._note(check, party, subject, str(refusal))

    @property
    def count(self) -> int:
        """How many discrepancies there are, listed or not."""
        return self._counts.total()

    def discrepancies(self) -> tuple[Discrepancy, ...]:
        """Those listed, the most basic check first."""
        return tuple(sorted(self._kept, key=lambda each: PRECEDENCE[each.check]))

    def _note(self, check: Check, party: str, subject: Subject, detail: str) -> None:
        self._counts[check] += 1
        if self._counts[check] <= MAX_LISTED:
            name = subject.hex() if isinstance(subject, bytes) else subject
            self._kept.append(Discrepancy(check, party, name, detail))
