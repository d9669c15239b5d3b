"""From a double spend to everybody's list: detection, evidence, report, list, frozen wallet."""

import asyncio
from hashlib import sha256

import pytest

from feiqian.central import listings
from feiqian.central.list_book import ListBook
from feiqian.central.list_documents import EvidenceQuery, ListRevocation
from feiqian.central.listings import Listing
from feiqian.crypto.cbor import VERSION
from feiqian.crypto.trust import TrustStore
from feiqian.institution.documents import Freeze
from feiqian.institution.operator import Operator
from feiqian.money.double_spending import Changes, check_chain, pack_entry
from feiqian.money.transfer import Acceptor
from feiqian.outcomes import Outcome, Refusal
from feiqian.testing.audit.auditor import audit
from feiqian.testing.bare_wallets import bring, full_item, identifier_item
from feiqian.testing.network import CENTRAL_URL, url_of
from feiqian.testing.network_evidence import evidence_of
from feiqian.testing.platform_world import START_MS
from feiqian.wire.double_spending import (
    LIST_PATH,
    DocumentKind,
    assemble_base,
    assemble_compact,
    check_chain_compactly,
    document_name,
    read_chunk,
    read_version,
)
from feiqian.wire.envelope import decode_message, encode_message
from feiqian.wire.evidence import verify_evidence
from feiqian.wire.request_envelope import Action
from feiqian.wire.verification import VerificationResult, VerifiedItem
from feiqian.wire.wallet_requests import IssuedResult, WithdrawBody
from tests.scenario.fraud import Fraud, number_of, offline, take_renewal


def scenario(story):
    """Run a story on a prepared network; afterwards the audit must find nothing."""

    async def tell():
        fraud = await Fraud.prepare()
        await story(fraud)
        report = audit(evidence_of(fraud.network))
        assert report.discrepancies == ()

    asyncio.run(tell())


async def spend_twice(fraud):
    """The rogue pays bob and carol the same 20.00 offline; what each was handed."""
    cash = await fraud.rogue.withdraw(20_00)
    to_bob, _ = offline(fraud.rogue, cash, fraud.bob, 20_00)
    to_carol, _ = offline(fraud.rogue, cash, fraud.carol, 15_00)
    return to_bob, to_carol


def refused(action, *arguments):
    """The outcome of a refused call."""
    with pytest.raises(Refusal) as caught:
        action(*arguments)
    return caught.value.outcome


@pytest.mark.feature("D-04", "D-10", "D-12")
def test_what_was_received_offline_is_verified_with_its_issuer():
    """The payee's institution gets the issuer's signed verdict, and the value goes on circulating."""

    async def story(fraud):
        handed, _ = offline(fraud.rogue, await fraud.rogue.withdraw(20_00), fraud.bob, 5_00)
        verdict, result = await fraud.verify(fraud.bob, handed)
        assert (verdict.outcome, verdict.decided_by) == (Outcome.ACCEPTED, "A")
        verdict, again = await fraud.verify(fraud.bob, handed)
        assert verdict.outcome is Outcome.REPEATED
        assert again.renewal == result.renewal
        assert fraud.network.balances("A").get("obligations:B", 0) == 0

    scenario(story)


@pytest.mark.feature("D-12", "C-06")
def test_verified_value_is_paid_on_by_identifier():
    """The renewal replaces the chain, and what it restates is cashed by identifier alone, once."""

    async def story(fraud):
        handed, _ = offline(fraud.rogue, await fraud.rogue.withdraw(20_00), fraud.bob, 5_00)
        _, result = await fraud.verify(fraud.bob, handed)
        holding, output = take_renewal(fraud.bob, result)
        assert (output.owner, output.amount_minor) == (fraud.bob.fingerprint, 5_00)
        nonce = fraud.bob.entropy(16)
        paid, _ = fraud.bob.spend(holding, fraud.carol.fingerprint, 5_00, nonce)
        await bring(fraud.carol, nonce, identifier_item(paid))
        assert fraud.network.balances("A")["obligations:C"] == 5_00
        verdict, again = await fraud.verify(fraud.bob, handed)
        assert (verdict.outcome, again.renewal) == (Outcome.REPEATED, None)

    scenario(story)


@pytest.mark.feature("D-04")
def test_the_payer_learns_that_its_offline_payment_has_arrived():
    """A transfer that was recorded by verification is known by name, and its change is renewed."""

    async def story(fraud):
        handed, change = offline(fraud.rogue, await fraud.rogue.withdraw(20_00), fraud.bob, 5_00)
        name = handed.transfers[-1].name
        [before] = await fraud.standings(fraud.rogue, name)
        await fraud.verify(fraud.bob, handed)
        [after] = await fraud.standings(fraud.rogue, name)
        assert (before.outcome, after.outcome) == (Outcome.UNKNOWN_IDENTIFIER, Outcome.REPEATED)
        renewed = fraud.rogue.take(after.renewal)
        assert renewed.output == change.output

    scenario(story)


@pytest.mark.feature("D-06", "D-08", "D-13")
def test_whoever_comes_second_has_the_double_spend():
    """In either order the second is told so, and the evidence is the same and names the payer."""
    found = []

    async def story(fraud, *order):
        pair = list(zip((fraud.bob, fraud.carol), await spend_twice(fraud), strict=True))
        accepted, _ = await fraud.verify(*pair[order[0]])
        anomalous, result = await fraud.verify(*pair[order[1]])
        assert accepted.outcome is Outcome.ACCEPTED
        assert (anomalous.outcome, result.renewal) == (Outcome.DOUBLE_SPENT, None)
        raw = await fraud.network.institutions["A"].evidence(anomalous.evidence.hex())
        accusation = verify_evidence(fraud.trust, raw)
        assert accusation.name == anomalous.evidence
        assert accusation.wallet == number_of(fraud.rogue)
        found.append(raw)

    scenario(lambda fraud: story(fraud, 0, 1))
    scenario(lambda fraud: story(fraud, 1, 0))
    assert found[0] == found[1]


@pytest.mark.feature("D-13")
def test_cashing_and_verifying_find_the_same_conflicts():
    """A double spend is evidence, whether the second transfer was verified or brought to be cashed."""

    async def story(fraud):
        cash = await fraud.rogue.withdraw(20_00)
        to_bob, _ = offline(fraud.rogue, cash, fraud.bob, 20_00)
        await fraud.verify(fraud.bob, to_bob)
        nonce = fraud.rogue.entropy(16)
        to_carol, _ = fraud.rogue.spend(cash, fraud.carol.fingerprint, 20_00, nonce)
        with pytest.raises(Refusal) as caught:
            await bring(fraud.carol, nonce, full_item(to_carol))
        assert caught.value.outcome is Outcome.DOUBLE_SPENT
        await fraud.network.follow_lists()
        assert fraud.rogue.fingerprint in fraud.held("C").offenders

    scenario(story)


@pytest.mark.feature("D-14", "D-15", "D-07")
def test_a_double_spend_reaches_every_institution_and_freezes_the_offender():
    """Reported once, it is on everybody's list; the offender's wallet is frozen, nobody else's."""

    async def story(fraud):
        to_bob, to_carol = await spend_twice(fraud)
        await fraud.verify(fraud.bob, to_bob)
        await fraud.verify(fraud.carol, to_carol)
        await fraud.verify(fraud.carol, to_carol)
        await fraud.network.follow_lists()
        for code in ("A", "B", "C"):
            held = fraud.held(code)
            assert list(held.offenders) == [fraud.rogue.fingerprint]
            assert held.count == 1
            assert refused(check_chain, held, fraud.steps(to_carol)) is Outcome.DOUBLE_SPENT
        with pytest.raises(Refusal) as caught:
            await fraud.rogue.ask(Action.WITHDRAW, WithdrawBody(VERSION, 1_00), IssuedResult)
        assert caught.value.outcome is Outcome.WALLET_FROZEN
        await fraud.dora.withdraw(1_00)
        report = await fraud.network.platform.list_report()
        assert (report.number, report.identifiers, report.evidence) == (2, 1, 1)

    scenario(story)


@pytest.mark.feature("D-17")
def test_honest_holders_of_the_recorded_branch_are_never_accused():
    """Pieces that share the twice spent ancestor by way of the recorded transfer pass the list."""

    async def story(fraud):
        to_bob, to_carol = await spend_twice(fraud)
        await fraud.verify(fraud.bob, to_bob)
        await fraud.verify(fraud.carol, to_carol)
        await fraud.network.follow_lists()
        half, rest = offline(fraud.bob, to_bob, fraud.dora, 9_00)
        other, _ = offline(fraud.bob, rest, fraud.carol, 11_00)
        for payee, handed in ((fraud.dora, half), (fraud.carol, other)):
            check_chain(fraud.held("B"), fraud.steps(handed))
            verdict, _ = await fraud.verify(payee, handed)
            assert verdict.outcome is Outcome.ACCEPTED
        assert list(fraud.held("B").offenders) == [fraud.rogue.fingerprint]

    scenario(story)


@pytest.mark.feature("D-17")
def test_who_was_paid_by_the_other_branch_is_no_offender():
    """Whoever pays on what he was given in good faith loses it, and the evidence names the rogue."""

    async def story(fraud):
        to_bob, to_carol = await spend_twice(fraud)
        onward, _ = offline(fraud.carol, to_carol, fraud.dora, 15_00)
        await fraud.verify(fraud.bob, to_bob)
        verdict, _ = await fraud.verify(fraud.dora, onward)
        assert verdict.outcome is Outcome.DOUBLE_SPENT
        await fraud.network.follow_lists()
        [offender] = fraud.held("A").offenders.values()
        assert offender.wallet == number_of(fraud.rogue)
        await fraud.carol.withdraw(1_00)

    scenario(story)


def test_an_offender_is_refused_and_what_he_signed_before_must_be_verified():
    """New payments of an offender are refused offline; his earlier ones need the back end."""

    async def story(fraud):
        clean = await fraud.rogue.withdraw(30_00)
        honest, _ = offline(fraud.rogue, clean, fraud.dora, 30_00)
        onward, _ = offline(fraud.dora, honest, fraud.bob, 30_00)
        to_bob, to_carol = await spend_twice(fraud)
        await fraud.verify(fraud.bob, to_bob)
        await fraud.verify(fraud.carol, to_carol)
        await fraud.network.follow_lists()
        held = fraud.held("B")
        assert refused(check_chain, held, fraud.steps(honest)) is Outcome.LISTED_OFFENDER
        assert refused(check_chain, held, fraud.steps(onward)) is Outcome.VERIFICATION_REQUIRED
        verdict, result = await fraud.verify(fraud.bob, onward)
        assert verdict.outcome is Outcome.ACCEPTED
        renewed, _ = take_renewal(fraud.bob, result)
        paid, _ = offline(fraud.bob, renewed, fraud.carol, 30_00)
        check_chain(held, fraud.steps(paid))

    scenario(story)


@pytest.mark.feature("D-16")
def test_a_wrong_entry_is_revoked_by_a_later_version():
    """Revoked, it has left every list; the wallet stays frozen until its operator says otherwise."""

    async def story(fraud):
        to_bob, to_carol = await spend_twice(fraud)
        await fraud.verify(fraud.bob, to_bob)
        await fraud.verify(fraud.carol, to_carol)
        await fraud.network.follow_lists()
        consumed = to_bob.transfers[0].value.consumed.hex()
        revocation = ListRevocation("k1", consumed, "a court said so")
        revoked = await fraud.network.platform.revoke_listing(revocation)
        assert (revoked.number, revoked.identifiers, revoked.offenders) == (3, 1, 1)
        assert await fraud.network.platform.revoke_listing(revocation) == revoked
        await fraud.network.follow_lists()
        for code in ("A", "B", "C"):
            assert (fraud.held(code).count, fraud.held(code).offenders) == (0, {})
        body = WithdrawBody(VERSION, 1_00)
        with pytest.raises(Refusal):
            await fraud.rogue.ask(Action.WITHDRAW, body, IssuedResult)
        operator = Operator(fraud.network.institutions["A"])
        await operator.freeze(Freeze(number_of(fraud.rogue), False))
        await fraud.rogue.ask(Action.WITHDRAW, body, IssuedResult)
        again = ListRevocation("k2", consumed, "once more")
        with pytest.raises(Refusal) as caught:
            await fraud.network.platform.revoke_listing(again)
        assert caught.value.outcome is Outcome.UNKNOWN_IDENTIFIER

    scenario(story)


@pytest.mark.feature("D-16", "D-13")
def test_new_evidence_lists_again_what_was_revoked():
    """A third transfer of the same state is new evidence; the old one told again changes nothing."""

    async def story(fraud):
        cash = await fraud.rogue.withdraw(20_00)
        payees = (fraud.bob, fraud.carol, fraud.dora)
        handed = [offline(fraud.rogue, cash, payee, 20_00)[0] for payee in payees]
        await fraud.verify(fraud.bob, handed[0])
        await fraud.verify(fraud.carol, handed[1])
        await fraud.network.follow_lists()
        number = number_of(fraud.rogue)
        await fraud.network.platform.revoke_listing(ListRevocation("k", number, "mistaken"))
        await fraud.verify(fraud.carol, handed[1])
        await fraud.network.follow_lists()
        assert fraud.held("A").offenders == {}
        await fraud.verify(fraud.dora, handed[2])
        await fraud.network.follow_lists()
        assert list(fraud.held("A").offenders) == [fraud.rogue.fingerprint]
        found = await fraud.network.platform.find_evidence(EvidenceQuery(number))
        assert len(found.found) == 2

    scenario(story)


@pytest.mark.feature("D-14", "P-07")
@pytest.mark.parametrize("fault", ["cut_off", "losing_answers"])
def test_a_report_survives_a_platform_that_cannot_be_reached(fault):
    """What could not be reported is reported later, also after a restart, and only once."""

    async def story(fraud):
        network = fraud.network
        to_bob, to_carol = await spend_twice(fraud)
        await fraud.verify(fraud.bob, to_bob)
        await fraud.verify(fraud.carol, to_carol)
        faulty = getattr(network.courier, fault)
        faulty.add(f"{CENTRAL_URL}/v1/requests")
        await network.follow_lists()
        faulty.clear()
        network.restart("A")
        await network.follow_lists()
        assert fraud.held("C").count == 1
        report = await network.platform.list_report()
        assert (report.number, report.evidence) == (2, 1)

    scenario(story)


@pytest.mark.feature("D-11")
def test_without_the_issuer_nothing_is_decided():
    """An issuer that cannot be reached gives no verdict; items of others have theirs all the same."""

    async def story(fraud):
        foreign, _ = offline(fraud.rogue, await fraud.rogue.withdraw(5_00), fraud.bob, 5_00)
        own, _ = offline(fraud.bob, await fraud.bob.withdraw(5_00), fraud.carol, 5_00)
        fraud.network.courier.cut_off.add(url_of("A"))
        undecided, decided = await fraud.ask("B", foreign, own)
        assert (undecided.verdict, undecided.renewal) == (None, None)
        assert fraud.verdict(decided, own).outcome is Outcome.ACCEPTED
        fraud.network.courier.cut_off.clear()
        verdict, _ = await fraud.verify(fraud.bob, foreign)
        assert verdict.outcome is Outcome.ACCEPTED

    scenario(story)


@pytest.mark.feature("D-06")
def test_what_a_manager_must_cash_is_not_verified_away():
    """A transfer for the payee's manager gets a verdict against it, and is cashed as ever."""

    async def story(fraud):
        cash, nonce = await fraud.rogue.withdraw(5_00), fraud.rogue.entropy(16)
        handed, _ = fraud.rogue.spend(cash, fraud.bob.fingerprint, 5_00, nonce)
        [result] = await fraud.ask("A", handed)
        assert fraud.verdict(result, handed).outcome is Outcome.WRONG_SESSION
        await bring(fraud.bob, nonce, full_item(handed))

    scenario(story)


@pytest.mark.feature("C-11")
def test_what_a_manager_awaits_cannot_be_paid_on_by_identifier():
    """Known from a history alone, it is the manager's; its owner's chip cannot spend it besides."""

    async def story(fraud):
        cash, nonce = await fraud.rogue.withdraw(20_00), fraud.rogue.entropy(16)
        to_bob, change = fraud.rogue.spend(cash, fraud.bob.fingerprint, 5_00, nonce)
        later, _ = offline(fraud.rogue, change, fraud.carol, 15_00)
        await fraud.verify(fraud.carol, later)
        trick, _ = fraud.bob.spend(to_bob, fraud.dora.fingerprint, 5_00, nonce, Acceptor.MANAGER)
        with pytest.raises(Refusal) as caught:
            await bring(fraud.dora, nonce, identifier_item(trick))
        assert caught.value.outcome is Outcome.WRONG_SESSION
        await bring(fraud.bob, nonce, full_item(to_bob))

    scenario(story)


@pytest.mark.feature("D-07")
def test_a_wallet_reads_the_list_from_its_institution():
    """Version, base, deltas and compact list are read there, and lead to the same list."""

    async def story(fraud):
        to_bob, to_carol = await spend_twice(fraud)
        await fraud.verify(fraud.bob, to_bob)
        await fraud.verify(fraud.carol, to_carol)
        await fraud.network.follow_lists()

        async def get(kind, number=0):
            url = f"{url_of('B')}{LIST_PATH}/{document_name(kind, number)}"
            return await fraud.network.courier.get(url)

        trust = TrustStore.pinned(fraud.trust.suite, fraud.trust.root.raw)
        state = read_version(trust, await get(DocumentKind.VERSION))
        held = assemble_base(trust, [await get(DocumentKind.CHUNK)])
        from_institution = fraud.network.institutions["B"].double_spending
        assert (held.state.number, state.number) == (1, 2)
        assert (await from_institution.held()).state == state
        compact = assemble_compact(trust, [await get(DocumentKind.PART)])
        steps = fraud.steps(to_carol)
        outcome = refused(check_chain_compactly, compact.listed, steps)
        assert outcome is Outcome.VERIFICATION_REQUIRED
        with pytest.raises(Refusal) as caught:
            await get(DocumentKind.DELTA, 3)
        assert caught.value.outcome is Outcome.UNKNOWN_IDENTIFIER

    scenario(story)


@pytest.mark.feature("D-07")
def test_an_institution_never_goes_back_to_an_older_list():
    """Shown an older version, it stays with what it has; after a restart it has that again."""

    async def story(fraud):
        network = fraud.network
        await network.follow_lists()
        older = await network.platform.list_document("version")
        to_bob, to_carol = await spend_twice(fraud)
        await fraud.verify(fraud.bob, to_bob)
        await fraud.verify(fraud.carol, to_carol)
        await network.follow_lists()

        async def replay(name):
            return older if name == "version" else await network.platform.list_document(name)

        network.courier.published[f"{CENTRAL_URL}{LIST_PATH}"] = replay
        state = await network.institutions["B"].double_spending.update(network.courier)
        assert state.number == 2
        held = await network.restart("B").double_spending.held()
        assert held.state == state

    scenario(story)


@pytest.mark.feature("D-13", "D-15")
def test_only_evidence_that_holds_is_listed():
    """The platform refuses a report without a conflict, and another word on what was recorded."""

    async def story(fraud):
        to_bob, to_carol = await spend_twice(fraud)
        await fraud.verify(fraud.bob, to_bob)
        verdict, _ = await fraud.verify(fraud.carol, to_carol)
        raw = await fraud.network.institutions["A"].evidence(verdict.evidence.hex())
        recorded, other = to_bob.transfers[0].name, to_carol.transfers[0].name
        assert await fraud.report("A", raw, bytes(32)) is Outcome.NO_CONFLICT
        damaged = raw[:-1] + bytes([raw[-1] ^ 1])
        assert await fraud.report("A", damaged, recorded) is Outcome.BAD_SIGNATURE
        assert await fraud.report("A", raw, recorded) is Outcome.ACCEPTED
        assert await fraud.report("B", raw, other) is Outcome.KEY_REUSED
        report = await fraud.network.platform.list_report()
        assert (report.number, report.evidence) == (2, 1)

    scenario(story)


def _spent(number):
    """A state of that number."""
    return sha256(bytes([number % 256, number // 256])).digest()


def _entry(number):
    """The entry of that state."""
    return pack_entry(_spent(number), bytes(32))


def _publish(fraud, number):
    """Publish the version of that number: an entry more, and every seventh time one less."""
    book = fraud.network.platform._book
    leaving = _entry(number - 1) if number % 7 == 0 else b""

    def job(tx):
        changes = Changes(_entry(number), leaving, (), ())
        state = book.publish(tx, changes, START_MS).state
        assert state.number == number
        listings.list_identifier(tx, Listing(_spent(number), bytes(32), bytes(32)), number)
        if leaving:
            listings.revoke_identifier(tx, _spent(number - 1), number)

    fraud.network.stores["platform"].run(job)


@pytest.mark.feature("D-07", "D-16")
def test_who_was_away_for_long_begins_at_a_new_base():
    """A whole list and few deltas lead to the same list as every delta, revocations included."""

    async def story(fraud):
        network = fraud.network
        await network.institutions["A"].follow_list(network.courier)
        for number in range(2, 265):
            _publish(fraud, number)
            if number % 50 == 0:
                await network.institutions["B"].follow_list(network.courier)
        await network.follow_lists()
        by_delta, by_base = fraud.held("B"), fraud.held("A")
        assert by_delta.digest == by_base.digest
        assert by_base.honoured(_spent(6)) is None
        assert by_base.honoured(_spent(263)) is not None
        restarted = network.restart("A").double_spending
        held = await restarted.held()
        assert (held.state.number, held.listed.digest) == (264, by_base.digest)
        chunk = read_chunk(fraud.trust, await restarted.document("chunks/0"))
        assert chunk.state.number == 257
        rebuilt = ListBook(network.platform._authority)
        again = await network.platform._store.read(rebuilt.current)
        assert again.listed.digest == by_base.digest

    scenario(story)


@pytest.mark.feature("D-11")
def test_an_answer_to_another_question_decides_nothing():
    """An issuer whose verdict is on another transfer, or a renewal of another state, is not heard."""

    async def story(fraud):
        cash = [await fraud.rogue.withdraw(5_00) for _ in range(2)]
        one, other = (offline(fraud.rogue, each, fraud.bob, 5_00)[0] for each in cash)
        handlers, path = fraud.network.courier.handlers, f"{url_of('A')}/v1/verify"
        verify, answers = handlers[path], []

        async def record(raw):
            answers.append(await verify(raw))
            return answers[-1]

        async def replay(_):
            first, second = (decode_message(raw, VerificationResult).results[0] for raw in answers)
            wrong = VerifiedItem(*forms[0](first, second))
            return encode_message(VerificationResult((wrong,)))

        handlers[path] = record
        await fraud.ask("B", one)
        await fraud.ask("B", other)
        for form in (
            lambda first, second: (first.verdict, None),
            lambda first, second: (second.verdict, first.renewal),
            lambda first, second: (None, None),
        ):
            forms = [form]
            handlers[path] = replay
            [undecided] = await fraud.ask("B", other)
            assert (undecided.verdict, undecided.renewal) == (None, None)
        handlers[path] = verify
        verdict, _ = await fraud.verify(fraud.bob, other)
        assert verdict.outcome is Outcome.REPEATED

    scenario(story)
