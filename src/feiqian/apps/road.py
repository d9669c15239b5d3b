"""The parties of the road in a directory: keys, configuration, registration, and how each is opened.

``management/`` holds the management server and the secret of its bus hub; every other party has a
directory of its own with its key, its token for the bus, its store and `party.toml`. Registering
writes to the management server's store, which reads its members when it starts.
"""

from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import msgspec

from feiqian.adapters.bus_hub import Hub
from feiqian.adapters.clock import SystemClock, system_entropy
from feiqian.adapters.sqlite import SqliteStore
from feiqian.adapters.stream_bus import StreamBus
from feiqian.apps.configuration import load, read_secret, write_secret, write_toml
from feiqian.crypto.suite_names import suite_named
from feiqian.crypto.suites import PrivateKey, Suite
from feiqian.outcomes import Outcome, Refusal
from feiqian.ports import MessageBus
from feiqian.vehicle.management import members
from feiqian.vehicle.management.members import Registered
from feiqian.vehicle.party import Office
from feiqian.vehicle.post import Post
from feiqian.vehicle.schema import MIGRATIONS
from feiqian.wire.service import Member
from feiqian.wire.usage import ServiceClass

PARTY_FILE, KEY_FILE, TOKEN_FILE, DATABASE = "party.toml", "party.key", "bus.token", "party.db"
HUB_FILE = "hub.secret"
MANAGEMENT = "management"
SECRET_BYTES = 32


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
    """``stream://HOST:PORT``."""
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


def bus_address(bus: str) -> tuple[str, int]:
    """Host and port. `Refusal` malformed."""
    scheme, _, place = bus.partition("://")
    host, _, port = place.rpartition(":")
    if scheme != "stream" or not host or not port.isdigit():
        raise Refusal(Outcome.MALFORMED, f"expected stream://HOST:PORT, got {bus!r}")
    return host, int(port)


def absolute(folder: Path) -> str:
    """Where it is, whatever the current directory will be."""
    return str(folder.resolve())


def make_party(folder: Path, config: PartyConfig, token: bytes, key: PrivateKey) -> None:
    """Write what a party needs. `Refusal` key_reused when there is one already."""
    if (folder / PARTY_FILE).exists():
        raise Refusal(Outcome.KEY_REUSED, f"there is a party in {folder} already")
    folder.mkdir(parents=True, exist_ok=True)
    folder.chmod(0o700)
    write_secret(folder / KEY_FILE, key.secret.hex())
    write_secret(folder / TOKEN_FILE, token.hex())
    write_toml(folder / PARTY_FILE, config)


def found(road: Path, name: str, suite_name: str, bus: str, network_url: str) -> PartyConfig:
    """A management server and its hub in ``road/management``."""
    bus_address(bus)
    key, secret = suite_named(suite_name).generate(), system_entropy(SECRET_BYTES)
    config = PartyConfig(
        name,
        Member.MANAGEMENT,
        suite_name,
        name,
        key.public.hex(),
        bus,
        network_url=network_url,
    )
    folder = road / MANAGEMENT
    make_party(folder, config, Hub(secret).token_for(name), key)
    write_secret(folder / HUB_FILE, secret.hex())
    return config


def management_of(road: Path) -> PartyConfig:
    """The management server of a road."""
    return load(road / MANAGEMENT / PARTY_FILE, PartyConfig)


def token_for(road: Path, name: str) -> bytes:
    """A member's token for the bus."""
    return Hub(hub_secret(road / MANAGEMENT)).token_for(name)


def hub_secret(folder: Path) -> bytes:
    """The secret from which members' tokens are made."""
    return bytes.fromhex(read_secret(folder / HUB_FILE))


def party_key(folder: Path, suite: Suite) -> PrivateKey:
    """A party's key."""
    return suite.load(bytes.fromhex(read_secret(folder / KEY_FILE)))


async def register(road: Path, one: Registered) -> None:
    """Make a member known to the management server, from its next start on. `Refusal` by name."""
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
    folder: Path, note: Callable[[str], None]
) -> AsyncIterator[tuple[PartyConfig, Office]]:
    """A party's office, its bus joined; everything is closed afterwards."""
    config = load(folder / PARTY_FILE, PartyConfig)
    suite = suite_named(config.suite)
    async with AsyncExitStack() as closing:
        store = store_of(folder)
        closing.push_async_callback(store.close)
        bus = await _joined(folder, config)
        closing.push_async_callback(bus.close)
        managements = {config.management: bytes.fromhex(config.management_key)}
        post = Post(config.name, party_key(folder, suite), suite, managements)
        yield config, Office(post, store, SystemClock(), bus, note)


async def _joined(folder: Path, config: PartyConfig) -> MessageBus:
    host, port = bus_address(config.bus)
    token = bytes.fromhex(read_secret(folder / TOKEN_FILE))
    return await StreamBus.connect(host, port, config.name, token)
