"""The redeemer's side of cashing: presenting what we received to whoever issued it (C-09).

For each issuer there is one queue. What waits goes out together as soon as one of the few exchanges
under way has been stored, so the more there is to do the larger the requests become; nothing waits
for a clock. Answers may arrive in any order: what an issuer states to owe only grows. An
answer is evidence: it is stored, with everything that follows from it, in one transaction, and
only then do the waiting payments go on. Without an answer the items stay pending and are presented
again: by the next request for them, or when the institution starts.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field

import structlog

from feiqian.crypto.cbor import VERSION
from feiqian.institution import crediting, presented
from feiqian.institution.cashing import cash
from feiqian.institution.office import Office
from feiqian.outcomes import Outcome, Refusal
from feiqian.wire.cashing import (
    CASH_PATH,
    CASH_REQUEST,
    CASH_RESPONSE,
    OBLIGATION_STATEMENT,
    CashItem,
    CashRequest,
    CashResult,
)

MAX_PRESENTED = 64
"""Most items in one request, so that every request stays far below the size limit."""
MAX_EXCHANGES = 2
"""Requests to one issuer under way at once: one side works while the other one does."""
MAX_QUEUED = 10_000
MAX_REDRIVEN = 1_000
"""Most pending items presented again at once."""
REQUEST_ID_BYTES = 16

log = structlog.get_logger("presenting")


@dataclass(slots=True)
class _Queue:
    waiting: "list[tuple[presented.Item, asyncio.Future[CashResult]]]" = field(default_factory=list)
    exchanges: "set[asyncio.Task[None]]" = field(default_factory=set)


class Presenter:
    """Presents stored items to their issuers."""

    def __init__(self, office: Office) -> None:
        self._office = office
        self._queues: dict[str, _Queue] = {}

    async def present(self, items: Sequence[presented.Item]) -> None:
        """Present stored items; returns when every one is decided and the decision stored.

        Raises `Refusal`: unavailable, timed_out, busy when an issuer did not answer.
        """
        await asyncio.gather(*(self._enqueue(item) for item in items))

    async def present_pending(self) -> int:
        """Present again what no issuer has decided; how many there were."""
        items = await self._office.store.read(lambda tx: presented.pending(tx, MAX_REDRIVEN))
        outcomes = await asyncio.gather(
            *(self._enqueue(item) for item in items), return_exceptions=True
        )
        for outcome in outcomes:
            if isinstance(outcome, Refusal):
                log.warning("still pending", outcome=outcome.outcome, detail=outcome.detail)
            elif isinstance(outcome, BaseException):
                raise outcome
        return len(items)

    def _enqueue(self, item: presented.Item) -> "asyncio.Future[CashResult]":
        queue = self._queues.setdefault(item.issuer, _Queue())
        if len(queue.waiting) >= MAX_QUEUED:
            raise Refusal(Outcome.BUSY, f"expected at most {MAX_QUEUED} items for {item.issuer}")
        future: asyncio.Future[CashResult] = asyncio.get_running_loop().create_future()
        queue.waiting.append((item, future))
        if len(queue.exchanges) < MAX_EXCHANGES:
            self._start(item.issuer, queue)
        return future

    def _start(self, issuer: str, queue: _Queue) -> None:
        exchange = asyncio.create_task(self._drain(issuer, queue))
        queue.exchanges.add(exchange)
        exchange.add_done_callback(lambda ended: self._ended(issuer, queue, ended))

    def _ended(self, issuer: str, queue: _Queue, exchange: "asyncio.Task[None]") -> None:
        """A failure of our own, a full disk perhaps, ends an exchange with items still waiting."""
        queue.exchanges.discard(exchange)
        if queue.waiting and not queue.exchanges and not exchange.cancelled():
            self._start(issuer, queue)

    async def _drain(self, issuer: str, queue: _Queue) -> None:
        while queue.waiting:
            batch, queue.waiting = queue.waiting[:MAX_PRESENTED], queue.waiting[MAX_PRESENTED:]
            futures = [future for _, future in batch]
            try:
                results = await self._exchange(issuer, tuple(item for item, _ in batch))
                _fulfil(futures, results)
            except Refusal as refusal:
                log.warning("not presented", issuer=issuer, outcome=refusal.outcome)
                _fail(futures, refusal)
            finally:
                # Whatever else went wrong ends this exchange; nobody waits for it for ever.
                _fail(futures, Refusal(Outcome.UNAVAILABLE, "expected to store the answer"))

    async def _exchange(
        self, issuer: str, items: tuple[presented.Item, ...]
    ) -> tuple[CashResult, ...]:
        office = self._office
        cash_items = tuple(item.cash_item for item in items)
        if issuer == office.code:
            _, results = await cash(office, office.code, cash_items)
            answer = crediting.IssuersAnswer(issuer, None, None, None, results)
        else:
            answer = await self._ask(issuer, cash_items)
        if [result.transfer for result in answer.results] != [item.transfer for item in items]:
            raise Refusal(Outcome.WRONG_SESSION, "expected an answer to each item of our request")
        await office.store.write(lambda tx: crediting.book(tx, office, answer))
        return answer.results

    async def _ask(self, issuer: str, items: tuple[CashItem, ...]) -> crediting.IssuersAnswer:
        office = self._office
        request = CashRequest(
            VERSION,
            office.entropy(REQUEST_ID_BYTES),
            office.code,
            issuer,
            office.now_ms(),
            items,
        )
        raw = await office.courier.post(
            office.trust.url(issuer) + CASH_PATH,
            CASH_REQUEST.sign(office.suite, office.key, request),
        )
        public = office.trust.institution(issuer).value.public_key
        response = CASH_RESPONSE.read(office.suite, raw, public)
        if response.request_id != request.request_id:
            raise Refusal(Outcome.WRONG_SESSION, "expected an answer to our request")
        statement = OBLIGATION_STATEMENT.read(office.suite, response.statement, public)
        if (statement.debtor, statement.creditor) != (issuer, office.code):
            raise Refusal(Outcome.WRONG_ADDRESSEE, "expected a statement of what is owed to us")
        return crediting.IssuersAnswer(
            issuer, request.request_id, raw, response.statement, response.results
        )


def _fulfil(futures: "Sequence[asyncio.Future[CashResult]]", results: Sequence[CashResult]) -> None:
    for future, result in zip(futures, results, strict=True):
        if not future.done():
            future.set_result(result)


def _fail(futures: "Sequence[asyncio.Future[CashResult]]", refusal: Refusal) -> None:
    for future in futures:
        if not future.done():
            future.set_exception(Refusal(refusal.outcome, refusal.detail))
