"""``feiqian demo`` as people and machines start it, and as they interrupt it."""

import contextlib
import json
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from feiqian.apps import network as networks
from feiqian.apps.demo.buses import MOSQUITTO, WITHIN, has_broker
from feiqian.apps.demo.play import ACTS
from feiqian.apps.demo.warden import NETWORK

DEMO = [sys.executable, "-m", "feiqian", "demo"]
ENDS_WITHIN_S = 90


@pytest.fixture(scope="module")
def played(tmp_path_factory):
    """One whole demonstration for machines, its directory kept."""
    folder = tmp_path_factory.mktemp("demo") / "kept"
    ended = subprocess.run(
        [*DEMO, "--json", "--keep", folder],
        capture_output=True,
        text=True,
        timeout=ENDS_WITHIN_S,
        check=False,
    )
    return ended, folder


@pytest.mark.feature("C-01", "C-02", "C-03", "C-05", "C-06", "C-08", "C-10", "C-15", "C-23")
@pytest.mark.feature("C-11", "C-13", "C-24", "P-01", "P-04", "P-05", "P-06")
@pytest.mark.feature("D-02", "D-03", "D-05", "D-10", "D-12", "D-13", "D-14", "D-15")
def test_every_act_goes_as_it_should(played):
    """From founding to audit, real processes and wallets do everything once, and all of it holds."""
    ended, _ = played
    assert (ended.returncode, ended.stderr) == (0, "")
    (line,) = ended.stdout.splitlines()
    document = json.loads(line)
    assert document["ok"]
    assert [act["name"] for act in document["acts"]] == [act.name for act in ACTS]
    facts = {act["name"]: act["facts"] for act in document["acts"]}
    assert facts["double_spend"]["outcome"] == "double_spent"
    assert facts["too_much"] == {"outcome": "insufficient_balance", "requests_sent": 0}
    assert facts["identifier"]["payer_sets"]["request_bytes"] < facts["pay"]["request_bytes"]
    assert facts["offline"]["request_bytes"] == sorted(set(facts["offline"]["request_bytes"]))
    assert set(facts["copied_chip"]["outcomes"].values()) == {"accepted"}
    assert facts["found_out"]["problem"].startswith("double_spent: 40.00 received offline from ")
    assert facts["found_out"]["offender"] in facts["found_out"]["problem"]
    assert facts["listed"]["outcome"] == "double_spent"
    assert facts["vehicle"]["log"][-1] == "receipts agree"
    assert facts["vehicle"]["bus"] == (MOSQUITTO if has_broker() else WITHIN)
    holders = facts["audit"]["holders"]
    assert holders["void_minor"] == facts["copied_chip"]["amount_minor"]
    assert holders["chips_minor"] + holders["accounts_minor"] == holders["opened_minor"]


def test_what_is_kept_can_be_audited_and_no_process_is_left(played):
    """The directory that was kept is a network like any other, at rest."""
    _, folder = played
    assert all(server.pid is None for server in networks.servers(folder / NETWORK))
    audited = subprocess.run(
        [sys.executable, "-m", "feiqian", "audit", folder / NETWORK, "--json"],
        capture_output=True,
        timeout=ENDS_WITHIN_S,
        check=False,
    )
    assert audited.returncode == 0
    assert json.loads(audited.stdout)["holds"]


@pytest.mark.parametrize(
    ("ending", "moment"),
    [
        (signal.SIGKILL, "A network comes to life"),
        (signal.SIGINT, "Two wallets are opened"),
        (signal.SIGTERM, "One pays the other"),
    ],
)
def test_nothing_outlives_an_interrupted_demonstration(tmp_path, ending, moment):
    """However and whenever it is ended, its processes end too."""
    folder = tmp_path / "kept"
    started = subprocess.Popen(
        # Whoever runs these tests in the background has told their children to ignore Ctrl-C.
        ["env", "--default-signal=INT", *DEMO, "--keep", folder],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert started.stdout is not None
    try:
        assert any(moment in line for line in started.stdout)
        started.send_signal(ending)
        # The warden holds the same pipes, so this waits for its end, too.
        _, errors = started.communicate(timeout=ENDS_WITHIN_S)
    finally:
        started.kill()
    assert started.returncode != 0
    assert "Traceback" not in errors
    if (folder / NETWORK / networks.NETWORK_FILE).exists():
        assert all(server.pid is None for server in networks.servers(folder / NETWORK))
    assert _processes_of(folder) == []


def test_a_directory_that_is_there_is_not_touched(tmp_path):
    """To keep the demonstration somewhere, that place must be new."""
    ended = subprocess.run(
        [*DEMO, "--json", "--keep", tmp_path], capture_output=True, timeout=60, check=False
    )
    assert ended.returncode == 1
    assert json.loads(ended.stdout)["outcome"] == "key_reused"


def _processes_of(folder):
    """Every process whose command line names the directory."""
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        with contextlib.suppress(OSError):
            found.append(path.read_bytes())
    return [line for line in found if str(folder).encode() in line]
