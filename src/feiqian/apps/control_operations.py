"""What operators can do about orders, stations and reports over HTTP; each call knows who calls."""

import hashlib
import hmac

from feiqian.adapters.http_server import Identify
from feiqian.adapters.operations import Operation
from feiqian.central.control_desk import ControlDesk
from feiqian.central.control_documents import (
    ControlReport,
    ListingWish,
    NewOperator,
    NewStation,
    OperatorAdded,
    OperatorRemoval,
    OrderWish,
    ProposalDecision,
    ProposalStanding,
    ReportQuery,
    StationReport,
    StationStanding,
    WalletReports,
)
from feiqian.central.operators import FOUNDER

CONTROL = "/api/control/orders"
APPROVALS = "/api/control/approvals"
REJECTIONS = "/api/control/rejections"
LISTINGS = "/api/double-spending/listings"
OPERATORS = "/api/operators"
REMOVALS = "/api/operators/removals"
STATIONS = "/api/satellite/stations"
REPORTS = "/api/satellite/reports"


def token_digest(token: str) -> bytes:
    """What is kept of an operator's token: it is drawn at random, so a plain hash does."""
    return hashlib.sha256(token.encode()).digest()


def operators_of(desk: ControlDesk, founder_token: str) -> Identify:
    """Who is who: the founder by the token of the configuration file, others by their own."""

    async def identify(given: str) -> str | None:
        if hmac.compare_digest(given.encode(), founder_token.encode()):
            return FOUNDER
        return await desk.operator_of(token_digest(given))

    return identify


def control_operations(desk: ControlDesk) -> list[Operation]:
    """Orders, proposals, operators, stations, reports."""

    async def report(_: None) -> ControlReport:
        return await desk.report()

    async def station_report(_: None) -> StationReport:
        return await desk.station_report()

    def personal(path: str, summary: str, handle: object, answer: type, body: type) -> Operation:
        return Operation("POST", path, summary, handle, answer, body, is_personal=True)  # type: ignore[arg-type]  # bodies differ

    return [
        Operation("GET", CONTROL, "Proposals and control orders", report, ControlReport),
        personal(CONTROL, "Propose a control order", desk.order, ProposalStanding, OrderWish),
        personal(APPROVALS, "Approve a proposal", desk.approve, ProposalStanding, ProposalDecision),
        personal(REJECTIONS, "Reject a proposal", desk.reject, ProposalStanding, ProposalDecision),
        personal(
            LISTINGS,
            "Propose to list a risk wallet",
            desk.list_wallet,
            ProposalStanding,
            ListingWish,
        ),
        personal(
            OPERATORS, "Bring in an operator", desk.add_operator, ProposalStanding, NewOperator
        ),
        personal(
            REMOVALS,
            "End an operator's token",
            desk.remove_operator,
            OperatorAdded,
            OperatorRemoval,
        ),
        Operation("GET", STATIONS, "Ground stations", station_report, StationReport),
        personal(
            STATIONS, "Register a ground station", desk.add_station, StationStanding, NewStation
        ),
        Operation(
            "POST",
            REPORTS,
            "Wallets' key information sets, and what was found",
            desk.wallet_reports,
            WalletReports,
            ReportQuery,
        ),
    ]
