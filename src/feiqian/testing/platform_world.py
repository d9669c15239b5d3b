"""A platform with institutions whose keys we hold: they ask it what real ones ask, or what none may.

Keys come from fixed scalars and the clock stands still unless moved, so that every run makes the
same bytes.
"""

import asyncio
from collections.abc import Awaitable, Iterable, Sequence
from types import TracebackType
from typing import Self, TypeVar

from msgspec import Struct

from feiqian.central.authority import self_signed_root
from feiqian.central.documents import Admission, CycleOrder, CycleReport, ReservesChange
from feiqian.central.platform import Platform
from feiqian.central.schema import MIGRATIONS
from feiqian.crypto import cbor
from feiqian.crypto.cbor import VERSION
from feiqian.crypto.certificates import PLATFORM
from feiqian.crypto.p256 import P256_SHA256
from feiqian.crypto.suites import PrivateKey
from feiqian.testing.memory_store import MemoryStore
from feiqian.timing.moment import Moment
from feiqian.wire.cashing import OBLIGATION_STATEMENT, ObligationStatement
from feiqian.wire.platform_requests import (
    IssueBody,
    IssueResult,
    PositionResult,
    SettleBody,
    SettleResult,
)
from feiqian.wire.request_envelope import (
    ANSWER,
    INSTITUTION_REQUEST,
    Action,
    Answer,
    EmptyBody,
    Request,
)

START_MS = 1_800_000_000_000
SUITE = P256_SHA256
R = TypeVar("R", bound=Struct)


class StandingClock:
    """`ports.Clock` that shows what it was set to."""

    def __init__(self, now_ms: int = START_MS, radius_ms: int = 0) -> None:
        self.moment = Moment(now_ms, radius_ms)

    def now(self) -> Moment:
        """The moment set."""
        return self.moment

    def advance(self, by_ms: int) -> None:
        """Let time pass."""
        self.moment = Moment(self.moment.midpoint_ms + by_ms, self.moment.radius_ms)


class PlatformWorld:
    """A platform on a memory store; the institutions named are admitted, with reserves."""

    def __init__(self, codes: Sequence[str] = ("A", "B", "C"), reserves_minor: int = 0) -> None:
        self.clock = StandingClock()
        self.store = MemoryStore(MIGRATIONS)
        self.root_key = _key(1)
        self.root_raw = self_signed_root(SUITE, self.root_key, START_MS)
        self.keys = {code: _key(100 + place) for place, code in enumerate(codes)}
        self.platform = run(
            Platform.open(SUITE, self.root_raw, self.root_key, self.store, self.clock)
        )
        self._asked = 0
        self._cycles = 0
        for code in codes:
            self.admit(code)
            if reserves_minor:
                change = ReservesChange(f"first-{code}", code, reserves_minor)
                run(self.platform.change_reserves(change))

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.store.close()

    def admit(self, code: str) -> None:
        """Have an institution certified."""
        public_key = self.keys[code].public.hex()
        url = f"https://{code.lower()}.example"
        run(self.platform.admit(Admission(f"admit-{code}", code, public_key, url)))

    def request(
        self,
        sender: str,
        action: Action,
        body: Struct,
        *,
        number: int | None = None,
        addressee: str = PLATFORM,
        key: PrivateKey | None = None,
    ) -> bytes:
        """A signed request; each gets a request id of its own unless `number` is given."""
        self._asked += 1
        request_id = (self._asked if number is None else number).to_bytes(16, "big")
        request = Request(
            VERSION,
            request_id,
            sender,
            addressee,
            self.clock.now().midpoint_ms,
            action,
            cbor.encode(body),
        )
        return INSTITUTION_REQUEST.sign(SUITE, key or self.keys[sender], request)

    def send(self, raw: bytes) -> Answer:
        """What the platform answers, its signature checked."""
        return self.read(run(self.platform.answer(raw)))

    def read(self, raw: bytes) -> Answer:
        """An answer's payload, its signature checked."""
        return ANSWER.read(SUITE, raw, self.root_key.public)

    def ask(self, sender: str, action: Action, body: Struct, result: type[R]) -> R:
        """The result of a request that must succeed."""
        answer = self.send(self.request(sender, action, body))
        return cbor.decode(answer.result, result, limit=65_536)

    def issue(self, code: str, amount_minor: int) -> IssueResult:
        """Have `amount_minor` issued to an institution."""
        return self.ask(code, Action.ISSUE, IssueBody(VERSION, amount_minor), IssueResult)

    def position(self, code: str) -> PositionResult:
        """An institution's standing."""
        return self.ask(code, Action.POSITION, EmptyBody(VERSION), PositionResult)

    def settle(self, creditor: str, statements: Iterable[bytes]) -> SettleResult:
        """Have a creditor present what it was given."""
        body = SettleBody(VERSION, tuple(statements))
        return self.ask(creditor, Action.SETTLE, body, SettleResult)

    def statement(
        self, debtor: str, creditor: str, total_minor: int, key: PrivateKey | None = None
    ) -> bytes:
        """What a debtor signs for a creditor."""
        now_ms = self.clock.now().midpoint_ms
        stated = ObligationStatement(VERSION, debtor, creditor, total_minor, now_ms)
        return OBLIGATION_STATEMENT.sign(SUITE, key or self.keys[debtor], stated)

    def cycle(self) -> CycleReport:
        """Run a net cycle."""
        self._cycles += 1
        return run(self.platform.run_cycle(CycleOrder(f"cycle-{self._cycles}")))


def _key(scalar: int) -> PrivateKey:
    return SUITE.load(scalar.to_bytes(32, "big"))


T = TypeVar("T")


def run(awaitable: Awaitable[T]) -> T:
    """Run to the end, in a loop of its own."""

    async def wait() -> T:
        return await awaitable

    return asyncio.run(wait())
