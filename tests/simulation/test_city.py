"""A small city, lived through: nobody pays wrongly, and who stood where it was served has paid."""

import random

import pytest

from feiqian.protocol.service.states import State
from feiqian.testing import virtual_time
from feiqian.testing.city.city import City, CityFigures
from feiqian.testing.city.grid_city import GridCity
from feiqian.testing.city.judgement import judge
from feiqian.testing.city.receivers import Tunnel, VehicleReceiver
from feiqian.testing.city.town import Town
from feiqian.testing.city.traffic import Whereabouts
from feiqian.testing.city.visits import Manner

VEHICLES, CUSTOMERS, DURATION_S, UNCOVERED = 24, 14, 900, 1
SEED = 3


async def lived(seed=SEED):
    """A city at its end, its summary, and where each visit ended for the management server."""
    traffic = GridCity(seed, VEHICLES)
    town = await Town.found(traffic.stations, seed)
    figures = CityFigures(seed, CUSTOMERS, DURATION_S, UNCOVERED, parking_s=(920, 1_000))
    city = City(traffic, town, figures)
    try:
        await city.populate()
        await city.run()
        summary = await judge(city)
        services = await town.management.services()
        return city, summary, {one.request_id: one.state for one in services}
    finally:
        await town.close()


@pytest.mark.feature("V-05", "V-08", "V-11")
def test_city_pays_rightly():
    """Many vehicles, neighbouring chargers, noise, tunnels, errors and lies: no payment is wrong."""
    city, summary, states = virtual_time.run(lived())
    assert summary.wrong == ()
    ordinary = [visit for visit in city.visits if visit.manner is Manner.ORDINARY]
    paid = [visit for visit in ordinary if states.get(visit.request_id) is State.PAID]
    assert len(paid) >= 0.8 * len(ordinary) > 5
    for visit in city.visits:
        if visit.manner in (Manner.SPOOFED, Manner.ELSEWHERE, Manner.BRIEF):
            assert states.get(visit.request_id) is not State.PAID
    assert summary.paid_minor > 0
    assert summary.asked > 0
    assert summary.stood_to_matched_s[0] < 60
    assert summary.stopped_to_paid_s[0] <= 5


@pytest.mark.feature("V-08")
def test_receiver_keeps_to_what_it_states():
    """The truth lies within the stated circle about 95 times in 100, and a tunnel is silent."""
    truth = Whereabouts(312_304_000, 1_214_737_000, 0)
    receiver = VehicleReceiver("7", ())
    inside = 0
    for second in range(20_000):
        heard = receiver.hear(truth, second * 1_000)
        assert heard is not None
        north_mm = (heard.latitude_e7 - truth.latitude_e7) * 11.1
        east_mm = (heard.longitude_e7 - truth.longitude_e7) * 11.1 * 0.8551
        inside += north_mm**2 + east_mm**2 <= heard.accuracy_mm**2
    assert 0.93 < inside / 20_000 < 0.97
    tunnel = Tunnel(truth.latitude_e7, truth.longitude_e7, 100)
    assert VehicleReceiver("7", (tunnel,)).hear(truth, 0) is None


def test_vehicles_of_the_grid_come_and_go():
    """A vehicle that is sent to a station stands in one of its bays for its time, and leaves."""
    traffic = GridCity(1, 5)
    station = random.Random(1).choice(traffic.stations)
    assert traffic.send("car-0", station.name, 30)
    assert not traffic.send("car-0", station.name, 30)
    stood = 0
    for _ in range(400):
        seen = traffic.step()
        if traffic.standing.get("car-0") == station.name:
            stood += 1
            north_e7 = seen["car-0"].latitude_e7 - station.latitude_e7
            assert abs(north_e7) * 11 < 20_000
    assert stood == 30
