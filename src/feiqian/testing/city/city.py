"""The city at work: second by second, traffic moves, sites see, vehicles report, customers come and go.

Everything that a party decides it decides from messages. This module only plays the world around them:
it knows the truth, sends vehicles where they want to go, and keeps a diary of each visit that
`judgement` compares with what was paid.
"""

import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from feiqian.protocol.service.states import ENDS, State
from feiqian.testing.city.receivers import Tunnel
from feiqian.testing.city.stations import Station
from feiqian.testing.city.town import PROVIDER, Customer, Town
from feiqian.testing.city.traffic import Traffic, Whereabouts
from feiqian.testing.city.visits import BRIEF_S, Manner, PlannedVisit, draw_manner
from feiqian.testing.virtual_time import pass_time
from feiqian.vehicle.in_vehicle.client import Wish
from feiqian.wire.usage import ServiceClass

PURSE_MINOR, POOR_PURSE_MINOR, CEILING_MINOR = 80_00, 10, 50_00
VALID_MS = 6 * 3_600_000
SLOTS = 10
"""Vehicles report in so many groups, one after another within the second."""
REST_S, REST_AFTER_MS = 5, 60_000
"""A vehicle that has stood for so long reports only so often."""
LOOK_EVERY_S = 15
"""How often a customer looks whether its service has ended."""
BACKGROUND_SHARE = 0.0004
"""Of the other vehicles that go to a station, each second."""
TUNNEL_RADIUS_E7 = 4_000
SPOOFED_S = (60, 240)
"""From when to when after its wish a spoofed receiver lies."""
QUIET_AFTER_S = 1_800
"""How long parties have to end what is open, after the last vehicle has left."""

Progress = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class CityFigures:
    """How large and how long."""

    seed: int
    customers: int
    duration_s: int
    """In which all visits begin, and most end."""
    uncovered: int
    """Chargers without a network, and as many car parks: these hear only later who left, and when."""
    tunnels: int = 3
    parking_s: tuple[int, int] = (950, 1_400)
    """How long customers park: beyond the free minutes of the tariff."""
    charging_s: tuple[int, int] = (200, 500)


@dataclass
class City:
    """A run."""

    traffic: Traffic
    town: Town
    figures: CityFigures
    visits: list[PlannedVisit] = field(default_factory=list)
    second: int = 0
    _seen: Mapping[str, Whereabouts] = field(default_factory=dict)
    _chance: random.Random = field(init=False)

    def __post_init__(self) -> None:
        """Draw from the seed."""
        self._chance = random.Random(f"city/{self.figures.seed}")

    async def populate(self) -> None:
        """Make customers of some vehicles, and take the network from some stations."""
        town, figures = self.town, self.figures
        tunnels = tuple(self._tunnel() for _ in range(figures.tunnels))
        for name in self._chance.sample(list(self.traffic.vehicles), figures.customers):
            visit = self._plan(name)
            poor = visit.manner is Manner.POOR
            await town.welcome(name, POOR_PURSE_MINOR if poor else PURSE_MINOR, tunnels)
            self.visits.append(visit)
            self.traffic.staying.add(name)
        town.beside = self.traffic.standing.get
        for service in (ServiceClass.CHARGING, ServiceClass.PARKING):
            names = [one.name for one in self.traffic.stations if one.service is service]
            town.uncovered.update(self._chance.sample(names, figures.uncovered))

    async def run(self, progress: Progress = lambda _: None) -> None:
        """Until every visit is over; then until nothing is open."""
        last_s = self.figures.duration_s
        while self.second < last_s:
            await self._pass_second()
            if self.second % 300 == 0:
                progress(self._situation())
        await self._give_up()
        for _ in range(QUIET_AFTER_S):
            if not self.town.customers.keys() & self.traffic.standing.keys():
                self.town.uncovered.clear()  # all have left: now their stations hear of it
            if all(visit.ended for visit in self.visits):
                break
            await self._pass_second()
        progress(self._situation())

    # One second ----------------------------------------------------------------------------------
    async def _pass_second(self) -> None:
        self.second += 1
        now_ms = self.town.clock.now().midpoint_ms
        self._seen = self.traffic.step()
        for served in self.town.stations.values():
            await served.site.see(self.traffic.standing)
        self._send_others()
        for slot in range(SLOTS):
            for visit in self.visits[slot::SLOTS]:
                if not visit.ended:
                    await self._follow(visit, now_ms)
            await pass_time(1 / SLOTS)

    async def _follow(self, visit: PlannedVisit, now_ms: int) -> None:
        customer = self.town.customers[visit.vehicle]
        if not visit.request_id:
            await self._set_out(visit, customer)
            return
        self._note_truth(visit, customer, now_ms)
        truth = self._seen.get(visit.vehicle)
        position = None if truth is None else customer.receiver.hear(truth, now_ms)
        if position is not None and (self.second % REST_S == 0 or not _rests(visit, now_ms)):
            await customer.client.report(position)
        if self.second % LOOK_EVERY_S == 0:
            await self._look(visit, customer)

    async def _set_out(self, visit: PlannedVisit, customer: Customer) -> None:
        if self.second < visit.begins_s or visit.vehicle not in self._seen:
            return
        wished = self._chance.choice(self.traffic.stations)
        goal = self._elsewhere(wished) if visit.manner is Manner.ELSEWHERE else wished
        spoofed = visit.manner is Manner.SPOOFED
        if visit.manner is not Manner.BRIEF:
            visit.stay_s = self._stay_s(goal)
        if not spoofed and not self.traffic.send(visit.vehicle, goal.name, visit.stay_s):
            return
        visit.wished, visit.went_to = wished.name, "" if spoofed else goal.name
        visit.begins_s = self.second
        wish = Wish(PROVIDER, wished.service, CEILING_MINOR, VALID_MS, wished.name)
        visit.request_id = await customer.client.request(wish)

    def _note_truth(self, visit: PlannedVisit, customer: Customer, now_ms: int) -> None:
        stands = self.traffic.standing.get(visit.vehicle) == visit.went_to
        if stands and visit.came_ms is None:
            visit.came_ms = now_ms
        if not stands and visit.came_ms is not None and visit.left_ms is None:
            visit.left_ms = now_ms
        if visit.manner is Manner.SPOOFED:
            self._spoof(visit, customer)

    def _spoof(self, visit: PlannedVisit, customer: Customer) -> None:
        """For some minutes of its drive the vehicle seems to stand where it was to be served."""
        since_s = self.second - visit.begins_s
        place = self.town.stations[visit.wished].station
        there = Whereabouts(place.latitude_e7, place.longitude_e7, 0)
        customer.receiver.spoofed = there if SPOOFED_S[0] < since_s < SPOOFED_S[1] else None

    async def _look(self, visit: PlannedVisit, customer: Customer) -> None:
        record = await customer.client.service(visit.request_id)
        assert record is not None
        visit.ended = record.state in ENDS and record.state is not State.PAID_OFFLINE
        if visit.ended:
            self.traffic.staying.discard(visit.vehicle)
        if visit.manner is Manner.POOR and record.state is State.OWING and not visit.topped_up:
            visit.topped_up = True
            await customer.wallet.withdraw(PURSE_MINOR)
            customer.funded_minor += PURSE_MINOR

    async def _give_up(self) -> None:
        """Who never set out stays at home; whose vehicle does not stand at its station cancels."""
        for visit in self.visits:
            if not visit.request_id:
                visit.ended = True
            elif not visit.ended and (visit.came_ms is None or visit.left_ms is not None):
                await self.town.customers[visit.vehicle].client.cancel(visit.request_id)

    # Drawing -------------------------------------------------------------------------------------
    def _plan(self, name: str) -> PlannedVisit:
        manner = draw_manner(self._chance)
        begins_s = self._chance.randrange(5, max(6, self.figures.duration_s // 3))
        return PlannedVisit(name, manner, begins_s, BRIEF_S)

    def _stay_s(self, station: Station) -> int:
        charges = station.service is ServiceClass.CHARGING
        figures = self.figures
        return self._chance.randint(*(figures.charging_s if charges else figures.parking_s))

    def _elsewhere(self, wished: Station) -> Station:
        """The nearest other station of the same kind: where one would park by mistake."""
        others = [
            station
            for station in self.traffic.stations
            if station.service is wished.service and station is not wished
        ]
        return min(others, key=lambda station: (_far(station, wished), station.name))

    def _tunnel(self) -> Tunnel:
        """Somewhere on the way, under no station."""
        while True:
            near = self._chance.choice(self.traffic.stations)
            north_e7, east_e7 = (self._chance.randrange(-30_000, 30_000) for _ in range(2))
            place = near.latitude_e7 + north_e7, near.longitude_e7 + east_e7
            tunnel = Tunnel(*place, TUNNEL_RADIUS_E7)
            stations = self.traffic.stations
            if not any(
                tunnel.holds(Whereabouts(one.latitude_e7, one.longitude_e7, 0)) for one in stations
            ):
                return tunnel

    def _send_others(self) -> None:
        """Vehicles without a wallet of ours take bays, too."""
        for vehicle in self.traffic.vehicles:
            known = vehicle in self.town.customers or vehicle not in self._seen
            if not known and self._chance.random() < BACKGROUND_SHARE:
                station = self._chance.choice(self.traffic.stations)
                self.traffic.send(vehicle, station.name, self._chance.randint(60, 600))

    def _situation(self) -> str:
        begun = sum(bool(visit.request_id) for visit in self.visits)
        ended = sum(visit.ended for visit in self.visits)
        charging = sum(
            self.town.stations[name].station.service is ServiceClass.CHARGING
            for name in self.traffic.standing.values()
        )
        standing = len(self.traffic.standing)
        return (
            f"{self.second} s: {begun} services wished, {ended} ended; {standing} vehicles stand,"
            f" {charging} of them at chargers"
        )


def _rests(visit: PlannedVisit, now_ms: int) -> bool:
    stands = visit.came_ms is not None and visit.left_ms is None
    return stands and now_ms - (visit.came_ms or 0) > REST_AFTER_MS


def _far(one: Station, other: Station) -> int:
    north_e7 = one.latitude_e7 - other.latitude_e7
    east_e7 = one.longitude_e7 - other.longitude_e7
    return north_e7 * north_e7 + east_e7 * east_e7
