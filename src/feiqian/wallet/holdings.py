"""Holdings: the chain of every piece, kept by circulation identifier.

The chip alone says which pieces are held. This table adds the bytes that prove them to others, and
remembers which are promised to a session or errand that has not ended. A renewal replaces a chain
and nothing else; spending removes the inputs and adds the change in one transaction.
"""

from collections.abc import Sequence

from feiqian.crypto import cbor
from feiqian.crypto.cbor import VERSION
from feiqian.crypto.suites import Suite
from feiqian.money.currency import SignedCurrency, parse_currency
from feiqian.money.transfer import parse_transfer
from feiqian.outcomes import LocalProtocolError, Outcome, Refusal
from feiqian.ports import Transaction
from feiqian.protocol.payment.chain import Chain
from feiqian.wire.items import PaymentItem

MAX_CHAIN_BYTES = 16_384


def add_issued(tx: Transaction, suite: Suite, raw: bytes) -> None:
    """Keep new currency issued to us; keeping it again changes nothing."""
    currency = parse_currency(suite, raw)
    _insert(tx, _chain_of(currency), currency.value.sequence)


def add_received(tx: Transaction, suite: Suite, item: PaymentItem) -> None:
    """Keep what our chip has taken in, with its whole history."""
    transfer = parse_transfer(suite, item.transfers[-1])
    if item.currency is None:
        raise LocalProtocolError("a chip takes in full pieces only")
    chain = Chain(
        version=VERSION,
        identifier=transfer.payee_output,
        amount_minor=transfer.value.amount_minor,
        issuer=item.issuer,
        currency=item.currency,
        transfers=item.transfers,
        certificates=item.certificates,
    )
    _insert(tx, chain, 0)


def set_aside(tx: Transaction, transfers: Sequence[bytes], purpose: bytes) -> None:
    """Spend no more what has one of these transfers (raw) behind it: it is known to be anomalous.

    That is what the transfers paid us, and what we have left of it since.
    """
    for chain in free(tx):
        if not set(transfers).isdisjoint(chain.transfers):
            reserve(tx, (chain.identifier,), purpose)


def renew(tx: Transaction, suite: Suite, raw: bytes) -> None:
    """Replace the chain of what a verified renewal restates, if it is still here."""
    renewal = parse_currency(suite, raw)
    tx.execute(
        "UPDATE chains SET chain = ? WHERE identifier = ? AND amount_minor = ?",
        (
            cbor.encode(_chain_of(renewal)),
            renewal.identifier,
            renewal.value.amount_minor,
        ),
    )


def reserve(tx: Transaction, identifiers: Sequence[bytes], purpose: bytes) -> None:
    """Promise pieces to one session or errand. `Refusal` busy when one is promised already."""
    for identifier in identifiers:
        changed = tx.execute(
            "UPDATE chains SET reserved_for = ? WHERE identifier = ?"
            " AND (reserved_for IS NULL OR reserved_for = ?)",
            (purpose, identifier, purpose),
        )
        if not changed:
            raise Refusal(Outcome.BUSY, "expected pieces that no other payment waits for")


def release(tx: Transaction, purpose: bytes) -> None:
    """Free what was promised: it was not spent."""
    tx.execute("UPDATE chains SET reserved_for = NULL WHERE reserved_for = ?", (purpose,))


def reserved(tx: Transaction, identifiers: Sequence[bytes]) -> tuple[Chain, ...]:
    """The chains of a command's inputs, in its order."""
    found = []
    for identifier in identifiers:
        rows = tx.query("SELECT chain FROM chains WHERE identifier = ?", (identifier,))
        found += [_read(bytes(raw)) for (raw,) in rows]
    return tuple(found)


def spend(
    tx: Transaction, suite: Suite, inputs: Sequence[bytes], last: bytes, certificate: bytes
) -> None:
    """Replace the inputs by the change that the last transfer leaves; repeating it is harmless."""
    chains = reserved(tx, inputs)
    transfer = parse_transfer(suite, last)
    if len(chains) == len(inputs) and transfer.change_output is not None:
        spent = chains[-1]
        change = Chain(
            version=VERSION,
            identifier=transfer.change_output,
            amount_minor=transfer.value.change_minor,
            issuer=spent.issuer,
            currency=spent.currency,
            transfers=(*spent.transfers, last),
            certificates=spent.certificates_with(certificate),
        )
        _insert(tx, change, 0)
    for identifier in inputs:
        tx.execute("DELETE FROM chains WHERE identifier = ?", (identifier,))


def free(tx: Transaction) -> tuple[Chain, ...]:
    """All chains that no session or errand waits for."""
    rows = tx.query("SELECT chain FROM chains WHERE reserved_for IS NULL ORDER BY identifier")
    return tuple(_read(bytes(raw)) for (raw,) in rows)


def known_identifiers(tx: Transaction) -> frozenset[bytes]:
    """Of everything kept."""
    return frozenset(bytes(raw) for (raw,) in tx.query("SELECT identifier FROM chains"))


def issued_after(tx: Transaction, sequence: int) -> tuple[Chain, ...]:
    """New currencies with a number above `sequence`, in order: what the chip has yet to load."""
    rows = tx.query("SELECT chain FROM chains WHERE sequence > ? ORDER BY sequence", (sequence,))
    return tuple(_read(bytes(raw)) for (raw,) in rows)


def _insert(tx: Transaction, chain: Chain, sequence: int) -> None:
    tx.execute(
        "INSERT INTO chains (identifier, amount_minor, sequence, chain, reserved_for)"
        " VALUES (?, ?, ?, ?, NULL) ON CONFLICT (identifier) DO NOTHING",
        (chain.identifier, chain.amount_minor, sequence, cbor.encode(chain)),
    )


def _chain_of(currency: SignedCurrency) -> Chain:
    return Chain(
        version=VERSION,
        identifier=currency.identifier,
        amount_minor=currency.value.amount_minor,
        issuer=currency.value.issuer,
        currency=currency.raw,
        transfers=(),
        certificates=(),
    )


def _read(raw: bytes) -> Chain:
    return cbor.decode(raw, Chain, limit=MAX_CHAIN_BYTES)
