"""The platform as an HTTP server: signed CBOR for institutions, JSON for its operator.

What it can do is `Platform`'s; here stands only which path leads to it. The root certificate and
the directory are public; everything under ``/api/`` needs the operator's token.
"""

from pathlib import Path

from feiqian.adapters.clock import SystemClock
from feiqian.adapters.http_server import CborDocument, CborEndpoint, PartyApp, build_app, serve
from feiqian.adapters.logs import configure_logs
from feiqian.adapters.operations import Operation
from feiqian.adapters.sqlite import SqliteStore
from feiqian.apps.configuration import CentralConfig, load, read_secret
from feiqian.central.documents import (
    Admission,
    Admitted,
    CycleOrder,
    CycleReport,
    ModeChange,
    ModeChosen,
    Report,
    ReservesBalance,
    ReservesChange,
)
from feiqian.central.platform import Platform
from feiqian.central.schema import MIGRATIONS
from feiqian.crypto.suite_names import suite_named
from feiqian.wire.requests import MAX_REQUEST_BYTES

NAME = "platform"

REPORT = "/api/report"
RESERVES = "/api/reserves"
INSTITUTIONS = "/api/institutions"
MODE = "/api/settlement/mode"
CYCLES = "/api/settlement/cycles"


def platform_app(platform: Platform, operator_token: str) -> PartyApp:
    """The ASGI application of a platform."""
    return build_app(
        NAME,
        [CborEndpoint("/v1/requests", platform.answer, MAX_REQUEST_BYTES)],
        [
            CborDocument("/v1/directory", platform.directory),
            CborDocument("/v1/root", platform.root),
        ],
        operations(platform),
        operator_token,
    )


def operations(platform: Platform) -> list[Operation]:
    """What the operator can do over HTTP."""

    async def report(_: None) -> Report:
        return await platform.report()

    return [
        Operation("GET", REPORT, "The books, and whether they are in order", report, Report),
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
    ]


async def serve_central(config_path: Path) -> None:
    """Serve the platform of a configuration file until SIGTERM or SIGINT.

    Raises `Refusal` malformed when the configuration is incomplete.
    """
    config = load(config_path, CentralConfig)
    home = config_path.parent
    configure_logs(NAME)
    suite = suite_named(config.suite)
    key = suite.load(bytes.fromhex(read_secret(home / config.key_file)))
    root_raw = (home / config.root_file).read_bytes()
    store = SqliteStore.open(home / config.database, MIGRATIONS)
    try:
        platform = await Platform.open(suite, root_raw, key, store, SystemClock())
        token = read_secret(home / config.operator_token_file)
        await serve(platform_app(platform, token), config.host, config.port)
    finally:
        await store.close()
