"""What an institution's operator can ask and do, in JSON; every change by a key the operator made."""

from feiqian.institution import accounts, books, key_reports, standing, tracing, wallets
from feiqian.institution.documents import (
    MAX_REPORTS,
    AccountBalance,
    Claimed,
    Freeze,
    InstitutionReport,
    KeyReport,
    KeyReports,
    ListStanding,
    Nothing,
    OrderedIssuance,
    OrderIssuance,
    PayIn,
    ReportsQuery,
    Settled,
    TraceQuery,
)
from feiqian.institution.institution import Institution
from feiqian.outcomes import LocalProtocolError, Outcome, Refusal
from feiqian.ports import Library, Transaction
from feiqian.wire.key_information import KEY_INFORMATION


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
