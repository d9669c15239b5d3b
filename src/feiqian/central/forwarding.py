"""Passing reports on to the wallets' institutions, and their judgement back (W-07, W-10).

What cannot be decided now waits for the next time. What an institution refuses is decided, too: the
wallet gets an answer without a statement, and its synchronisation does not move. A statement is passed
on only when it is the institution's own, for this very wallet.
"""

from functools import partial

import structlog

from feiqian.central import channels, membership, wallet_reports
from feiqian.central.downlinks import Downlinks, DownwardAnswer
from feiqian.central.office import Office
from feiqian.central.wallet_reports import ReportJudgement, Waiting
from feiqian.crypto import cbor
from feiqian.crypto.certificates import parse_certificate
from feiqian.outcomes import SUCCESSES, UNDECIDED, Outcome, Refusal
from feiqian.ports import Courier, Transaction
from feiqian.wire import request_envelope
from feiqian.wire.request_envelope import ANSWER, MAX_BODY_BYTES
from feiqian.wire.risk import PLATFORM_REQUEST, REPORTS_PATH, ReportedResult
from feiqian.wire.synchronisation import SYNCHRONISATION

log = structlog.get_logger("forwarding")


class Forwarding:
    """The platform as the one who asks."""

    def __init__(self, office: Office, downlinks: Downlinks, courier: Courier) -> None:
        self._office = office
        self._downlinks = downlinks
        self._courier = courier

    async def forward(self) -> int:
        """Pass on what waits; how many were judged. A silent institution holds up its own alone."""
        judged, silent = 0, set()
        for each in await self._office.store.read(wallet_reports.waiting):
            if each.institution in silent:
                continue
            judgement = await self._judgement(each)
            if judgement.outcome in UNDECIDED:
                silent.add(each.institution)
                continue
            judged += await self._booked(each, judgement)
        return judged

    async def _booked(self, waiting: Waiting, judgement: ReportJudgement) -> bool:
        try:
            await self._office.store.write(partial(self._keep, waiting, judgement))
        except Refusal as refusal:
            log.warning("not booked", wallet=waiting.wallet, outcome=refusal.outcome)
            return False
        log.info("judged", wallet=waiting.wallet, outcome=judgement.outcome)
        return True

    async def _judgement(self, waiting: Waiting) -> ReportJudgement:
        try:
            return await self._ask_again(waiting)
        except Refusal as refusal:
            return ReportJudgement(refusal.outcome, refusal.detail, (), b"")

    async def _ask_again(self, waiting: Waiting) -> ReportJudgement:
        try:
            return await self._ask(waiting, waiting.request)
        except Refusal as refusal:
            if refusal.outcome is not Outcome.EXPIRED:
                raise
        office = self._office
        now_ms = office.now_ms()
        fresh = await office.store.write(
            lambda tx: wallet_reports.renew(tx, office.authority, waiting, now_ms)
        )
        return await self._ask(waiting, fresh)

    async def _ask(self, waiting: Waiting, request: bytes) -> ReportJudgement:
        office = self._office
        member = await office.store.read(lambda tx: membership.member_of(tx, waiting.institution))
        if member is None:
            raise Refusal(Outcome.UNKNOWN_ISSUER, f"expected {waiting.institution} as a member")
        key = parse_certificate(office.suite, member.certificate).value.public_key
        answered = await self._courier.post(f"{member.url.rstrip('/')}{REPORTS_PATH}", request)
        answer = ANSWER.read(office.suite, answered, key)
        if answer.request_id != PLATFORM_REQUEST.peek(office.suite, request).request_id:
            raise Refusal(Outcome.WRONG_SESSION, "expected the answer to our request")
        return self._read(waiting, answer, key)

    def _read(
        self, waiting: Waiting, answer: request_envelope.Answer, key: bytes
    ) -> ReportJudgement:
        if answer.outcome not in SUCCESSES:
            return ReportJudgement(answer.outcome, answer.detail, (), b"")
        result = cbor.decode(answer.result, ReportedResult, limit=MAX_BODY_BYTES)
        if result.statement:
            stated = SYNCHRONISATION.read(self._office.suite, result.statement, key)
            if stated.wallet != waiting.wallet:
                raise Refusal(Outcome.WRONG_OWNER, f"expected a statement for {waiting.wallet}")
        return ReportJudgement(answer.outcome, "", result.findings, result.statement)

    def _keep(self, waiting: Waiting, judgement: ReportJudgement, tx: Transaction) -> None:
        now_ms = self._office.now_ms()
        channel = channels.find(tx, waiting.channel)
        if not wallet_reports.judge(tx, waiting, judgement, now_ms) or channel is None:
            return
        if self._downlinks.can_reach(channel):
            answer = DownwardAnswer(waiting.uplink, judgement.findings, judgement.statement)
            self._downlinks.answer(tx, channel, answer, now_ms)
