"""The road as people run it: four processes, a real bus between them, real wallets and institutions."""

from pathlib import Path

import pytest

from feiqian.testing.broker import require_mosquitto
from tests.system.processes import run, serving
from tests.system.road_places import PLACE, PURSE_MINOR, entity, road_made, wish

BUSES: dict[str, list[str]] = {"stream": [], "mqtts": ["--with-broker"]}
"""By the scheme of its address; how the server keeps it up."""


@pytest.mark.feature("V-01", "V-02", "V-03", "V-05", "V-11")
@pytest.mark.parametrize("scheme", BUSES)
def test_a_vehicle_is_served_and_pays_between_processes(tmp_path, scheme):
    """Asked and authorised once, the vehicle drives without PIN, and the fee moves by itself."""
    if scheme == "mqtts":
        require_mosquitto()
    with (
        road_made(tmp_path, scheme),
        serving(tmp_path, "positions", "serve", "--road", "road", *BUSES[scheme]),
        serving(tmp_path, "provider", "serve", "--road", "road"),
        serving(tmp_path, "entity", "serve", *entity(), "--lasts", "2", "--speed", "1800"),
    ):
        _be_served(tmp_path)
        log = _closed_log(tmp_path)
    assert log[-1]["event"] == "receipts agree"
    assert not list(tmp_path.rglob("broker.pid"))


def _closed_log(folder: Path) -> list[dict[str, str]]:
    """The server's, once both receipts have come: the vehicle knows of its payment before that."""
    lines: list[dict[str, str]] = []
    for _ in range(20):
        lines = run(folder, "positions", "log", "--road", "road")["lines"]
        if lines[-1]["state"] == "paid":
            break
    return lines


def _be_served(folder: Path) -> None:
    asked = run(folder, "vehicle", "request", *wish())
    assert asked["state"] in ("authorised", "being served")
    driven = run(folder, "vehicle", "drive", "--vehicle", "v", "--at", PLACE)
    (service,) = driven["services"]
    assert (service["state"], service["entity"]) == ("paid", "parking-1")
    assert service["amount_minor"] > 0
    left = run(folder, "wallet", "balance", "--wallet", "car")["held_minor"]
    assert left == PURSE_MINOR - service["amount_minor"]
    assert run(folder, "vehicle", "receipts", "--vehicle", "v")["services"] == [service]
    again = run(folder, "vehicle", "request", *wish(), "--entity", "nowhere", code=1)
    assert again["outcome"] == "unknown_name"
