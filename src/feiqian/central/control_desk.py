"""Where operators give orders: propose, approve, reject, look, and register stations (R-03, R-06, R-07).

Each knows who asks: the name that belongs to the token. An order to one wallet is issued at once;
one to many, a risk wallet's listing and a further operator wait for somebody else's approval. Every
action has a key of the operator's, under which it is done once.
"""

from collections.abc import Callable
from typing import TypeVar

import msgspec
import structlog
from msgspec import Struct

from feiqian.central import (
    air,
    control,
    control_views,
    idempotency,
    operators,
    proposals,
    risk_listing,
    stations,
)
from feiqian.central.control_documents import (
    ControlReport,
    ListingWish,
    NewOperator,
    NewStation,
    OperatorAdded,
    OperatorRemoval,
    OrderName,
    OrderWish,
    ProposalDecision,
    ProposalStanding,
    ReportQuery,
    ScopeName,
    StationReport,
    StationStanding,
    WalletReports,
)
from feiqian.central.downlinks import broadcast_list
from feiqian.central.office import Office
from feiqian.central.proposals import Proposal, ProposalWish, ProposedAction
from feiqian.ports import Transaction

A = TypeVar(
    "A",
    OrderWish,
    ListingWish,
    NewOperator,
    OperatorRemoval,
    ProposalDecision,
    NewStation,
)
R = TypeVar("R", bound=Struct)

log = structlog.get_logger("control")


class ControlDesk:
    """The operators' side of remote control."""

    def __init__(self, office: Office) -> None:
        self._office = office

    async def operator_of(self, token_digest: bytes) -> str | None:
        """Whose token it is; None when it is nobody's."""
        return await self._office.store.read(lambda tx: operators.name_of(tx, token_digest))

    async def order(self, wish: OrderWish, operator: str) -> ProposalStanding:
        """Propose an order; to one wallet it is issued at once.

        Raises `Refusal`: malformed, unknown_issuer, busy, key_reused.
        """
        return await self._act(wish, operator, self._order, ProposalStanding)

    async def list_wallet(self, wish: ListingWish, operator: str) -> ProposalStanding:
        """Propose to list a risk wallet. `Refusal`: unknown_wallet, busy, key_reused."""
        return await self._act(wish, operator, self._propose_listing, ProposalStanding)

    async def add_operator(self, new: NewOperator, operator: str) -> ProposalStanding:
        """Bring in an operator, or propose it. `Refusal`: key_reused, too_large, busy."""
        return await self._act(new, operator, self._add_operator, ProposalStanding)

    async def remove_operator(self, removal: OperatorRemoval, operator: str) -> OperatorAdded:
        """End an operator's token. `Refusal`: unknown_name, key_reused."""
        return await self._act(
            removal, operator, lambda each, _, tx, now_ms: operators.remove(tx, each, now_ms),
            OperatorAdded,
        )  # fmt: skip

    async def approve(self, decision: ProposalDecision, operator: str) -> ProposalStanding:
        """Approve a proposal of somebody else, and do what it says.

        Raises `Refusal`: unknown_name, second_person_required, key_reused.
        """
        return await self._act(decision, operator, self._approve, ProposalStanding)

    async def reject(self, decision: ProposalDecision, operator: str) -> ProposalStanding:
        """Put a proposal away. `Refusal`: unknown_name, key_reused."""
        return await self._act(decision, operator, self._reject, ProposalStanding)

    async def add_station(self, new: NewStation, operator: str) -> StationStanding:
        """Register a ground station. `Refusal`: malformed, key_reused, too_large."""
        suite = self._office.suite
        return await self._act(
            new, operator, lambda each, _, tx, now_ms: stations.add(suite, each, tx, now_ms),
            StationStanding,
        )  # fmt: skip

    async def report(self) -> ControlReport:
        """Proposals and orders, with what became of each."""
        now_ms = self._office.now_ms()
        return await self._office.store.read(lambda tx: control_views.report(tx, now_ms))

    async def station_report(self) -> StationReport:
        """Stations, channels and what is on the air."""
        return await self._office.store.read(_station_report)

    async def wallet_reports(self, query: ReportQuery) -> WalletReports:
        """Key information sets and what their institutions found (W-07)."""
        suite = self._office.suite
        return await self._office.store.read(
            lambda tx: control_views.wallet_reports_of(tx, suite, query.wallet)
        )

    async def _act(
        self,
        action: A,
        operator: str,
        decide: Callable[[A, str, Transaction, int], R],
        answer: type[R],
    ) -> R:
        office = self._office
        now_ms = office.now_ms()

        def job(tx: Transaction) -> bytes:
            key = idempotency.operator_key(office.suite, operator, action.key, action)
            return idempotency.once(
                tx, key, lambda: msgspec.json.encode(decide(action, operator, tx, now_ms))
            )

        done = msgspec.json.decode(await office.store.write(job), type=answer)
        log.info("done", action=type(action).__name__, operator=operator)
        return done

    def _order(
        self, wish: OrderWish, operator: str, tx: Transaction, now_ms: int
    ) -> ProposalStanding:
        control.check_wish(tx, wish, self._list_number(tx))
        concerns_many = wish.scope is not ScopeName.WALLET or control.frees_from_many(
            self._office.suite, tx, wish
        )
        entered = self._enter(tx, ProposedAction.ORDER, wish, concerns_many, operator, now_ms)
        return self._settle(tx, entered, operator, now_ms)

    def _propose_listing(
        self, wish: ListingWish, operator: str, tx: Transaction, now_ms: int
    ) -> ProposalStanding:
        risk_listing.fingerprint_of(self._office.suite, wish, tx)
        entered = self._enter(tx, ProposedAction.LISTING, wish, True, operator, now_ms)
        return control_views.proposal(tx, entered)

    def _add_operator(
        self, new: NewOperator, operator: str, tx: Transaction, now_ms: int
    ) -> ProposalStanding:
        operators.check_new(tx, new.name)
        second = operators.needs_second(tx)
        entered = self._enter(tx, ProposedAction.OPERATOR, new, second, operator, now_ms)
        return self._settle(tx, entered, operator, now_ms)

    def _enter(
        self,
        tx: Transaction,
        action: ProposedAction,
        wish: Struct,
        needs_second: bool,
        operator: str,
        now_ms: int,
    ) -> Proposal:
        document = msgspec.json.encode(wish)
        return proposals.propose(tx, ProposalWish(action, document, needs_second, operator), now_ms)

    def _settle(
        self, tx: Transaction, entered: Proposal, operator: str, now_ms: int
    ) -> ProposalStanding:
        """Do at once what needs no second person."""
        if entered.needs_second:
            return control_views.proposal(tx, entered)
        approved = proposals.approve(tx, entered.number, operator, now_ms)
        self._do(tx, approved, now_ms)
        return control_views.proposal(tx, approved)

    def _approve(
        self, decision: ProposalDecision, operator: str, tx: Transaction, now_ms: int
    ) -> ProposalStanding:
        approved = proposals.approve(tx, decision.proposal, operator, now_ms)
        self._do(tx, approved, now_ms)
        return control_views.proposal(tx, approved)

    def _reject(
        self, decision: ProposalDecision, operator: str, tx: Transaction, now_ms: int
    ) -> ProposalStanding:
        rejected = proposals.reject(tx, decision.proposal, operator, now_ms)
        return control_views.proposal(tx, rejected)

    def _do(self, tx: Transaction, approved: Proposal, now_ms: int) -> None:
        office, document = self._office, approved.document
        match approved.action:
            case ProposedAction.ORDER:
                wish = msgspec.json.decode(document, type=OrderWish)
                self._issue(tx, wish, approved.number, now_ms)
            case ProposedAction.LISTING:
                listing = msgspec.json.decode(document, type=ListingWish)
                risk_listing.list_wallet(office.suite, office.book, listing, tx, now_ms)
            case ProposedAction.OPERATOR:
                new = msgspec.json.decode(document, type=NewOperator)
                operators.add(tx, new, now_ms)

    def _issue(self, tx: Transaction, wish: OrderWish, proposal: int, now_ms: int) -> None:
        office, newest = self._office, self._list_number(tx)
        control.issue(office.authority, wish, proposal, newest, tx, now_ms)
        if wish.order is OrderName.LIST:
            after = wish.since_list or newest - 1
            broadcast_list(tx, office, after, newest, now_ms, air.EVERY_STATION)

    def _list_number(self, tx: Transaction) -> int:
        return self._office.book.current(tx).state.number


def _station_report(tx: Transaction) -> StationReport:
    [[channels]] = tx.query("SELECT COUNT(*) FROM channels WHERE closed_at_ms IS NULL")
    return StationReport(stations.standings(tx), channels, air.open_tasks(tx))
