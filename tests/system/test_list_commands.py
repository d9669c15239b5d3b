"""The double-spending list as people use it: real processes, a real rogue, files that prove themselves."""

import asyncio
import json

import pytest

from feiqian.adapters.http_client import HttpCourier
from feiqian.apps import network as networks
from feiqian.apps.roots import trust_in
from feiqian.money.transfer import Acceptor
from feiqian.testing.bare_wallets import BareWallet, full_item
from feiqian.testing.served_network import served_network
from feiqian.wire.envelope import decode_message, encode_message
from feiqian.wire.verification import VERDICT, VerificationRequest, VerificationResult
from tests.golden import golden
from tests.system.test_wallet_commands import finish, free_port, run, start

pytestmark = pytest.mark.timeout(240)

TRIES = 60
"""How often the list is looked at until a report that is on its way is on it."""


async def spend_twice(folder):
    """A rogue at A pays two people at B the same; the name of the evidence, and its bytes."""
    trust, url = trust_in(folder / "net", "p256"), networks.institution_url(folder / "net", "A")
    async with served_network(trust.suite, trust.root.raw, url, "fraud") as network:
        rogue = await BareWallet.open(network, "A", "rogue")
        payees = [await BareWallet.open(network, "B", name) for name in ("bob", "carol")]
        cash = await rogue.withdraw(10_00)
        raws = []
        for payee in payees:
            nonce = rogue.entropy(16)
            handed, _ = rogue.spend(cash, payee.fingerprint, 10_00, nonce, Acceptor.CHIP)
            request = encode_message(VerificationRequest((full_item(handed),)))
            url_b = f"{network.url('B')}/v1/verifications"
            raws.append(await network.courier.post(url_b, request))
        [second] = decode_message(raws[1], VerificationResult).results
        assert second.verdict is not None
        verdict = VERDICT.read(network.suite, second.verdict, network.public_key("A"))
        assert verdict.evidence is not None
        courier = HttpCourier()
        evidence = await courier.get(f"{url}/v1/evidence/{verdict.evidence.hex()}")
        await courier.close()
        return rogue.number, evidence


def list_until(folder, url, number):
    """The list of a server, looked at until it has that version."""
    for _ in range(TRIES):
        shown = run("list", "fetch", url, "list.cbor", "--root", "net", folder=folder)
        if shown["number"] >= number:
            return shown
    raise AssertionError(f"expected version {number} at {url}")


@pytest.mark.feature("D-14", "D-15", "D-16", "D-07")
def test_a_double_spend_reaches_the_lists_of_real_servers(tmp_path):
    """Found by a real issuer, it is reported, listed, fetched, proven offline, and revoked."""
    run("network", "init", "net", "--base-port", str(free_port()), folder=tmp_path)
    central = ("--config", "net/central/central.toml")
    try:
        run("network", "up", "net", folder=tmp_path)
        rogue, evidence = asyncio.run(spend_twice(tmp_path))
        (tmp_path / "evidence.cbor").write_bytes(evidence)
        proven = run("evidence", "verify", "evidence.cbor", "--root", "net", folder=tmp_path)
        assert proven["wallet"] == rogue
        # A server follows the list when it starts, and every half minute after that.
        run("network", "down", "net", folder=tmp_path)
        servers = run("network", "up", "net", folder=tmp_path)["servers"]
        urls = {server["name"]: server["url"] for server in servers}
        shown = list_until(tmp_path, urls["central"], 2)
        assert [each["wallet"] for each in shown["listed_offenders"]] == [rogue]
        kept = run("list", "show", "list.cbor", "--root", "net", folder=tmp_path)
        assert kept["digest"] == shown["digest"]
        found = run("central", "list", "evidence", rogue, *central, folder=tmp_path)["found"]
        assert [bytes.fromhex(each["evidence"]) for each in found] == [evidence]
        run("central", "list", "revoke", rogue, "mistaken", *central, folder=tmp_path)
        report = run("central", "list", "show", *central, folder=tmp_path)
        assert (report["number"], report["offenders"], report["identifiers"]) == (3, 0, 1)
        newest = run(
            "list", "fetch", urls["central"], "list.cbor", "--root", "net", folder=tmp_path
        )
        assert (newest["number"], newest["offenders"]) == (3, 0)
    finally:
        run("network", "down", "net", folder=tmp_path)


@pytest.mark.feature("D-15")
def test_evidence_that_does_not_hold_is_refused_by_name(tmp_path):
    """Exit code 1 and the outcome's name for a file that proves nothing."""
    world = golden()
    (tmp_path / "root.cose").write_bytes(world.raw("root_certificate"))
    evidence = next(each.encoded for each in world.bodies if each.name == "evidence")
    root = ("--root", "root.cose")
    (tmp_path / "whole.cbor").write_bytes(evidence)
    (tmp_path / "damaged.cbor").write_bytes(evidence[:-1] + bytes([evidence[-1] ^ 1]))
    assert "Proven" in finish(start("evidence", "verify", "whole.cbor", *root, folder=tmp_path))
    refused = run("evidence", "verify", "damaged.cbor", *root, folder=tmp_path, code=1)
    assert refused["outcome"] == "bad_signature"
    refused = run("evidence", "verify", "missing.cbor", *root, folder=tmp_path, code=1)
    assert refused["outcome"] == "malformed"
    shown = run("evidence", "show", "whole.cbor", folder=tmp_path)
    assert shown["wallet"] == "A-7K2Q9D4M"
    assert json.dumps(shown["transfers"]).count("transfer") == 2
