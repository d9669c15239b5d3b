"""A real street net, driven by SUMO: traffic lights, queues, and vehicles that park beside the road.

Needs the packages of `requirements-city.lock`. The net is one that comes with SUMO, of the outskirts of
Berlin (OpenStreetMap). Car parks with places of their own and chargers with one bay are put beside its
roads, drawn from the seed; vehicles come one after another, drive to some road, and leave the map there unless
they stay. One process can hold one simulation.
"""

import math
import random
import tempfile
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import libsumo
import sumo
import sumolib

from feiqian.testing.city.sites import POWER_W
from feiqian.testing.city.stations import Station
from feiqian.testing.city.traffic import Whereabouts
from feiqian.vehicle.management.members import AreaDrawing
from feiqian.wire.usage import ServiceClass

NET = Path(sumo.SUMO_HOME) / "tools" / "game" / "DRT" / "osm.net.xml"
MIN_ROAD_M = 45
LOTS, ROWS, ALONE = 24, 14, 16
ROW = 3
CHARGER_GAP_M = 13
CHARGER_RADIUS_MM, ALONE_RADIUS_MM = 9_000, 14_000
CHARGER_ASIDE_M, LOT_ASIDE_M = 14, 28
"""From the lane to the bay, and to the middle of a car park."""
BAYS_ACROSS, BAYS_DEEP = 4, 3
BAY_M = 6
LOT_MARGIN_M = 11
COMING_PER_S = 0.5
"""Vehicles that come; more would fill the roads, as they do where these are."""
ATTEMPTS = 10
"""Roads that are tried until one can be reached."""
ROADS_LEFT = 2
PATIENCE_S = 90
"""After which SUMO lifts a vehicle out of a jam, and sets it down further on."""

Spot = tuple[float, float]
"""Metres east and north on the net's map."""
_OPTIONS = (
    *("--step-length", "1", "--time-to-teleport", str(PATIENCE_S)),
    *("--no-step-log", "true", "--no-warnings", "true", "--ignore-route-errors", "true"),
    *("--collision.action", "none"),
)


class _Lane(Protocol):
    """Of sumolib, which has no types."""

    def getID(self) -> str: ...  # noqa: N802 -- its names
    def getShape(self) -> list[Spot]: ...  # noqa: N802
    def allows(self, kind: str) -> bool: ...


class _Edge(Protocol):
    """Likewise."""

    def getID(self) -> str: ...  # noqa: N802
    def getLength(self) -> float: ...  # noqa: N802
    def getLaneNumber(self) -> int: ...  # noqa: N802
    def getLanes(self) -> list[_Lane]: ...  # noqa: N802
    def getOutgoing(self) -> Iterable["_Edge"]: ...  # noqa: N802
    def getIncoming(self) -> Iterable["_Edge"]: ...  # noqa: N802
    def allows(self, kind: str) -> bool: ...


class _Net(Protocol):
    """Likewise."""

    def getEdge(self, name: str) -> _Edge: ...  # noqa: N802
    def getEdges(self) -> Iterable[_Edge]: ...  # noqa: N802


@dataclass(frozen=True, slots=True)
class _Beside:
    """A station beside a road, on the net's map."""

    name: str
    service: ServiceClass
    edge: str
    along_m: float
    bays: tuple[Spot, ...]
    corners: tuple[Spot, ...]
    """Of its area; none for a disc."""
    radius_mm: int = 0


class SumoCity:
    """`Traffic` by SUMO."""

    def __init__(self, seed: int, vehicles: int, net: Path = NET) -> None:
        self._chance = random.Random(f"sumo/{seed}")
        self._net: _Net = sumolib.net.readNet(str(net))
        self._roads = _connected_roads(self._net)
        self._beside = {beside.name: beside for beside in self._build()}
        self._folder = tempfile.TemporaryDirectory()
        additional = Path(self._folder.name) / "stations.add.xml"
        additional.write_text(self._additional(), encoding="utf-8")
        stations = ("-a", str(additional), "--seed", str(seed))
        libsumo.start(["sumo", *_OPTIONS, "-n", str(net), *stations])
        self.stations: Sequence[Station] = [_station(beside) for beside in self._beside.values()]
        self._bound: dict[str, str] = {}
        """By vehicle, the station it is going to or stands at."""
        self.standing: dict[str, str] = {}
        self.staying: set[str] = set()
        self.vehicles: Sequence[str] = [f"car-{number}" for number in range(vehicles)]
        self._to_come = self._chance.sample(list(self.vehicles), vehicles)
        self._due = 0.0

    def step(self) -> Mapping[str, Whereabouts]:
        """A second."""
        self._let_in()
        libsumo.simulationStep()
        for vehicle in libsumo.simulation.getParkingStartingVehiclesIDList():
            self.standing[vehicle] = self._bound[vehicle]
        for vehicle in libsumo.simulation.getParkingEndingVehiclesIDList():
            self.standing.pop(vehicle, None)
            self._bound.pop(vehicle, None)
        present = libsumo.vehicle.getIDList()
        for vehicle in present:
            if vehicle in self.staying - self._bound.keys() and _nearly_there(vehicle):
                self._drive_on(vehicle)
        return {vehicle: _whereabouts(vehicle) for vehicle in present}

    def send(self, vehicle: str, station: str, stay_s: int) -> bool:
        """Go there, if there is room, and a way."""
        beside = self._beside[station]
        bound = sum(other == station for other in self._bound.values())
        if vehicle in self._bound or bound >= len(beside.bays):
            return False
        try:
            if libsumo.vehicle.getRoadID(vehicle) == beside.edge:
                return False
            libsumo.vehicle.changeTarget(vehicle, beside.edge)
            libsumo.vehicle.setParkingAreaStop(vehicle, station, duration=stay_s)
        except libsumo.TraCIException:
            return False
        self._bound[vehicle] = station
        return True

    def close(self) -> None:
        """End the simulation."""
        libsumo.close()
        self._folder.cleanup()

    # Driving -------------------------------------------------------------------------------------
    def _let_in(self) -> None:
        """The next vehicles come, at their pace."""
        self._due += COMING_PER_S
        while self._due >= 1 and self._to_come:
            self._due -= 1
            name = self._to_come.pop()
            libsumo.route.add(name, [self._chance.choice(self._roads)])
            libsumo.vehicle.add(name, name, departLane="best", departPos="random_free")
            self._drive_on(name)

    def _drive_on(self, vehicle: str) -> None:
        """To a road that can be reached from where it is; most can."""
        for _ in range(ATTEMPTS):
            try:
                libsumo.vehicle.changeTarget(vehicle, self._chance.choice(self._roads))
            except libsumo.TraCIException:
                continue
            return

    # Building ------------------------------------------------------------------------------------
    def _build(self) -> list[_Beside]:
        roads = [road for road in self._roads if self._net.getEdge(road).getLength() >= MIN_ROAD_M]
        chosen = self._chance.sample(roads, LOTS + ROWS + ALONE)
        lots = [self._lot(f"lot-{number}", road) for number, road in enumerate(chosen[:LOTS])]
        rows = [
            self._charger(f"charger-{number}{'abc'[place]}", road, place, CHARGER_RADIUS_MM)
            for number, road in enumerate(chosen[LOTS : LOTS + ROWS])
            for place in range(ROW)
        ]
        alone = [
            self._charger(f"charger-{number}d", road, 1, ALONE_RADIUS_MM)
            for number, road in enumerate(chosen[LOTS + ROWS :])
        ]
        return [*lots, *rows, *alone]

    def _charger(self, name: str, road: str, place: int, radius_mm: int) -> _Beside:
        along_m = CHARGER_GAP_M * (place + 0.7)
        bay = self._aside(road, along_m, 0, CHARGER_ASIDE_M)
        return _Beside(name, ServiceClass.CHARGING, road, along_m, (bay,), (), radius_mm)

    def _lot(self, name: str, road: str) -> _Beside:
        middle_m = self._net.getEdge(road).getLength() / 2
        wide_m, deep_m = BAYS_ACROSS * BAY_M / 2, BAYS_DEEP * BAY_M / 2
        bays = tuple(
            self._aside(
                road, middle_m, BAY_M * (x + 0.5) - wide_m, LOT_ASIDE_M + BAY_M * (y + 0.5) - deep_m
            )
            for x in range(BAYS_ACROSS)
            for y in range(BAYS_DEEP)
        )
        wide_m, deep_m = wide_m + LOT_MARGIN_M, deep_m + LOT_MARGIN_M
        around = ((-wide_m, -deep_m), (wide_m, -deep_m), (wide_m, deep_m), (-wide_m, deep_m))
        corners = tuple(self._aside(road, middle_m, x, LOT_ASIDE_M + y) for x, y in around)
        return _Beside(name, ServiceClass.PARKING, road, middle_m, bays, corners)

    def _aside(self, road: str, along_m: float, on_m: float, right_m: float) -> Spot:
        """From a point of a road: so far on in its direction there, and to the right."""
        shape = _rightmost_lane(self._net, road).getShape()
        x, y = sumolib.geomhelper.positionAtShapeOffset(shape, along_m)
        ahead_x, ahead_y = sumolib.geomhelper.positionAtShapeOffset(shape, along_m + 1)
        far = math.hypot(ahead_x - x, ahead_y - y) or 1.0
        east, north = (ahead_x - x) / far, (ahead_y - y) / far
        return x + on_m * east + right_m * north, y + on_m * north - right_m * east

    def _additional(self) -> str:
        """SUMO's own description of the stations."""
        lines = ["<additional>"]
        for beside in self._beside.values():
            lane = _rightmost_lane(self._net, beside.edge).getID()
            start_m, end_m = beside.along_m - BAY_M / 2, beside.along_m + BAY_M / 2
            where = f'lane="{lane}" startPos="{start_m:.1f}" endPos="{end_m:.1f}"'
            lines.append(f'<parkingArea id="{beside.name}" {where} roadsideCapacity="0">')
            lines += [f'<space x="{x:.2f}" y="{y:.2f}"/>' for x, y in beside.bays]
            lines.append("</parkingArea>")
            if beside.service is ServiceClass.CHARGING:
                power = f'power="{POWER_W}" parkingArea="{beside.name}"'
                lines.append(f'<chargingStation id="plug-{beside.name}" {where} {power}/>')
        return "\n".join([*lines, "</additional>"])


def _connected_roads(net: _Net) -> list[str]:
    """Roads for cars among which every one leads to every other."""
    roads = {edge.getID(): edge for edge in net.getEdges() if edge.allows("passenger")}
    start = max(roads.values(), key=lambda edge: (edge.getLaneNumber(), edge.getID()))
    onward = _reached(start, lambda edge: edge.getOutgoing())
    backward = _reached(start, lambda edge: edge.getIncoming())
    return sorted(onward & backward & roads.keys())


def _reached(start: _Edge, following: Callable[[_Edge], Iterable[_Edge]]) -> set[str]:
    reached, open_edges = {start.getID()}, [start]
    while open_edges:
        for edge in following(open_edges.pop()):
            if edge.getID() not in reached and edge.allows("passenger"):
                reached.add(edge.getID())
                open_edges.append(edge)
    return reached


def _rightmost_lane(net: _Net, road: str) -> _Lane:
    return next(lane for lane in net.getEdge(road).getLanes() if lane.allows("passenger"))


def _station(beside: _Beside) -> Station:
    """In degrees, as operators draw it."""
    middle_x = sum(x for x, _ in beside.bays) / len(beside.bays)
    middle_y = sum(y for _, y in beside.bays) / len(beside.bays)
    at = _degrees((middle_x, middle_y))
    area = AreaDrawing(corners=tuple(_degrees(corner) for corner in beside.corners))
    if not beside.corners:
        area = AreaDrawing(*at, beside.radius_mm)
    return Station(beside.name, beside.service, *at, area, len(beside.bays))


def _degrees(spot: Spot) -> tuple[int, int]:
    longitude, latitude = libsumo.simulation.convertGeo(*spot)
    return round(latitude * 1e7), round(longitude * 1e7)


def _whereabouts(vehicle: str) -> Whereabouts:
    speed_mm_s = round(libsumo.vehicle.getSpeed(vehicle) * 1_000)
    return Whereabouts(*_degrees(libsumo.vehicle.getPosition(vehicle)), max(0, speed_mm_s))


def _nearly_there(vehicle: str) -> bool:
    """Whether it is on one of the last roads of its way."""
    left: int = len(libsumo.vehicle.getRoute(vehicle)) - libsumo.vehicle.getRouteIndex(vehicle)
    return left <= ROADS_LEFT
