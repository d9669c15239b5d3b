"""Samples of a double spend: its evidence, the list that names it, a verdict."""

from feiqian.money.compact_set import build_compact, encode_compact
from feiqian.money.double_spending import Changes, Offender, empty_list, pack_entry
from feiqian.outcomes import Outcome
from feiqian.wire import double_spending as listing
from feiqian.wire import (
    evidence,
    items,
    platform_requests,
    verification,
)
from feiqian.wire.request_envelope import Action
from tools.request_samples import answer, ask_platform
from tools.samples import NOW_MS, REQUEST_ID, Samples, V


def add_fraud_samples(to: Samples) -> None:
    """From the report to the word on one transfer."""
    _double_spending(to)
    _verification(to)


def _evidence(to: Samples) -> evidence.Evidence:
    """The whole currency paid to one, and a part of it to another."""
    names = ("transfer_whole", "transfer_with_change")
    pair = sorted((to.transfer(name) for name in names), key=lambda each: each.name)
    return evidence.Evidence(
        V,
        pair[0].value.consumed,
        to.fingerprint("platform"),
        to.raw("certificate_a"),
        to.raw("payer_certificate"),
        pair[0].raw,
        pair[1].raw,
    )


def _double_spending(to: Samples) -> None:
    """The double spend is reported, and version 2 of the list has it."""
    accused, recorded = _evidence(to), to.transfer("transfer_with_change").name
    encoded = to.body("evidence", accused)
    ask_platform(to, Action.REPORT, platform_requests.ReportBody(V, encoded, recorded))
    answer(to, "platform", Action.REPORT, platform_requests.ReportResult(V, 2))

    offender = Offender(to.fingerprint("payer"), "A-7K2Q9D4M", NOW_MS)
    entry = pack_entry(accused.consumed, recorded)
    changes = Changes(entry, b"", (offender,), ())
    listed = empty_list(to.suite).changed(changes)
    state = listing.state_of(listed, 2, NOW_MS + 500)
    compact = build_compact(listed.keys())
    to.sign("list_version", listing.LIST_VERSION, "platform", listing.ListVersion(V, state))
    to.sign("list_delta", listing.LIST_DELTA, "platform", listing.ListDelta(V, state, changes))
    chunk = listing.ListChunk(V, state, 0, 1, entry, (offender,))
    to.sign("list_chunk", listing.LIST_CHUNK, "platform", chunk)
    part = listing.CompactPart(V, state, compact.count, 0, 1, encode_compact(compact))
    to.sign("list_compact", listing.COMPACT_PART, "platform", part)


def _verification(to: Samples) -> None:
    """What the payee's chip took in offline is verified, and is the second of two."""
    item = items.PaymentItem(
        "A", to.raw("currency"), (to.raw("transfer_whole"),), (to.raw("payer_certificate"),)
    )
    whole = to.transfer("transfer_whole")
    pair = [whole.name, to.transfer("transfer_with_change").name]
    to.message("verification_request", verification.VerificationRequest((item,)))
    asked = verification.VerifyRequest(V, REQUEST_ID, "B", "A", NOW_MS + 1_500, (item,))
    to.sign("verify_request", verification.VERIFY_REQUEST, "institution_b", asked)
    verdict = verification.Verdict(
        version=V,
        decided_by="A",
        transfer=whole.name,
        outcome=Outcome.DOUBLE_SPENT,
        detail="another transfer has already consumed this state",
        evidence=evidence.name_evidence(to.suite, whole.value.consumed, pair),
        decided_at_ms=NOW_MS + 2_000,
    )
    to.sign("verdict", verification.VERDICT, "institution_a", verdict)
    result = verification.VerifiedItem(to.raw("verdict"), None)
    to.message("verification_result", verification.VerificationResult((result,)))
