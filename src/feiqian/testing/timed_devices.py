"""Wallets with clocks of their own: a drifting oscillator that may show any date, and a simulated sky.

The network's clock is the truth here. A device's oscillator counts it wrongly, and its receiver tells
it with a bounded error, or lies, or is silent, as the test wants.
"""

from dataclasses import dataclass, field
from dataclasses import replace as with_fields

from feiqian.chip.session import ChipSession, Connection
from feiqian.crypto.trust import TrustStore
from feiqian.outcomes import Outcome, Refusal
from feiqian.ports import Courier, Library, Store
from feiqian.testing.network import SeededEntropy
from feiqian.testing.platform_world import StandingClock
from feiqian.testing.wallets import Device
from feiqian.timing.discipline import DEFAULT_DRIFT_PPM
from feiqian.timing.fixes import Fix
from feiqian.timing.moment import Moment
from feiqian.timing.readings import Reading
from feiqian.wallet.holder import Surroundings
from feiqian.wallet.institution_time import InstitutionTime
from feiqian.wallet.rules import WALLET_RULES, WalletRules
from feiqian.wallet.timekeeping import DisciplinedClock, Timekeeper, bounds_of, recall_clock
from feiqian.wallet.wallet import Wallet

FIX_EVERY_MS = 1_100
"""What passes until a receiver's next fix; simulated receivers are as slow as their radius."""
_MILLION = 1_000_000


@dataclass
class DriftingOscillator:
    """`ports.Oscillator` that is `ppm` too fast, and shows a date that is wrong by `offset_ms`."""

    truth: StandingClock
    offset_ms: int = 0
    ppm: int = 0
    _start_ms: int = field(init=False)

    def __post_init__(self) -> None:
        self._start_ms = self.truth.moment.midpoint_ms

    def read(self) -> Reading:
        """What it shows now."""
        passed_ms = self.truth.moment.midpoint_ms - self._start_ms
        counted_ms = passed_ms + passed_ms * self.ppm // _MILLION
        return Reading(self._start_ms + self.offset_ms + counted_ms)


@dataclass
class SimulatedReceiver:
    """`ports.FixSource` that hears the truth, or what a spoofer says."""

    truth: StandingClock
    oscillator: DriftingOscillator
    source: str = "gnss:beidou"
    radius_ms: int = 500
    lie_ms: int = 0
    """How far what it hears is from the truth."""
    silent: bool = False
    asked: int = 0

    async def fix(self) -> Fix:
        """The next fix, a second later."""
        self.asked += 1
        if self.silent:
            raise Refusal(Outcome.FIX_MISSING, "there is no sky here")
        self.truth.advance(FIX_EVERY_MS)
        told = Moment(self.truth.moment.midpoint_ms + self.lie_ms, self.radius_ms)
        return Fix(told, self.oscillator.read(), self.source)


@dataclass
class TimedDevice(Device):
    """A device whose client knows the time only by its own means."""

    offset_ms: int = 0
    ppm: int = 0
    drift_ppm: int = DEFAULT_DRIFT_PPM
    rules: WalletRules = WALLET_RULES
    oscillator: DriftingOscillator = field(init=False)
    receiver: SimulatedReceiver = field(init=False)
    clock: DisciplinedClock = field(init=False)
    _keepers: int = 0

    def __post_init__(self) -> None:
        super().__post_init__()
        self.oscillator = DriftingOscillator(self.network.clock, self.offset_ms, self.ppm)
        self.receiver = SimulatedReceiver(self.network.clock, self.oscillator)

    async def start(
        self,
        *,
        connection: Connection | None = None,
        store: Store | None = None,
        courier: Courier | None = None,
        library: Library | None = None,
    ) -> Wallet:
        """A new run of the client; the time is what its store remembers, or is asked for."""
        chip = ChipSession(connection or self.chip)
        self.clock = await recall_clock(
            store or self.store,
            self.oscillator,
            lambda: bounds_of(self.suite, chip.status()),
            self.drift_ppm,
        )
        if self.clock.known() is None:
            await self.timekeeper(hears=False).update()
        return await super().start(
            connection=connection, store=store, courier=courier, library=library
        )

    def surroundings(
        self,
        connection: Connection | None = None,
        store: Store | None = None,
        courier: Courier | None = None,
        library: Library | None = None,
    ) -> Surroundings:
        """The device's ports, with its own clock."""
        around = super().surroundings(connection, store, courier, library)
        return with_fields(around, clock=self.clock, rules=self.rules)

    def timekeeper(self, *, hears: bool = True, online: bool = True) -> Timekeeper:
        """What keeps the clock: with the sky, with the network, or neither."""
        trust = TrustStore.pinned(self.suite, self.network.platform.root())
        trust.learn_directory(self.network.platform.directory())
        self._keepers += 1
        institution = InstitutionTime(
            trust,
            self.code,
            self.network.courier,
            self.oscillator,
            SeededEntropy(f"{self.network.seed}/{self.label}/time/{self._keepers}"),
            self.drift_ppm,
        )
        return Timekeeper(
            self.clock,
            self.store,
            self.receiver if hears else None,
            institution if online else None,
        )

    def truth_is_inside(self) -> bool:
        """Whether the client's moment holds the truth."""
        now, truth_ms = self.clock.now(), self.network.clock.moment.midpoint_ms
        return now.earliest_ms <= truth_ms <= now.latest_ms
