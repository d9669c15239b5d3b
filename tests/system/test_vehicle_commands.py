"""The road as people run it: four processes, a real bus between them, real wallets and institutions."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from feiqian.testing.broker import require_mosquitto
from feiqian.testing.free_ports import free_ports

PIN = "4711"
PATIENCE_S = 90
PLACE = "31.2304,121.4737"
Json = dict[str, Any]


def command(folder: Path, *arguments: str) -> "subprocess.Popen[str]":
    """One command, running."""
    return subprocess.Popen(
        [sys.executable, "-m", "feiqian", *arguments, "--json"],
        cwd=folder,
        env={**os.environ, "FEIQIAN_PIN": PIN},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def run(folder: Path, *arguments: str, code: int = 0) -> Json:
    """One command to its end, its JSON object."""
    process = command(folder, *arguments)
    out, err = process.communicate(timeout=PATIENCE_S)
    assert process.returncode == code, (arguments, out, err)
    assert "Traceback" not in err
    document: Json = json.loads(out)
    return document


@contextmanager
def serving(folder: Path, *arguments: str) -> Iterator[None]:
    """A server, from its first line on; a signal ends it in good order."""
    process = command(folder, *arguments)
    try:
        assert process.stdout is not None
        assert process.stdout.readline(), process.communicate()
        yield
    finally:
        process.send_signal(signal.SIGTERM)
        _, err = process.communicate(timeout=PATIENCE_S)
        assert process.returncode == 0, err
        assert "Traceback" not in err


BUSES: dict[str, list[str]] = {"stream": [], "mqtts": ["--with-broker"]}
"""By the scheme of its address; how the server keeps it up."""


@pytest.mark.feature("V-01", "V-02", "V-03", "V-05", "V-11")
@pytest.mark.parametrize("scheme", BUSES)
def test_a_vehicle_is_served_and_pays_between_processes(tmp_path, scheme):
    """Asked and authorised once, the vehicle drives without PIN, and the fee moves by itself."""
    if scheme == "mqtts":
        require_mosquitto()
    port = free_ports(4)
    url, bus = f"http://127.0.0.1:{port + 1}", f"{scheme}://127.0.0.1:{port + 3}"
    run(tmp_path, "network", "init", "net", "--base-port", str(port))
    try:
        run(tmp_path, "network", "up", "net")
        for wallet, code in (("car", "A"), ("park", "B")):
            run(
                tmp_path,
                *("wallet", "open", "--wallet", wallet, "--network", "net", "--institution", code),
            )
        run(tmp_path, "wallet", "withdraw", "--wallet", "car", "--amount", "100.00")
        run(tmp_path, "positions", "init", "--road", "road", "--network", url, "--bus", bus)
        run(tmp_path, "provider", "init", "--road", "road")
        entity = ("--road", "road", "--name", "parking-1")
        run(
            tmp_path,
            *("entity", "init", *entity, "--service", "parking", "--at", PLACE),
            *("--wallet", "park"),
        )
        run(tmp_path, "vehicle", "init", "--vehicle", "v", "--road", "road", "--wallet", "car")
        with (
            serving(tmp_path, "positions", "serve", "--road", "road", *BUSES[scheme]),
            serving(tmp_path, "provider", "serve", "--road", "road"),
            serving(tmp_path, "entity", "serve", *entity, "--lasts", "2", "--speed", "1800"),
        ):
            _be_served(tmp_path)
            log = run(tmp_path, "positions", "log", "--road", "road")["lines"]
        assert log[-1]["event"] == "receipts agree"
        assert not list(tmp_path.rglob("broker.pid"))
    finally:
        run(tmp_path, "network", "down", "net")


def _be_served(folder: Path) -> None:
    wish = ("--vehicle", "v", "--service", "parking", "--ceiling", "30.00")
    asked = run(folder, "vehicle", "request", *wish)
    assert asked["state"] in ("authorised", "being served")
    driven = run(folder, "vehicle", "drive", "--vehicle", "v", "--at", PLACE)
    (service,) = driven["services"]
    assert (service["state"], service["entity"]) == ("paid", "parking-1")
    assert service["amount_minor"] > 0
    left = run(folder, "wallet", "balance", "--wallet", "car")["held_minor"]
    assert left == 100_00 - service["amount_minor"]
    assert run(folder, "vehicle", "receipts", "--vehicle", "v")["services"] == [service]
    again = run(folder, "vehicle", "request", *wish, "--entity", "nowhere", code=1)
    assert again["outcome"] == "unknown_name"
