"""Wallets held here: opening, certification of their chips, tiers, and who is who (P-02, P-03).

A wallet's number is the institution's code and a random suffix; its chip's certificate carries
number and tier. The lowest tier is anonymous: it has no bank account, and its holder gets currency
by being paid.
"""

from dataclasses import dataclass

from feiqian.crypto.cbor import VERSION
from feiqian.crypto.certificates import CERTIFICATE, Certificate, KeyRole
from feiqian.institution import accounts
from feiqian.institution.office import Office
from feiqian.money.limits import ANONYMOUS_TIER, limits_of
from feiqian.outcomes import Outcome, Refusal
from feiqian.ports import Transaction
from feiqian.wire.wallet_requests import OpenBody, OpenResult

CERTIFICATE_LIFE_MS = 5 * 365 * 24 * 3600 * 1000
CLOCK_SKEW_MS = 10 * 60 * 1000
"""How long before now a certificate begins, for parties whose clocks are behind."""
SUFFIX_LETTERS = 8
_ALPHABET = "23456789ABCDEFGHJKLMNPQRSTUVWXYZ"  # 32 letters: one for each 5 random bits


@dataclass(frozen=True, slots=True)
class CustomerWallet:
    """A wallet as its institution knows it."""

    number: str
    certificate: bytes
    tier: int
    account: str
    """The bank account's number; empty for an anonymous wallet."""
    issued_sequence: int
    frozen: bool


def open_wallet(tx: Transaction, office: Office, body: OpenBody, opening_minor: int) -> OpenResult:
    """Open a wallet and certify its chip; a chip that has a wallet gets the same one again.

    Raises `Refusal` malformed for an unknown tier.
    """
    limits_of(body.tier)
    fingerprint = office.suite.fingerprint(body.public_key)
    rows = tx.query(
        "SELECT certificate, account FROM wallets WHERE fingerprint = ?", (fingerprint,)
    )
    if rows:
        return OpenResult(VERSION, *rows[0])
    now_ms = office.now_ms()
    number = f"{office.code}-{_suffix(office.entropy(SUFFIX_LETTERS))}"
    account = "" if body.tier == ANONYMOUS_TIER else number
    if account:
        accounts.open_account(tx, account, opening_minor, now_ms)
    certificate = _certify(office, number, body, now_ms)
    tx.execute(
        "INSERT INTO wallets (number, fingerprint, certificate, tier, account, issued_sequence,"
        " frozen, opened_at_ms) VALUES (?, ?, ?, ?, ?, 0, 0, ?)",
        (number, fingerprint, certificate, body.tier, account, now_ms),
    )
    return OpenResult(VERSION, certificate, account)


def find(tx: Transaction, number: str) -> CustomerWallet:
    """The wallet of this number. `Refusal` unknown_wallet."""
    return _one(tx, _SELECT + " WHERE number = ?", number)


def find_by_chip(tx: Transaction, fingerprint: bytes) -> CustomerWallet:
    """The wallet whose chip has this key. `Refusal` unknown_wallet."""
    return _one(tx, _SELECT + " WHERE fingerprint = ?", fingerprint)


def chip_of(tx: Transaction, number: str) -> bytes:
    """The fingerprint of a wallet's chip. `Refusal` unknown_wallet."""
    rows = tx.query("SELECT fingerprint FROM wallets WHERE number = ?", (number,))
    if not rows:
        raise Refusal(Outcome.UNKNOWN_WALLET, "expected a wallet held here")
    return bytes(rows[0][0])


def account_of(tx: Transaction, number: str) -> str:
    """The bank account behind a wallet. `Refusal` unknown_wallet when it has none."""
    account = find(tx, number).account
    if not account:
        raise Refusal(Outcome.UNKNOWN_WALLET, "expected a wallet with a bank account")
    return account


def freeze(tx: Transaction, number: str, frozen: bool) -> None:
    """Freeze or unfreeze a wallet: a frozen one neither withdraws nor is credited."""
    if not tx.execute("UPDATE wallets SET frozen = ? WHERE number = ?", (int(frozen), number)):
        raise Refusal(Outcome.UNKNOWN_WALLET, f"expected a wallet held here, got {number!r}")


def check_active(wallet: CustomerWallet) -> None:
    """Raise `Refusal` wallet_frozen for a frozen wallet."""
    if wallet.frozen:
        raise Refusal(Outcome.WALLET_FROZEN, f"wallet {wallet.number} is frozen")


_SELECT = "SELECT number, certificate, tier, account, issued_sequence, frozen FROM wallets"


def _one(tx: Transaction, sql: str, value: str | bytes) -> CustomerWallet:
    rows = tx.query(sql, (value,))
    if not rows:
        raise Refusal(Outcome.UNKNOWN_WALLET, "expected a wallet held here")
    number, certificate, tier, account, issued_sequence, frozen = rows[0]
    return CustomerWallet(number, certificate, tier, account, issued_sequence, bool(frozen))


def _certify(office: Office, number: str, body: OpenBody, now_ms: int) -> bytes:
    certificate = Certificate(
        version=VERSION,
        role=KeyRole.CHIP,
        subject=number,
        public_key=body.public_key,
        issuer=office.code,
        tier=body.tier,
        not_before_ms=now_ms - CLOCK_SKEW_MS,
        not_after_ms=now_ms + CERTIFICATE_LIFE_MS,
    )
    return CERTIFICATE.sign(office.suite, office.key, certificate)


def _suffix(randomness: bytes) -> str:
    return "".join(_ALPHABET[byte % len(_ALPHABET)] for byte in randomness)
