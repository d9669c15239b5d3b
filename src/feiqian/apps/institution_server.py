"""An operating institution as a server: its ports wired, its HTTP paths, its clockwork."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial
from pathlib import Path

import structlog

from feiqian.adapters.clock import SystemClock, system_entropy
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
from feiqian.apps.configuration import InstitutionConfig, load, read_key, read_root, read_secret
from feiqian.crypto.suite_names import suite_named
from feiqian.crypto.trust import TrustStore
from feiqian.institution import documents, tracing
from feiqian.institution.institution import Institution
from feiqian.institution.office import Office
from feiqian.institution.operator import Operator
from feiqian.institution.schema import MIGRATIONS
from feiqian.outcomes import Refusal
from feiqian.ports import Library
from feiqian.tasks import until_one_ends
from feiqian.wire.cashing import CASH_PATH, MAX_CASH_BYTES
from feiqian.wire.double_spending import EVIDENCE_PATH, LIST_PATH
from feiqian.wire.envelope import MAX_MESSAGE_BYTES
from feiqian.wire.payment import MAILBOX_PATH, PAYMENTS_PATH
from feiqian.wire.published import DIRECTORY_PATH, ROOT_PATH
from feiqian.wire.request_envelope import MAX_REQUEST_BYTES, REQUESTS_PATH
from feiqian.wire.risk import REPORTS_PATH
from feiqian.wire.time_statement import MAX_QUESTION_BYTES, TIME_PATH
from feiqian.wire.verification import MAX_VERIFY_BYTES, VERIFICATIONS_PATH, VERIFY_PATH
from feiqian.wire.wallet_requests import MAX_LETTER_BYTES

DIRECTORY_FILE = "directory.cose"
"""The newest directory seen, so that an institution starts without the platform."""
REFRESH_S = 30.0
"""How often the directory and the list are asked for, and what is pending is tried again."""
LIST_AGE_S = 10
EVIDENCE_AGE_S = 24 * 60 * 60
"""How long caches may give out documents of the list, and evidence, which never changes."""

log = structlog.get_logger("institution")


@asynccontextmanager
async def open_institution(config_path: Path) -> AsyncIterator[Institution]:
    """The institution of a configuration file, with real ports. `Refusal` by name."""
    config = load(config_path, InstitutionConfig)
    folder = config_path.parent
    suite = suite_named(config.suite)
    key = read_key(folder / config.key_file, suite)
    trust = read_root(folder / config.root_file, suite)
    async with AsyncExitStack() as closing:
        courier = HttpCourier()
        closing.push_async_callback(courier.close)
        await learn_directory(trust, courier, config.central_url, folder / DIRECTORY_FILE)
        store = SqliteStore.open(folder / config.database, MIGRATIONS)
        closing.push_async_callback(store.close)
        office = Office(
            code=config.code,
            key=key,
            trust=trust,
            store=store,
            clock=SystemClock(),
            entropy=system_entropy,
            courier=courier,
            central_url=config.central_url,
        )
        yield Institution(office, config.opening_balance_minor)


async def learn_directory(
    trust: TrustStore, courier: HttpCourier, central_url: str, cache: Path
) -> None:
    """Take the newest directory that the platform or the cache has.

    Raises `Refusal` unavailable when there is neither.
    """
    _recall_directory(trust, cache)
    try:
        if trust.learn_directory(await courier.get(f"{central_url}{DIRECTORY_PATH}")):
            _keep_directory(trust, cache)
    except Refusal as refusal:
        if not trust.directory_number:
            raise
        log.warning("directory not refreshed", outcome=refusal.outcome, detail=refusal.detail)


def _recall_directory(trust: TrustStore, cache: Path) -> None:
    if cache.exists():
        trust.learn_directory(cache.read_bytes())


def _keep_directory(trust: TrustStore, cache: Path) -> None:
    fresh = cache.with_suffix(".new")
    fresh.write_bytes(trust.directory_raw)
    fresh.replace(cache)


async def serve_institution(config_path: Path) -> None:
    """Serve until ended by a signal."""
    config = load(config_path, InstitutionConfig)
    configure_logs(f"institution {config.code}")
    token = read_secret(config_path.parent / config.operator_token_file)
    async with open_institution(config_path) as institution:
        keep_up = partial(_keep_up, institution, config_path.parent / DIRECTORY_FILE)
        # A defect in the clockwork ends the server: half of an institution must not go on alone.
        await until_one_ends(
            serve(institution_app(institution, token), config.host, config.port),
            repeat(keep_up, REFRESH_S),
        )


def institution_app(institution: Institution, token: str) -> PartyApp:
    """The HTTP side of an institution."""
    return build_app(
        f"institution {institution.office.code}",
        [
            CborEndpoint(REQUESTS_PATH, institution.answer, MAX_REQUEST_BYTES),
            CborEndpoint(PAYMENTS_PATH, institution.pay, MAX_MESSAGE_BYTES),
            CborEndpoint(MAILBOX_PATH, institution.leave, MAX_LETTER_BYTES),
            CborEndpoint(CASH_PATH, institution.cash, MAX_CASH_BYTES),
            CborEndpoint(VERIFICATIONS_PATH, institution.verify, MAX_MESSAGE_BYTES),
            CborEndpoint(REPORTS_PATH, institution.answer_report, MAX_REQUEST_BYTES),
            CborEndpoint(VERIFY_PATH, institution.answer_verify_request, MAX_VERIFY_BYTES),
            CborEndpoint(TIME_PATH, institution.tell_time, MAX_QUESTION_BYTES),
        ],
        [
            CborDocument(DIRECTORY_PATH, institution.directory),
            CborDocument(ROOT_PATH, lambda: institution.office.trust.root.raw),
            CborCollection(LIST_PATH, institution.double_spending.document, LIST_AGE_S),
            CborCollection(EVIDENCE_PATH, institution.evidence, EVIDENCE_AGE_S),
        ],
        operations_of(Operator(institution, _library_of(institution))),
        token,
    )


def operations_of(operator: Operator) -> list[Operation]:
    """What the operator can do over HTTP."""

    def post(path: str, summary: str, handle: object, body: type, answer: type) -> Operation:
        return Operation("POST", f"/api/{path}", summary, handle, answer, body)  # type: ignore[arg-type]

    return [
        Operation(
            "GET", "/api/report", "At a glance", operator.report, documents.InstitutionReport
        ),
        post(
            "issuance",
            "Order issuance from the platform",
            operator.order_issuance,
            documents.OrderIssuance,
            documents.OrderedIssuance,
        ),
        post(
            "settlement",
            "Claim what others owe",
            operator.settle,
            documents.Nothing,
            documents.Settled,
        ),
        post(
            "pay-ins",
            "Bank money into an account",
            operator.pay_in,
            documents.PayIn,
            documents.AccountBalance,
        ),
        post(
            "double-spending",
            "Report double spends and take the newest list, now",
            operator.follow_list,
            documents.Nothing,
            documents.ListStanding,
        ),
        post("freeze", "Freeze a wallet", operator.freeze, documents.Freeze, documents.Freeze),
        post(
            "wallet-reports",
            "Wallets' key information sets, and what was found",
            operator.reports,
            documents.ReportsQuery,
            documents.KeyReports,
        ),
        post("trace", "Trace a currency", operator.trace, documents.TraceQuery, tracing.Trace),
    ]


def _library_of(institution: Institution) -> Library | None:
    courier = institution.office.courier
    return courier if isinstance(courier, HttpCourier) else None


async def _keep_up(institution: Institution, cache: Path) -> None:
    """Take a newer directory and list if there are any, and try again what is still pending."""
    office = institution.office
    if isinstance(office.courier, HttpCourier):
        await learn_directory(office.trust, office.courier, office.central_url, cache)
        await _follow_list(institution, office.courier)
    await institution.finish_pending()


async def _follow_list(institution: Institution, courier: HttpCourier) -> None:
    try:
        await institution.follow_list(courier)
    except Refusal as refusal:
        log.warning("list not followed", outcome=refusal.outcome, detail=refusal.detail)
