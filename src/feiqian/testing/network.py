"""A whole network in one process: platform, institutions, and a courier that obeys the test.

Everything but the transport is the code that runs in production. Stores are in memory, entropy and
keys come from a seed, the clock stands still unless moved: the same seed makes the same bytes.
"""

import hashlib
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Self

from feiqian.central.authority import self_signed_root
from feiqian.central.control_desk import ControlDesk
from feiqian.central.documents import Admission, CycleOrder, CycleReport, ReservesChange
from feiqian.central.platform import Platform
from feiqian.central.satellite_gateway import SatelliteGateway
from feiqian.central.schema import MIGRATIONS as CENTRAL_MIGRATIONS
from feiqian.crypto.p256 import P256_SHA256
from feiqian.crypto.suites import PrivateKey, Suite
from feiqian.crypto.trust import TrustStore
from feiqian.institution import books, reporting, standing
from feiqian.institution.institution import Institution
from feiqian.institution.office import Office
from feiqian.institution.schema import MIGRATIONS as INSTITUTION_MIGRATIONS
from feiqian.outcomes import Outcome, Refusal
from feiqian.ports import Courier, Store
from feiqian.testing.memory_store import MemoryStore
from feiqian.testing.platform_world import START_MS, StandingClock
from feiqian.wire.cashing import CASH_PATH
from feiqian.wire.double_spending import EVIDENCE_PATH, LIST_PATH
from feiqian.wire.payment import MAILBOX_PATH, PAYMENTS_PATH
from feiqian.wire.request_envelope import REQUESTS_PATH
from feiqian.wire.risk import REPORTS_PATH
from feiqian.wire.time_statement import TIME_PATH
from feiqian.wire.verification import VERIFICATIONS_PATH, VERIFY_PATH

CENTRAL_URL = "http://central"
DEFAULT_RESERVES_MINOR = 1_000_000_00
DEFAULT_OPENING_MINOR = 1_000_00

Handler = Callable[[bytes], Awaitable[bytes]]
Reader = Callable[[str], Awaitable[bytes]]


class SeededEntropy:
    """`ports.Entropy` that a seed decides."""

    def __init__(self, seed: str) -> None:
        self._seed = seed
        self._count = 0

    def __call__(self, count: int) -> bytes:
        """The next `count` bytes (at most 64)."""
        self._count += 1
        return hashlib.sha512(f"{self._seed}/{self._count}".encode()).digest()[:count]


@dataclass
class RoutingCourier:
    """`ports.Courier` that calls the other party's method; parties can be cut off."""

    handlers: dict[str, Handler] = field(default_factory=dict)
    cut_off: set[str] = field(default_factory=set)
    """URL prefixes that cannot be reached."""
    losing_answers: set[str] = field(default_factory=set)
    """URL prefixes that do what is asked and whose answer is lost."""
    posted: list[tuple[str, bytes]] = field(default_factory=list)
    """Everything that was ever sent."""
    published: dict[str, Reader] = field(default_factory=dict)
    """URL prefixes whose documents are read by name."""

    async def post(self, url: str, body: bytes) -> bytes:
        """Deliver, unless the test has arranged otherwise."""
        self.posted.append((url, body))
        if any(url.startswith(prefix) for prefix in self.cut_off):
            raise Refusal(Outcome.UNAVAILABLE, f"{url} is cut off")
        if not any(url.startswith(prefix) for prefix in self.losing_answers):
            return await self.handlers[url](body)
        # A refusal is an answer, too.
        with suppress(Refusal):
            await self.handlers[url](body)
        raise Refusal(Outcome.TIMED_OUT, f"the answer of {url} was lost")

    async def get(self, url: str) -> bytes:
        """`ports.Library`: a document that the other party publishes."""
        if any(url.startswith(prefix) for prefix in self.cut_off):
            raise Refusal(Outcome.UNAVAILABLE, f"{url} is cut off")
        for prefix, read in self.published.items():
            if url.startswith(f"{prefix}/"):
                return await read(url.removeprefix(f"{prefix}/"))
        raise Refusal(Outcome.UNAVAILABLE, f"nothing is published at {url}")


@dataclass
class SimulatedNetwork:
    """A platform and its institutions, ready to serve wallets."""

    platform: Platform
    institutions: dict[str, Institution]
    stores: dict[str, MemoryStore]
    courier: RoutingCourier
    clock: StandingClock
    seed: str
    gateway: SatelliteGateway = field(init=False)
    desk: ControlDesk = field(init=False)

    @classmethod
    async def create(
        cls,
        codes: Sequence[str] = ("A", "B"),
        *,
        seed: str = "network",
        suite: Suite = P256_SHA256,
        reserves_minor: int = DEFAULT_RESERVES_MINOR,
        opening_minor: int = DEFAULT_OPENING_MINOR,
        clock: StandingClock | None = None,
    ) -> Self:
        """Make keys, admit the institutions, give each reserves and issuance of the same sum."""
        clock, courier = clock or StandingClock(), RoutingCourier()
        root_key = key_of(suite, seed, "root")
        root_raw = self_signed_root(suite, root_key, START_MS)
        stores = {"platform": MemoryStore(CENTRAL_MIGRATIONS)}
        platform = await Platform.open(suite, root_raw, root_key, stores["platform"], clock)
        network = cls(platform, {}, stores, courier, clock, seed)
        network.serve(platform)
        await network.gateway.open()
        for code in codes:
            public_key = key_of(suite, seed, code).public.hex()
            await platform.admit(Admission(f"admit {code}", code, public_key, url_of(code)))
        for code in codes:
            await platform.change_reserves(ReservesChange(f"fund {code}", code, reserves_minor))
            network.stores[code] = MemoryStore(INSTITUTION_MIGRATIONS)
            institution = network.start(code, suite, root_raw, opening_minor)
            await standing.order_issuance(institution.office, "first", reserves_minor)
        return network

    def serve(self, platform: Platform) -> None:
        """Have this run of the platform answer from now on."""
        self.platform = platform
        sealing_key = key_of(P256_SHA256, self.seed, "sealing")
        self.gateway = SatelliteGateway(platform.office, sealing_key, self.courier)
        self.desk = ControlDesk(platform.office)
        self.courier.handlers[f"{CENTRAL_URL}{REQUESTS_PATH}"] = platform.answer
        self.courier.published[f"{CENTRAL_URL}{LIST_PATH}"] = platform.list_document
        self.courier.published[f"{CENTRAL_URL}{EVIDENCE_PATH}"] = platform.evidence

    @property
    def suite(self) -> Suite:
        """The suite of the network."""
        return next(iter(self.institutions.values())).office.suite

    def url(self, code: str) -> str:
        """Where an institution answers."""
        return url_of(code)

    def public_key(self, code: str) -> bytes:
        """An institution's."""
        return self.institutions[code].office.key.public

    def ports(self, code: str) -> tuple[Store, Courier]:
        """What a run of an institution reaches the world through; a simulation stands between."""
        return self.stores[code], self.courier

    def start(self, code: str, suite: Suite, root_raw: bytes, opening_minor: int) -> Institution:
        """A new run of an institution on its store, as after a crash."""
        trust = TrustStore.pinned(suite, root_raw)
        trust.learn_directory(self.platform.directory())
        store, courier = self.ports(code)
        institution = Institution(
            Office(
                code=code,
                key=key_of(suite, self.seed, code),
                trust=trust,
                store=store,
                clock=self.clock,
                entropy=SeededEntropy(f"{self.seed}/{code}/{len(self.courier.posted)}"),
                courier=courier,
                central_url=CENTRAL_URL,
            ),
            opening_minor,
        )
        url = url_of(code)
        self.courier.handlers[f"{url}{REQUESTS_PATH}"] = institution.answer
        self.courier.handlers[f"{url}{PAYMENTS_PATH}"] = institution.pay
        self.courier.handlers[f"{url}{MAILBOX_PATH}"] = institution.leave
        self.courier.handlers[f"{url}{CASH_PATH}"] = institution.cash
        self.courier.handlers[f"{url}{VERIFICATIONS_PATH}"] = institution.verify
        self.courier.handlers[f"{url}{REPORTS_PATH}"] = institution.answer_report
        self.courier.handlers[f"{url}{VERIFY_PATH}"] = institution.answer_verify_request
        self.courier.handlers[f"{url}{TIME_PATH}"] = institution.tell_time
        self.courier.published[f"{url}{LIST_PATH}"] = institution.double_spending.document
        self.courier.published[f"{url}{EVIDENCE_PATH}"] = institution.evidence
        self.institutions[code] = institution
        return institution

    def restart(self, code: str) -> Institution:
        """Forget all that an institution had in memory."""
        office = self.institutions[code].office
        return self.start(code, office.suite, office.trust.root.raw, DEFAULT_OPENING_MINOR)

    async def settle(self) -> CycleReport:
        """Every institution claims, a net cycle runs, every institution books it."""
        for institution in self.institutions.values():
            await standing.settle(institution.office)
        report = await self.platform.run_cycle(CycleOrder(f"cycle {len(self.courier.posted)}"))
        for institution in self.institutions.values():
            await standing.update_position(institution.office)
        return report

    async def follow_lists(self) -> None:
        """Every institution reports what it found, then every one takes the newest list."""
        for institution in self.institutions.values():
            await reporting.report_conflicts(institution.office)
        for institution in self.institutions.values():
            await institution.follow_list(self.courier)

    def balances(self, code: str) -> dict[str, int]:
        """An institution's books."""
        return self.stores[code].run(books.balances)


def url_of(code: str) -> str:
    """Where an institution of a simulated network answers."""
    return f"http://{code.lower()}"


def key_of(suite: Suite, seed: str, label: str) -> PrivateKey:
    """The key of a label, the same in every run."""
    return suite.load(hashlib.sha256(f"{seed}/{label}".encode()).digest())
