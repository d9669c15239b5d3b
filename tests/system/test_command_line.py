"""The contract of the command line: one JSON object or a sentence, an honest exit code, no traceback.

Commands run in this process, on one network of real server processes for the whole module. All that
they ever say is kept, and searched for secrets in the end.
"""

import base64
import json
import socket
import stat
from contextlib import contextmanager

import pytest
from click.testing import CliRunner

from feiqian.adapters.softchip import FileMemory
from feiqian.apps import network as networks
from feiqian.apps.cli import main
from feiqian.chip.card.memory import decode_state
from feiqian.testing.free_ports import HOST, free_ports

DONE, REFUSED, MISUSED, UNDECIDED = 0, 1, 2, 3
PIN = "82736451900"
WRONG_PIN = "10293847560"


class Shell:
    """Runs commands in a directory and remembers all that they said."""

    def __init__(self, folder):
        self.folder = folder
        self.said = []

    def invoke(self, *arguments, pin=PIN):
        """A command to its end; a traceback fails the test."""
        result = CliRunner(env={"FEIQIAN_PIN": pin}).invoke(main, [str(each) for each in arguments])
        self.said.append(result.output)
        assert result.exception is None or isinstance(result.exception, SystemExit), result.output
        return result

    def ask(self, *arguments, code=DONE, pin=PIN):
        """A command for machines: exactly one JSON object, nothing else, and the exit code."""
        result = self.invoke(*arguments, "--json", pin=pin)
        assert result.exit_code == code, result.output
        assert result.stderr == ""
        (line,) = result.stdout.splitlines()
        document = json.loads(line)
        assert isinstance(document, dict)
        return document

    def refused(self, *arguments, code=REFUSED, pin=PIN):
        """The outcome of a command that is refused, the same for people and for machines."""
        document = self.ask(*arguments, code=code, pin=pin)
        assert set(document) == {"outcome", "detail"}
        return document["outcome"]

    def wallet(self, command, name="first"):
        """The arguments of a wallet's command."""
        return "wallet", command, "--wallet", self.folder / name


@pytest.fixture(scope="module")
def shell(tmp_path_factory):
    """A network of A and B that runs, and a wallet at each, the first with 100.00."""
    shell = Shell(tmp_path_factory.mktemp("commands"))
    net = shell.folder / "net"
    shell.ask("network", "init", net, "--base-port", free_ports(3))
    try:
        shell.ask("network", "up", net)
        for name, code in (("first", "A"), ("second", "B")):
            shell.ask(*shell.wallet("open", name), "--network", net, "--institution", code)
        shell.ask(*shell.wallet("withdraw"), "--amount", "100")
        yield shell
    finally:
        networks.down(net)


# Wrong input --------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    "amount",
    ["", "0", "0.00", "-3", "1.234", "1e3", "1,5", "NaN", "٣", "[/x]", "9" * 40, "x" * 999],
)
def test_what_is_no_amount_is_refused_by_name(shell, amount):
    """An amount is digits with at most two decimals; all else is malformed, and moves nothing."""
    assert shell.refused(*shell.wallet("withdraw"), f"--amount={amount}") == "malformed"
    assert shell.refused(*shell.wallet("deposit"), f"--amount={amount}") == "malformed"
    said = shell.invoke(*shell.wallet("withdraw"), f"--amount={amount}")
    assert said.exit_code == REFUSED
    assert said.stderr.startswith("malformed: expected")


@pytest.mark.parametrize(
    ("arguments", "code", "outcome"),
    [
        (("network", "up", "nowhere"), REFUSED, "malformed"),
        (("network", "status", "nowhere"), REFUSED, "malformed"),
        (("network", "down", "nowhere"), REFUSED, "malformed"),
        (("audit", "nowhere"), REFUSED, "malformed"),
        (("central", "report", "--config", "nowhere.toml"), REFUSED, "malformed"),
        (("institution", "report", "--config", "nowhere.toml"), REFUSED, "malformed"),
        (("wallet", "balance", "--wallet", "nowhere"), REFUSED, "malformed"),
        (("wallet", "sync", "--wallet", "nowhere"), REFUSED, "malformed"),
        (("network", "init", "new", "--institutions", "a,B"), REFUSED, "malformed"),
        (("network", "init", "new", "--institutions", "A,A"), REFUSED, "malformed"),
        (("network", "init", "new", "--issuance", "much"), REFUSED, "malformed"),
        (("network", "init", "new", "--base-port", "65534"), REFUSED, "malformed"),
        (("network", "init", "/dev/null/new"), UNDECIDED, "unavailable"),
    ],
)
def test_what_is_not_there_is_refused_by_name(
    shell, tmp_path, arguments, code, outcome, monkeypatch
):
    """Missing directories, files and nonsense end with one sentence."""
    monkeypatch.chdir(tmp_path)
    assert shell.refused(*arguments, code=code) == outcome


@pytest.mark.parametrize(
    "arguments",
    [
        (),
        ("network",),
        ("no-such-command",),
        ("network", "init"),
        ("network", "init", "new", "--base-port", "many"),
        ("network", "init", "new", "--base-port", "70000"),
        ("network", "init", "new", "--suite", "rot13"),
        ("wallet", "pay", "--wallet", "w"),
        ("wallet", "open", "--wallet", "w", "--network", "n", "--institution", "A", "--tier", "9"),
        ("wallet", "balance", "--no-such-option"),
        ("central", "mode", "sometimes"),
        ("demo", "too", "much"),
    ],
)
def test_wrong_usage_ends_with_two(shell, arguments, tmp_path, monkeypatch):
    """What cannot be understood at all is usage, with its own exit code, and makes nothing."""
    monkeypatch.chdir(tmp_path)
    assert shell.invoke(*arguments).exit_code == MISUSED
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "link", ["", "tcp:", "tcp://", "tcp://host", "tcp://h:99999", "qr:", "udp://h:1", "tcp://h:1/x"]
)
def test_what_is_no_link_is_refused_by_name(shell, link):
    """A link is TCP with host and port, or QR with a directory."""
    assert shell.refused(*shell.wallet("pay"), "--link", link, "--amount", "1") == "malformed"
    assert shell.refused(*shell.wallet("receive"), "--link", link) == "malformed"


@pytest.mark.parametrize(
    "content", [b"", b"\xff\xfe\x00", b"suite = ", b"suite = 7", b"[[[[", b"x" * 100_000]
)
@pytest.mark.parametrize("file", ["wallet", "central", "institution", "network"])
def test_a_damaged_configuration_is_refused_by_name(shell, tmp_path, file, content):
    """Whatever stands in a configuration file, the command says that it cannot be read."""
    (tmp_path / f"{file}.toml").write_bytes(content)
    commands = {
        "wallet": ("wallet", "balance", "--wallet", tmp_path),
        "central": ("central", "report", "--config", tmp_path / "central.toml"),
        "institution": ("institution", "report", "--config", tmp_path / "institution.toml"),
        "network": ("network", "status", tmp_path),
    }
    assert shell.refused(*commands[file]) == "malformed"


def test_a_configuration_that_is_a_directory_is_refused_by_name(shell, tmp_path):
    """A directory where a file should be is no reason for a traceback."""
    (tmp_path / "wallet.toml").mkdir()
    (tmp_path / "network.toml").mkdir()
    assert shell.refused("wallet", "balance", "--wallet", tmp_path) == "malformed"
    assert shell.refused("network", "status", tmp_path) == "malformed"


# Every command, once ------------------------------------------------------------------------------
def test_every_command_answers_with_one_object(shell):
    """With --json every command that succeeds says one JSON object, and ends with zero."""
    net = shell.folder / "net"
    numbers = {name: _number(shell, name) for name in ("first", "second")}
    operator = ("--config", net / "A" / networks.INSTITUTION_FILE)
    central = ("--config", net / networks.CENTRAL / "central.toml")
    shell.ask(*shell.wallet("withdraw"), "--amount", "20")
    shell.ask(*shell.wallet("convert"))
    shell.ask(*shell.wallet("deposit"), "--amount", "5.5")
    shell.ask(*shell.wallet("export"), "--amount", "4.50")
    assert shell.ask(*shell.wallet("balance"))["held_minor"] == 110_00
    assert len(shell.ask(*shell.wallet("history"))["entries"]) >= 5
    assert shell.ask(*shell.wallet("sync"))["pending"] == 0
    assert shell.ask("institution", "report", *operator)["code"] == "A"
    assert shell.ask("institution", "issuance", "7.00", "--return", *operator)["number"] > 0
    assert shell.ask("institution", "settle", *operator)["owes_minor"] == 0
    assert shell.ask("institution", "pay-in", numbers["first"], "1", *operator)["balance_minor"]
    assert shell.ask("institution", "freeze", numbers["first"], *operator)["frozen"]
    assert not shell.ask("institution", "freeze", numbers["first"], "--unfreeze", *operator)[
        "frozen"
    ]
    unknown = shell.refused("institution", "trace", "ab" * 32, *operator)
    assert unknown == "unknown_identifier"
    assert shell.ask("central", "report", *central)["institutions"]
    assert shell.ask("central", "mode", "net", *central) == {"mode": "net"}
    assert shell.ask("central", "settle", *central)["left_out"] == []
    assert len(shell.ask("network", "status", net)["servers"]) == 3
    assert shell.ask("audit", net)["holds"]


def _number(shell, name):
    code = {"first": "A", "second": "B"}[name]
    net = shell.folder / "net"
    opened = shell.ask(*shell.wallet("open", name), "--network", net, "--institution", code)
    return opened["number"]


# The chip, and what can happen to files -----------------------------------------------------------
def test_three_wrong_pins_block_the_chip(shell):
    """Each wrong PIN is told; after the third the right one does not help, and looking still does."""
    net = shell.folder / "net"
    shell.ask(*shell.wallet("open", "third"), "--network", net, "--institution", "A")
    withdraw = (*shell.wallet("withdraw", "third"), "--amount", "1")
    outcomes = [shell.refused(*withdraw, pin=WRONG_PIN) for _ in range(3)]
    assert outcomes[:2] == ["pin_wrong", "pin_wrong"]
    assert outcomes[2] in ("pin_wrong", "pin_blocked")
    assert shell.refused(*withdraw) == "pin_blocked"
    assert shell.ask(*shell.wallet("balance", "third"))["held_minor"] == 0


@pytest.mark.parametrize("pin", ["", "1", "1" * 13])
def test_a_pin_of_the_wrong_length_opens_nothing(shell, pin):
    """A PIN has 4 to 12 bytes; no wallet is opened with another."""
    net = shell.folder / "net"
    name = f"pin {len(pin)}"
    opening = (*shell.wallet("open", name), "--network", net, "--institution", "A")
    result = shell.invoke(*opening, f"--pin={pin}", "--json")
    assert result.exit_code in (REFUSED, MISUSED)


@pytest.mark.parametrize("content", [b"", b"\x00", b"garbage" * 30_000])
def test_a_damaged_chip_is_told(shell, content, tmp_path):
    """A chip's file that is damaged is refused by name, and left as it is."""
    copy = _copy(shell.folder / "second", tmp_path)
    (copy / "chip.bin").write_bytes(content)
    assert shell.refused("wallet", "balance", "--wallet", copy) == "chip_refused"
    assert (copy / "chip.bin").read_bytes() == content


def test_a_damaged_store_is_told(shell, tmp_path):
    """A wallet whose database is none ends every command with a reason, and is left as it is."""
    copy = _copy(shell.folder / "second", tmp_path)
    content = b"garbage" * 1_000
    (copy / "wallet.db").write_bytes(content)
    for command in ("balance", "history"):
        document = shell.ask("wallet", command, "--wallet", copy, code=REFUSED)
        assert document["outcome"] == "malformed"
        assert str(copy / "wallet.db") in document["detail"]
    assert (copy / "wallet.db").read_bytes() == content


def _copy(home, folder):
    """A wallet's main files, without the database's log."""
    copy = folder / "copy"
    copy.mkdir()
    for path in (each for each in home.iterdir() if "-" not in each.name):
        (copy / path.name).write_bytes(path.read_bytes())
    return copy


# The world outside --------------------------------------------------------------------------------
@contextmanager
def taken_port():
    """A port that somebody listens on."""
    with socket.create_server((HOST, 0)) as taken:
        yield taken.getsockname()[1]


def test_a_taken_port_is_told(shell, tmp_path):
    """Who cannot listen says so, and leaves nothing running."""
    with taken_port() as port:
        link = f"tcp://{HOST}:{port}"
        assert (
            shell.refused(*shell.wallet("receive"), "--link", link, code=UNDECIDED) == "unavailable"
        )
        net = tmp_path / "net"
        shell.ask("network", "init", net, "--base-port", port)
        assert shell.refused("network", "up", net, code=UNDECIDED) == "unavailable"
        assert all(
            server["pid"] is None for server in shell.ask("network", "status", net)["servers"]
        )
        assert shell.ask("network", "down", net) == {"stopped": []}


def test_nobody_at_the_other_end_is_told(shell):
    """A payee that is not there is unavailable, and nothing has moved."""
    before = shell.ask(*shell.wallet("balance"))
    link = f"tcp://{HOST}:{free_ports(1)}"
    pay = (*shell.wallet("pay"), "--link", link, "--amount", "1")
    assert shell.refused(*pay, code=UNDECIDED) == "unavailable"
    assert shell.ask(*shell.wallet("balance")) == before


@pytest.mark.feature("C-22")
def test_an_institution_that_is_away_is_told_and_synchronising_goes_on(shell):
    """Undecided ends with three; when the institution is back, synchronising finishes it."""
    net = shell.folder / "net"
    before = shell.ask(*shell.wallet("balance", "second"))["held_minor"]
    shell.ask("network", "down", net)
    withdraw = (*shell.wallet("withdraw", "second"), "--amount", "3")
    assert shell.refused(*withdraw, code=UNDECIDED) == "unavailable"
    assert shell.ask(*shell.wallet("sync", "second"), code=UNDECIDED)["pending"] == 1
    shell.ask("network", "up", net)
    report = shell.ask(*shell.wallet("sync", "second"))
    assert (report["pending"], report["loaded_minor"]) == (0, 3_00)
    assert shell.ask(*shell.wallet("balance", "second"))["held_minor"] == before + 3_00


def test_one_chip_is_used_by_one_command_at_a_time(shell):
    """While somebody has the chip, the next one is told that it is busy."""
    memory = FileMemory(shell.folder / "first" / "chip.bin")
    try:
        assert shell.refused(*shell.wallet("balance"), code=UNDECIDED) == "busy"
    finally:
        memory.close()


# Secrets ------------------------------------------------------------------------------------------
@pytest.mark.feature("C-17")
def test_no_secret_is_ever_said_or_logged(shell):
    """Keys, tokens and PINs stand in no log and in nothing that any command of this module said."""
    said = "".join(shell.said)
    said += "".join(
        path.read_text(errors="replace") for path in shell.folder.glob(f"net/*/{networks.LOG_FILE}")
    )
    assert len(said) > 1_000
    for secret in _secrets(shell.folder):
        assert secret not in said


def _secrets(folder):
    yield PIN
    yield WRONG_PIN
    for path in [*folder.glob("net/*/*.key"), *folder.glob("net/*/operator.token")]:
        yield path.read_text().strip()
    for path in folder.glob("*/chip.bin"):
        memory = FileMemory(path)
        key = decode_state(memory.load()).secret
        memory.close()
        if key:
            yield key.hex()
            yield base64.b64encode(key).decode()


def test_secret_files_are_their_owners_alone(shell):
    """Keys, tokens and chips are readable by nobody else."""
    paths = [*shell.folder.glob("net/*/*.key"), *shell.folder.glob("net/*/operator.token")]
    paths += shell.folder.glob("*/chip.bin")
    assert len(paths) >= 8
    assert {stat.S_IMODE(path.stat().st_mode) for path in paths} == {0o600}


def test_stopping_twice_is_harmless(shell):
    """The second time there is nothing to stop, and that is no failure."""
    net = shell.folder / "net"
    assert shell.ask("network", "down", net)["stopped"] == ["B", "A", networks.CENTRAL]
    assert shell.ask("network", "down", net)["stopped"] == []
    said = shell.invoke("network", "down", net)
    assert said.stdout == "Stopped: nothing was running.\n"
