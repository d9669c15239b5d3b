"""A network in a directory: made once, then started and stopped as real processes.

``central/`` holds the platform, one directory for each institution holds that institution. Making
it runs the same code that serves, in this process: institutions are admitted, get reserves, and
order their first issuance.
"""

import shutil
import tempfile
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import msgspec

from feiqian.adapters import processes
from feiqian.adapters.clock import SystemClock, system_entropy
from feiqian.adapters.sqlite import SqliteStore
from feiqian.apps import founding
from feiqian.apps.configuration import (
    CentralConfig,
    InstitutionConfig,
    load,
    read_key,
    write_secret,
    write_toml,
)
from feiqian.central.documents import Admission, ReservesChange
from feiqian.central.platform import Platform
from feiqian.central.schema import MIGRATIONS as CENTRAL_MIGRATIONS
from feiqian.crypto.suite_names import suite_named
from feiqian.crypto.trust import TrustStore
from feiqian.institution import standing
from feiqian.institution.office import Office
from feiqian.institution.schema import MIGRATIONS as INSTITUTION_MIGRATIONS
from feiqian.outcomes import Outcome, Refusal

HOST = "127.0.0.1"
NETWORK_FILE = "network.toml"
INSTITUTION_FILE = "institution.toml"
CENTRAL = "central"
PID_FILE = "server.pid"
LOG_FILE = "server.log"

_Party = tuple[str, Path, list[str]]
"""Name, configuration file, and the command's arguments."""


class NetworkConfig(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`network.toml`: which parties stand in this directory."""

    suite: str
    institutions: tuple[str, ...]


class Plan(msgspec.Struct, frozen=True):
    """What a new network is to be; amounts in minor units."""

    codes: tuple[str, ...]
    suite: str
    base_port: int
    """The platform's port; the institutions follow."""
    issuance_minor: int
    """Reserves paid in and currency ordered for each institution."""
    opening_minor: int
    """What a new bank account starts with."""


class Server(msgspec.Struct, frozen=True):
    """One process of a network."""

    name: str
    url: str
    pid: int | None
    """None while it does not run."""


class _DirectCourier:
    """`ports.Courier` to the platform in this very process."""

    def __init__(self, handle: Callable[[bytes], Awaitable[bytes]]) -> None:
        self._handle = handle

    async def post(self, _url: str, body: bytes) -> bytes:
        return await self._handle(body)


async def make(folder: Path, plan: Plan) -> NetworkConfig:
    """Make keys, certificates, configuration and the first issuance in `folder`.

    The directory appears whole or not at all: what is interrupted leaves a hidden directory beside
    it, which nothing refers to. Raises `Refusal`: key_reused when there is something in `folder`
    already, unavailable when it cannot be made.
    """
    with _appearing(folder) as unfinished:
        return await _make(unfinished, plan)


@contextmanager
def _appearing(folder: Path) -> Iterator[Path]:
    """A hidden directory that becomes `folder` when all went well."""
    if folder.is_dir() and any(folder.iterdir()):
        raise Refusal(Outcome.KEY_REUSED, f"expected {folder} to be new or empty")
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        unfinished = Path(tempfile.mkdtemp(prefix=f".{folder.name}-", dir=folder.parent))
        try:
            yield unfinished
            unfinished.rename(folder)
        finally:
            shutil.rmtree(unfinished, ignore_errors=True)
    except OSError as error:
        raise Refusal(Outcome.UNAVAILABLE, f"cannot make {folder}: {error}") from error


async def _make(folder: Path, plan: Plan) -> NetworkConfig:
    founding.found_network(folder / CENTRAL, plan.suite, HOST, plan.base_port)
    central = load(folder / CENTRAL / founding.CONFIG_FILE, CentralConfig)
    suite = suite_named(plan.suite)
    root_raw = (folder / CENTRAL / central.root_file).read_bytes()
    root_key = read_key(folder / CENTRAL / central.key_file, suite)
    store = SqliteStore.open(folder / CENTRAL / central.database, CENTRAL_MIGRATIONS)
    try:
        platform = await Platform.open(suite, root_raw, root_key, store, SystemClock())
        for place, code in enumerate(plan.codes, start=1):
            await _join(folder / code, platform, plan, code, plan.base_port + place)
        for code in plan.codes:
            await _order_first_issuance(folder / code, platform, plan)
    finally:
        await store.close()
    config = NetworkConfig(plan.suite, plan.codes)
    write_toml(folder / NETWORK_FILE, config)
    return config


async def _join(home: Path, platform: Platform, plan: Plan, code: str, port: int) -> None:
    public_key = _prepare(home, platform.root(), plan, code, port)
    url = f"http://{HOST}:{port}"
    await platform.admit(Admission(f"admit {code}", code, public_key.hex(), url))
    if plan.issuance_minor:
        await platform.change_reserves(ReservesChange(f"fund {code}", code, plan.issuance_minor))


def _prepare(home: Path, root_raw: bytes, plan: Plan, code: str, port: int) -> bytes:
    """Keys and configuration of one institution; its public key."""
    home.mkdir(parents=True)
    key = suite_named(plan.suite).generate()
    config = InstitutionConfig(
        suite=plan.suite,
        code=code,
        host=HOST,
        port=port,
        central_url=f"http://{HOST}:{plan.base_port}",
        database="institution.sqlite",
        key_file="institution.key",
        root_file=founding.ROOT_FILE,
        operator_token_file=founding.TOKEN_FILE,
        opening_balance_minor=plan.opening_minor,
    )
    write_secret(home / config.key_file, key.secret.hex())
    write_secret(home / config.operator_token_file, system_entropy(founding.TOKEN_BYTES).hex())
    (home / config.root_file).write_bytes(root_raw)
    write_toml(home / INSTITUTION_FILE, config)
    return key.public


async def _order_first_issuance(home: Path, platform: Platform, plan: Plan) -> None:
    config = load(home / INSTITUTION_FILE, InstitutionConfig)
    suite = suite_named(config.suite)
    trust = TrustStore.pinned(suite, platform.root())
    trust.learn_directory(platform.directory())
    store = SqliteStore.open(home / config.database, INSTITUTION_MIGRATIONS)
    office = Office(
        code=config.code,
        key=read_key(home / config.key_file, suite),
        trust=trust,
        store=store,
        clock=SystemClock(),
        entropy=system_entropy,
        courier=_DirectCourier(platform.answer),
        central_url=config.central_url,
    )
    try:
        if plan.issuance_minor:
            await standing.order_issuance(office, "first", plan.issuance_minor)
    finally:
        await store.close()


def up(folder: Path) -> list[Server]:
    """Start what does not run yet and wait until all answer. `Refusal` unavailable, timed_out."""
    central, *institutions = _parties(folder)
    _start(folder, [central])
    # All at once, but after the platform: a new institution asks it for the directory.
    _start(folder, institutions)
    return servers(folder)


def _start(folder: Path, parties: Sequence[_Party]) -> None:
    for _, config_path, arguments in parties:
        home = config_path.parent
        if processes.find(home / PID_FILE) is None:
            processes.start(arguments, home / PID_FILE, home / LOG_FILE)
    for name, config_path, _ in parties:
        home = config_path.parent
        processes.wait_healthy(_url(folder, name), home / PID_FILE, home / LOG_FILE)


def down(folder: Path) -> list[str]:
    """Stop every process of the network; the names of those that ran."""
    parties = reversed(_parties(folder))
    return [
        name for name, config_path, _ in parties if processes.stop(config_path.parent / PID_FILE)
    ]


def servers(folder: Path) -> list[Server]:
    """Every process of the network and whether it runs."""
    return [
        Server(name, _url(folder, name), processes.find(config_path.parent / PID_FILE))
        for name, config_path, _ in _parties(folder)
    ]


def institution_url(folder: Path, code: str) -> str:
    """Where an institution of the network answers. `Refusal` unknown_issuer."""
    if code not in load(folder / NETWORK_FILE, NetworkConfig).institutions:
        raise Refusal(Outcome.UNKNOWN_ISSUER, f"expected an institution of {folder}, got {code!r}")
    return _url(folder, code)


def _parties(folder: Path) -> Sequence[_Party]:
    network = load(folder / NETWORK_FILE, NetworkConfig)
    central = folder / CENTRAL / founding.CONFIG_FILE
    parties = [(CENTRAL, central, ["central", "serve", "--config", str(central)])]
    for code in network.institutions:
        path = folder / code / INSTITUTION_FILE
        parties.append((code, path, ["institution", "serve", "--config", str(path)]))
    return parties


def _url(folder: Path, name: str) -> str:
    if name == CENTRAL:
        central = load(folder / CENTRAL / founding.CONFIG_FILE, CentralConfig)
        return f"http://{central.host}:{central.port}"
    institution = load(folder / name / INSTITUTION_FILE, InstitutionConfig)
    return f"http://{institution.host}:{institution.port}"
