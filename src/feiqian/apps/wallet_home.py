"""A wallet's directory: `wallet.toml`, the pinned root, the software chip's memory and the store.

It is made once, by opening the wallet, and opened for one command at a time: the chip's lock keeps
two processes apart. What the disk or the database refuses reaches the holder as a refusal.
"""

import sqlite3
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated

import msgspec

from feiqian.adapters.clock import system_entropy
from feiqian.adapters.gnss import GnssReceiver
from feiqian.adapters.gpsd import parse_gpsd
from feiqian.adapters.http_client import HttpCourier
from feiqian.adapters.oscillator import SystemOscillator
from feiqian.adapters.softchip import FileMemory, SoftChip
from feiqian.adapters.sqlite import SqliteStore
from feiqian.apps import network as networks
from feiqian.apps.configuration import CentralConfig, load, write_toml
from feiqian.apps.founding import CONFIG_FILE
from feiqian.chip.session import ChipSession
from feiqian.crypto.certificates import InstitutionCode
from feiqian.crypto.suite_names import suite_named
from feiqian.crypto.trust import TrustStore
from feiqian.outcomes import Outcome, Refusal
from feiqian.protocol.payment.verification import CONNECTION_RULE
from feiqian.timing.discipline import DEFAULT_DRIFT_PPM, MAX_DRIFT_PPM
from feiqian.wallet import opening
from feiqian.wallet.holder import Surroundings
from feiqian.wallet.institution_time import InstitutionTime
from feiqian.wallet.overdue import OVERDUE_RULE, OverdueAction, OverdueRule
from feiqian.wallet.rules import WalletRules
from feiqian.wallet.schema import MIGRATIONS
from feiqian.wallet.timekeeping import DisciplinedClock, Timekeeper, bounds_of, recall_clock
from feiqian.wallet.wallet import Wallet
from feiqian.wire.published import DIRECTORY_PATH, ROOT_PATH

WALLET_FILE = "wallet.toml"
ROOT_FILE = "root.cose"
DATABASE_FILE = "wallet.db"
CHIP_FILE = "chip.bin"


class WalletConfig(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`wallet.toml`: where a wallet belongs, and the holder's own rules for it."""

    suite: str
    institution: InstitutionCode
    network_url: str
    """Where the directory was first taken from."""
    root_file: str = ROOT_FILE
    database: str = DATABASE_FILE
    chip_file: str = CHIP_FILE
    receiver: str = ""
    """The satellite receiver, such as ``gpsd://127.0.0.1:2947``; none when empty."""
    messages: str = ""
    """The short-message module, such as ``rdss3-regional:/dev/ttyUSB0``; none when empty."""
    station: str = ""
    """The ground station's address in the short-message service."""
    drift_ppm: Annotated[int, msgspec.Meta(ge=0, le=MAX_DRIFT_PPM)] = DEFAULT_DRIFT_PPM
    """How wrong the local clock may run."""
    probe_attempts: Annotated[int, msgspec.Meta(ge=1, le=10)] = CONNECTION_RULE.attempts
    probe_timeout_ms: Annotated[int, msgspec.Meta(ge=1, le=60_000)] = (
        CONNECTION_RULE.probe_timeout_ms
    )
    overdue_after_ms: Annotated[int, msgspec.Meta(ge=1)] = OVERDUE_RULE.preset_ms
    """Longer offline is overdue."""
    on_overdue: tuple[OverdueAction, ...] = tuple(sorted(OVERDUE_RULE.actions))

    def rules(self) -> WalletRules:
        """The holder's rules."""
        connection = replace(
            CONNECTION_RULE,
            attempts=self.probe_attempts,
            probe_timeout_ms=self.probe_timeout_ms,
        )
        overdue = OverdueRule(self.overdue_after_ms, frozenset(self.on_overdue))
        return WalletRules(connection, overdue)


@dataclass(frozen=True, slots=True)
class Home:
    """An opened directory; `wallet` is None until the wallet has been opened."""

    config: WalletConfig
    around: Surroundings
    courier: HttpCourier
    clock: DisciplinedClock
    wallet: Wallet | None

    async def update_directory(self) -> None:
        """Take in the newest directory from our institution. `Refusal` when it cannot be had."""
        around = self.around
        known = self.config.institution in around.trust.codes
        url = around.trust.url(self.config.institution) if known else self.config.network_url
        raw = await self.courier.get(f"{url}{DIRECTORY_PATH}")
        await opening.learn_directory(around, raw)

    def timekeeper(self, receiver: str = "", *, online: bool = True) -> Timekeeper:
        """What disciplines the clock: by this receiver or the configured one, and if `online` by
        our institution. `Refusal` malformed for a receiver's address.
        """
        address, oscillator = receiver or self.config.receiver, self.clock.oscillator
        around = self.around
        institution = InstitutionTime(
            around.trust,
            self.config.institution,
            around.courier,
            oscillator,
            around.entropy,
            self.config.drift_ppm,
        )
        return Timekeeper(
            self.clock,
            around.store,
            GnssReceiver(*parse_gpsd(address), oscillator) if address else None,
            institution if online else None,
        )


async def prepare(folder: Path, network: str, suite: str, institution: str) -> None:
    """Write `wallet.toml` and pin the root, unless they are there. `Refusal` key_reused."""
    if (folder / WALLET_FILE).exists():
        config = load(folder / WALLET_FILE, WalletConfig)
        if config.institution != institution:
            raise Refusal(
                Outcome.KEY_REUSED, f"the wallet in {folder} belongs to {config.institution}"
            )
        return
    if network.startswith(("http://", "https://")):
        url = network.rstrip("/")
        _write_home(folder, WalletConfig(suite, institution, url), await _fetch_root(url))
        return
    _write_home(folder, *_read_network(Path(network), institution))


async def _fetch_root(url: str) -> bytes:
    courier = HttpCourier()
    try:
        return await courier.get(f"{url}{ROOT_PATH}")
    finally:
        await courier.close()


def _read_network(folder: Path, institution: str) -> tuple[WalletConfig, bytes]:
    home = folder / networks.CENTRAL
    central = load(home / CONFIG_FILE, CentralConfig)
    url = networks.institution_url(folder, institution)
    try:
        root_raw = (home / central.root_file).read_bytes()
    except OSError as error:
        raise Refusal(Outcome.MALFORMED, f"expected a network in {folder}: {error}") from error
    return WalletConfig(central.suite, institution, url), root_raw


def _write_home(folder: Path, config: WalletConfig, root_raw: bytes) -> None:
    TrustStore.pinned(suite_named(config.suite), root_raw)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        folder.chmod(0o700)
        (folder / ROOT_FILE).write_bytes(root_raw)
        write_toml(folder / WALLET_FILE, config)
    except OSError as error:
        raise Refusal(Outcome.UNAVAILABLE, f"cannot make {folder}: {error}") from error


@asynccontextmanager
async def open_home(folder: Path) -> AsyncIterator[Home]:
    """The wallet in `folder`, with everything closed afterwards.

    Raises `Refusal`: malformed when there is none, busy while another process has it.
    """
    config = load(folder / WALLET_FILE, WalletConfig)
    try:
        async with _opened(folder, config) as home:
            yield home
    except (OSError, sqlite3.Error) as error:
        raise Refusal(Outcome.UNAVAILABLE, f"{folder}: {error}") from error


@asynccontextmanager
async def _opened(folder: Path, config: WalletConfig) -> AsyncIterator[Home]:
    suite = suite_named(config.suite)
    memory = FileMemory(folder / config.chip_file)
    try:
        store = SqliteStore.open(folder / config.database, MIGRATIONS)
        courier = HttpCourier()
        try:
            chip = ChipSession(SoftChip(memory, suite, system_entropy))
            clock = await recall_clock(
                store, SystemOscillator(), lambda: bounds_of(suite, chip.status()), config.drift_ppm
            )
            around = Surroundings(
                trust=TrustStore.pinned(suite, (folder / config.root_file).read_bytes()),
                chip=chip,
                store=store,
                courier=courier,
                library=courier,
                clock=clock,
                entropy=system_entropy,
                rules=config.rules(),
            )
            await opening.recall_directory(around)
            holder = await opening.reopen(around)
            yield Home(config, around, courier, clock, None if holder is None else Wallet(holder))
        finally:
            await courier.close()
            await store.close()
    finally:
        memory.close()
