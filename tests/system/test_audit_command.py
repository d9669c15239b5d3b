"""``feiqian audit`` on a real network: running, under payments, killed, and tampered with."""

import json
import os
import signal
import sqlite3

import pytest

from feiqian.testing.audit.checks import Check
from tests.system.test_wallet_commands import exchange, finish, free_port, run, start

pytestmark = [pytest.mark.feature("P-06"), pytest.mark.timeout(240)]

PAYMENTS = 3


@pytest.fixture
def running(tmp_path):
    """A running network of A and B with a wallet at each; the one at A has withdrawn 100.00."""
    run("network", "init", "net", "--base-port", str(free_port()), folder=tmp_path)
    try:
        run("network", "up", "net", folder=tmp_path)
        for code in ("A", "B"):
            opening = ("--network", "net", "--institution", code, "--wallet", code.lower())
            run("wallet", "open", *opening, folder=tmp_path)
        run("wallet", "withdraw", "--wallet", "a", "--amount", "100", folder=tmp_path)
        yield tmp_path
    finally:
        run("network", "down", "net", folder=tmp_path)


def test_a_real_network_is_proven_until_somebody_changes_it(running):
    """Exit code 0 while it runs, is paid through and after a kill; 1 with the reason after that."""
    for _ in range(PAYMENTS):
        auditing = start("audit", "net", "--json", folder=running)
        exchange(running, f"tcp://127.0.0.1:{free_port()}", ("--amount", "2.50"), ())
        assert json.loads(finish(auditing))["holds"] is True
    _kill(running)
    report = run("audit", "net", folder=running)
    assert (report["circulating_minor"], report["redeemed_minor"]) == (100_00, PAYMENTS * 2_50)
    assert "P-06 holds" in finish(start("audit", "net", folder=running))
    _tamper(running)
    report = run("audit", "net", folder=running, code=1)
    assert report["discrepancies"][0]["check"] == Check.RECORD_STATE
    assert "record_state (A)" in finish(start("audit", "net", folder=running), code=1)


def _kill(folder):
    for server in run("network", "status", "net", folder=folder)["servers"]:
        os.kill(server["pid"], signal.SIGKILL)


def _tamper(folder):
    connection = sqlite3.connect(folder / "net" / "A" / "institution.sqlite")
    with connection:
        connection.execute("UPDATE record SET amount_minor = amount_minor + 1 WHERE state = 0")
    connection.close()


def test_what_is_no_network_is_refused(tmp_path):
    """A directory without a network ends with exit code 1 and the one error shape."""
    assert run("audit", ".", folder=tmp_path, code=1)["outcome"] == "malformed"
