"""Status and codes of a wallet as people use them: real servers, real files, a real gpsd."""

import asyncio
import json
import re
import sqlite3
import time
import tomllib
from collections.abc import Iterator
from contextlib import chdir
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from feiqian.apps.cli import main
from feiqian.testing.free_ports import HOST, free_ports
from feiqian.testing.gpsd_process import needs_gpsd, running_gpsd
from feiqian.testing.receiver_feed import ReceiverFeed

PIN = "4711"
PATIENCE_S = 60
Json = dict[str, Any]


def command(*arguments: str, folder: Path, **secrets: str) -> Result:
    """One command to its end, in this process to be quick; it never fails unexpectedly."""
    codes = {f"FEIQIAN_{name.upper()}": value for name, value in secrets.items()}
    with chdir(folder):
        done = CliRunner().invoke(main, arguments, env=codes)
    assert done.exception is None or isinstance(done.exception, SystemExit), done.exception
    return done


def run(*arguments: str, folder: Path, code: int = 0, **secrets: str) -> Json:
    """Its JSON object."""
    done = command(*arguments, "--json", folder=folder, **secrets)
    assert done.exit_code == code, (done.stdout, done.stderr)
    document: Json = json.loads(done.stdout)
    return document


@pytest.fixture(scope="module")
def network(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A running network of A, with one wallet that was synchronised."""
    folder = tmp_path_factory.mktemp("network")
    init = ("network", "init", "net", "--institutions", "A", "--base-port", str(free_ports(2)))
    run(*init, folder=folder)
    try:
        run("network", "up", "net", folder=folder)
        yield folder
    finally:
        run("network", "down", "net", folder=folder)


@pytest.fixture
def wallet(network: Path, request: pytest.FixtureRequest) -> tuple[Path, str]:
    """A fresh wallet and its PUK."""
    name = f"w{abs(hash(request.node.name))}"
    opening = ("--wallet", name, "--network", "net", "--institution", "A")
    puk = run("wallet", "open", *opening, folder=network, pin=PIN)["puk"]
    return network / name, puk


@pytest.mark.feature("W-01", "W-03", "W-04")
def test_status_tells_connection_time_and_how_long_it_was_offline(wallet: tuple[Path, str]):
    """A holder sees the connection by its rule, the time and its source, and where the wallet stands."""
    folder, _ = wallet
    before = run("wallet", "status", "--wallet", folder.name, folder=folder.parent)
    assert before["connection"] == {
        "connected": True,
        "probed": True,
        "institution": "A",
        "attempts": 2,
        "probe_timeout_ms": 2_000,
    }
    assert (before["overdue"]["standing"], before["synchronised_at_ms"]) == ("unknown", None)
    run("wallet", "sync", "--wallet", folder.name, folder=folder.parent, pin=PIN)
    after = run("wallet", "status", "--wallet", folder.name, folder=folder.parent)
    now_ms = time.time_ns() // 1_000_000
    assert after["time"]["known"]
    assert after["time"]["source"] == "platform"
    assert abs(after["time"]["midpoint_ms"] - now_ms) < PATIENCE_S * 1_000
    assert after["overdue"]["standing"] == "not_overdue"
    assert 0 <= after["overdue"]["offline"]["at_least_ms"] < PATIENCE_S * 1_000
    assert not after["frozen"]
    said = command("wallet", "status", "--wallet", folder.name, folder=folder.parent).stdout
    assert "Connected to A by the rule of 2 probes of 2000 ms" in said
    assert "UTC, within" in said
    assert "overdue after 72 h" in said


@pytest.mark.feature("W-01", "W-04", "W-09")
def test_holders_own_rules_count(wallet: tuple[Path, str]):
    """Connection rule, preset and actions come from the wallet's configuration file."""
    folder, _ = wallet
    config = folder / "wallet.toml"
    run("wallet", "sync", "--wallet", folder.name, folder=folder.parent, pin=PIN)
    text = config.read_text(encoding="utf-8")
    text = re.sub(r"probe_attempts = \d+", "probe_attempts = 1", text)
    text = re.sub(r"overdue_after_ms = \d+", "overdue_after_ms = 1", text)
    text = re.sub(r"on_overdue = \[[^]]*\]", 'on_overdue = ["warn", "restrict"]', text)
    config.write_text(text, encoding="utf-8")
    assert tomllib.loads(text)["overdue_after_ms"] == 1
    found: Json = {"actions": []}
    while not found["actions"]:  # within some seconds: the radius of the time
        found = run("wallet", "status", "--wallet", folder.name, folder=folder.parent)
        assert found["connection"]["attempts"] == 1
    assert found["overdue"]["standing"] == "overdue"
    assert found["actions"] == ["restrict", "warn"]
    receiving = ("--wallet", folder.name, "--link", "tcp://127.0.0.1:9", "--offline")
    refused = run("wallet", "receive", *receiving, folder=folder.parent, code=1)
    assert refused["outcome"] == "overdue"


@pytest.mark.feature("W-02", "W-08")
@needs_gpsd
def test_an_offline_wallet_takes_the_time_from_a_receiver(wallet: tuple[Path, str]):
    """Without any network touched, a wallet that knows no time learns it from a real gpsd."""
    folder, _ = wallet

    async def listen() -> Json:
        feed = ReceiverFeed(lambda: time.time_ns() // 1_000_000)
        async with feed.running(), running_gpsd(f"tcp://{HOST}:{feed.port}") as port:
            gnss = ("--gnss", f"gpsd://{HOST}:{port}", "--offline")
            arguments = ("wallet", "status", "--wallet", folder.name, *gnss)
            return await asyncio.to_thread(run, *arguments, folder=folder.parent)

    forget_time(folder)
    unknown = run("wallet", "status", "--wallet", folder.name, "--offline", folder=folder.parent)
    assert not unknown["time"]["known"]
    told = asyncio.run(listen())
    assert told["time"]["known"]
    assert told["time"]["source"].startswith("gnss")
    now_ms = time.time_ns() // 1_000_000
    assert abs(told["time"]["midpoint_ms"] - now_ms) < PATIENCE_S * 1_000


@pytest.mark.feature("W-11")
def test_without_the_time_nothing_is_received_offline(wallet: tuple[Path, str]):
    """A wallet that knows no time refuses offline payments by name, and says so in its status."""
    folder, _ = wallet
    forget_time(folder)
    receiving = ("--wallet", folder.name, "--link", "tcp://127.0.0.1:9", "--offline")
    refused = run("wallet", "receive", *receiving, folder=folder.parent, code=1)
    assert refused["outcome"] == "time_unknown"
    status = ("wallet", "status", "--wallet", folder.name, "--offline")
    assert "Time: unknown" in command(*status, folder=folder.parent).stdout


def test_pin_is_changed_by_who_knows_it(wallet: tuple[Path, str]):
    """After a change only the new PIN counts; a wrong old one changes nothing."""
    folder, _ = wallet
    where: Json = {"folder": folder.parent}
    change = ("wallet", "pin", "--wallet", folder.name)
    wrong = run(*change, **where, code=1, pin="0000", new_pin="999999")
    assert (wrong["outcome"], "tries left: 2" in wrong["detail"]) == ("pin_wrong", True)
    assert run(*change, **where, pin=PIN, new_pin="999999")["pin_tries"] == 3
    account = ("wallet", "withdraw", "--wallet", folder.name, "--amount", "1")
    assert run(*account, **where, code=1, pin=PIN)["outcome"] == "pin_wrong"
    assert run(*account, **where, pin="999999")["outcome"] == "accepted"


def test_a_blocked_wallet_is_opened_again_by_its_puk(wallet: tuple[Path, str]):
    """Three wrong PINs block a wallet; the PUK sets a new PIN, and a wrong PUK only costs a try."""
    folder, puk = wallet
    where: Json = {"folder": folder.parent}
    account = ("wallet", "withdraw", "--wallet", folder.name, "--amount", "1")
    for _ in range(3):
        run(*account, **where, code=1, pin="0000")
    assert run(*account, **where, code=1, pin=PIN)["outcome"] == "pin_blocked"
    said = command("wallet", "status", "--wallet", folder.name, **where).stdout
    assert "feiqian wallet unblock" in said
    unblock = ("wallet", "unblock", "--wallet", folder.name)
    wrong = "0" * 8 if puk != "0" * 8 else "1" * 8
    assert run(*unblock, **where, code=1, puk=wrong, new_pin="5555")["outcome"] == "pin_wrong"
    answer = run(*unblock, **where, puk=puk, new_pin="5555")
    assert (answer["pin_tries"], answer["puk_tries"]) == (3, 10)
    assert run(*account, **where, pin="5555")["outcome"] == "accepted"


def test_codes_are_asked_for_and_never_shown(wallet: tuple[Path, str]):
    """Without a keyboard a missing code is wrong usage, and no answer repeats a code."""
    folder, puk = wallet
    unblock = ("wallet", "unblock", "--wallet", folder.name)
    missing = command(*unblock, folder=folder.parent, new_pin="5555")
    assert missing.exit_code == 2
    assert "--puk or FEIQIAN_PUK" in missing.stderr
    done = command(*unblock, folder=folder.parent, puk=puk, new_pin="5555")
    assert puk not in done.stdout + done.stderr
    assert "5555" not in done.stdout + done.stderr


def forget_time(folder: Path) -> None:
    """What is believed of the time is lost, as when a wallet of an earlier version is opened."""
    with sqlite3.connect(folder / "wallet.db") as store:
        store.execute("DELETE FROM settings WHERE name = 'time'")
    store.close()
