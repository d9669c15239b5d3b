"""The platform as an HTTP server: signed CBOR for institutions, JSON for its operator.

What it can do is `Platform`'s; here stands only which path leads to it. The root certificate and
the directory are public; everything under ``/api/`` needs an operator's token, and ground stations
sign what they say.
"""

from collections.abc import Awaitable, Callable
from pathlib import Path

from feiqian.adapters.clock import SystemClock
from feiqian.adapters.clockwork import repeat
from feiqian.adapters.http_client import HttpCourier
from feiqian.adapters.http_server import (
    CborCollection,
    CborDocument,
    CborEndpoint,
    PartyApp,
    build_app,
    serve,
)
from feiqian.adapters.logs import configure_logs
from feiqian.adapters.operations import Operation
from feiqian.adapters.sqlite import SqliteStore
from feiqian.apps.configuration import (
    CentralConfig,
    load,
    read_key,
    read_root,
    read_secret,
    write_secret,
)
from feiqian.apps.control_operations import control_operations, operators_of
from feiqian.central.control_desk import ControlDesk
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
from feiqian.central.ground_station import STATIONS_PATH
from feiqian.central.list_documents import (
    EvidenceFound,
    EvidenceQuery,
    ListReport,
    ListRevocation,
    ListRevoked,
)
from feiqian.central.platform import Platform
from feiqian.central.satellite_gateway import SatelliteGateway
from feiqian.central.schema import MIGRATIONS
from feiqian.crypto.p256 import P256_SHA256
from feiqian.crypto.suite_names import suite_named
from feiqian.crypto.suites import PrivateKey
from feiqian.tasks import until_one_ends
from feiqian.wire.double_spending import EVIDENCE_PATH, LIST_PATH
from feiqian.wire.published import DIRECTORY_PATH, ROOT_PATH
from feiqian.wire.request_envelope import MAX_REQUEST_BYTES, REQUESTS_PATH
from feiqian.wire.stations import MAX_STATION_BYTES

NAME = "platform"
LIST_AGE_S = 10
EVIDENCE_AGE_S = 24 * 60 * 60
"""How long caches may give out documents of the list, and evidence, which never changes."""
LIST_CHECKED_EVERY_S = 60.0
"""How often the server looks whether the list has to be published again."""
FORWARDED_EVERY_S = 2.0
"""How often wallets' reports are passed on."""

REPORT = "/api/report"
RESERVES = "/api/reserves"
INSTITUTIONS = "/api/institutions"
MODE = "/api/settlement/mode"
CYCLES = "/api/settlement/cycles"
LIST = "/api/double-spending"
REVOCATIONS = "/api/double-spending/revocations"
EVIDENCE = "/api/evidence"


def platform_app(platform: Platform, gateway: SatelliteGateway, operator_token: str) -> PartyApp:
    """The ASGI application of a platform."""
    return build_app(
        NAME,
        [
            CborEndpoint(REQUESTS_PATH, platform.answer, MAX_REQUEST_BYTES),
            CborEndpoint(STATIONS_PATH, gateway.exchange, MAX_STATION_BYTES),
        ],
        [
            CborDocument(DIRECTORY_PATH, platform.directory),
            CborDocument(ROOT_PATH, platform.root),
            CborCollection(LIST_PATH, platform.list_document, LIST_AGE_S),
            CborCollection(EVIDENCE_PATH, platform.evidence, EVIDENCE_AGE_S),
        ],
        operations(platform),
        operators_of(ControlDesk(platform.office), operator_token),
    )


def operations(platform: Platform) -> list[Operation]:
    """What the operator can do over HTTP."""

    async def report(_: None) -> PlatformReport:
        return await platform.report()

    return [
        Operation(
            "GET", REPORT, "The books, and whether they are in order", report, PlatformReport
        ),
        Operation(
            "POST",
            RESERVES,
            "Pay an institution's reserves in or out",
            platform.change_reserves,
            ReservesBalance,
            ReservesChange,
        ),
        Operation(
            "POST",
            INSTITUTIONS,
            "Admit an institution, or renew it",
            platform.admit,
            Admitted,
            Admission,
        ),
        Operation(
            "POST", MODE, "Choose when claims settle", platform.choose_mode, ModeChosen, ModeChange
        ),
        Operation(
            "POST",
            CYCLES,
            "Settle all that waits, net",
            platform.run_cycle,
            CycleReport,
            CycleOrder,
        ),
        *_list_operations(platform),
        *control_operations(ControlDesk(platform.office)),
    ]


def _list_operations(platform: Platform) -> list[Operation]:
    async def list_report(_: None) -> ListReport:
        return await platform.list_report()

    return [
        Operation("GET", LIST, "The double-spending list at a glance", list_report, ListReport),
        Operation(
            "POST",
            REVOCATIONS,
            "Take something off the double-spending list",
            platform.revoke_listing,
            ListRevoked,
            ListRevocation,
        ),
        Operation(
            "POST",
            EVIDENCE,
            "Find evidence of double spends",
            platform.find_evidence,
            EvidenceFound,
            EvidenceQuery,
        ),
    ]


async def serve_central(config_path: Path) -> None:
    """Serve the platform of a configuration file until SIGTERM or SIGINT.

    Raises `Refusal` malformed when the configuration is incomplete.
    """
    config = load(config_path, CentralConfig)
    home = config_path.parent
    configure_logs(NAME)
    suite = suite_named(config.suite)
    key = read_key(home / config.key_file, suite)
    root_raw = read_root(home / config.root_file, suite).root.raw
    token = read_secret(home / config.operator_token_file)
    sealing_key = _sealing_key(home / config.sealing_key_file)
    store = SqliteStore.open(home / config.database, MIGRATIONS)
    courier = HttpCourier()
    try:
        platform = await Platform.open(suite, root_raw, key, store, SystemClock())
        gateway = SatelliteGateway(platform.office, sealing_key, courier)
        await gateway.open()
        # A defect in the clockwork ends the server: half of a platform must not go on alone.
        await until_one_ends(
            serve(platform_app(platform, gateway, token), config.host, config.port),
            repeat(platform.keep_list_recent, LIST_CHECKED_EVERY_S),
            repeat(_forwarding(gateway), FORWARDED_EVERY_S),
        )
    finally:
        await store.close()
        await courier.close()


def _sealing_key(path: Path) -> PrivateKey:
    """The key for satellite channels, made for a network that has none yet."""
    if not path.exists():
        write_secret(path, P256_SHA256.generate().secret.hex())
    return read_key(path, P256_SHA256)


def _forwarding(gateway: SatelliteGateway) -> Callable[[], Awaitable[None]]:
    async def forward() -> None:
        await gateway.forward_reports()

    return forward
