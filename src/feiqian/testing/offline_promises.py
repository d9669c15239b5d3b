"""What must be true of an offline world, at any step and when everything is reconciled.

Nobody honest is accused. Everybody honest has exactly what was paid to them less what they paid, and
all of it is sound or shown to be void. Evidence follows from which transfer of a state won: what an
issuer has decided on must have led to it, and what was never sent to an institution cannot have.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from feiqian.crypto.trust import TrustStore
from feiqian.money.limits import ANONYMOUS_TIER
from feiqian.money.piece import issued_output, walk
from feiqian.ports import Row, Value
from feiqian.protocol.payment.chain import Chain
from feiqian.testing.audit.auditor import audit
from feiqian.testing.network_evidence import PLATFORM, evidence_of
from feiqian.testing.offline_world import CODES, OPENING_MINOR, Handed, OfflineWorld
from feiqian.testing.pockets import Pocket
from feiqian.wire.evidence import name_evidence, verify_evidence
from feiqian.wire.items import PaymentItem, read_item


@dataclass(frozen=True, slots=True)
class Promises:
    """Checks of one world; each fails by an assertion."""

    world: OfflineWorld

    def check_honest(self) -> None:
        """Nobody honest is accused, listed or frozen."""
        ours = {pocket.fingerprint for pocket in self.world.honest}
        accused = {row[0] for row in self._rows(PLATFORM, "SELECT offender FROM evidence")}
        listed = self._rows(PLATFORM, "SELECT fingerprint FROM listed_offenders")
        assert not ours & (accused | {row[0] for row in listed})
        for code in CODES:
            for (fingerprint,) in self._rows(
                code, "SELECT fingerprint FROM wallets WHERE frozen = 1"
            ):
                assert fingerprint not in ours

    def check_evidence(self) -> int:
        """What evidence there is must be there, and accuses rogues; how much there is."""
        alone = TrustStore.pinned(self.world.network.suite, self.world.network.platform.root())
        found = set()
        for code in CODES:
            for identifier, raw in self._rows(code, "SELECT identifier, raw FROM evidence"):
                accusation = verify_evidence(alone, raw)
                assert accusation.name == identifier
                assert accusation.offender in {rogue.fingerprint for rogue in self.world.rogues}
                found.add(identifier)
        decided = self._decided()
        shown = [item for pocket in self.world.pockets for item in pocket.shown]
        assert set(self._conflicts(decided)) <= found <= set(self._conflicts(shown))
        return len(found)

    def check_reported(self) -> None:
        """All evidence has reached the platform, and its list honours what the issuers recorded."""
        kept = {row[0] for row in self._rows(PLATFORM, "SELECT identifier FROM evidence")}
        listed: dict[bytes, bytes] = dict(
            self._rows(PLATFORM, "SELECT consumed, honoured FROM listed_identifiers")
        )
        for code in CODES:
            rows = self._rows(code, "SELECT identifier, consumed, recorded FROM evidence")
            for identifier, consumed, recorded in rows:
                assert identifier in kept
                assert recorded == listed[consumed]

    def check_value(self) -> None:
        """Everybody honest has exactly what they must, and all of it is sound or shown to be void."""
        for pocket in self.world.honest:
            assert set(pocket.held) <= set(pocket.chains)
            for chain in pocket.spendable():
                item = chain_item(chain)
                assert not list(self._conflicts([item]))
            assert self._has_minor(pocket) == self._expected_minor(pocket)
        for handed in self.world.refused:
            self._check_void(handed)

    async def cash_up(self) -> None:
        """Everybody honest who has an account puts all that is sound into it; nothing is refused."""
        for pocket in self.world.honest:
            if pocket.tier == ANONYMOUS_TIER:
                continue
            for chain in tuple(pocket.spendable()):
                await pocket.deposit(chain.identifier)
                assert chain.identifier not in pocket.void
            assert not list(pocket.spendable())
            assert self._has_minor(pocket) == self._expected_minor(pocket)

    def check_audit(self) -> None:
        """The evidence of all parties proves that value is conserved."""
        report = audit(evidence_of(self.world.network))
        assert report.discrepancies == ()
        assert report.issued_minor == report.circulating_minor + report.redeemed_minor

    def _expected_minor(self, pocket: Pocket) -> int:
        opened_minor = 0 if pocket.tier == ANONYMOUS_TIER else OPENING_MINOR
        return opened_minor + self.world.net_minor.get(pocket.label, 0)

    def _has_minor(self, pocket: Pocket) -> int:
        """On the chip, in the bank, on the way there, and lost because it was void."""
        chip_minor = sum(pocket.held.values())
        rows = self._rows(
            pocket.code,
            "SELECT COALESCE(SUM(a.balance_minor), 0) FROM accounts a"
            " JOIN wallets w ON w.account = a.number WHERE w.fingerprint = ?",
            pocket.fingerprint,
        )
        assert not pocket.errands
        lost_minor = sum(
            read_item(self.world.network.suite, item).payment.value.amount_minor
            for identifier, body in pocket.deposited.items()
            if identifier in pocket.void
            for item in body.items
        )
        return chip_minor + int(rows[0][0]) + lost_minor

    def _check_void(self, handed: Handed) -> None:
        """A payment is refused for good only if something in it was spent before."""
        chains = [self._steps(item) for item in handed.request.items]
        rogues = {rogue.fingerprint for rogue in self.world.rogues}
        assert any(owner in rogues for steps in chains for owner, _, _ in steps)

    def _decided(self) -> list[PaymentItem]:
        """What somebody knows an issuer to have decided on."""
        items: list[PaymentItem] = []
        for pocket in self.world.pockets:
            items += pocket.decided
            for body in pocket.deposited.values():
                items += body.items
        return items

    def _conflicts(self, items: Sequence[PaymentItem]) -> Iterator[bytes]:
        """The names of the evidence that these items make, given which transfers won."""
        for item in items:
            for _, consumed, transfer in self._steps(item):
                rows = self._rows(
                    item.issuer, "SELECT consumed_by FROM record WHERE identifier = ?", consumed
                )
                winner = rows[0][0] if rows else None
                if winner is None:
                    break
                if winner != transfer:
                    yield name_evidence(self.world.network.suite, consumed, (winner, transfer))
                    break

    def _steps(self, item: PaymentItem) -> list[tuple[bytes, bytes, bytes]]:
        """Owner, state consumed, and transfer, link by link."""
        read = read_item(self.world.network.suite, item)
        assert read.piece is not None
        return [
            (consumed.owner, consumed.identifier, transfer.name)
            for consumed, transfer in walk(issued_output(read.piece.currency), read.transfers)
        ]

    def _rows(self, party: str, sql: str, *parameters: Value) -> list[Row]:
        return self.world.network.stores[party].run(lambda tx: tx.query(sql, parameters))


def chain_item(chain: Chain) -> PaymentItem:
    """What a piece has behind it, as if its last transfer paid."""
    return PaymentItem(chain.issuer, chain.currency, chain.transfers, chain.certificates)
