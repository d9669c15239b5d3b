"""The acts of fraud without a network: a chip that was copied, two victims, and how it comes out.

A software chip is a file; whoever copies it has broken it open. Original and copy pay the same
currency to two wallets that cannot ask anybody, and both take it. The product is what they run; only
the copying is the rogue's.
"""

import asyncio
import json
import shutil
import sys
from pathlib import Path

from feiqian.apps import central_server
from feiqian.apps import network as networks
from feiqian.apps.demo.acts import Facts
from feiqian.apps.demo.offline_acts import ROGUE_MINOR
from feiqian.apps.demo.session import Terms, pay
from feiqian.apps.demo.stage import CODES, FIRST, INSTITUTIONS, ROGUE, SECOND, THIRD, Stage
from feiqian.apps.founding import ROOT_FILE
from feiqian.central.list_documents import EvidenceFound, EvidenceQuery
from feiqian.institution import documents
from feiqian.money.amounts import format_amount
from feiqian.outcomes import Outcome

COPIES = ("copy", "second copy")
"""Directories of the rogue's wallet, copied before it paid anything."""
OFFENDERS = 2
"""The key outside any chip, and the copied chip's."""
EVIDENCE_FILE = "evidence.cbor"
VERIFIED_WITHIN_S = 30.0


async def spend_twice(stage: Stage) -> Facts:
    """Original and copy each pay the same currency; both payees accept."""
    for copy in COPIES:
        shutil.copytree(stage.folder / ROGUE, stage.folder / copy)
    outcomes = {}
    for rogue, victim in ((ROGUE, SECOND), (COPIES[0], THIRD)):
        paid = await pay(stage, Terms(rogue, victim, set_minor=ROGUE_MINOR, offline=True))
        stage.expect(paid.payee.outcome is Outcome.ACCEPTED, f"the {victim} wallet to accept")
        outcomes[victim] = paid.payee.outcome
        which = "The rogue's chip" if rogue == ROGUE else "Its copy"
        stage.tell(f"{which} paid the {victim} wallet {format_amount(ROGUE_MINOR)}: accepted.")
    return {"amount_minor": ROGUE_MINOR, "outcomes": outcomes}


async def found_out(stage: Stage) -> Facts:
    """The network is back: the victims synchronise, the second one learns it."""
    networks.up(stage.network)
    problems = {}
    for name in (FIRST, SECOND, THIRD):
        async with stage.wallet(name) as wallet:
            problems[name] = (await wallet.synchronise()).problems
    stage.expect(problems[FIRST] == problems[SECOND] == (), "nothing wrong with the first two")
    stage.expect(len(problems[THIRD]) == 1, "one anomaly at the third wallet")
    stage.tell(f"The network is back. The third wallet synchronised: {problems[THIRD][0]}.")
    async with stage.wallet(THIRD) as wallet:
        balance = await wallet.balance()
        anomalous = [each for each in await wallet.history() if each.verification == "anomalous"]
    stage.expect(len(anomalous) == 1, "one anomalous line in its history")
    set_aside_minor = balance.held_minor - balance.spendable_minor
    stage.expect(set_aside_minor == ROGUE_MINOR, "exactly that to be set aside")
    facts = await _evidence(stage)
    return {"problem": problems[THIRD][0], "set_aside_minor": set_aside_minor, **facts}


async def _evidence(stage: Stage) -> Facts:
    """The issuer reports, the list is out, the evidence proves itself without a network."""
    issuer = CODES[ROGUE]
    numbers = [await _follow_list(stage, code) for code in INSTITUTIONS]
    number = await _number(stage)
    platform = stage.operator(networks.CENTRAL)
    found = await platform.post(central_server.EVIDENCE, EvidenceQuery(number), EvidenceFound)
    stage.expect(len(found.found) == 1, "one piece of evidence about the rogue")
    path = stage.folder / EVIDENCE_FILE
    path.write_bytes(bytes.fromhex(found.found[0].evidence))
    proven = await _verify(path, stage.network / networks.CENTRAL)
    stage.expect(proven["wallet"] == number, "the evidence to name the rogue's wallet")
    frozen = (
        await stage.operator(issuer).get("/api/report", documents.InstitutionReport)
    ).frozen_wallets
    stage.expect(frozen == OFFENDERS, f"{issuer} to have frozen both rogues' wallets")
    stage.tell(f"{issuer} reported it: {number} is on everybody's list, and frozen.")
    stage.tell(f"feiqian evidence verify {EVIDENCE_FILE}, with the root alone: {proven['wallet']}.")
    return {"offender": number, "evidence": proven["evidence"], "list_number": numbers[-1]}


async def _follow_list(stage: Stage, code: str) -> int:
    """Have an institution report and take the newest list; its number."""
    listed = await stage.operator(code).post(
        "/api/double-spending", documents.Nothing(), documents.ListStanding
    )
    stage.expect(listed.offenders == OFFENDERS, f"{code} to hold the list with both offenders")
    return listed.number


async def _verify(evidence: Path, root: Path) -> dict[str, str]:
    """What the command says, as its own process."""
    arguments = ("evidence", "verify", str(evidence), "--root", str(root / ROOT_FILE), "--json")
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "feiqian", *arguments, stdout=asyncio.subprocess.PIPE
    )
    said, _ = await asyncio.wait_for(process.communicate(), VERIFIED_WITHIN_S)
    document: dict[str, str] = json.loads(said)
    return document


async def _number(stage: Stage) -> str:
    async with stage.wallet(ROGUE) as wallet:
        return wallet.number


async def refused(stage: Stage) -> Facts:
    """Another copy tries again, where no network is asked."""
    for name in (FIRST, SECOND, THIRD):
        async with stage.wallet(name) as wallet:
            await wallet.synchronise()
    before_minor = await stage.held_minor(FIRST)
    paid = await pay(stage, Terms(COPIES[1], FIRST, set_minor=ROGUE_MINOR, offline=True))
    outcome = paid.payee.outcome
    stage.expect(outcome is Outcome.DOUBLE_SPENT, f"double_spent, not {outcome}")
    stage.expect(await stage.held_minor(FIRST) == before_minor, "nothing to have been taken in")
    stage.tell(f"A further copy tried the first wallet, without a network: {paid.payee.detail}.")
    return {"outcome": outcome, "detail": paid.payee.detail}
