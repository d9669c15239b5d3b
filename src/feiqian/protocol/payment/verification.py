"""Whether a payment without a manager is sound: which check is made, and its one judgement (D-02).

1. Connected means that the own institution answers a probe, whatever it answers, within the rule's
   time and attempts. The probe is made when the request has come, not earlier.
2. Connected: the institution's back end decides (D-04, D-06), and only its signed verdicts count.
   Not connected: the local double-spending list is searched, and no network is touched (D-03).
3. A connection lost during the check, an answer that proves nothing, or an issuer that the back end
   could not reach: once, and for good, the local list (D-11).
4. The list convinces only if it is recent enough for the amount (D-16). Without such a list, and when
   it leaves a doubt, nothing is decided: the payment is neither accepted nor refused, but kept.
5. There is exactly one judgement, and it says what it was made by.
"""

from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum

from msgspec import Struct

from feiqian.crypto.cbor import VERSION
from feiqian.crypto.trust import TrustStore
from feiqian.money.double_spending import check_chain
from feiqian.money.offline_policy import ceiling_with_list
from feiqian.money.piece import issued_output, walk
from feiqian.outcomes import SUCCESSES, LocalProtocolError, Outcome, Refusal
from feiqian.timing.moment import Moment
from feiqian.wire.double_spending import HeldCompact, HeldList, check_chain_compactly
from feiqian.wire.envelope import decode_message, encode_message
from feiqian.wire.items import PaymentItem, ReadItem, read_item
from feiqian.wire.payment import PaymentRequest
from feiqian.wire.verification import VERDICT, VerificationRequest, VerificationResult, VerifiedItem

LocalList = HeldList | HeldCompact


@dataclass(frozen=True, slots=True)
class ConnectionRule:
    """What counts as connected."""

    probe_timeout_ms: int = 2_000
    attempts: int = 2
    check_timeout_ms: int = 8_000
    """How long the back end may take for its verdict."""


CONNECTION_RULE = ConnectionRule()


class Soundness(StrEnum):
    """What a check came to."""

    SOUND = "sound"
    ANOMALOUS = "anomalous"
    UNDECIDED = "undecided"


class Judgement(Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """The one result of a check, with its reason."""

    version: int
    soundness: Soundness
    outcome: Outcome
    """Accepted when sound; else the name of what is wrong, or of what is missing."""
    detail: str
    checked_by: str
    """``back end``, ``list N of MOMENT``, or ``nothing``."""


@dataclass(frozen=True, slots=True)
class Verdicts:
    """What the issuers say of a request, item by item."""

    judgement: Judgement
    """Of the whole: anomalous when one item is."""
    void: tuple[PaymentItem, ...]
    """The anomalous items; the others are worth what they say."""
    renewals: tuple[bytes, ...]
    """Of those others (not verified)."""


@dataclass(frozen=True, slots=True)
class Verifier:
    """What a payee checks with: whom it trusts, and the list it holds, if any."""

    trust: TrustStore
    tier: int
    """Of the payee's own chip."""
    listed: LocalList | None = None

    def question(self, request: PaymentRequest) -> bytes:
        """What the back end is asked."""
        return encode_message(VerificationRequest(request.items))

    def by_back_end(
        self, request: PaymentRequest, body: bytes
    ) -> tuple[Judgement, tuple[bytes, ...]]:
        """The judgement in the back end's answer, and what it has renewed (not verified).

        Raises `Refusal` when the answer decides nothing: malformed and its kin, bad_signature,
        wrong_session, unavailable when an issuer could not be asked.
        """
        verdicts = self.verdicts(request, body)
        return verdicts.judgement, () if verdicts.void else verdicts.renewals

    def verdicts(self, request: PaymentRequest, body: bytes) -> Verdicts:
        """The same for what was accepted before, where each item counts; errors likewise."""
        results = decode_message(body, VerificationResult).results
        if len(results) != len(request.items):
            raise Refusal(Outcome.WRONG_SESSION, "expected a result for each item")
        items = [read_item(self.trust.suite, item) for item in request.items]
        verdicts = [self._verdict(*pair) for pair in zip(items, results, strict=True)]
        bad = [place for place, (outcome, _) in enumerate(verdicts) if outcome not in SUCCESSES]
        judgement = _judgement(Soundness.SOUND, Outcome.ACCEPTED, "", _BACK_END)
        if bad:
            judgement = _judgement(Soundness.ANOMALOUS, *verdicts[bad[0]], _BACK_END)
        return Verdicts(
            judgement,
            tuple(request.items[place] for place in bad),
            tuple(each.renewal for each in results if each.renewal is not None),
        )

    def _verdict(self, item: ReadItem, result: VerifiedItem) -> tuple[Outcome, str]:
        if result.verdict is None:
            raise Refusal(Outcome.UNAVAILABLE, "the issuer could not be asked")
        claimed = VERDICT.peek(self.trust.suite, result.verdict).decided_by
        public = self.trust.institution(claimed).value.public_key
        verdict = VERDICT.read(self.trust.suite, result.verdict, public)
        if verdict.transfer != item.payment.name:
            raise Refusal(Outcome.WRONG_SESSION, "expected a verdict on what was asked")
        if verdict.outcome in SUCCESSES and verdict.decided_by != item.item.issuer:
            raise Refusal(Outcome.BAD_SIGNATURE, "expected the issuer's own word")
        return verdict.outcome, verdict.detail

    def refused_by_back_end(self, refusal: Refusal) -> Judgement:
        """The back end would not look at it at all."""
        return _judgement(Soundness.ANOMALOUS, refusal.outcome, refusal.detail, _BACK_END)

    def by_list(self, request: PaymentRequest, amount_minor: int, now: Moment) -> Judgement:
        """The judgement of the local list; nothing else is touched."""
        checked_by = describe(self.listed)
        try:
            self._check_ceiling(amount_minor, now)
            for item in request.items:
                self._search(read_item(self.trust.suite, item))
        except Refusal as refusal:
            anomalous = refusal.outcome in _ANOMALOUS
            soundness = Soundness.ANOMALOUS if anomalous else Soundness.UNDECIDED
            return _judgement(soundness, refusal.outcome, refusal.detail, checked_by)
        return _judgement(Soundness.SOUND, Outcome.ACCEPTED, "", checked_by)

    def _check_ceiling(self, amount_minor: int, now: Moment) -> None:
        issued_at_ms = None if self.listed is None else self.listed.state.issued_at_ms
        if amount_minor > ceiling_with_list(self.tier, issued_at_ms, now):
            raise Refusal(Outcome.OVER_OFFLINE_LIMIT, "the list is too old for so much")

    def _search(self, item: ReadItem) -> None:
        if item.piece is None:
            raise LocalProtocolError("an offline payment consists of full pieces")
        steps = walk(issued_output(item.piece.currency), item.piece.transfers)
        if isinstance(self.listed, HeldList):
            check_chain(self.listed.listed, steps)
        elif self.listed is not None:
            check_chain_compactly(self.listed.listed, steps)


_BACK_END = "back end"
_ANOMALOUS = frozenset({Outcome.DOUBLE_SPENT, Outcome.LISTED_OFFENDER})


def describe(listed: LocalList | None) -> str:
    """A list as people are told of it."""
    if listed is None:
        return "nothing"
    moment = datetime.fromtimestamp(listed.state.issued_at_ms / 1000, UTC)
    return f"list {listed.state.number} of {moment:%Y-%m-%d %H:%M:%SZ}"


def _judgement(soundness: Soundness, outcome: Outcome, detail: str, checked_by: str) -> Judgement:
    return Judgement(VERSION, soundness, outcome, detail, checked_by)
