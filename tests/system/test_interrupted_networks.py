"""``feiqian network`` killed in the middle: what is left is whole or nothing, and can be gone on with."""

import json
import subprocess
import sys

import pytest

from feiqian.testing.free_ports import free_ports

FEIQIAN = [sys.executable, "-m", "feiqian", "network"]
ENDS_WITHIN_S = 60
LOOK_EVERY_S = 0.002


def run(*arguments):
    """A command to its end: its exit code and its document."""
    ended = subprocess.run(
        [*FEIQIAN, *arguments, "--json"], capture_output=True, timeout=ENDS_WITHIN_S, check=False
    )
    assert b"Traceback" not in ended.stderr
    return ended.returncode, json.loads(ended.stdout)


def kill_when(path_pattern, folder, *arguments):
    """Start a command, and kill it as soon as a file is there and not empty."""
    process = subprocess.Popen(
        [*FEIQIAN, *arguments], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    while process.poll() is None:
        if any(path.stat().st_size for path in folder.glob(path_pattern)):
            process.kill()
        try:
            process.wait(timeout=LOOK_EVERY_S)
        except subprocess.TimeoutExpired:
            continue
    return process.returncode


@pytest.mark.feature("P-02", "P-07")
@pytest.mark.parametrize(
    "written", ["central/root.key", "central/central.toml", "A/institution.toml", "B/*.sqlite*"]
)
def test_a_killed_init_has_made_nothing_and_can_be_repeated(tmp_path, written):
    """A network appears whole or not at all; the same command makes it after all."""
    init = ("init", str(tmp_path / "net"), "--base-port", str(free_ports(3)))
    assert kill_when(f".net-*/{written}", tmp_path, *init) != 0
    assert not (tmp_path / "net").exists()
    code, document = run("up", str(tmp_path / "net"))
    assert (code, document["outcome"]) == (1, "malformed")
    assert run(*init)[0] == 0
    assert run(*init) == (
        1,
        {"outcome": "key_reused", "detail": f"expected {tmp_path / 'net'} to be new or empty"},
    )


@pytest.mark.feature("C-23")
def test_a_half_started_network_is_started_by_the_same_command_and_stopped_once(tmp_path):
    """After a killed start, status tells what runs, up starts the rest, and down ends all of it."""
    net = str(tmp_path / "net")
    assert run("init", net, "--base-port", str(free_ports(3)))[0] == 0
    try:
        kill_when("net/central/server.pid", tmp_path, "up", net)
        code, half = run("status", net)
        assert code == 0
        assert [server["name"] for server in half["servers"] if server["pid"]] == ["central"]
        code, whole = run("up", net)
        assert code == 0
        assert whole["servers"][0]["pid"] == half["servers"][0]["pid"]
        assert all(server["pid"] for server in whole["servers"])
    finally:
        stopped = run("down", net)
    assert stopped == (0, {"stopped": ["B", "A", "central"]})
    assert run("down", net) == (0, {"stopped": []})
