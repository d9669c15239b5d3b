"""Between the parties (P-05, C-11): every effect at one has its cause at another.

What A redeemed for B, B had presented; what B credited, A had redeemed for it; what is stated,
settled and booked is no more than that. The difference between redeemed and credited is in flight:
it is named transfer by transfer and enters the network's total, so it is never a tolerance.
"""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field

from feiqian.crypto.trust import TrustStore
from feiqian.money.transfer import parse_transfer
from feiqian.outcomes import Refusal
from feiqian.testing.audit.checks import Check
from feiqian.testing.audit.evidence import Snapshot, StoredEvidence, total
from feiqian.testing.audit.findings import Findings
from feiqian.testing.audit.owners import PAYMENT
from feiqian.testing.audit.presented import CASHED
from feiqian.testing.audit.report import FlightTotal, InFlight
from feiqian.testing.audit.roots import RecordedLink
from feiqian.testing.audit.sums import Sums

MAX_FLIGHTS_LISTED = 100
"""Most transfers in flight that a report names; all are counted."""

_PRESENTED = (
    "SELECT p.state, p.amount_minor, p.issuer, y.purpose, w.fingerprint, w.number"
    " FROM presented p LEFT JOIN payments y ON y.payment = p.payment"
    " LEFT JOIN wallets w ON w.number = y.wallet WHERE p.transfer = ?"
)
_CASHED = "SELECT issuer, transfer, amount_minor FROM presented WHERE state = 1 ORDER BY transfer"
_REDEEMED = "SELECT redeemer FROM transfers WHERE transfer = ? AND redeemer = ?"
_ALL_REDEEMED = "SELECT raw FROM transfers WHERE redeemer = ?"
_STATED = "SELECT debtor, stated_total_minor FROM claims ORDER BY debtor"
_CLAIMED = "SELECT debtor, creditor, claimed_total_minor FROM obligations"
_SETTLED = "SELECT settled_total_minor FROM obligations WHERE debtor = ? AND creditor = ?"
_ORDER = "SELECT order_raw FROM issuance_orders WHERE institution = ? AND number = ?"
_ORDERS = "SELECT number, raw FROM issuance_orders ORDER BY number"
_RETURNS = (
    "SELECT number, amount_minor FROM issuance_orders WHERE institution = ? AND amount_minor < 0"
)
_SET_ASIDE = "SELECT balance_minor FROM balances WHERE account = 'returning'"
_BOOKED_OBLIGATIONS = "SELECT creditor, settled_total_minor FROM obligations ORDER BY creditor"
_BOOKED_CLAIMS = "SELECT debtor, settled_total_minor FROM claims ORDER BY debtor"
_STANDINGS = ("pending", "cashed", "refused")


@dataclass(slots=True)
class Flights:
    """What is in flight, listed and added up."""

    listed: list[InFlight] = field(default_factory=list)
    items: Counter[tuple[str, str]] = field(default_factory=Counter)
    minor: Counter[tuple[str, str]] = field(default_factory=Counter)

    def add(self, flight: InFlight) -> None:
        """Count one more."""
        pair = (flight.issuer, flight.redeemer)
        self.items[pair] += 1
        self.minor[pair] += flight.amount_minor
        if len(self.listed) < MAX_FLIGHTS_LISTED:
            self.listed.append(flight)

    def totals(self) -> tuple[FlightTotal, ...]:
        """Each pair that has something in flight."""
        return tuple(
            FlightTotal(*pair, self.items[pair], self.minor[pair]) for pair in sorted(self.items)
        )


class BetweenAudit:
    """Audits the parties of a network against each other."""

    def __init__(self, evidence: StoredEvidence, trust: TrustStore, findings: Findings) -> None:
        self._platform = evidence.platform
        self._institutions = {
            code: views
            for code, views in evidence.institutions.items()
            if code in trust.codes  # an institution that is none has no word to compare
        }
        self._trust = trust
        self._findings = findings
        self.flights = Flights()

    def check_redeemed(self, issuer: str, link: RecordedLink) -> None:
        """One redemption: its redeemer had presented it, for the payee that it pays."""
        name, value = link.transfer.name, link.transfer.value
        redeemer = link.redeemer or ""
        views = self._institutions.get(redeemer)
        row, early = views.find(_PRESENTED, (name,)) if views else (None, False)
        wanted = (value.amount_minor, issuer)
        self._findings.expect(
            row is not None and (row[1], row[2]) == wanted,
            Check.NOT_PRESENTED,
            redeemer,
            name,
            f"to have presented {value.amount_minor} to {issuer}",
        )
        if row is None:
            self.flights.add(InFlight(issuer, redeemer, name.hex(), value.amount_minor, "unseen"))
            return
        state, _, _, purpose, chip, number = row
        own = self._trust.institution(redeemer).fingerprint
        credited = (chip, number) if purpose == PAYMENT else (own, link.wallet)
        self._findings.expect(
            (value.payee, number) == credited,
            Check.PAYEE,
            redeemer,
            name,
            "what it pays to be credited to whom it pays",
        )
        if not early or state != CASHED:
            standing = _STANDINGS[state] if early else "unseen"
            self.flights.add(InFlight(issuer, redeemer, name.hex(), value.amount_minor, standing))

    def check_cashed(self, redeemer: str) -> None:
        """All that one institution has cashed: the issuers had redeemed it for this one."""
        if redeemer not in self._institutions:
            return
        for issuer, name, amount_minor in self._institutions[redeemer].early.rows(_CASHED):
            views = self._institutions.get(issuer)
            row, early = views.find(_REDEEMED, (name, redeemer)) if views else (None, False)
            self._findings.expect(
                row is not None,
                Check.NOT_REDEEMED,
                redeemer,
                name,
                f"{issuer} to have redeemed it for {redeemer}",
            )
            if row is None or not early:
                self.flights.add(InFlight(issuer, redeemer, name.hex(), -amount_minor, "credited"))

    def check_statements(self, sums: dict[str, Sums]) -> None:
        """Nobody has signed for more than was redeemed, whoever holds the statement."""
        for creditor, debtor, stated_minor in self._stated():
            redeemed_minor = sums[debtor].redeemed_minor[creditor] if debtor in sums else 0
            if stated_minor > redeemed_minor and debtor in self._institutions:
                late = self._institutions[debtor].late
                redeemed_minor = _redeemed_minor(self._trust, late, creditor)
            self._findings.expect(
                stated_minor <= redeemed_minor,
                Check.OVERSTATED,
                debtor,
                creditor,
                f"at most {redeemed_minor} to be stated, found {stated_minor}",
            )

    def check_booked(self, code: str) -> None:
        """What an institution has booked of orders and settlements, the platform has made."""
        if code not in self._institutions:
            return
        early = self._institutions[code].early
        for number, raw in early.rows(_ORDERS):
            row, _ = self._platform.find(_ORDER, (code, number))
            self._findings.expect(
                row is not None and row[0] == raw,
                Check.BOOKED_ORDER,
                code,
                f"order {number}",
                "the platform to have made it",
            )
        self._check_returned(code)
        for other, booked_minor in early.rows(_BOOKED_OBLIGATIONS):
            self._check_settled(code, (code, other), booked_minor)
        for other, booked_minor in early.rows(_BOOKED_CLAIMS):
            self._check_settled(code, (other, code), booked_minor)

    def _check_returned(self, code: str) -> None:
        late = self._institutions[code].late
        booked = {number for number, _ in late.rows(_ORDERS)}
        returned_minor = -sum(
            amount_minor
            for number, amount_minor in self._platform.early.rows(_RETURNS, (code,))
            if number not in booked
        )
        set_aside_minor = total(late, _SET_ASIDE)
        self._findings.expect(
            returned_minor <= set_aside_minor,
            Check.RETURNED,
            code,
            code,
            f"{returned_minor} set aside, found {set_aside_minor}",
        )

    def _check_settled(self, code: str, pair: tuple[str, str], booked_minor: int) -> None:
        made_minor = total(self._platform.late, _SETTLED, pair)
        self._findings.expect(
            booked_minor <= made_minor,
            Check.BOOKED_SETTLEMENT,
            code,
            f"{pair[0]} owes {pair[1]}",
            f"at most {made_minor} to be settled, found {booked_minor}",
        )

    def _stated(self) -> Iterator[tuple[str, str, int]]:
        for creditor in sorted(self._institutions):
            for debtor, minor in self._institutions[creditor].early.rows(_STATED):
                yield creditor, debtor, minor
        for debtor, creditor, minor in sorted(self._platform.early.rows(_CLAIMED)):
            yield creditor, debtor, minor


def _redeemed_minor(trust: TrustStore, snapshot: Snapshot, redeemer: str) -> int:
    """Of a late snapshot: read anew, because it is needed only when a network runs."""
    total_minor = 0
    for (raw,) in snapshot.rows(_ALL_REDEEMED, (redeemer,)):
        try:
            total_minor += parse_transfer(trust.suite, raw).value.amount_minor
        except Refusal:
            continue
    return total_minor
