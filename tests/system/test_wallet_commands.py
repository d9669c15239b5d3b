"""The wallet's commands as people run them: real processes, a real network, real files."""

import json
import os
import re
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

PIN = "40417112"
PATIENCE_S = 60
Json = dict[str, Any]


def start(*arguments: str, folder: Path) -> "subprocess.Popen[str]":
    """One command, running."""
    return subprocess.Popen(
        [sys.executable, "-m", "feiqian", *arguments],
        cwd=folder,
        env={**os.environ, "FEIQIAN_PIN": PIN},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def finish(process: "subprocess.Popen[str]", code: int = 0) -> str:
    """What a command said, once it ended as expected and without a traceback."""
    out, err = process.communicate(timeout=PATIENCE_S)
    assert process.returncode == code, (out, err)
    assert "Traceback" not in err
    assert PIN not in out + err
    return out


def run(*arguments: str, folder: Path, code: int = 0) -> Json:
    """One command to its end, its JSON object."""
    document: Json = json.loads(finish(start(*arguments, "--json", folder=folder), code))
    return document


def free_port() -> int:
    """A port that is free now, with some more after it, likely."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture(scope="module")
def network(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A running network of A and B with a wallet at each; the one at A has withdrawn 100.00."""
    folder = tmp_path_factory.mktemp("network")
    port = str(free_port())
    run("network", "init", "net", "--base-port", port, folder=folder)
    try:
        run("network", "up", "net", folder=folder)
        for code in ("A", "B"):
            opening = ("--network", "net", "--institution", code, "--wallet", code.lower())
            run("wallet", "open", *opening, folder=folder)
        run("wallet", "withdraw", "--wallet", "a", "--amount", "100", folder=folder)
        yield folder
    finally:
        run("network", "down", "net", folder=folder)


def held_minor(folder: Path, name: str) -> int:
    """What a wallet's chip holds."""
    return int(run("wallet", "balance", "--wallet", name, folder=folder)["held_minor"])


def exchange(folder: Path, link: str, pay: tuple[str, ...], receive: tuple[str, ...]) -> Json:
    """A payment from a to b by two commands at once; the payer's answer."""
    receiving = start(
        "wallet", "receive", "--wallet", "b", "--link", link, *receive, "--json", folder=folder
    )
    paid = run("wallet", "pay", "--wallet", "a", "--link", link, *pay, folder=folder)
    received = json.loads(finish(receiving))
    assert received["amount_minor"] == paid["amount_minor"]
    assert received["loaded"] is True
    return paid


@pytest.mark.feature("C-01", "C-02", "C-04", "C-08", "C-18", "C-23", "C-24")
@pytest.mark.parametrize("medium", ["tcp", "qr"])
def test_two_terminals_pay_each_other(network: Path, medium: str) -> None:
    """Over TCP and by QR code, the payer's amount moves between two terminals' chips."""
    link = f"tcp://127.0.0.1:{free_port()}" if medium == "tcp" else "qr:codes"
    before = held_minor(network, "a"), held_minor(network, "b")
    paid = exchange(network, link, ("--amount", "2.50"), ())
    assert paid["outcome"] == "accepted"
    assert (held_minor(network, "a"), held_minor(network, "b")) == (
        before[0] - 2_50,
        before[1] + 2_50,
    )


@pytest.mark.feature("C-18", "C-24", "D-02", "D-03", "D-12")
@pytest.mark.parametrize("medium", ["tcp", "qr"])
def test_two_terminals_pay_each_other_offline(network: Path, medium: str) -> None:
    """From chip to chip, checked by the list alone; synchronising verifies it afterwards."""
    link = f"tcp://127.0.0.1:{free_port()}" if medium == "tcp" else "qr:offline"
    for name in ("a", "b"):
        run("wallet", "sync", "--wallet", name, folder=network)
    before = held_minor(network, "a"), held_minor(network, "b")
    exchange(network, link, ("--amount", "2.50", "--offline"), ("--offline",))
    assert held_minor(network, "a") == before[0] - 2_50
    balance = run("wallet", "balance", "--wallet", "b", folder=network)
    assert (balance["held_minor"], balance["unverified_minor"]) == (before[1] + 2_50, 2_50)
    assert run("wallet", "sync", "--wallet", "b", folder=network)["unverified_minor"] == 0
    entries = run("wallet", "history", "--wallet", "b", folder=network)["entries"]
    assert {"verified"} == {each["verification"] for each in entries if each["verification"]}


@pytest.mark.feature("D-04")
def test_a_terminal_with_a_connection_asks_its_back_end(network: Path) -> None:
    """Received by the chip while connected, a payment is verified before it is accepted."""
    link = f"tcp://127.0.0.1:{free_port()}"
    paid = exchange(network, link, ("--amount", "1.50"), ("--chip",))
    assert paid["detail"] == "the payee's chip confirmed the payment"
    newest = run("wallet", "history", "--wallet", "b", folder=network)["entries"][0]
    assert (newest["verification"], newest["checked_by"]) == ("verified", "back end")


@pytest.mark.feature("C-03", "C-06")
def test_a_terminal_pays_what_is_asked_by_identifier(network: Path) -> None:
    """The payer takes the payee's amount and sends circulation identifiers alone."""
    link = f"tcp://127.0.0.1:{free_port()}"
    paid = exchange(network, link, ("--identifier-only",), ("--amount", "1.25"))
    assert paid["amount_minor"] == 1_25


@pytest.mark.feature("C-19", "P-04")
def test_currency_goes_back_and_forth_between_bank_and_chip(network: Path) -> None:
    """Withdrawing, depositing, converting and exporting change the chip by just their amount."""
    before = held_minor(network, "a")
    run("wallet", "withdraw", "--wallet", "a", "--amount", "3", folder=network)
    run("wallet", "convert", "--wallet", "a", folder=network)
    run("wallet", "deposit", "--wallet", "a", "--amount", "1", folder=network)
    exported = run("wallet", "export", "--wallet", "a", "--amount", "2", folder=network)
    assert exported["exported_count"] == 3
    assert held_minor(network, "a") == before
    kinds = {
        entry["kind"]
        for entry in run("wallet", "history", "--wallet", "a", folder=network)["entries"]
    }
    assert kinds >= {"withdrawn", "converted", "deposited"}
    report = run("wallet", "sync", "--wallet", "a", folder=network)
    assert (report["pending"], report["problems"]) == (0, [])


@pytest.mark.feature("C-13")
@pytest.mark.parametrize(
    ("arguments", "code", "outcome"),
    [
        (("pay", "--wallet", "a", "--link", "pigeon:post"), 1, "malformed"),
        (("pay", "--wallet", "nowhere", "--link", "qr:codes"), 1, "malformed"),
        (("deposit", "--wallet", "a", "--amount", "999999"), 1, "insufficient_balance"),
        (("withdraw", "--wallet", "a", "--amount", "1e9"), 1, "malformed"),
        (("withdraw", "--wallet", "a", "--amount", "999999"), 1, "over_holding_limit"),
    ],
)
def test_a_refusal_has_a_name_and_an_exit_code(
    network: Path, arguments: tuple[str, ...], code: int, outcome: str
) -> None:
    """What cannot be done ends with code 1 and the outcome's name in one JSON object."""
    assert run("wallet", *arguments, folder=network, code=code)["outcome"] == outcome


def test_wrong_usage_is_told_apart_from_refusals(network: Path) -> None:
    """A missing option ends with code 2."""
    finish(start("wallet", "pay", "--wallet", "a", folder=network), 2)


def test_people_get_sentences(network: Path) -> None:
    """Without --json a command speaks in sentences with amounts people read."""
    text = finish(start("wallet", "balance", "--wallet", "a", folder=network))
    assert re.match(r"A-\w{8} holds \d+\.\d\d in \d+ pieces?;", text)


@pytest.mark.feature("C-22")
def test_a_killed_payer_is_settled_by_synchronising(network: Path) -> None:
    """A payer killed in mid-session has paid or not; synchronising knows, and nothing is lost."""
    before = held_minor(network, "a") + held_minor(network, "b")
    link = f"tcp://127.0.0.1:{free_port()}"
    receiving = start(
        "wallet", "receive", "--wallet", "b", "--link", link, "--json", folder=network
    )
    paying = start(
        "wallet", "pay", "--wallet", "a", "--link", link, "--amount", "1", folder=network
    )
    assert paying.stderr is not None
    paying.stderr.readline()  # it has found its wallet and looks for the payee
    paying.kill()
    paying.communicate()
    if receiving.poll() is None and not _ended(receiving):
        receiving.kill()
        receiving.communicate()
    for name in ("a", "b"):
        assert run("wallet", "sync", "--wallet", name, folder=network)["pending"] == 0
    run("wallet", "sync", "--wallet", "b", folder=network)
    assert held_minor(network, "a") + held_minor(network, "b") == before


def _ended(process: "subprocess.Popen[str]") -> bool:
    try:
        process.communicate(timeout=5)
    except subprocess.TimeoutExpired:
        return False
    return True


def test_wallet_files_are_their_owners_alone(network: Path) -> None:
    """The chip's memory is readable by nobody else, and the PIN is in no file."""
    home = network / "a"
    assert (home / "chip.bin").stat().st_mode & 0o077 == 0
    assert home.stat().st_mode & 0o077 == 0
    readable = [path for path in home.iterdir() if path.suffix in {".toml", ".db"}]
    assert all(PIN.encode() not in path.read_bytes() for path in readable)
