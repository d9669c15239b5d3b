"""Currencies and what became of them, root by root (C-11, C-15).

Each currency is the root of a tree: a transfer consumes one state and makes one or two. The tree is
built here anew from signed bytes alone, and then compared with the record. Nothing crosses from one
root to another, so only one root is in memory at a time.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import chain

from feiqian.crypto.trust import TrustStore
from feiqian.money.currency import Currency, SignedCurrency, parse_currency, verify_currency
from feiqian.money.piece import Output, issued_output, outputs_of
from feiqian.money.transfer import Acceptor, SignedTransfer, parse_transfer, verify_transfer
from feiqian.outcomes import Refusal
from feiqian.ports import Row
from feiqian.testing.audit.checks import Check
from feiqian.testing.audit.evidence import Snapshot, align
from feiqian.testing.audit.findings import Findings
from feiqian.testing.audit.sums import Sums

CIRCULATING, SPENT, REDEEMED = 0, 1, 2
"""How the record writes what became of a state."""

_ISSUED = "SELECT serial, owner, sequence, raw FROM issued ORDER BY serial"
_TRANSFERS = (
    "SELECT serial, transfer, raw, certificate, redeemer, recorded_at_ms FROM transfers"
    " ORDER BY serial, transfer"
)
_RECORD = (
    "SELECT serial, identifier, amount_minor, owner, state, consumed_by FROM record"
    " ORDER BY serial, identifier"
)


@dataclass(frozen=True, slots=True)
class RecordedLink:
    """A recorded transfer whose signature holds."""

    transfer: SignedTransfer
    signer: bytes
    """Fingerprint of the chip."""
    wallet: str
    """The number of the chip's wallet."""
    redeemer: str | None


@dataclass(frozen=True, slots=True)
class Fate:
    """What must be in the record of one state."""

    amount_minor: int
    owner: bytes
    state: int
    consumed_by: bytes | None


class RootAudit:
    """Audits every root of one institution."""

    def __init__(
        self, code: str, snapshot: Snapshot, trust: TrustStore, findings: Findings
    ) -> None:
        self._code = code
        self._snapshot = snapshot
        self._trust = trust
        self._findings = findings

    def run(self, sums: Sums) -> Iterator[RecordedLink]:
        """Check all roots and add them up; the redeemed transfers come out on the way."""
        streams = (self._snapshot.rows(sql) for sql in (_ISSUED, _TRANSFERS, _RECORD))
        for serial, (issued, transfers, record) in align(*streams):
            root = self._currency(serial, issued)
            if root is not None:
                sums.issued_minor += root.value.amount_minor
            links = [link for row in transfers if (link := self._link(row))]
            self._compare(self._tree(root, links), record)
            circulating, redeemed = _sum(record, CIRCULATING), _sum(record, REDEEMED)
            issued_minor = root.value.amount_minor if root else 0
            self._findings.equal(
                Check.ROOT_VALUE, self._code, serial, issued_minor, circulating + redeemed
            )
            sums.circulating_minor += circulating
            for link in links:
                if link.redeemer is not None:
                    sums.redeemed_minor[link.redeemer] += link.transfer.value.amount_minor
                    yield link

    def _currency(self, serial: bytes, rows: Sequence[Row]) -> SignedCurrency | None:
        if not rows:
            return None
        _, owner, sequence, raw = rows[0]
        try:
            currency = parse_currency(self._trust.suite, raw)
            verify_currency(self._trust, currency)
        except Refusal as refusal:
            self._findings.refused(Check.CURRENCY, self._code, serial, refusal)
            return None
        value = currency.value
        said = (value.issuer, value.serial, value.owner, value.sequence, value.renewal_of)
        self._findings.expect(
            said == (self._code, serial, owner, sequence, None),
            Check.CURRENCY,
            self._code,
            serial,
            "the row to say what the currency says",
        )
        return currency

    def _link(self, row: Row) -> RecordedLink | None:
        _, name, raw, certificate, redeemer, recorded_at_ms = row
        try:
            transfer = parse_transfer(self._trust.suite, raw)
            chip = self._trust.verify_chip(certificate, recorded_at_ms)
            verify_transfer(self._trust.suite, chip.value.public_key, transfer)
        except Refusal as refusal:
            self._findings.refused(Check.TRANSFER, self._code, name, refusal)
            return None
        self._findings.equal(Check.TRANSFER, self._code, name, name.hex(), transfer.name.hex())
        return RecordedLink(transfer, chip.fingerprint, chip.value.subject, redeemer)

    def _tree(
        self, root: SignedCurrency | None, links: Sequence[RecordedLink]
    ) -> dict[bytes, Fate]:
        """What became of every state of a root, as the transfers have it."""
        spenders: dict[bytes, list[RecordedLink]] = {}
        for each in links:
            spenders.setdefault(each.transfer.value.consumed, []).append(each)
        fates: dict[bytes, Fate] = {}
        waiting = [(issued_output(root), False)] if root is not None else []
        while waiting:
            output, redeemed = waiting.pop()
            found = spenders.pop(output.identifier, [])
            self._check_spenders(output, found, redeemed)
            link = found[0] if found and not redeemed else None
            fates[output.identifier] = _fate(output, redeemed, link)
            if link is not None:
                payee, *change = outputs_of(link.transfer, link.signer)
                self._check_acceptor(link, payee.identifier in spenders)
                waiting.append((payee, link.redeemer is not None))
                waiting.extend((each, False) for each in change)
        for lost in chain.from_iterable(spenders.values()):
            self._lost(lost, "a transfer of a state of its root")
        return fates

    def _check_spenders(
        self, output: Output, found: Sequence[RecordedLink], redeemed: bool
    ) -> None:
        for link in found if redeemed else found[1:]:
            self._lost(link, "a state that is neither redeemed nor consumed by another")
        for link in found[:1]:
            name = link.transfer.name
            self._findings.expect(
                link.signer == output.owner, Check.TRANSFER_OWNER, self._code, name, "the owner"
            )
            self._findings.equal(
                Check.TRANSFER_VALUE,
                self._code,
                name,
                output.amount_minor,
                link.transfer.value.input_minor,
            )

    def _check_acceptor(self, link: RecordedLink, paid_on: bool) -> None:
        by_chip = link.transfer.value.acceptor is Acceptor.CHIP
        self._findings.expect(
            not (link.redeemer is not None if by_chip else paid_on),
            Check.TRANSFER_ACCEPTOR,
            self._code,
            link.transfer.name,
            f"the payee's {'chip' if by_chip else 'manager'} alone to take it in",
        )

    def _lost(self, link: RecordedLink, expected: str) -> None:
        name = link.transfer.name
        self._findings.expect(False, Check.TRANSFER_INPUT, self._code, name, expected)

    def _compare(self, fates: dict[bytes, Fate], record: Sequence[Row]) -> None:
        findings, code = self._findings, self._code
        for _, identifier, *columns in record:
            fate = fates.pop(identifier, None)
            if fate is None:
                findings.expect(False, Check.RECORD_EXTRA, code, identifier, "no such state")
                continue
            found = Fate(*columns)
            findings.expect(found == fate, Check.RECORD_STATE, code, identifier, _described(fate))
        for identifier in fates:
            findings.expect(False, Check.RECORD_MISSING, code, identifier, "a row in the record")


def read_value(trust: TrustStore, raw: bytes) -> Currency | None:
    """What a currency says; None when it cannot be read, which `RootAudit` reports."""
    try:
        return parse_currency(trust.suite, raw).value
    except Refusal:
        return None


def _fate(output: Output, redeemed: bool, link: RecordedLink | None) -> Fate:
    if link is not None:
        return Fate(output.amount_minor, output.owner, SPENT, link.transfer.name)
    return Fate(output.amount_minor, output.owner, REDEEMED if redeemed else CIRCULATING, None)


def _described(fate: Fate) -> str:
    state = ("circulating", "spent", "redeemed")[fate.state]
    by = f" by {fate.consumed_by.hex()}" if fate.consumed_by else ""
    return f"{fate.amount_minor} minor units of {fate.owner.hex()}, {state}{by}"


def _sum(record: Sequence[Row], state: int) -> int:
    return sum(row[2] for row in record if row[4] == state)
