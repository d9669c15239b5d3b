"""A mailbox for each wallet held here: offline payment requests wait for the payee's chip (C-22).

Only the payee's chip can take such a payment in, so the institution cashes nothing: it keeps the
request for the wallet, and the wallet's receipt for the payer. Anybody may bring one, for it benefits
nobody but the payee; bounds keep a wallet's mailbox from growing. A request is known by its first
transfer, and the same one again changes nothing.
"""

import hashlib

from feiqian.crypto.certificates import parse_certificate
from feiqian.institution import wallets
from feiqian.institution.checking import check_verifiable
from feiqian.institution.office import Office
from feiqian.institution.wallets import CustomerWallet
from feiqian.outcomes import Outcome, Refusal
from feiqian.ports import Transaction
from feiqian.wire.envelope import decode_message, encode_message
from feiqian.wire.payment import RECEIPT, MailboxAnswer, PaymentRequest
from feiqian.wire.request_envelope import MAX_BODY_BYTES, MAX_LISTED
from feiqian.wire.wallet_requests import MAX_LETTER_BYTES, MailboxBody, MailboxResult

MAX_LETTERS = 64
"""Requests that wait for one wallet."""
MAX_RECEIPTS = 1_024
"""Newest receipts kept of one wallet, for its payers."""
ROOM_BYTES = MAX_BODY_BYTES - 1_024
"""Of letters in one answer."""


async def leave(office: Office, raw: bytes) -> bytes:
    """Keep a `PaymentRequest` for the payee's chip; a `MailboxAnswer`, with the receipt if known.

    Raises `Refusal`: too_large, malformed and its kin, what the check of an item raises,
    history_required, wrong_session, unknown_wallet, key_reused for another request with the same transfer, busy when full.
    """
    request = decode_message(raw, PaymentRequest, limit=MAX_LETTER_BYTES)
    now_ms = office.now_ms()
    checked = [check_verifiable(office.trust, item, now_ms) for item in request.items]
    if any(each.read.piece is None for each in checked):
        raise Refusal(
            Outcome.HISTORY_REQUIRED, "expected full pieces: the payee's chip asks nobody"
        )
    values = [each.payment.value for each in checked]
    if {(value.payee, value.nonce) for value in values} != {(values[0].payee, request.nonce)}:
        raise Refusal(Outcome.WRONG_SESSION, "expected transfers of one payee and session")
    name, payee = checked[0].payment.name, values[0].payee
    receipt = await office.store.write(lambda tx: _keep(tx, name, payee, raw, now_ms))
    return encode_message(MailboxAnswer(receipt))


def _keep(tx: Transaction, name: bytes, payee: bytes, raw: bytes, now_ms: int) -> bytes | None:
    wallet = wallets.find_by_chip(tx, payee)
    digest = hashlib.sha256(raw).digest()
    rows = tx.query("SELECT digest, receipt FROM letters WHERE transfer = ?", (name,))
    if rows and rows[0][0] != digest:
        raise Refusal(Outcome.KEY_REUSED, "this transfer came in another request before")
    if rows and rows[0][1] is not None:
        return bytes(rows[0][1])
    if not rows:
        _check_room(tx, wallet)
    tx.execute(
        "INSERT INTO letters (transfer, wallet, received_at_ms, digest, letter, receipt)"
        " VALUES (?, ?, ?, ?, ?, NULL) ON CONFLICT (transfer) DO UPDATE SET letter = excluded.letter",
        (name, wallet.number, now_ms, digest, raw),
    )
    return None


def _check_room(tx: Transaction, wallet: CustomerWallet) -> None:
    ((count,),) = tx.query(
        "SELECT count(*) FROM letters WHERE wallet = ? AND letter IS NOT NULL", (wallet.number,)
    )
    if count >= MAX_LETTERS:
        raise Refusal(Outcome.BUSY, f"expected less than {MAX_LETTERS} payments that wait")


def collect(
    tx: Transaction, office: Office, wallet: CustomerWallet, body: MailboxBody
) -> MailboxResult:
    """Take in what became of letters collected before, and give the next ones.

    Raises `Refusal` malformed and its kin, bad_signature for a receipt not by the wallet's chip.
    """
    public = parse_certificate(office.suite, wallet.certificate).value.public_key
    for raw in body.receipts:
        receipt = RECEIPT.read(office.suite, raw, public)
        _close(tx, wallet, receipt.transfers[0], raw)
    for name in body.refused:
        tx.execute("DELETE FROM letters WHERE transfer = ? AND wallet = ?", (name, wallet.number))
    _forget_old(tx, wallet)
    return MailboxResult(body.version, _letters(tx, wallet))


def _close(tx: Transaction, wallet: CustomerWallet, name: bytes, receipt: bytes) -> None:
    tx.execute(
        "UPDATE letters SET letter = NULL, receipt = ? WHERE transfer = ? AND wallet = ?",
        (receipt, name, wallet.number),
    )


def _forget_old(tx: Transaction, wallet: CustomerWallet) -> None:
    tx.execute(
        "DELETE FROM letters WHERE wallet = ? AND letter IS NULL AND transfer NOT IN (SELECT transfer"
        " FROM letters WHERE wallet = ? AND letter IS NULL ORDER BY received_at_ms DESC LIMIT ?)",
        (wallet.number, wallet.number, MAX_RECEIPTS),
    )


def _letters(tx: Transaction, wallet: CustomerWallet) -> tuple[bytes, ...]:
    rows = tx.query(
        "SELECT letter FROM letters WHERE wallet = ? AND letter IS NOT NULL"
        " ORDER BY received_at_ms, transfer LIMIT ?",
        (wallet.number, MAX_LISTED),
    )
    letters: list[bytes] = []
    for (raw,) in rows:
        if sum(map(len, letters)) + len(raw) > ROOM_BYTES:
            break
        letters.append(bytes(raw))
    return tuple(letters)
