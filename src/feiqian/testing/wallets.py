"""Real wallets on a simulated network: software chips, stores in memory, and the real client code.

A wallet can lose power: `restart` keeps what is durable (the chip's memory and the store) and
forgets the rest, as a crash does.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

from feiqian.chip.session import ChipSession, Connection
from feiqian.crypto.p256 import P256_SHA256
from feiqian.crypto.suites import Suite
from feiqian.crypto.trust import TrustStore
from feiqian.money.limits import DEFAULT_TIER
from feiqian.ports import Courier, Library, Store
from feiqian.testing.chips import PIN, PUK, RemovableChip
from feiqian.testing.memory_store import MemoryStore
from feiqian.testing.network import SeededEntropy, SimulatedNetwork
from feiqian.wallet.holder import Surroundings
from feiqian.wallet.opening import open_wallet
from feiqian.wallet.schema import MIGRATIONS
from feiqian.wallet.wallet import Wallet


@dataclass
class Device:
    """What a holder carries: chip and store outlive every run of the client."""

    network: SimulatedNetwork
    code: str
    label: str
    tier: int = DEFAULT_TIER
    suite: Suite = P256_SHA256
    chip: RemovableChip = field(init=False)
    store: MemoryStore = field(init=False)
    _runs: int = 0

    def __post_init__(self) -> None:
        self.chip = RemovableChip(self.suite, seed=sum(self.label.encode()))
        self.store = MemoryStore(MIGRATIONS)

    async def start(
        self,
        *,
        connection: Connection | None = None,
        store: Store | None = None,
        courier: Courier | None = None,
        library: Library | None = None,
    ) -> Wallet:
        """A new run of the client, with the chip unlocked; opens the wallet the first time."""
        self._runs += 1
        self.chip.reset()
        around = self.surroundings(connection, store, courier, library)
        holder = await open_wallet(around, self.code, self.tier, PIN, PUK)
        wallet = Wallet(holder)
        wallet.unlock(PIN)
        return wallet

    def surroundings(
        self,
        connection: Connection | None = None,
        store: Store | None = None,
        courier: Courier | None = None,
        library: Library | None = None,
    ) -> Surroundings:
        """The device's ports, or those given in their place."""
        network = self.network
        trust = TrustStore.pinned(self.suite, network.platform.root())
        trust.learn_directory(network.platform.directory())
        return Surroundings(
            trust=trust,
            chip=ChipSession(connection or self.chip),
            store=store or self.store,
            courier=courier or network.courier,
            library=library or network.courier,
            clock=network.clock,
            entropy=SeededEntropy(f"{network.seed}/{self.label}/{self._runs}"),
        )


def total_minor(devices: Sequence[Device]) -> int:
    """What all chips hold."""
    return sum(ChipSession(device.chip).status().balance_minor for device in devices)
