"""The payee's states without a manager: check what was handed over, then have the chip accept it.

The request is kept before anything is checked, the judgement before the chip accepts, the receipt
before it leaves: whatever is torn, going on from the records asks the chip the same and gives the
payer the same receipt.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from feiqian.chip.commands import Accept, AcceptAnswer
from feiqian.crypto.certificates import SignedCertificate, parse_certificate
from feiqian.outcomes import UNDECIDED, LocalProtocolError, Outcome, Refusal
from feiqian.protocol.payment.checks import paid_by, paying_transfers, sound_renewals
from feiqian.protocol.payment.effects import AskServer, Effect, Keep, PerformOnChip, Probe, Send
from feiqian.protocol.payment.facts import ChipFailed, Fact, Probed, ServerFailed
from feiqian.protocol.payment.machine import PaymentMachine, known
from feiqian.protocol.payment.records import (
    HandoverTaken,
    JudgementMade,
    PaymentAccepted,
    SessionRefused,
)
from feiqian.protocol.payment.states import Event
from feiqian.protocol.payment.verification import CONNECTION_RULE, Judgement, Soundness, Verifier
from feiqian.timing.moment import Moment
from feiqian.wire.payment import PaymentReceipt
from feiqian.wire.verification import VERIFICATIONS_PATH

_NO_ROOM = frozenset({Outcome.OVER_OFFLINE_LIMIT, Outcome.OVER_HOLDING_LIMIT, Outcome.CHIP_FULL})
"""What a chip refuses now and takes when there is room again."""

_EVENTS = {
    Soundness.SOUND: Event.SOUND,
    Soundness.ANOMALOUS: Event.ANOMALOUS,
    Soundness.UNDECIDED: Event.UNDECIDABLE,
}


@dataclass(frozen=True, slots=True)
class Acceptance:
    """What a payee has to check and accept with."""

    verifier: Verifier
    certificate: SignedCertificate
    """Of our own chip."""


class OfflinePayee(PaymentMachine):
    """The part of the payee's machine that needs no manager."""

    def __init__(self, acceptance: Acceptance, past: HandoverTaken | None = None) -> None:
        super().__init__()
        self._acceptance = acceptance
        self._handover = past
        self._judgement: Judgement | None = past.judgement if past else None
        self._renewals: tuple[bytes, ...] = ()
        self._receipt = b""

    # Judgements ----------------------------------------------------------------------------------
    def _judge_probing(self, fact: Fact, now: Moment) -> Event:
        if not isinstance(fact, Probed):
            raise LocalProtocolError(f"{type(fact).__name__} while {self.state}")
        return Event.CONNECTED if fact.connected else self._judge_by_list(now)

    def _judge_by_list(self, now: Moment) -> Event:
        handover = known(self._handover)
        verifier = self._acceptance.verifier
        return self._decide(verifier.by_list(handover.request, handover.amount_minor, now))

    def _judge_asking_back_end(self, fact: Fact, now: Moment) -> Event:
        verifier, request = self._acceptance.verifier, known(self._handover).request
        if isinstance(fact, ServerFailed) and fact.refusal.outcome not in UNDECIDED:
            return self._decide(verifier.refused_by_back_end(fact.refusal))
        body = self._judge_server(fact)
        if isinstance(body, Event):
            return self._judge_by_list(now)
        try:
            judgement, renewals = verifier.by_back_end(request, body)
        except Refusal:
            return self._judge_by_list(now)
        trust, own = verifier.trust, self._acceptance.certificate.fingerprint
        paid = paid_by(paying_transfers(trust.suite, request))
        self._renewals = sound_renewals(trust, renewals, paid, own)
        return self._decide(judgement)

    def _decide(self, judgement: Judgement) -> Event:
        self._judgement = judgement
        if judgement.soundness is not Soundness.SOUND:
            detail = f"{judgement.detail}; checked by: {judgement.checked_by}"
            self._reason, self._peer_knows = Refusal(judgement.outcome, detail), False
        return _EVENTS[judgement.soundness]

    def _judge_accepting(self, fact: Fact, _: Moment) -> Event:
        answer = self._judge_chip(fact)
        if isinstance(fact, ChipFailed) and fact.refusal.outcome in _NO_ROOM:
            return Event.NO_ROOM
        if isinstance(answer, Event):
            return answer
        if not isinstance(answer, AcceptAnswer):
            raise LocalProtocolError("expected the receipt that ACCEPT signs")
        self._receipt = answer.receipt
        return Event.CHIP_DONE

    # Entries -------------------------------------------------------------------------------------
    def _enter_keeping_handover(self, _: Moment) -> Sequence[Effect]:
        return (Keep(known(self._handover)),)

    def _enter_probing(self, _: Moment) -> Sequence[Effect]:
        return (Probe(self._acceptance.certificate.value.issuer),)

    def _enter_asking_back_end(self, _: Moment) -> Sequence[Effect]:
        body = self._acceptance.verifier.question(known(self._handover).request)
        own, patience_ms = (
            self._acceptance.certificate.value.issuer,
            CONNECTION_RULE.check_timeout_ms,
        )
        return (AskServer(own, VERIFICATIONS_PATH, body, patience_ms),)

    def _enter_keeping_judgement(self, _: Moment) -> Sequence[Effect]:
        nonce = known(self._handover).nonce
        return (Keep(JudgementMade(nonce, known(self._judgement), self._renewals)),)

    def _enter_accepting(self, _: Moment) -> Sequence[Effect]:
        handover, trust = known(self._handover), self._acceptance.verifier.trust
        items = handover.request.items
        payer = parse_certificate(trust.suite, items[0].certificates[-1])
        command = Accept(
            offer=handover.offer,
            institution_certificate=trust.institution(payer.value.issuer).raw,
            payer_certificate=payer.raw,
            transfers=tuple(item.transfers[-1] for item in items),
        )
        return (PerformOnChip(command),)

    def _enter_keeping_acceptance(self, _: Moment) -> Sequence[Effect]:
        return (Keep(PaymentAccepted(known(self._handover).nonce, self._receipt)),)

    def _refused_offline(self) -> Sequence[Effect]:
        """The record of an anomaly, or of what the chip will never take."""
        reason, nonce = self._reason, known(self._handover).nonce
        return (Keep(SessionRefused(nonce, reason.outcome, reason.detail, self._judgement)),)

    def _done_offline(self) -> Sequence[Effect]:
        checked_by = known(self._judgement).checked_by
        finish = self._finish(Outcome.ACCEPTED, f"our chip took it in; checked by: {checked_by}")
        return Send(PaymentReceipt(self._receipt)), finish
