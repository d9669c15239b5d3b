"""Whatever arrives in whatever order: the same offender, the same evidence, nobody else accused.

A rogue signs several transfers of one state; honest people hand on what they were given, and everybody
presents in any order and as often as he likes, to be verified or to be cashed. Lists, however they
were reached, agree.
"""

import asyncio
import hashlib
from contextlib import suppress

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from feiqian.crypto.p256 import P256_SHA256
from feiqian.money.double_spending import (
    Changes,
    Offender,
    build_list,
    check_chain,
    empty_list,
    pack_entry,
)
from feiqian.outcomes import SUCCESSES, Outcome, Refusal
from feiqian.testing.audit.auditor import audit
from feiqian.testing.bare_wallets import bring, full_item
from feiqian.testing.network_evidence import evidence_of
from feiqian.wire.evidence import verify_evidence
from tests.scenario.fraud import Fraud, number_of, offline

BRANCHES = 3
PRESENTATIONS = [(branch, deep) for branch in range(BRANCHES) for deep in (False, True)]
"""Each branch as the rogue paid it, and as it was handed on once more."""


async def sign_branches(fraud):
    """The rogue pays three people the same state; each hands his on to another one."""
    cash = await fraud.rogue.withdraw(30_00)
    people = [fraud.bob, fraud.carol, fraud.dora]
    presented = {}
    for branch, payee in enumerate(people):
        handed, _ = offline(fraud.rogue, cash, payee, 30_00 - branch)
        after = people[(branch + 1) % BRANCHES]
        onward, _ = offline(payee, handed, after, 10_00)
        presented[branch, False] = payee, handed
        presented[branch, True] = after, onward
    return presented


async def present(fraud, order):
    """Present in that order; who won, and all evidence that was found."""
    presented = await sign_branches(fraud)
    accepted, evidence = set(), set()
    for which in order:
        verdict, _ = await fraud.verify(*presented[which])
        if verdict.outcome in SUCCESSES:
            accepted.add(which[0])
        else:
            assert verdict.outcome is Outcome.DOUBLE_SPENT
            evidence.add(await fraud.network.institutions["A"].evidence(verdict.evidence.hex()))
    return presented, accepted, evidence


@pytest.mark.feature("D-08", "D-13", "D-15", "D-17")
@settings(max_examples=25, deadline=None)
@given(st.lists(st.sampled_from(PRESENTATIONS), min_size=1, max_size=10))
def test_any_order_of_arrival_accuses_the_offender_alone(order):
    """The first branch wins for good, every conflict names the rogue, honest branches pass the list."""

    async def tell():
        fraud = await Fraud.prepare()
        presented, accepted, evidence = await present(fraud, order)
        assert accepted == {order[0][0]}
        assert len(evidence) == len({branch for branch, _ in order}) - 1
        for raw in evidence:
            accusation = verify_evidence(fraud.trust, raw)
            assert accusation.wallet == number_of(fraud.rogue)
            assert accusation.offender == fraud.rogue.fingerprint
        await fraud.network.follow_lists()
        offenders = {fraud.rogue.fingerprint} if evidence else set()
        for code in ("A", "B", "C"):
            listed = fraud.held(code)
            assert listed.offenders.keys() == offenders
            _, winner = presented[order[0][0], True]
            check_chain(listed, fraud.steps(winner))
        assert audit(evidence_of(fraud.network)).discrepancies == ()

    asyncio.run(tell())


@pytest.mark.feature("D-13")
@settings(max_examples=10, deadline=None)
@given(st.permutations(range(BRANCHES)), st.permutations(range(BRANCHES)))
def test_two_orders_make_the_same_evidence_of_the_same_pair(one, other):
    """Where two orders find the same pair of transfers, their evidence is the same bytes."""

    async def found(order):
        fraud = await Fraud.prepare()
        _, _, evidence = await present(fraud, [(branch, False) for branch in order])
        return {verify_evidence(fraud.trust, raw).transfers: raw for raw in evidence}

    first, second = asyncio.run(found(one)), asyncio.run(found(other))
    common = first.keys() & second.keys()
    assert common or one[0] != other[0]
    assert all(first[pair] == second[pair] for pair in common)


@pytest.mark.feature("C-11", "D-12")
@settings(max_examples=15, deadline=None)
@given(st.lists(st.tuples(st.sampled_from(("verify", "cash")), st.booleans()), max_size=8))
def test_verifying_and_cashing_in_any_order_pay_once(acts):
    """What is verified, cashed and repeated in any order is owed once, and audits clean."""

    async def tell():
        fraud = await Fraud.prepare()
        handed, _ = offline(fraud.rogue, await fraud.rogue.withdraw(9_00), fraud.bob, 9_00)
        nonce = fraud.bob.entropy(16)
        paid, _ = fraud.bob.spend(handed, fraud.carol.fingerprint, 9_00, nonce)
        cashed = False
        for act, repeat in acts:
            for _ in range(1 + repeat):
                if act == "verify":
                    verdict, _ = await fraud.verify(fraud.bob, handed)
                    assert verdict.outcome in SUCCESSES
                else:
                    await bring(fraud.carol, nonce, full_item(paid))
                    cashed = True
        owed_minor = fraud.network.balances("A").get("obligations:C", 0)
        assert owed_minor == (9_00 if cashed else 0)
        assert audit(evidence_of(fraud.network)).discrepancies == ()

    asyncio.run(tell())


SUITE = P256_SHA256
numbers = st.integers(0, 40)


def hashed(number):
    """A 32-byte hash of a number."""
    return hashlib.sha256(str(number).encode()).digest()


def changes_to(listed, identifiers, offenders):
    """What makes exactly these stand on the list."""
    entries = [pack_entry(hashed(number), bytes(32)) for number in identifiers]
    wanted = {entry[:24]: entry for entry in entries}
    held = {entry[:24]: entry for entry in _split(listed)}
    named = {hashed(number): Offender(hashed(number), "A-0001", 1) for number in offenders}
    return Changes(
        b"".join(wanted[key] for key in sorted(wanted.keys() - held.keys())),
        b"".join(held[key] for key in sorted(held.keys() - wanted.keys())),
        tuple(named[key] for key in sorted(named.keys() - listed.offenders.keys())),
        tuple(sorted(listed.offenders.keys() - named.keys())),
    )


def _split(listed):
    packed = b"".join(listed.packed())
    return [packed[at : at + 40] for at in range(0, len(packed), 40)]


@pytest.mark.feature("D-07", "D-16")
@settings(max_examples=60)
@given(st.lists(st.tuples(st.sets(numbers), st.sets(numbers, max_size=4)), min_size=1, max_size=6))
def test_deltas_and_whole_lists_agree(versions):
    """After any additions and revocations a list is what a device reads that starts from nothing."""
    listed = empty_list(SUITE)
    for identifiers, offenders in versions:
        listed = listed.changed(changes_to(listed, identifiers, offenders))
    whole = build_list(SUITE, [b"".join(listed.packed())], list(listed.offenders.values()))
    assert (whole.digest, whole.count, whole.offenders) == (
        listed.digest,
        listed.count,
        listed.offenders,
    )
    identifiers, offenders = versions[-1]
    for number in range(41):
        assert (listed.honoured(hashed(number)) is not None) == (number in identifiers)
        assert (hashed(number) in listed.offenders) == (number in offenders)


@pytest.mark.feature("D-07")
@settings(max_examples=100)
@given(st.binary(max_size=120), st.binary(max_size=120))
def test_arbitrary_changes_are_refused_by_name_or_fit(added, revoked):
    """Whatever a change says, the list becomes another one that can be read back, or stays."""
    with suppress(Refusal):
        listed = empty_list(SUITE).changed(Changes(added, revoked, (), ()))
        assert build_list(SUITE, list(listed.packed()), []).digest == listed.digest
