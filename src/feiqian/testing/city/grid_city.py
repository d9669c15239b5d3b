"""A small city that needs no traffic simulator: streets a hundred metres apart, and places along them.

Vehicles drive along the streets, at right angles, one corner after another; they do not see each other.
Chargers stand alone, or in rows of three, twelve metres apart, so that a receiver alone cannot tell them apart.
"""

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from feiqian.testing.city.stations import Station, place_near
from feiqian.testing.city.traffic import Whereabouts
from feiqian.vehicle.management.members import AreaDrawing
from feiqian.wire.usage import ServiceClass

LATITUDE_E7, LONGITUDE_E7 = 312_304_000, 1_214_737_000
BLOCK_M = 100
SPEED_M_S = 10
BEHIND_M = 30
"""How far from the street the stations are."""
ROW = 3
CHARGER_GAP_M = 12
CHARGER_RADIUS_MM = 9_000
ALONE_RADIUS_MM = 14_000
LOT_SIDE_M = 44
LOT_CAPACITY = 9

Spot = tuple[float, float]
"""Metres east and north of the city's corner."""


@dataclass
class _Car:
    """A vehicle on its way."""

    at: Spot
    way: list[Spot] = field(default_factory=list)
    station: str | None = None
    """Where it is going, or stands."""
    stay_s: int = 0
    stands: bool = False


class GridCity:
    """`Traffic` on a grid of streets."""

    def __init__(self, seed: int, vehicles: int, blocks: int = 5) -> None:
        self._chance = random.Random(seed)
        self._blocks = blocks
        self._spots: dict[str, Spot] = {}
        self.stations: Sequence[Station] = [
            station for block in range(blocks) for station in self._build(block)
        ]
        self._rooms = {station.name: station.capacity for station in self.stations}
        self._cars = {f"car-{number}": _Car(self._corner()) for number in range(vehicles)}
        self.vehicles: Sequence[str] = tuple(self._cars)
        self.standing: dict[str, str] = {}
        self.staying: set[str] = set()

    def step(self) -> Mapping[str, Whereabouts]:
        """A second."""
        return {name: self._move(name, car) for name, car in self._cars.items()}

    def send(self, vehicle: str, station: str, stay_s: int) -> bool:
        """Go there, if there is room."""
        car = self._cars[vehicle]
        bound = sum(other.station == station for other in self._cars.values())
        if car.station is not None or bound >= self._rooms[station]:
            return False
        east, north = self._spots[station]
        place = (east, north) if self._rooms[station] == 1 else self._bay(east, north, bound)
        street_m = north - BEHIND_M
        car.station, car.stay_s = station, stay_s
        car.way = [*self._streets(car.at, (east, street_m)), (east, street_m), place]
        return True

    def close(self) -> None:
        """Nothing is open."""

    # Building ------------------------------------------------------------------------------------
    def _build(self, block: int) -> list[Station]:
        """Behind the street of a block: a row of chargers, and a car park."""
        north = block * BLOCK_M + BEHIND_M
        chargers = [
            self._disc(f"charger-{block}{'abc'[place]}", 30 + CHARGER_GAP_M * place, north)
            for place in range(ROW)
        ]
        alone = self._disc(f"charger-{block}d", 80, north, ALONE_RADIUS_MM)
        return [
            *chargers,
            alone,
            self._lot(f"lot-{block}", 130, north),
            self._lot(f"deck-{block}", 175, north),
        ]

    def _disc(
        self, name: str, east: float, north: float, radius_mm: int = CHARGER_RADIUS_MM
    ) -> Station:
        self._spots[name] = (east, north)
        place = place_near(LATITUDE_E7, LONGITUDE_E7, east, north)
        return Station(name, ServiceClass.CHARGING, *place, AreaDrawing(*place, radius_mm), 1)

    def _lot(self, name: str, east: float, north: float) -> Station:
        self._spots[name] = (east, north)
        half = LOT_SIDE_M / 2
        around = ((-half, -half), (half, -half), (half, half), (-half, half))
        corners = tuple(
            place_near(LATITUDE_E7, LONGITUDE_E7, east + x, north + y) for x, y in around
        )
        place = place_near(LATITUDE_E7, LONGITUDE_E7, east, north)
        area = AreaDrawing(corners=corners)
        return Station(name, ServiceClass.PARKING, *place, area, LOT_CAPACITY)

    @staticmethod
    def _bay(east: float, north: float, number: int) -> Spot:
        return east + 6 * (number % 3 - 1), north + 6 * (number // 3 % 3 - 1)

    # Driving -------------------------------------------------------------------------------------
    def _corner(self) -> Spot:
        blocks = range(self._blocks)
        return self._chance.choice(blocks) * BLOCK_M, self._chance.choice(blocks) * BLOCK_M

    @staticmethod
    def _streets(start: Spot, end: Spot) -> list[Spot]:
        """Along the street to the next corner, and up or down from there."""
        corner_m = round(start[0] / BLOCK_M) * BLOCK_M
        street_m = round(start[1] / BLOCK_M) * BLOCK_M
        return [(start[0], street_m), (corner_m, street_m), (corner_m, end[1])]

    def _move(self, name: str, car: _Car) -> Whereabouts:
        before = car.at
        if car.stands:
            self._stand(name, car)
        elif car.way:
            self._drive(name, car)
        else:
            corner = self._corner()
            car.way = [*self._streets(car.at, corner), corner]
        moved_m = abs(car.at[0] - before[0]) + abs(car.at[1] - before[1])
        return Whereabouts(*place_near(LATITUDE_E7, LONGITUDE_E7, *car.at), round(moved_m * 1_000))

    def _stand(self, name: str, car: _Car) -> None:
        car.stay_s -= 1
        if car.stay_s <= 0:
            del self.standing[name]
            car.stands, car.station = False, None
            car.way = [(car.at[0], round(car.at[1] / BLOCK_M) * BLOCK_M)]

    def _drive(self, name: str, car: _Car) -> None:
        left_m: float = SPEED_M_S
        while car.way and left_m > 0:
            (east, north), (to_east, to_north) = car.at, car.way[0]
            far_m = abs(to_east - east) + abs(to_north - north)
            share = 1.0 if far_m <= left_m else left_m / far_m
            car.at = (east + share * (to_east - east), north + share * (to_north - north))
            left_m -= min(far_m, left_m)
            if share == 1.0:
                car.way.pop(0)
        if not car.way and car.station is not None:
            car.stands = True
            self.standing[name] = car.station
