"""The parties of the road in a directory: keys, configuration, registration, and how each is opened.

``management/`` holds the management server and what its bus needs (`road_bus.py`); every other party
has a directory of its own with its key, what lets it in to the bus, its store and `party.toml`.
Registering writes to the management server's store, whether it serves or not.
"""

from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial
from pathlib import Path

import msgspec

from feiqian.adapters.bus_addresses import Endpoint
from feiqian.adapters.clock import SystemClock
from feiqian.adapters.mosquitto import BrokerSetup
from feiqian.adapters.patient_bus import PatientBus
from feiqian.adapters.sqlite import SqliteStore
from feiqian.apps import road_bus
from feiqian.apps.configuration import load, read_key, write_secret, write_toml
from feiqian.crypto.suite_names import suite_named
from feiqian.crypto.suites import PrivateKey, Suite
from feiqian.outcomes import Outcome, Refusal
from feiqian.ports import MessageBus
from feiqian.vehicle.management import members
from feiqian.vehicle.management.members import Registered
from feiqian.vehicle.party import Office
from feiqian.vehicle.post import Post
from feiqian.vehicle.schema import MIGRATIONS
from feiqian.wire.bus_topics import check_name
from feiqian.wire.service import Member
from feiqian.wire.usage import ServiceClass

PARTY_FILE, KEY_FILE, DATABASE = "party.toml", "party.key", "party.db"
MANAGEMENT = "management"


class StatedEntity(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """An entity of a provider, as configured."""

    name: str
    service: ServiceClass
    wallet: str
    """Fingerprint, in hexadecimal."""
    tariff: str
    stated_until_ms: int


class PartyConfig(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """`party.toml`: a party to services."""

    name: str
    member: Member
    suite: str
    management: str
    management_key: str
    """In hexadecimal."""
    bus: str
    """``stream://HOST:PORT`` or ``mqtts://HOST:PORT``."""
    wallet: str = ""
    """Vehicle and entity: the wallet's directory."""
    membership: str = ""
    """Vehicle: the management server's word on it, in hexadecimal."""
    providers: dict[str, str] = {}
    """Vehicle: the keys of those trusted, by name."""
    entities: tuple[StatedEntity, ...] = ()
    """Provider: its own."""
    network_url: str = ""
    """Management server: where the directory is read."""


def absolute(folder: Path) -> str:
    """Where it is, whatever the current directory will be."""
    return str(folder.resolve())


def _make_party(road: Path, folder: Path, config: PartyConfig, key: PrivateKey) -> None:
    """Write what a party needs; last what makes it one."""
    _make_folder(folder)
    write_secret(folder / KEY_FILE, key.secret.hex())
    road_bus.admit(road / MANAGEMENT, config.bus, config.name, folder)
    write_toml(folder / PARTY_FILE, config)


def _make_folder(folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    folder.chmod(0o700)


def _check_new(folder: Path) -> None:
    if (folder / PARTY_FILE).exists():
        raise Refusal(Outcome.KEY_REUSED, f"there is a party in {folder} already")


def found(
    road: Path, config: PartyConfig, key: PrivateKey, listen: Endpoint | None = None
) -> BrokerSetup | None:
    """A management server and its bus in ``road/management``. `Refusal` by name.

    `listen` is where a broker binds, when that is not where members find it.
    """
    folder = road / MANAGEMENT
    _check_new(folder)
    check_name(config.name)
    _make_folder(folder)
    setup = road_bus.found_bus(folder, config.bus, listen)
    _make_party(road, folder, config, key)
    return setup


def admit_again(road: Path, folder: Path) -> PartyConfig:
    """Give a party of this road new access to its bus, wherever that is now. `Refusal` by name."""
    management, config = management_of(road), load(folder / PARTY_FILE, PartyConfig)
    if config.management_key != management.management_key:
        raise Refusal(Outcome.UNKNOWN_NAME, f"expected a party of {management.name} in {folder}")
    road_bus.admit(road / MANAGEMENT, management.bus, config.name, folder)
    changed = msgspec.structs.replace(config, bus=management.bus)
    write_toml(folder / PARTY_FILE, changed)
    return changed


def move_bus(road: Path, bus: str, listen: Endpoint | None = None) -> BrokerSetup | None:
    """Have the road's members meet elsewhere; each has to be admitted again. `Refusal` by name."""
    folder, management = road / MANAGEMENT, management_of(road)
    setup = road_bus.found_bus(folder, bus, listen)
    write_toml(folder / PARTY_FILE, msgspec.structs.replace(management, bus=bus))
    admit_again(road, folder)
    return setup


async def enrol(
    road: Path, folder: Path, config: PartyConfig, key: PrivateKey, one: Registered
) -> None:
    """Make a party in a folder, and register it as what it says it is. `Refusal` by name."""
    _check_new(folder)
    check_name(config.name)
    await _register(road, one)
    _make_party(road, folder, config, key)


def management_of(road: Path) -> PartyConfig:
    """The management server of a road."""
    return load(road / MANAGEMENT / PARTY_FILE, PartyConfig)


def party_key(folder: Path, suite: Suite) -> PrivateKey:
    """A party's key."""
    return read_key(folder / KEY_FILE, suite)


async def _register(road: Path, one: Registered) -> None:
    """Make a member known to the management server. `Refusal` by name."""
    suite = suite_named(management_of(road).suite)
    store = store_of(road / MANAGEMENT)
    try:
        now = SystemClock().now()
        await store.write(lambda tx: members.register(tx, suite, one, now))
    finally:
        await store.close()


def store_of(folder: Path) -> SqliteStore:
    """A party's store."""
    return SqliteStore.open(folder / DATABASE, MIGRATIONS)


@asynccontextmanager
async def opened(
    folder: Path, note: Callable[[str], None], *, patient: bool = False
) -> AsyncIterator[tuple[PartyConfig, Office]]:
    """A party's office, its bus joined; everything is closed afterwards.

    Who is `patient` goes on without a bus that is not there, until it is.
    """
    config = load(folder / PARTY_FILE, PartyConfig)
    suite = suite_named(config.suite)
    async with AsyncExitStack() as closing:
        store = store_of(folder)
        closing.push_async_callback(store.close)
        join = partial(road_bus.join, folder, config.bus, config.name)
        bus: MessageBus = await (PatientBus.open(join, note) if patient else join())
        closing.push_async_callback(bus.close)
        managements = {config.management: bytes.fromhex(config.management_key)}
        post = Post(config.name, party_key(folder, suite), suite, managements)
        yield config, Office(post, store, SystemClock(), bus, note)
