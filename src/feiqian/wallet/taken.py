"""What our chip takes in without a manager: stored when it is handed over, judged, accepted, verified.

A row that was handed over is checked and accepted later if a crash came between; once the chip has
accepted, its pieces and its receipt are kept in one transaction. Applying a record twice is applying
it once. A judgement of the local list leaves the row unverified until the issuers have spoken.
"""

from collections.abc import Iterator, Mapping, Sequence

from msgspec import Struct

from feiqian.chip.commands import MAX_OFFERS
from feiqian.crypto import cbor
from feiqian.crypto.cbor import VERSION
from feiqian.crypto.suites import Suite
from feiqian.money.transfer import Acceptor
from feiqian.ports import Row, Transaction
from feiqian.protocol.payment.records import HandoverTaken, JudgementMade, PaymentAccepted
from feiqian.protocol.payment.setup import EarlierSession
from feiqian.protocol.payment.states import Role
from feiqian.protocol.payment.verification import Verdicts
from feiqian.wallet import holdings
from feiqian.wallet.session_rows import (
    SessionStage,
    Verification,
    advance,
    read_bytes,
    read_confirmed,
    read_int,
    read_judgement,
    read_request,
    set_columns,
)
from feiqian.wire.envelope import MAX_MESSAGE_BYTES, encode_message
from feiqian.wire.items import RawCurrency
from feiqian.wire.payment import OFFER, PaymentReceipt

MAX_EARLIER = 64
"""Sessions opened earlier whose request is still taken over a later link, when managers cash it."""
MAX_EARLIER_OFFLINE = MAX_OFFERS
"""The same when our chip takes it in: as many as the chip remembers."""


class Renewals(Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """Renewals that wait until our chip has accepted what they renew."""

    version: int
    raws: tuple[RawCurrency, ...]


def keep_handover(tx: Transaction, record: HandoverTaken, now_ms: int) -> None:
    """An offline request was handed to us; nothing once it has been accepted."""
    accepted = tx.query(
        "SELECT 1 FROM sessions WHERE nonce = ? AND stage = ?",
        (record.nonce, SessionStage.ACCEPTED),
    )
    if accepted:
        return
    advance(tx, record.nonce, SessionStage.HANDED, now_ms)
    set_columns(
        tx,
        record.nonce,
        request=encode_message(record.request),
        amount_minor=record.amount_minor,
        peer=record.payer,
        judgement=None,
        renewals=None,
    )


def keep_judgement(tx: Transaction, record: JudgementMade) -> None:
    """It was judged sound; what only a list has judged is to be verified later."""
    by_list = record.judgement.checked_by.startswith("list")
    set_columns(
        tx,
        record.nonce,
        judgement=cbor.encode(record.judgement),
        renewals=cbor.encode(Renewals(VERSION, record.renewals)),
        verification=Verification.UNVERIFIED if by_list else Verification.VERIFIED,
    )


def keep_acceptance(tx: Transaction, suite: Suite, record: PaymentAccepted, now_ms: int) -> None:
    """Our chip holds it: keep the chains that prove it, and the receipt."""
    ((raw, renewals),) = tx.query(
        "SELECT request, renewals FROM sessions WHERE nonce = ?", (record.nonce,)
    )
    for item in read_request(raw).items:
        holdings.add_received(tx, suite, item)
    for renewal in cbor.decode(read_bytes(renewals), Renewals, limit=MAX_MESSAGE_BYTES).raws:
        holdings.renew(tx, suite, renewal)
    advance(tx, record.nonce, SessionStage.ACCEPTED, now_ms)
    set_columns(tx, record.nonce, receipt=record.receipt)


def keep_verdict(
    tx: Transaction,
    suite: Suite,
    nonce: bytes,
    verdicts: Verdicts,
    renewals: Sequence[bytes],
) -> None:
    """What the issuers said of what was accepted on the word of a list (D-12).

    What is void is set aside; the rest of the same payment is worth what it says.
    """
    standing = Verification.ANOMALOUS if verdicts.void else Verification.VERIFIED
    set_columns(tx, nonce, verification=standing, judgement=cbor.encode(verdicts.judgement))
    holdings.set_aside(tx, [item.transfers[-1] for item in verdicts.void], nonce)
    for raw in renewals:
        holdings.renew(tx, suite, raw)


# Reading back -------------------------------------------------------------------------------------
def handovers(tx: Transaction) -> list[HandoverTaken]:
    """Offline requests to us that our chip has not accepted, oldest first."""
    return _select(tx, "stage = ?", SessionStage.HANDED)


def unverified(tx: Transaction) -> list[HandoverTaken]:
    """What our chip took in and no issuer has verified yet, oldest first."""
    return _select(
        tx, "stage = ? AND verification = ?", SessionStage.ACCEPTED, Verification.UNVERIFIED
    )


def _select(tx: Transaction, condition: str, *values: str) -> list[HandoverTaken]:
    rows = tx.query(
        "SELECT nonce, request, amount_minor, peer, offer, judgement FROM sessions"  # noqa: S608 - constants
        f" WHERE role = ? AND {condition} ORDER BY opened_at_ms, nonce",
        (Role.PAYEE, *values),
    )
    return [
        HandoverTaken(
            nonce=read_bytes(nonce),
            request=read_request(request),
            amount_minor=read_int(amount_minor),
            payer=str(payer),
            offer=read_bytes(offer),
            judgement=read_judgement(judgement),
        )
        for nonce, request, amount_minor, payer, offer, judgement in rows
    ]


def receipt_of(tx: Transaction, nonce: bytes) -> bytes | None:
    """The receipt of a session; None unless our chip, or the payee's, has signed one."""
    rows = tx.query("SELECT receipt FROM sessions WHERE nonce = ?", (nonce,))
    return rows[0][0] if rows else None


def earlier(tx: Transaction, suite: Suite) -> "EarlierSessions":
    """The newest sessions we opened: a request for them is taken over any link.

    Offline, also those that were refused: the same bytes may be sound by a later list.
    """
    query = (
        "SELECT nonce, offer, confirmed, receipt FROM sessions WHERE role = ? AND acceptor = ?"
        " AND stage <> ? ORDER BY opened_at_ms DESC LIMIT ?"
    )
    by_manager = tx.query(query, (Role.PAYEE, Acceptor.MANAGER, SessionStage.REFUSED, MAX_EARLIER))
    by_chip = tx.query(query, (Role.PAYEE, Acceptor.CHIP, "", MAX_EARLIER_OFFLINE))
    return EarlierSessions(suite, [*by_manager, *by_chip])


class EarlierSessions(Mapping[bytes, EarlierSession]):
    """Sessions by nonce; each is read when it is asked for, for there can be many."""

    def __init__(self, suite: Suite, rows: Sequence[Row]) -> None:
        self._suite = suite
        self._rows = {nonce: tuple(rest) for nonce, *rest in rows}

    def __getitem__(self, nonce: bytes) -> EarlierSession:
        """The session. `KeyError` when it is none of these."""
        offer, confirmed, receipt = self._rows[nonce]
        answered = read_confirmed(confirmed) if receipt is None else PaymentReceipt(receipt)
        return EarlierSession(OFFER.peek(self._suite, offer), offer, answered)

    def __iter__(self) -> Iterator[bytes]:
        """Their nonces."""
        return iter(self._rows)

    def __len__(self) -> int:
        """How many there are."""
        return len(self._rows)
