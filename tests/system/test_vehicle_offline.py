"""A fee between processes when nothing but a direct link is there, and reconciling afterwards."""

import time
from pathlib import Path

import pytest

from tests.system.processes import run, serving
from tests.system.road_places import PLACE, PURSE_MINOR, entity, road_made, wish

RECONCILED_S = 90


def _meet_at(folder: Path, before: int, now: int) -> None:
    """The car park looks for its bus at another port: where nothing is, it has no network."""
    file = folder / "road" / "parking-1" / "party.toml"
    text = file.read_text()
    assert f"127.0.0.1:{before}" in text
    file.write_text(text.replace(f"127.0.0.1:{before}", f"127.0.0.1:{now}"))


def _holds(folder: Path, wallet: str, amount_minor: int) -> None:
    assert run(folder, "wallet", "balance", "--wallet", wallet)["held_minor"] == amount_minor


def _wait_until_paid(folder: Path) -> None:
    """Until the management server has seen both receipts agree."""
    deadline_s = time.monotonic() + RECONCILED_S
    states: list[str] = []
    while time.monotonic() < deadline_s:
        lines = run(folder, "positions", "log", "--road", "road")["lines"]
        states = [line["state"] for line in lines]
        if states[-1] == "paid":
            return
        time.sleep(1)
    raise AssertionError(states)


@pytest.mark.feature("V-05", "V-10")
def test_the_fee_is_paid_beside_the_entity_without_any_network(tmp_path):
    """Neither bus nor institutions: the vehicle carries the post and pays chip to chip."""
    with (
        road_made(tmp_path) as port,
        serving(tmp_path, "positions", "serve", "--road", "road"),
        serving(tmp_path, "provider", "serve", "--road", "road"),
    ):
        bus, nowhere, beside = port + 3, port + 4, f"tcp://127.0.0.1:{port + 5}"
        _meet_at(tmp_path, bus, nowhere)
        trial = ("--lasts", "2", "--speed", "1800")
        drive = ("vehicle", "drive", "--vehicle", "v", "--at", PLACE)
        with serving(tmp_path, "entity", "serve", *entity(), *trial, "--direct", beside):
            assert run(tmp_path, "vehicle", "request", *wish())["state"] == "authorised"
            run(tmp_path, "network", "down", "net")
            (service,) = run(tmp_path, *drive, "--direct", beside)["services"]
        fee_minor = service["amount_minor"]
        assert (service["state"], service["entity"]) == ("paid offline", "parking-1")
        assert fee_minor > 0
        _holds(tmp_path, "car", PURSE_MINOR - fee_minor)
        _holds(tmp_path, "park", fee_minor)
        (received,) = run(tmp_path, "wallet", "history", "--wallet", "park")["entries"]
        assert received["verification"] == "unverified"

        run(tmp_path, "network", "up", "net")
        _meet_at(tmp_path, nowhere, bus)
        with serving(tmp_path, "entity", "serve", *entity(), *trial):
            _wait_until_paid(tmp_path)
        (received,) = run(tmp_path, "wallet", "history", "--wallet", "park")["entries"]
        assert received["verification"] == "verified"
