"""What this institution has received and presents to the issuers: its durable to-do list.

A payment is stored before it is presented. Each of its items is pending until its issuer has
decided; a decision is stored with the issuer's signed answer before anybody hears of it. Purpose
says what the payee is to get: currency (payment, convert) or money in the bank account (deposit).
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum

from msgspec import Struct

from feiqian.crypto import cbor
from feiqian.outcomes import Outcome, Refusal
from feiqian.ports import Transaction
from feiqian.wire.cashing import CashItem, CashResult
from feiqian.wire.items import CheckedItem

MAX_CASH_ITEM_BYTES = 65_536


class Purpose(IntEnum):
    """What the payee is to get."""

    PAYMENT = 0
    CONVERT = 1
    DEPOSIT = 2


class Decision(IntEnum):
    """Where an item stands; only pending ones are presented again on their own."""

    PENDING = 0
    CASHED = 1
    REFUSED = 2


@dataclass(frozen=True, slots=True)
class Payment:
    """What came in as one, and for whom."""

    payment: bytes
    """Its name: a hash of its transfers' names (32 bytes)."""
    purpose: Purpose
    wallet: str
    nonce: bytes


@dataclass(frozen=True, slots=True)
class Item:
    """One transfer of a payment, as it is presented."""

    transfer: bytes
    issuer: str
    cash_item: CashItem
    amount_minor: int


@dataclass(frozen=True, slots=True)
class DecidedTransfer:
    """What became of one transfer of a payment."""

    transfer: bytes
    amount_minor: int
    decision: Decision
    outcome: Outcome
    """Unavailable while it is pending."""
    detail: str
    renewal: bytes | None


def name_payment(transfers: Sequence[bytes]) -> bytes:
    """The name of a payment: the same whenever and in whatever form it is presented."""
    return hashlib.sha256(b"feiqian/payment\x00" + b"".join(transfers)).digest()


def new_item(checked: CheckedItem, payee_certificate: bytes | None) -> Item:
    """A checked item as it is first stored: pending."""
    payment = checked.payment
    return Item(
        transfer=payment.name,
        issuer=checked.read.item.issuer,
        cash_item=CashItem(checked.read.item, payee_certificate),
        amount_minor=payment.value.amount_minor,
    )


def receive(
    tx: Transaction, payment: Payment, items: Sequence[Item], now_ms: int
) -> tuple[Item, ...]:
    """Store a payment; what was cashed stays so, the items returned are to be presented.

    What was refused is tried again, perhaps in another form. Raises `Refusal` key_reused when one
    of the transfers belongs to another payment.
    """
    tx.execute(
        "INSERT INTO payments"
        " (payment, purpose, wallet, nonce, received_at_ms, completed_at_ms, credited_minor)"
        " VALUES (?, ?, ?, ?, ?, NULL, 0) ON CONFLICT (payment) DO NOTHING",
        (payment.payment, payment.purpose, payment.wallet, payment.nonce, now_ms),
    )
    return tuple(
        item
        for position, item in enumerate(items)
        if _receive_item(tx, payment.payment, position, item) is not Decision.CASHED
    )


def _receive_item(tx: Transaction, payment: bytes, position: int, item: Item) -> Decision:
    rows = tx.query(
        "INSERT INTO presented (transfer, payment, position, issuer, cash_item, amount_minor,"
        " state, outcome, detail, renewal, response) VALUES (?, ?, ?, ?, ?, ?, 0, '', '', NULL, NULL)"
        " ON CONFLICT (transfer) DO UPDATE SET"
        " cash_item = CASE WHEN presented.state = 1 THEN presented.cash_item"
        " ELSE excluded.cash_item END,"
        " state = CASE WHEN presented.state = 1 THEN 1 ELSE 0 END"
        " RETURNING payment, state",
        (
            item.transfer,
            payment,
            position,
            item.issuer,
            cbor.encode(_StoredItem(cbor.VERSION, item.cash_item)),
            item.amount_minor,
        ),
    )
    owner, state = rows[0]
    if owner != payment:
        raise Refusal(Outcome.KEY_REUSED, "a transfer was presented before in another payment")
    return Decision(state)


def decide(tx: Transaction, result: CashResult, response: bytes | None) -> bool:
    """Store an issuer's decision; whether the item was cashed by this very decision.

    `response`: the name under which the issuer's signed answer is kept; None for ourselves.
    """
    cashed = result.outcome in (Outcome.ACCEPTED, Outcome.REPEATED)
    decision = Decision.CASHED if cashed else Decision.REFUSED
    changed = tx.execute(
        "UPDATE presented SET state = ?, outcome = ?, detail = ?, renewal = ?, response = ?"
        " WHERE transfer = ? AND state <> ?",
        (
            decision,
            result.outcome,
            result.detail,
            result.renewal,
            response,
            result.transfer,
            Decision.CASHED,
        ),
    )
    return cashed and changed == 1


def payment_of(tx: Transaction, transfer: bytes) -> tuple[Payment, bytes, int]:
    """The payment that a presented transfer belongs to, its wallet's chip, and what it pays."""
    rows = tx.query(
        "SELECT y.payment, y.purpose, y.wallet, y.nonce, w.fingerprint, p.amount_minor"
        " FROM presented p JOIN payments y ON y.payment = p.payment"
        " JOIN wallets w ON w.number = y.wallet WHERE p.transfer = ?",
        (transfer,),
    )
    payment, purpose, wallet, nonce, chip, amount_minor = rows[0]
    return Payment(payment, Purpose(purpose), wallet, nonce), chip, amount_minor


def complete(tx: Transaction, payment: bytes, credited_minor: int, now_ms: int) -> None:
    """Add to what a payment has brought, and mark it complete when no item is left to cash."""
    tx.execute(
        "UPDATE payments SET credited_minor = credited_minor + ?, completed_at_ms ="
        " CASE WHEN EXISTS (SELECT 1 FROM presented WHERE payment = ? AND state <> 1)"
        " THEN NULL ELSE ? END WHERE payment = ?",
        (credited_minor, payment, now_ms, payment),
    )


def completed(tx: Transaction, payment: bytes) -> tuple[int, int] | None:
    """When a payment was complete and what it brought, in minor units; None before."""
    rows = tx.query(
        "SELECT completed_at_ms, credited_minor FROM payments"
        " WHERE payment = ? AND completed_at_ms IS NOT NULL",
        (payment,),
    )
    return (rows[0][0], rows[0][1]) if rows else None


def decided(tx: Transaction, payment: bytes) -> list[DecidedTransfer]:
    """What has become of each item of a payment, in their order."""
    rows = tx.query(
        "SELECT transfer, amount_minor, state, outcome, detail, renewal FROM presented"
        " WHERE payment = ? ORDER BY position",
        (payment,),
    )
    return [
        DecidedTransfer(
            transfer,
            amount_minor,
            Decision(state),
            Outcome(outcome or Outcome.UNAVAILABLE),
            detail,
            renewal,
        )
        for transfer, amount_minor, state, outcome, detail, renewal in rows
    ]


def pending(tx: Transaction, limit: int) -> list[Item]:
    """Items that no issuer has decided yet."""
    rows = tx.query(
        "SELECT transfer, issuer, cash_item, amount_minor FROM presented WHERE state = 0"
        " ORDER BY issuer, transfer LIMIT ?",
        (limit,),
    )
    return [
        Item(transfer, issuer, _cash_item(stored), amount_minor)
        for transfer, issuer, stored, amount_minor in rows
    ]


class _StoredItem(Struct, frozen=True, array_like=True):
    version: int
    cash_item: CashItem


def _cash_item(stored: bytes) -> CashItem:
    return cbor.decode(stored, _StoredItem, limit=MAX_CASH_ITEM_BYTES).cash_item
