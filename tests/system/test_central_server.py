"""A real platform process: founded, served, operated and asked over HTTP, killed and started again."""

import asyncio
import http.client
import json
import socket
import stat
import subprocess
import sys
from contextlib import contextmanager

import pytest
from click.testing import CliRunner
from openapi_spec_validator import validate

from feiqian.adapters.clock import SystemClock
from feiqian.adapters.http_client import HttpCourier
from feiqian.adapters.operator_client import OperatorClient
from feiqian.apps import central_server, control_operations
from feiqian.apps.cli_central import central
from feiqian.apps.configuration import CentralConfig, load, read_secret
from feiqian.central.documents import CycleOrder, CycleReport, PlatformReport
from feiqian.crypto import cbor
from feiqian.crypto.cbor import VERSION
from feiqian.crypto.certificates import PLATFORM
from feiqian.crypto.p256 import P256_SHA256
from feiqian.crypto.trust import TrustStore
from feiqian.outcomes import Outcome, Refusal
from feiqian.wire.platform_requests import IssueBody
from feiqian.wire.request_envelope import (
    ANSWER,
    INSTITUTION_REQUEST,
    MAX_REQUEST_BYTES,
    Action,
    Request,
)

STARTS_WITHIN = 200
KEY = P256_SHA256.load((4711).to_bytes(32, "big"))
SERVE = "from feiqian.apps.cli_central import central; central()"


class Network:
    """A founded network and its configuration."""

    def __init__(self, directory):
        with socket.create_server(("127.0.0.1", 0)) as probe:
            self.port = probe.getsockname()[1]
        self.path = directory / "network" / "central.toml"
        self.founded = self._invoke("init", str(self.path.parent), "--port", str(self.port))
        self.config = load(self.path, CentralConfig)
        self.url = f"http://127.0.0.1:{self.port}"
        self.root_raw = (self.path.parent / self.config.root_file).read_bytes()
        self.trust = TrustStore.pinned(P256_SHA256, self.root_raw)

    def invoke(self, *arguments):
        """Run a command on this network's configuration."""
        return self._invoke(*arguments, "--config", str(self.path))

    def _invoke(self, *arguments):
        return CliRunner().invoke(central, arguments)

    def operator(self, token=None):
        token = token or read_secret(self.path.parent / self.config.operator_token_file)
        return OperatorClient(self.url, token)

    def post(self, body, path="/v1/requests"):
        """What the platform answers to a body."""

        async def scenario():
            courier = HttpCourier()
            try:
                return await courier.post(self.url + path, body)
            finally:
                await courier.close()

        return asyncio.run(scenario())

    def read(self, path):
        """A public document."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=5)
        connection.request("GET", path)
        document = connection.getresponse().read()
        connection.close()
        return document

    @contextmanager
    def served(self):
        """The platform's process, from when it answers until it is killed."""
        process = subprocess.Popen([sys.executable, "-c", SERVE, "serve", "--config", self.path])
        try:
            self._wait_until_it_answers(process)
            yield process
        finally:
            process.kill()
            process.wait()

    def _wait_until_it_answers(self, process):
        for _ in range(STARTS_WITHIN):
            try:
                self.read("/health")
            except ConnectionError:
                with pytest.raises(subprocess.TimeoutExpired):
                    process.wait(timeout=0.1)
            else:
                return
        pytest.fail("the platform did not start")


@pytest.fixture(scope="module")
def network(tmp_path_factory):
    """A network whose platform runs, with A admitted and 1,000.00 in reserves."""
    founded = Network(tmp_path_factory.mktemp("central"))
    with founded.served():
        founded.invoke("admit", "A", KEY.public.hex(), "https://a.example", "--key", "a")
        founded.invoke("reserves", "credit", "A", "1000.00", "--key", "r")
        yield founded


def _issue(amount_minor, request_id):
    """A request signed now."""
    body = cbor.encode(IssueBody(VERSION, amount_minor))
    request = Request(
        VERSION, request_id * 16, "A", PLATFORM, SystemClock().now().midpoint_ms, Action.ISSUE, body
    )
    return INSTITUTION_REQUEST.sign(P256_SHA256, KEY, request)


@pytest.mark.feature("P-02")
def test_whoever_pins_the_root_learns_the_directory(network):
    """Root and directory are public, and verify."""
    assert network.read("/v1/root") == network.root_raw
    network.trust.learn_directory(network.read("/v1/directory"))
    assert network.trust.institution("A").value.public_key == KEY.public


def test_secrets_are_readable_by_their_owner_alone(network):
    """Root key and token are files of mode 0600, and no network is founded twice."""
    for name in (network.config.key_file, network.config.operator_token_file):
        assert stat.S_IMODE((network.path.parent / name).stat().st_mode) == 0o600
    again = CliRunner().invoke(central, ["init", str(network.path.parent)])
    assert again.exit_code == 1
    assert "expected no network" in again.output


@pytest.mark.feature("P-01")
def test_an_institution_is_issued_to_over_http(network):
    """A signed request comes back as a signed answer, and the report shows what it did."""
    answer = ANSWER.read(
        P256_SHA256,
        network.post(_issue(100, b"\x01")),
        network.trust.root.value.public_key,
    )
    assert answer.outcome is Outcome.ACCEPTED
    shown = json.loads(network.invoke("report", "--json").output)
    assert shown["institutions"][0]["authorised_minor"] >= 100


@pytest.mark.parametrize(
    ("body", "outcome"),
    [
        (bytes(MAX_REQUEST_BYTES + 1), Outcome.TOO_LARGE),
        (b"", Outcome.MALFORMED),
    ],
)
def test_refusals_travel_by_name(network, body, outcome):
    """What the platform refuses, the asking side sees under the same name."""
    with pytest.raises(Refusal) as refused:
        network.post(body)
    assert refused.value.outcome is outcome


@pytest.mark.parametrize("token", ["wrong", "Bearer", "ü"])
def test_nothing_under_api_works_without_the_token(network, token):
    """A wrong token reads nothing and changes nothing."""
    for call in (
        lambda client: client.get(central_server.REPORT, PlatformReport),
        lambda client: client.post(central_server.CYCLES, CycleOrder("x"), CycleReport),
    ):
        with pytest.raises(Refusal) as refused:
            asyncio.run(call(network.operator(token)))
        assert refused.value.outcome is Outcome.BAD_SIGNATURE


def test_the_openapi_document_is_valid(network):
    """The description of the operator's API is OpenAPI 3.1 and names every path."""
    document = json.loads(network.read("/api/openapi.json"))
    validate(document)
    assert set(document["paths"]) == {
        central_server.REPORT,
        central_server.RESERVES,
        central_server.INSTITUTIONS,
        central_server.MODE,
        central_server.CYCLES,
        central_server.LIST,
        central_server.REVOCATIONS,
        central_server.EVIDENCE,
        control_operations.CONTROL,
        control_operations.APPROVALS,
        control_operations.REJECTIONS,
        control_operations.LISTINGS,
        control_operations.OPERATORS,
        control_operations.REMOVALS,
        control_operations.STATIONS,
        control_operations.REPORTS,
    }


@pytest.mark.feature("P-05")
def test_the_operator_chooses_how_to_settle_from_the_command_line(network):
    """Mode and cycle are commands, for people and, with --json, for programs."""
    assert network.invoke("mode", "net").output == "Claims settle net.\n"
    cycle = json.loads(network.invoke("settle", "--json").output)
    assert cycle["settled"] == []


def test_a_refused_command_says_why_and_fails(network):
    """The exit status and one sentence tell what was expected."""
    refused = network.invoke("reserves", "debit", "A", "1000000.00")
    assert refused.exit_code == 1
    assert "insufficient_reserves: expected at most" in refused.output
    document = json.loads(network.invoke("reserves", "credit", "A", "ten", "--json").output)
    assert document["outcome"] == "malformed"


@pytest.mark.feature("P-06")
def test_the_report_states_that_the_books_are_in_order(network):
    """Every invariant is a line that says it holds."""
    shown = network.invoke("report")
    assert shown.exit_code == 0
    assert shown.output.count("holds: ") == 6


@pytest.mark.feature("P-07")
def test_a_killed_platform_forgets_nothing_that_it_answered(tmp_path):
    """After kill -9 the same request gets the same bytes, and no unit was issued twice."""
    network = Network(tmp_path)
    with network.served():
        network.invoke("admit", "A", KEY.public.hex(), "https://a.example", "--key", "a")
        network.invoke("reserves", "credit", "A", "10.00", "--key", "r")
        raw = _issue(300, b"\x07")
        first = network.post(raw)
    with network.served():
        assert network.post(raw) == first
        network.invoke("reserves", "credit", "A", "10.00", "--key", "r")
        shown = json.loads(network.invoke("report", "--json").output)
    assert shown["institutions"][0]["authorised_minor"] == 300
    assert shown["institutions"][0]["reserves_minor"] == 700


def test_an_undecided_command_names_the_key_to_repeat_it_with(tmp_path):
    """When the platform cannot be reached, the same command is safe to repeat with its key."""
    network = Network(tmp_path)
    undecided = network.invoke("settle", "--key", "monday")
    assert undecided.exit_code == 3
    assert "try again with --key monday" in undecided.output
