"""What an institution's operator can ask and do, in JSON; every change by a key the operator made."""

from typing import Annotated

from msgspec import Meta, Struct

from feiqian.institution import accounts, books, key_reports, standing, tracing, wallets
from feiqian.institution.institution import Institution
from feiqian.money.amounts import MAX_AMOUNT_MINOR, AmountMinor
from feiqian.outcomes import LocalProtocolError, Outcome, Refusal
from feiqian.ports import Library, Transaction
from feiqian.wire.key_information import KEY_INFORMATION

MAX_REPORTS = 512

Key = Annotated[str, Meta(min_length=1, max_length=64, description="idempotency key")]
Hex = Annotated[str, Meta(pattern="^[0-9a-f]{32}([0-9a-f]{32})?$")]
WalletText = Annotated[str, Meta(min_length=1, max_length=24)]


class InstitutionReport(Struct, frozen=True):
    """The institution at a glance; amounts in minor units."""

    code: str
    wallets: int
    frozen_wallets: int
    accounts_minor: int
    pending_items: int
    double_spends: int
    balances: dict[str, int]


class OrderIssuance(Struct, frozen=True, forbid_unknown_fields=True):
    """Order issuance from the platform (negative: give it back)."""

    key: Key
    amount_minor: Annotated[int, Meta(ge=-MAX_AMOUNT_MINOR, le=MAX_AMOUNT_MINOR)]


class OrderedIssuance(Struct, frozen=True):
    """The platform's order."""

    number: int
    amount_minor: int
    authorised_minor: int


class Nothing(Struct, frozen=True, forbid_unknown_fields=True):
    """No parameters."""


class Claimed(Struct, frozen=True):
    """What became of one debtor's statement."""

    debtor: str
    outcome: Outcome
    claimed_total_minor: int
    settled_total_minor: int


class Settled(Struct, frozen=True):
    """What was claimed from others, and where the institution stands at the platform."""

    claims: tuple[Claimed, ...]
    reserves_minor: int
    authorised_minor: int
    owed_to_minor: int
    owes_minor: int


class PayIn(Struct, frozen=True, forbid_unknown_fields=True):
    """Bank money from outside into an account."""

    key: Key
    account: WalletText
    amount_minor: AmountMinor


class AccountBalance(Struct, frozen=True):
    """A bank account."""

    account: str
    balance_minor: int


class ListStanding(Struct, frozen=True):
    """The double-spending list that is held."""

    number: int
    issued_at_ms: int
    identifiers: int
    offenders: int


class Freeze(Struct, frozen=True, forbid_unknown_fields=True):
    """Freeze or unfreeze a wallet."""

    wallet: WalletText
    frozen: bool


class ReportsQuery(Struct, frozen=True, forbid_unknown_fields=True):
    """Wallets' key information sets: of one wallet, or with an empty name the newest of all."""

    wallet: Annotated[str, Meta(max_length=24)] = ""


class KeyReport(Struct, frozen=True):
    """A key information set, and what the risk check found; amounts in minor units."""

    wallet: str
    number: int
    counter: int
    balance_minor: int
    offline_paid_minor: int
    offline_received_minor: int
    list_number: int
    received_at_ms: int
    findings: tuple[str, ...]
    synchronised: bool


class KeyReports(Struct, frozen=True):
    """The newest first, at most `MAX_REPORTS`."""

    reports: tuple[KeyReport, ...]


class TraceQuery(Struct, frozen=True, forbid_unknown_fields=True):
    """A circulation identifier (64 hexadecimal digits) or a serial (32)."""

    identifier: Hex


class Operator:
    """The operator's side of an institution."""

    def __init__(self, institution: Institution, library: Library | None = None) -> None:
        """`library`: the way to what the platform publishes, if there is one."""
        self._institution = institution
        self._library = library
        self._office = institution.office

    async def report(self, _: None) -> InstitutionReport:
        """The institution at a glance."""
        return await self._office.store.read(self._report)

    async def order_issuance(self, body: OrderIssuance) -> OrderedIssuance:
        """Order issuance from the platform. `Refusal` insufficient_reserves, quota_exceeded."""
        if body.amount_minor == 0:
            raise Refusal(Outcome.MALFORMED, "expected an amount other than zero")
        order = await standing.order_issuance(self._office, body.key, body.amount_minor)
        return OrderedIssuance(order.number, order.amount_minor, order.authorised_minor)

    async def settle(self, _: Nothing) -> Settled:
        """Claim what others owe, then book what has been settled."""
        result = await standing.settle(self._office)
        position = await standing.update_position(self._office)
        claims = result.claims if result else ()
        return Settled(
            claims=tuple(
                Claimed(
                    claim.debtor,
                    claim.outcome,
                    claim.claimed_total_minor,
                    claim.settled_total_minor,
                )
                for claim in claims
            ),
            reserves_minor=position.reserves_minor,
            authorised_minor=position.authorised_minor,
            owed_to_minor=position.owed_to_minor,
            owes_minor=position.owes_minor,
        )

    async def pay_in(self, body: PayIn) -> AccountBalance:
        """Bank money into an account, once for each key. `Refusal` unknown_wallet, key_reused."""
        return await self._office.store.write(lambda tx: self._pay_in(tx, body))

    async def freeze(self, body: Freeze) -> Freeze:
        """Freeze or unfreeze a wallet. `Refusal` unknown_wallet."""
        await self._office.store.write(lambda tx: wallets.freeze(tx, body.wallet, body.frozen))
        return body

    async def follow_list(self, _: Nothing) -> ListStanding:
        """Report what double spends were found and take the newest list, without waiting.

        Raises `Refusal`: what the platform's documents are refused for, unavailable, timed_out.
        """
        if self._library is None:
            raise Refusal(Outcome.UNAVAILABLE, "expected a way to the platform's documents")
        await self._institution.follow_list(self._library)
        held = await self._institution.double_spending.held()
        if held is None:
            raise LocalProtocolError("a list that was followed is held")
        state = held.state
        return ListStanding(state.number, state.issued_at_ms, state.identifiers, state.offenders)

    async def reports(self, body: ReportsQuery) -> KeyReports:
        """What wallets' chips reported, and what was found (W-07)."""
        kept = await self._office.store.read(
            lambda tx: key_reports.newest(tx, body.wallet, MAX_REPORTS)
        )
        return KeyReports(tuple(self._key_report(each) for each in kept))

    def _key_report(self, kept: key_reports.KeptReport) -> KeyReport:
        said = KEY_INFORMATION.peek(self._office.suite, kept.raw)
        return KeyReport(
            kept.wallet,
            said.number,
            said.counter,
            said.balance_minor,
            said.offline_paid_minor,
            said.offline_received_minor,
            said.list_number,
            kept.received_at_ms,
            tuple(kept.findings.split()),
            kept.statement is not None,
        )

    async def trace(self, body: TraceQuery) -> tracing.Trace:
        """The history of a currency. `Refusal` unknown_identifier."""
        identifier = bytes.fromhex(body.identifier)
        return await self._office.store.read(
            lambda tx: tracing.trace(tx, self._office.suite, identifier)
        )

    def _report(self, tx: Transaction) -> InstitutionReport:
        wallet_count, frozen = tx.query("SELECT COUNT(*), COALESCE(SUM(frozen), 0) FROM wallets")[0]
        (accounts_minor,) = tx.query("SELECT COALESCE(SUM(balance_minor), 0) FROM accounts")[0]
        (pending,) = tx.query("SELECT COUNT(*) FROM presented WHERE state = 0")[0]
        (conflicts,) = tx.query("SELECT COUNT(*) FROM conflicts")[0]
        return InstitutionReport(
            code=self._office.code,
            wallets=wallet_count,
            frozen_wallets=frozen,
            accounts_minor=accounts_minor,
            pending_items=pending,
            double_spends=conflicts,
            balances=books.balances(tx),
        )

    def _pay_in(self, tx: Transaction, body: PayIn) -> AccountBalance:
        reference = f"pay-in {body.key}"
        rows = tx.query("SELECT amount_minor, account FROM pay_ins WHERE key = ?", (body.key,))
        if rows and rows[0] != (body.amount_minor, body.account):
            raise Refusal(Outcome.KEY_REUSED, "the key was used for another pay-in")
        if not rows:
            tx.execute(
                "INSERT INTO pay_ins (key, account, amount_minor) VALUES (?, ?, ?)",
                (body.key, body.account, body.amount_minor),
            )
            now_ms = self._office.now_ms()
            accounts.pay_in(tx, body.account, body.amount_minor, reference, now_ms)
        return AccountBalance(body.account, accounts.balance_of(tx, body.account))
