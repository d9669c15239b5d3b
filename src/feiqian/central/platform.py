"""The central platform as one object: signed requests in, signed answers out, operator actions.

It keeps nothing in memory but the newest directory, which it reads again from the store before it
believes anybody: so several front ends can serve one database.
"""

from collections.abc import Callable
from functools import partial
from typing import Self, TypeVar

import msgspec
from msgspec import Struct

from feiqian.central import idempotency, membership, operator, reports, requests
from feiqian.central.authority import Authority, take_office
from feiqian.central.documents import (
    Admission,
    Admitted,
    CycleOrder,
    CycleReport,
    ModeChange,
    ModeChosen,
    PlatformReport,
    ReservesBalance,
    ReservesChange,
)
from feiqian.central.list_book import ListBook
from feiqian.central.list_documents import (
    EvidenceFound,
    EvidenceQuery,
    ListReport,
    ListRevocation,
    ListRevoked,
)
from feiqian.central.office import Office
from feiqian.crypto.suites import PrivateKey, Suite
from feiqian.crypto.trust import TrustStore
from feiqian.ports import Clock, Store, Transaction

OPERATOR = "operator"
"""Sender of the operator's actions; no institution can have this name."""

A = TypeVar("A", Admission, ReservesChange, ModeChange, CycleOrder, ListRevocation)
R = TypeVar("R", bound=Struct)


class Platform:
    """One network's platform, over a store with `schema.MIGRATIONS`."""

    def __init__(self, authority: Authority, store: Store, clock: Clock) -> None:
        self._authority = authority
        self._store = store
        self._clock = clock
        self._trust = TrustStore(authority.suite, authority.root)
        self._book = ListBook(authority)
        self.office = Office(authority, self._trust, self._book, store, clock)

    @classmethod
    async def open(
        cls, suite: Suite, root_raw: bytes, key: PrivateKey, store: Store, clock: Clock
    ) -> Self:
        """Take office, and publish an empty directory and list when there are none yet."""
        platform = cls(take_office(suite, root_raw, key), store, clock)
        now_ms = clock.now().midpoint_ms
        await store.write(partial(_publish_first, platform._authority, now_ms))
        await store.write(lambda tx: platform._book.publish_first(tx, now_ms))
        await platform._refresh()
        return platform

    async def answer(self, raw: bytes) -> bytes:
        """The signed answer to an institution's signed request, given `raw` COSE bytes.

        Raises `Refusal` when the request is not genuine, too late, or under a used key.
        """
        asked = requests.read_request(self._authority.suite, raw)
        await self._refresh()
        now = self._clock.now()
        accepted = requests.authenticate(self._authority, self._trust, self._book, asked, now)
        return await self._store.write(partial(requests.answer, self._authority, accepted, now))

    def directory(self) -> bytes:
        """The newest directory (COSE bytes)."""
        return self._trust.directory_raw

    def root(self) -> bytes:
        """The root certificate (COSE bytes)."""
        return self._authority.root.raw

    async def keep_list_recent(self) -> None:
        """Publish the double-spending list again when it has not changed for long."""
        now_ms = self._clock.now().midpoint_ms
        await self._store.write(lambda tx: self._book.keep_recent(tx, now_ms))

    async def list_document(self, name: str) -> bytes:
        """A document of the double-spending list. `Refusal`: malformed, unknown_identifier."""
        return await self._store.read(lambda tx: self._book.document(tx, name))

    async def evidence(self, name: str) -> bytes:
        """Evidence by its name in hexadecimal. `Refusal`: malformed, unknown_identifier."""
        return await self._store.read(lambda tx: reports.find_evidence(tx, name))

    async def admit(self, admission: Admission) -> Admitted:
        """Certify and publish an institution. `Refusal`: malformed, wrong_owner, key_reused."""
        decide = partial(operator.admit, self._authority)
        admitted = await self._once(admission, decide, Admitted)
        await self._refresh()
        return admitted

    async def change_reserves(self, change: ReservesChange) -> ReservesBalance:
        """Pay reserves in or out.

        Raises `Refusal`: malformed, unknown_issuer, key_reused, over_holding_limit,
        insufficient_reserves.
        """
        return await self._once(change, operator.change_reserves, ReservesBalance)

    async def choose_mode(self, change: ModeChange) -> ModeChosen:
        """Choose when claims settle. `Refusal` key_reused."""
        return await self._once(change, operator.choose_mode, ModeChosen)

    async def run_cycle(self, order: CycleOrder) -> CycleReport:
        """Net and settle all that waits. `Refusal` key_reused."""
        return await self._once(order, operator.run_cycle, CycleReport)

    async def report(self) -> PlatformReport:
        """The state of the books, with every invariant checked."""
        return await self._store.read(operator.report)

    async def list_report(self) -> ListReport:
        """The newest double-spending list at a glance."""
        return await self._store.read(partial(operator.list_report, self._book))

    async def revoke_listing(self, revocation: ListRevocation) -> ListRevoked:
        """Take something off the list. `Refusal`: unknown_identifier, unknown_wallet, key_reused."""
        return await self._once(revocation, partial(operator.revoke, self._book), ListRevoked)

    async def find_evidence(self, query: EvidenceQuery) -> EvidenceFound:
        """The evidence that is kept about something or somebody."""
        return await self._store.read(partial(operator.find_evidence, query))

    async def _once(
        self,
        action: A,
        decide: Callable[[A, Transaction, int], R],
        answer: type[R],
    ) -> R:
        """Do an operator's action under its key and give the answer it got then or now."""
        key = idempotency.operator_key(self._authority.suite, OPERATOR, action.key, action)
        now_ms = self._clock.now().midpoint_ms

        def job(tx: Transaction) -> bytes:
            return idempotency.once(
                tx, key, lambda: msgspec.json.encode(decide(action, tx, now_ms))
            )

        return msgspec.json.decode(await self._store.write(job), type=answer)

    async def _refresh(self) -> None:
        """Learn a directory that this or another front end has published since."""
        number = self._trust.directory_number
        newer = await self._store.read(lambda tx: membership.newer_directory(tx, number))
        if newer is not None:
            self._trust.learn_directory(newer)


def _publish_first(authority: Authority, now_ms: int, tx: Transaction) -> None:
    if membership.directory_number(tx) == 0:
        membership.publish(tx, authority, now_ms)
