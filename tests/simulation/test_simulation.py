"""The simulated world: whatever fails in whatever order, value is kept; a seed replays it exactly."""

import json

import pytest
from click.testing import CliRunner

from feiqian.apps.cli import main
from feiqian.testing.simulation import SimulationError, simulate
from feiqian.wallet import holdings

STEPS = 250


@pytest.mark.feature("C-08", "C-11", "C-14", "C-15", "C-22", "P-05", "P-06", "P-07")
@pytest.mark.parametrize("seed", [1, 2, 3, 4, 5, 6])
def test_value_is_kept_whatever_fails(seed):
    """Payments, errands, deaths, lost and repeated messages: audit, books and holders agree."""
    story = simulate(seed, STEPS)
    assert story.steps >= STEPS
    assert story.done["pay"] > 0
    assert story.done["double_spend"] > 0
    assert story.done["death"] > 0


def test_a_seed_replays_its_run():
    """The same seed tells the same story to the last step; another seed tells another."""
    first, again, other = simulate(5, 40), simulate(5, 40), simulate(6, 40)
    assert first == again
    assert first.digest != other.digest


def test_what_is_wrong_is_found_and_names_its_seed(monkeypatch):
    """A wallet that does not keep renewals is found out, with the command that replays it."""
    monkeypatch.setattr(holdings, "renew", lambda tx, suite, raw: None)
    with pytest.raises(SimulationError, match=r"has not renewed.*--seed 2 --steps 120"):
        simulate(2, 120)


def test_the_command_reports_one_object():
    """With --json the run is one JSON object, and a given seed is the one used."""
    result = CliRunner().invoke(main, ["simulate", "--seed", "7", "--steps", "20", "--json"])
    assert result.exit_code == 0, result.output
    (line,) = result.stdout.splitlines()
    document = json.loads(line)
    assert (document["ok"], document["seed"]) == (True, 7)


def test_the_command_fails_when_value_is_not_kept(monkeypatch):
    """What is found wrong ends the command with one, and tells how to replay it."""
    monkeypatch.setattr(holdings, "renew", lambda tx, suite, raw: None)
    result = CliRunner().invoke(main, ["simulate", "--seed", "2", "--steps", "120", "--json"])
    assert result.exit_code == 1
    document = json.loads(result.stdout)
    assert not document["ok"]
    assert "feiqian simulate --seed 2 --steps 120" in document["detail"]
