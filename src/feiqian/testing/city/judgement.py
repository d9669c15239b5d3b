"""What became of the city, judged from outside: the truth about each visit against what was paid.

A payment is wrong if the vehicle did not stand at the station that was paid, if the charger that was
paid for fed another vehicle, if what is charged lies outside the time it stood there, or if the
amount is not what the tariff says. Chips are counted as well: what left a vehicle's is what its paid
services cost, to the minor unit, and what a station's holds is what was paid to it. Then the network's
books are audited.
"""

from collections import Counter
from dataclasses import dataclass

from feiqian.protocol.service.departures import used_until_left
from feiqian.protocol.service.records import ManagementService
from feiqian.protocol.service.states import State
from feiqian.testing.audit import auditor
from feiqian.testing.city.city import City
from feiqian.testing.city.visits import PlannedVisit
from feiqian.testing.network_evidence import evidence_of
from feiqian.vehicle.service_rows import LogLine
from feiqian.wallet.wallet import Wallet
from feiqian.wire.usage import ServiceClass, Usage

PAID = (State.PAID, State.PAID_OFFLINE)
EARLY_MS, LATE_MS = 30_000, 120_000
"""How long before it came and after it left a vehicle may have been counted: reports and dwell."""


@dataclass(frozen=True, slots=True)
class Summary:
    """A city's outcome, ready to be printed."""

    seed: int
    vehicles: int
    customers: int
    stations: int
    simulated_s: int
    services: int
    matched: int
    asked: int
    """Services for which stations were asked who is there."""
    paid: int
    paid_minor: int
    endings: dict[str, int]
    refusals: dict[str, int]
    """Positions that were not believed, by reason."""
    wrong: tuple[str, ...]
    """Wrong payments, in words."""
    stood_to_matched_s: tuple[float, float]
    """Median, and what 95 of 100 stay within."""
    stopped_to_paid_s: tuple[float, float]
    audited_facts: int

    def lines(self) -> list[str]:
        """For people."""
        return [
            f"seed {self.seed}: {self.simulated_s} s, {self.stations} stations",
            f"vehicles {self.vehicles}, of them customers {self.customers}",
            f"services {self.services}: matched {self.matched}, stations asked for {self.asked}",
            f"paid {self.paid}, together {self.paid_minor / 100:.2f}",
            f"ended: {_counted(self.endings)}",
            f"positions not believed: {_counted(self.refusals)}",
            "from standing to matched: median {:.0f} s, 95 of 100 within {:.0f} s".format(
                *self.stood_to_matched_s
            ),
            "from stopping to paid: median {:.1f} s, 95 of 100 within {:.1f} s".format(
                *self.stopped_to_paid_s
            ),
            f"audit holds: {self.audited_facts} facts",
            *(f"WRONG: {each}" for each in self.wrong),
            f"wrong payments: {len(self.wrong)}",
        ]


async def judge(city: City) -> Summary:
    """Everything, after the run. Raises `AssertionError` when the audit finds a discrepancy."""
    town = city.town
    records = {record.request_id: record for record in await town.management.services()}
    visits = [visit for visit in city.visits if visit.request_id in records]
    log = [line for visit in visits for line in await town.management.log(visit.request_id)]
    report = auditor.audit(evidence_of(town.network))
    assert report.holds, f"the audit found {report.discrepancies[0]}"
    paid = [record for record in records.values() if record.state in PAID]
    return Summary(
        seed=city.figures.seed,
        vehicles=len(city.traffic.vehicles),
        customers=len(town.customers),
        stations=len(town.stations),
        simulated_s=city.second,
        services=len(records),
        matched=sum(record.matched for record in records.values()),
        asked=sum(record.question_count > 0 for record in records.values()),
        paid=len(paid),
        paid_minor=sum(record.amount_minor for record in paid),
        endings=dict(Counter(record.state.value for record in records.values()).most_common()),
        refusals=_refusals(town.notes),
        wrong=(*_wrong_payments(city, visits, records), *_wrong_balances(city, paid)),
        stood_to_matched_s=_spread(_matching_s(visits, log)),
        stopped_to_paid_s=_spread(_paying_s(city, paid, log)),
        audited_facts=report.facts,
    )


# Payments ----------------------------------------------------------------------------------------
def _wrong_payments(
    city: City, visits: list[PlannedVisit], records: dict[bytes, ManagementService]
) -> list[str]:
    wrong = []
    for visit in visits:
        record = records[visit.request_id]
        why = _why_wrong(city, visit, record) if record.state in PAID else ""
        if why:
            wrong.append(f"{visit.vehicle} ({visit.manner}) paid {record.entity}: {why}")
    return wrong


def _why_wrong(city: City, visit: PlannedVisit, record: ManagementService) -> str:
    served = city.town.stations[record.entity]
    measured = served.site.usages.get(visit.request_id)
    if visit.came_ms is None or record.entity != visit.went_to:
        return "it never stood there"
    if measured is None:
        return "nothing was measured"
    usage = used_until_left(measured, record.left)
    fed = served.site.served[visit.request_id]
    if served.station.service is ServiceClass.CHARGING and fed != visit.vehicle:
        return f"the charger fed {fed}"
    if not _within_stay(visit, usage, city):
        return f"charged for {usage}, stood {visit.came_ms} to {visit.left_ms}"
    fee = city.town.price(served.tariff, usage)
    if record.amount_minor != fee.amount_minor:
        return f"{record.amount_minor} is not the tariff's {fee.amount_minor}"
    return ""


def _within_stay(visit: PlannedVisit, usage: Usage, city: City) -> bool:
    assert visit.came_ms is not None
    left_ms = city.town.clock.now().midpoint_ms if visit.left_ms is None else visit.left_ms
    return visit.came_ms - EARLY_MS <= usage.from_ms and usage.until_ms <= left_ms + LATE_MS


def _wrong_balances(city: City, paid: list[ManagementService]) -> list[str]:
    """Chips whose balance is not what the services say."""
    spent, earned = Counter[str](), Counter[str]()
    for record in paid:
        spent[record.vehicle] += record.amount_minor
        earned[record.entity] += record.amount_minor
    wrong = []
    for customer in city.town.customers.values():
        left_minor = customer.funded_minor - _held_minor(customer.wallet)
        if left_minor != spent[customer.name]:
            wrong.append(f"{left_minor} left {customer.name}, its services: {spent[customer.name]}")
    for name, served in city.town.stations.items():
        held_minor = _held_minor(served.wallet)
        if held_minor != earned[name]:
            wrong.append(f"{name} holds {held_minor}, its services brought {earned[name]}")
    return wrong


def _held_minor(wallet: Wallet) -> int:
    return wallet.holder.around.chip.status().balance_minor


# Times -------------------------------------------------------------------------------------------
def _matching_s(visits: list[PlannedVisit], log: list[LogLine]) -> list[float]:
    matched_ms = _first_ms(log, State.MATCHED)
    return [
        (matched_ms[visit.request_id.hex()] - visit.came_ms) / 1_000
        for visit in visits
        if visit.came_ms is not None and visit.request_id.hex() in matched_ms
    ]


def _paying_s(city: City, paid: list[ManagementService], log: list[LogLine]) -> list[float]:
    """From the end of what was measured, by the site, to both receipts in agreement."""
    paid_ms = _first_ms(log, *PAID)
    usages = {
        request_id: usage
        for served in city.town.stations.values()
        for request_id, usage in served.site.usages.items()
    }
    return [
        (paid_ms[record.request_id.hex()] - usages[record.request_id].until_ms) / 1_000
        for record in paid
        if record.request_id.hex() in paid_ms
    ]


def _first_ms(log: list[LogLine], *states: State) -> dict[str, int]:
    """When each request first came to one of these states."""
    found: dict[str, int] = {}
    for line in sorted(log, key=lambda line: line.number):
        if line.state in states:
            found.setdefault(line.request_id, line.at_ms)
    return found


def _spread(durations_s: list[float]) -> tuple[float, float]:
    ordered = sorted(durations_s) or [0.0]
    return ordered[len(ordered) // 2], ordered[min(len(ordered) - 1, len(ordered) * 95 // 100)]


# Words -------------------------------------------------------------------------------------------
def _refusals(notes: list[str]) -> dict[str, int]:
    """By the outcome that a note names."""
    named = (note.split(": ")[1] for note in notes if ": position_" in note)
    return dict(Counter(named).most_common())


def _counted(counts: dict[str, int]) -> str:
    return ", ".join(f"{count} {name}" for name, count in counts.items()) or "none"
