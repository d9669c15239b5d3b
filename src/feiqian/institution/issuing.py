"""Issuing currency to a wallet of this institution: new value, numbered per owner.

The caller posts to the books; here the currency is made, signed, and put into the record in the
caller's transaction, so that it exists exactly if the caller's job is committed.
"""

from feiqian.crypto.cbor import VERSION
from feiqian.institution.office import Office
from feiqian.institution.record import RecordState, enter
from feiqian.money.currency import Currency, SignedCurrency, sign_currency
from feiqian.money.piece import issued_output
from feiqian.money.serials import RANDOM_BYTES, make_serial
from feiqian.outcomes import Outcome, Refusal
from feiqian.ports import Transaction


def issue(
    tx: Transaction, office: Office, owner: bytes, amount_minor: int, cause: bytes
) -> SignedCurrency:
    """A new currency of `amount_minor` for the chip with fingerprint `owner`.

    `cause`: what it was issued for (a payment or request id). Raises `Refusal` unknown_wallet.
    """
    rows = tx.query(
        "UPDATE wallets SET issued_sequence = issued_sequence + 1 WHERE fingerprint = ?"
        " RETURNING issued_sequence",
        (owner,),
    )
    if not rows:
        raise Refusal(Outcome.UNKNOWN_WALLET, "expected the chip of a wallet held here")
    now_ms = office.now_ms()
    sequence = int(rows[0][0])
    serial = make_serial(now_ms, office.entropy(RANDOM_BYTES))
    currency = sign_currency(
        office.suite,
        office.key,
        Currency(VERSION, office.code, serial, amount_minor, owner, now_ms, sequence, None),
    )
    tx.execute(
        "INSERT INTO issued (serial, owner, sequence, cause, raw) VALUES (?, ?, ?, ?, ?)",
        (serial, owner, sequence, cause, currency.raw),
    )
    enter(tx, serial, issued_output(currency), RecordState.CIRCULATING)
    return currency


def issued_after(tx: Transaction, owner: bytes, sequence: int, limit: int) -> tuple[bytes, ...]:
    """Currencies (raw) issued to `owner` after `sequence`, in order, at most `limit`."""
    rows = tx.query(
        "SELECT raw FROM issued WHERE owner = ? AND sequence > ? ORDER BY sequence LIMIT ?",
        (owner, sequence, limit),
    )
    return tuple(raw for (raw,) in rows)


def issued_for(tx: Transaction, cause: bytes) -> tuple[bytes, ...]:
    """Currencies (raw) issued for one cause, in order of their sequence."""
    rows = tx.query("SELECT raw FROM issued WHERE cause = ? ORDER BY sequence", (cause,))
    return tuple(raw for (raw,) in rows)
