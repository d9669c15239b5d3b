"""Who joins the road while it is served is served as well: no server has to be started anew."""

import json
from pathlib import Path

import pytest

from tests.system.processes import PATIENCE_S, Json, command, run, serving
from tests.system.road_places import road_made, wish

ELSEWHERE = "31.2404,121.4737"
"""A kilometre from the entity that the road began with."""
TARIFF = """
name = "parking-by-the-river"
service = "parking"
zone = "Asia/Shanghai"

[time]
per_s = 60
started = true
bands = [{ price_minor = 25 }]
"""


@pytest.mark.feature("V-01", "V-06")
def test_an_entity_joins_with_a_tariff_of_its_own(tmp_path):
    """Offered by its provider, matched at its place, and paid by prices nobody had before."""
    with (
        road_made(tmp_path),
        serving(tmp_path, "positions", "serve", "--road", "road"),
        serving(tmp_path, "provider", "serve", "--road", "road"),
    ):
        river = _joined(tmp_path)
        with serving(tmp_path, "entity", "serve", *river, "--lasts", "2", "--speed", "300"):
            asked = _asked(tmp_path)
            assert asked["entity"] == "river-1"
            driven = run(tmp_path, "vehicle", "drive", "--vehicle", "v", "--at", ELSEWHERE)
    (service,) = driven["services"]
    assert (service["state"], service["entity"]) == ("paid", "river-1")
    assert service["amount_minor"] > 0
    assert service["amount_minor"] % 25 == 0


def _joined(folder: Path) -> tuple[str, ...]:
    (folder / "tariff.toml").write_text(TARIFF, encoding="utf-8")
    river = ("--road", "road", "--name", "river-1")
    place = ("--service", "parking", "--at", ELSEWHERE, "--wallet", "park")
    run(folder, "entity", "init", *river, *place, "--tariff", "tariff.toml")
    return river


def _asked(folder: Path) -> Json:
    """The provider learns of its new entity within moments; until then it declines."""
    for _ in range(10):
        asking = command(folder, "vehicle", "request", *wish(), "--entity", "river-1")
        out, err = asking.communicate(timeout=PATIENCE_S)
        answer: Json = json.loads(out or err)
        if asking.returncode == 0:
            return answer
        assert answer["outcome"] == "unknown_name", answer
    raise AssertionError("expected the provider to offer what had joined")
