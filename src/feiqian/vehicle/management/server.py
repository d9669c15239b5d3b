"""The management server as a party: a tracker for each service that waits or runs, and the log.

Positions are not stored: after a restart a stay begins anew, which can delay a match and never make
one. The last number taken from a vehicle is stored with a match, and a vehicle's numbers are moments,
so nothing replayed from before a restart is believed either: it is stale.

Members may be registered by another process: before a message is judged, and with every tick, the
server looks whether the register has grown.
"""

from collections.abc import Sequence
from typing import ClassVar

from feiqian.crypto.cbor import VERSION
from feiqian.crypto.trust import TrustStore
from feiqian.ports import Transaction
from feiqian.protocol.service.admission import ManagementSetup, Pricing
from feiqian.protocol.service.facts import CancelAsked, Departed, Fact, Heard, Located, Unclear
from feiqian.protocol.service.management import ManagementMachine
from feiqian.protocol.service.records import ManagementService
from feiqian.protocol.service.states import State
from feiqian.timing.moment import Moment
from feiqian.vehicle import service_rows
from feiqian.vehicle.management import members
from feiqian.vehicle.management.members import Members, Registered
from feiqian.vehicle.matching import verdicts
from feiqian.vehicle.matching.areas import ServiceArea
from feiqian.vehicle.matching.index import AreaIndex
from feiqian.vehicle.matching.policy import USUAL, MatchingPolicy
from feiqian.vehicle.matching.tracker import Tracker
from feiqian.vehicle.party import Office, Party, Patience
from feiqian.vehicle.post import Letter
from feiqian.vehicle.service_rows import LogLine
from feiqian.wire.presence import PositionReport, PresenceAnswer
from feiqian.wire.service import Member, Said, ServiceAuthorised, ServiceCancelled
from feiqian.wire.service_kinds import KIND_OF

_MATCHED = frozenset({State.MATCHED, State.SERVING, State.STOPPING})
_POSITION = KIND_OF[PositionReport]
_TRACKED = frozenset({State.TRACKING, State.ASKING}) | _MATCHED


class ManagementServer(Party[ManagementService]):
    """The server."""

    RECORD: ClassVar = ManagementService

    def __init__(
        self,
        office: Office,
        trust: TrustStore,
        price: Pricing,
        policy: MatchingPolicy = USUAL,
    ) -> None:
        super().__init__(office)
        self._trust = trust
        self._price = price
        self._policy = policy
        self._drawn: list[ServiceArea] = []
        self._areas = AreaIndex.build(())
        self._revision = 0
        """Of the register, as far as it was read."""
        self._questions = Patience()
        self._trackers: dict[str, dict[bytes, Tracker]] = {}
        """By vehicle, and by request."""

    async def recall(self) -> None:
        """Read members and open services from the store; before anything is heard."""
        store = self.office.store
        self._revision = await store.read(members.revision)
        self.office.post.keys.update(await store.read(members.keys))
        drawn = await store.read(members.areas)
        if drawn != self._drawn:
            self._drawn, self._areas = drawn, AreaIndex.build(drawn)
            self._trackers.clear()
        for record in await store.read(
            lambda tx: service_rows.in_states(tx, _TRACKED, ManagementService)
        ):
            self._track(record)

    async def register(self, ones: Sequence[Registered]) -> None:
        """Take in members. `Refusal` by name."""
        suite, now = self.office.post.suite, self.office.clock.now()

        def job(tx: Transaction) -> None:
            for one in ones:
                members.register(tx, suite, one, now)

        await self.office.store.write(job)
        await self.recall()

    async def hear_said(self, kind: str, raw: bytes) -> None:
        """Take in a signed message. Positions are many, and of vehicles that were heard before."""
        if kind != _POSITION:
            await self._keep_up()
        await super().hear_said(kind, raw)

    async def tick(self) -> bool:
        """Look at everything once."""
        await self._keep_up()
        return await super().tick()

    async def _keep_up(self) -> None:
        if await self.office.store.read(members.revision) != self._revision:
            await self.recall()

    # Steps ---------------------------------------------------------------------------------------
    def _machine(self, tx: Transaction, record: ManagementService) -> ManagementMachine:
        setup = ManagementSetup(self.name, self._trust, Members(tx), self._price)
        return ManagementMachine(record, setup)

    def _new(self, request_id: bytes, message: Said) -> ManagementService | None:
        known = isinstance(message, ServiceAuthorised | ServiceCancelled)
        return ManagementService(VERSION, request_id) if known else None

    def _store(self, tx: Transaction, record: ManagementService, now_ms: int) -> None:
        service_rows.store(
            tx, record, now_ms, payer=record.payer, authorisation=record.authorisation_number
        )

    def _step(
        self, tx: Transaction, request_id: bytes, fact: Fact, now: Moment
    ) -> ManagementService | None:
        record = super()._step(tx, request_id, fact, now)
        if record is not None:
            self._track(record)
        return record

    def _track(self, record: ManagementService) -> None:
        """Follow the vehicle of a service for as long as its position matters."""
        mine = self._trackers.setdefault(record.vehicle, {})
        if record.state not in _TRACKED:
            mine.pop(record.request_id, None)
            self._questions.done(record.request_id)
        elif record.request_id not in mine:
            entity = record.entity if record.state in _MATCHED else None
            mine[record.request_id] = Tracker(
                self._areas, record.service.value, self._policy, entity=entity
            )
        if not mine:
            del self._trackers[record.vehicle]

    # Positions -----------------------------------------------------------------------------------
    async def _fleeting(self, letter: Letter, now: Moment) -> bool:
        report = letter.message
        if not isinstance(report, PositionReport):
            return False
        for request_id, tracker in tuple(self._trackers.get(report.sender, {}).items()):
            before = tracker.verdict
            verdict = tracker.report(report.sequence, report.position, now)
            if isinstance(verdict, verdicts.Refused):
                self.office.note(f"{report.sender}: {verdict.outcome}: {verdict.detail}")
            elif verdict != before or self._may_ask(request_id, verdict, now):
                await self._follow(request_id, verdict)
        return True

    def _may_ask(self, request_id: bytes, verdict: verdicts.Verdict, now: Moment) -> bool:
        """Whether to ask again about the same doubt: later each time, not with every report."""
        may = self._questions.may(request_id, now.midpoint_ms)
        if may and isinstance(verdict, verdicts.Ambiguous):
            self._questions.failed(request_id, now.midpoint_ms)
            return True
        return False

    async def _follow(self, request_id: bytes, verdict: verdicts.Verdict) -> None:
        match verdict:
            case verdicts.Match(entity):
                await self.tell(request_id, Located(entity))
            case verdicts.Ambiguous(entities):
                await self.tell(request_id, Unclear(entities))
            case verdicts.Departed(_, moment):
                await self.tell(request_id, Departed(moment))
            case _:
                return

    def _hear_plainly(self, tx: Transaction, letter: Letter, now: Moment) -> None:
        if not isinstance(letter.message, PresenceAnswer):
            super()._hear_plainly(tx, letter, now)
            return
        asking = frozenset({State.ASKING})
        for record in service_rows.in_states(tx, asking, ManagementService):
            self._answered(tx, record, letter, now)

    def _answered(
        self, tx: Transaction, record: ManagementService, letter: Letter, now: Moment
    ) -> None:
        machine = self._machine(tx, record)
        answer = letter.message
        assert isinstance(answer, PresenceAnswer)
        if machine.question_id != answer.question_id:
            return
        after = self._step(tx, record.request_id, Heard(letter.message, letter.raw), now)
        tracker = self._trackers.get(record.vehicle, {}).get(record.request_id)
        if after is not None and after.state is State.MATCHED and tracker is not None:
            _resolve(tracker, after.entity)

    # Looking -------------------------------------------------------------------------------------
    async def cancel(self, request_id: bytes, detail: str) -> ManagementService | None:
        """The operator ends a service."""
        return await self.tell(request_id, CancelAsked(detail))

    async def log(self, request_id: bytes | None = None) -> list[LogLine]:
        """What happened, to one service or to all (V-11)."""
        return await self.office.store.read(lambda tx: service_rows.log_lines(tx, request_id))

    async def services(self) -> list[ManagementService]:
        """Every service, the newest first."""
        return await self.office.store.read(lambda tx: service_rows.newest(tx, ManagementService))

    def membership(self, name: str, public_key: bytes, member: Member, until_ms: int) -> bytes:
        """Our signed word on a member."""
        post = self.office.post
        one = Registered(name, member, public_key)
        return members.membership(post.suite, post.key, self.name, one, until_ms)


def _resolve(tracker: Tracker, entity: str) -> None:
    """Tell the tracker what the entities said, if its vehicle still stands there."""
    possible = tracker.verdict
    if isinstance(possible, verdicts.Ambiguous) and entity in possible.entities:
        tracker.resolve(entity)
    else:
        tracker.entity = entity
