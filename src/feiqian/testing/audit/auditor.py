"""The audit of a whole network (P-06): all checks, in order, and the report.

It reads signed evidence, tables and nothing else, and shares with the parties only how bytes are
parsed and signatures verified. What it proves is in docs/audit.md. For a network that stands still
the report is exact at that moment. For one that runs, each institution's part is exact at the moment
of its early snapshot, and the network's total is exact with what is in flight between these moments,
named transfer by transfer.
"""

from feiqian.crypto.trust import TrustStore
from feiqian.outcomes import Refusal
from feiqian.testing.audit.between import BetweenAudit
from feiqian.testing.audit.books import audit_books, read_balances
from feiqian.testing.audit.checks import Check
from feiqian.testing.audit.evidence import StoredEvidence
from feiqian.testing.audit.findings import Findings, Progress
from feiqian.testing.audit.owners import OwnerAudit
from feiqian.testing.audit.platform import PARTY, PlatformAudit, newest_directory
from feiqian.testing.audit.presented import PresentedAudit
from feiqian.testing.audit.report import AuditReport, InstitutionTotals
from feiqian.testing.audit.roots import RootAudit
from feiqian.testing.audit.standing import StandingAudit
from feiqian.testing.audit.sums import Sums


def audit(evidence: StoredEvidence, progress: Progress = lambda _: None) -> AuditReport:
    """Audit a network; `progress` hears in words how far it is.

    Raises `Refusal` when the root certificate cannot be believed or a database not be read.
    """
    return _Audit(evidence, Findings(progress)).run()


class _Audit:
    """One run."""

    def __init__(self, evidence: StoredEvidence, findings: Findings) -> None:
        self._evidence = evidence
        self._findings = findings
        self._codes = sorted(evidence.institutions)
        self._trust = TrustStore.pinned(evidence.suite, evidence.root_raw)
        self._learn_directory()
        self._between = BetweenAudit(evidence, self._trust, findings)
        self._sums = {code: Sums() for code in self._codes}

    def run(self) -> AuditReport:
        """Every check, party by party."""
        self._findings.enter("platform")
        platform_minor = PlatformAudit(
            self._evidence.platform.early, self._trust, self._findings
        ).run()
        for code in self._codes:
            self._audit_institution(code)
        self._findings.enter("between institutions")
        for code in self._codes:
            self._between.check_cashed(code)
            self._between.check_booked(code)
        self._between.check_statements(self._sums)
        return self._report(platform_minor)

    def _learn_directory(self) -> None:
        try:
            self._trust.learn_directory(newest_directory(self._evidence.platform.late))
        except Refusal as refusal:
            self._findings.refused(Check.DIRECTORY, PARTY, PARTY, refusal)
        listed = set(self._trust.codes)
        for code in sorted(listed.symmetric_difference(self._codes)):
            where = "evidence" if code in listed else "the directory"
            self._findings.expect(False, Check.DIRECTORY, PARTY, code, f"{code} in {where}, too")

    def _audit_institution(self, code: str) -> None:
        sums, findings = self._sums[code], self._findings
        parts = (code, self._evidence.institutions[code].early, self._trust, findings)
        findings.enter(f"{code}: currencies and transfers")
        for link in RootAudit(*parts).run(sums):
            self._between.check_redeemed(code, link)
        findings.enter(f"{code}: what was issued for what")
        OwnerAudit(*parts).run(sums)
        findings.enter(f"{code}: what was presented")
        PresentedAudit(*parts).run(sums)
        findings.enter(f"{code}: books")
        StandingAudit(*parts).run(sums)
        audit_books(code, self._evidence.institutions[code].early, sums, findings)

    def _report(self, platform_minor: int) -> AuditReport:
        totals = tuple(self._totals(code) for code in self._codes)
        for each in totals:
            self._findings.equal(
                Check.INSTITUTION_TOTAL,
                each.code,
                each.code,
                each.issued_minor,
                each.circulating_minor + each.redeemed_minor,
            )
        flying_minor = self._between.flights.minor.total()
        booked_minor = sum(sums.ordered_minor for sums in self._sums.values())
        held_minor = sum(each.headroom_minor + each.circulating_minor for each in totals)
        transit_minor = platform_minor - booked_minor
        self._findings.equal(
            Check.NETWORK_TOTAL,
            PARTY,
            PARTY,
            platform_minor,
            held_minor + flying_minor + transit_minor,
        )
        return AuditReport(
            holds=self._findings.count == 0,
            facts=self._findings.facts,
            discrepancy_count=self._findings.count,
            discrepancies=self._findings.discrepancies(),
            platform_minor=platform_minor,
            ordered_in_transit_minor=transit_minor,
            issued_minor=sum(each.issued_minor for each in totals),
            circulating_minor=sum(each.circulating_minor for each in totals),
            redeemed_minor=sum(each.redeemed_minor for each in totals),
            in_flight_minor=flying_minor,
            headroom_minor=sum(each.headroom_minor for each in totals),
            institutions=totals,
            flights=self._between.flights.totals(),
            in_flight=tuple(self._between.flights.listed),
        )

    def _totals(self, code: str) -> InstitutionTotals:
        sums = self._sums[code]
        balances = read_balances(self._evidence.institutions[code].early)
        flights = self._between.flights.minor
        return InstitutionTotals(
            code=code,
            issued_minor=sums.issued_minor,
            circulating_minor=sums.circulating_minor,
            redeemed_minor=sums.redeemed_minor.total(),
            in_flight_minor=sum(minor for (issuer, _), minor in flights.items() if issuer == code),
            headroom_minor=balances["headroom"] + balances["returning"],
            authorised_minor=balances["authorised"],
        )
