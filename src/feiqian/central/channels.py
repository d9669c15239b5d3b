"""Satellite channels: which wallet seals with which key, under which number (W-06).

A channel is registered over the network: the wallet's own signed request names its host's key, so an
institution cannot put its own there, and the chip's certificate says whose chip signed it. The same
key gets the same number for ever; a new key closes the wallet's channel and opens another. Where a
wallet was last heard is where it is answered: its terminal's address there, or a neighbour's that
carried its message.
"""

from dataclasses import dataclass, replace

from feiqian.central.authority import Authority
from feiqian.crypto import cbor
from feiqian.crypto.cbor import VERSION
from feiqian.crypto.certificates import SignedCertificate
from feiqian.crypto.sealing import check_public
from feiqian.crypto.suites import PrivateKey
from feiqian.crypto.trust import TrustStore
from feiqian.outcomes import Outcome, Refusal
from feiqian.ports import Row, Transaction
from feiqian.timing.moment import Moment
from feiqian.wire.channels import (
    SEALING_KEY,
    ChannelResult,
    PassOnChannelBody,
    RegisterChannelBody,
    SealingKey,
)
from feiqian.wire.request_envelope import MAX_BODY_BYTES, WALLET_REQUEST, Action
from feiqian.wire.satellite import MAX_MESSAGE_NUMBER


@dataclass(frozen=True, slots=True)
class Registration:
    """A registration that is genuine."""

    chip: SignedCertificate
    public_key: bytes
    address: str


@dataclass(frozen=True, slots=True)
class Channel:
    """A registered channel."""

    number: int
    wallet: str
    institution: str
    chip_certificate: bytes
    public_key: bytes
    sealing_key: bytes
    """Our public key that it was registered with."""
    address: str
    """Where the wallet was heard last; empty: nowhere yet."""
    station: str
    """The station that heard it; empty: none yet."""
    sent_number: int
    """Of the last message down."""
    closed_at_ms: int | None


def publish_sealing_key(
    tx: Transaction, authority: Authority, sealing_key: PrivateKey, now_ms: int
) -> None:
    """Sign the platform's sealing key, once."""
    if tx.query("SELECT 1 FROM sealing_keys WHERE public_key = ?", (sealing_key.public,)):
        return
    said = SealingKey(VERSION, sealing_key.public, now_ms)
    tx.execute(
        "INSERT INTO sealing_keys (public_key, since_ms, raw) VALUES (?, ?, ?)",
        (sealing_key.public, now_ms, SEALING_KEY.sign(authority.suite, authority.key, said)),
    )


def read_registration(
    trust: TrustStore, body: PassOnChannelBody, sender: str, now: Moment
) -> Registration:
    """Judge a registration from the message alone.

    Raises `Refusal`: malformed and its kin, bad_certificate, certificate_expired, bad_signature,
    wrong_owner when the chip is another institution's, wrong_addressee.
    """
    suite = trust.suite
    chip = trust.verify_chip(body.chip_certificate, now.midpoint_ms)
    if chip.value.issuer != sender:
        raise Refusal(Outcome.WRONG_OWNER, f"expected a chip of {sender}")
    request = WALLET_REQUEST.read(suite, body.request, chip.value.public_key)
    if request.sender != chip.value.subject or request.addressee != sender:
        raise Refusal(
            Outcome.WRONG_ADDRESSEE, "expected the wallet's own request to its institution"
        )
    if request.action is not Action.CHANNEL:
        raise Refusal(Outcome.MALFORMED, "expected a request for a channel")
    wish = cbor.decode(request.body, RegisterChannelBody, limit=MAX_BODY_BYTES)
    check_public(wish.public_key)
    return Registration(chip, wish.public_key, wish.address)


def register(registration: Registration, tx: Transaction, now_ms: int) -> ChannelResult:
    """The channel of this key, opened now or before.

    Raises `Refusal`: unavailable when no satellite is served here, wrong_owner for another's key.
    """
    sealing_key, sealing_raw = _sealing_key(tx)
    found = tx.query(
        "SELECT number, wallet FROM channels WHERE public_key = ?", (registration.public_key,)
    )
    if not found:
        return ChannelResult(VERSION, _open(tx, registration, sealing_key, now_ms), sealing_raw)
    [(number, wallet)] = found
    if wallet != registration.chip.value.subject:
        raise Refusal(Outcome.WRONG_OWNER, "expected a channel key that is no other wallet's")
    if registration.address:
        tx.execute(
            "UPDATE channels SET address = ? WHERE number = ?", (registration.address, number)
        )
    return ChannelResult(VERSION, number, _sealing_raw_of(tx, number))


def _open(tx: Transaction, registration: Registration, sealing_key: bytes, now_ms: int) -> int:
    chip = registration.chip
    tx.execute(
        "UPDATE channels SET closed_at_ms = ? WHERE wallet = ? AND closed_at_ms IS NULL",
        (now_ms, chip.value.subject),
    )
    [[number]] = tx.query("SELECT COALESCE(MAX(number), 0) + 1 FROM channels")
    tx.execute(
        "INSERT INTO channels (number, wallet, institution, chip_certificate, public_key,"
        " sealing_key, address, station, sent_number, registered_at_ms, closed_at_ms)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, '', 0, ?, NULL)",
        (
            number,
            chip.value.subject,
            chip.value.issuer,
            chip.raw,
            registration.public_key,
            sealing_key,
            registration.address,
            now_ms,
        ),
    )
    return int(number)


def _sealing_key(tx: Transaction) -> tuple[bytes, bytes]:
    rows = tx.query(
        "SELECT public_key, raw FROM sealing_keys ORDER BY since_ms DESC, public_key LIMIT 1"
    )
    if not rows:
        raise Refusal(Outcome.UNAVAILABLE, "no satellite is served here")
    return rows[0][0], rows[0][1]


def _sealing_raw_of(tx: Transaction, number: int) -> bytes:
    [[raw]] = tx.query(
        "SELECT sealing_keys.raw FROM channels JOIN sealing_keys"
        " ON channels.sealing_key = sealing_keys.public_key WHERE channels.number = ?",
        (number,),
    )
    return bytes(raw)


_SELECT = (
    "SELECT number, wallet, institution, chip_certificate, public_key, sealing_key, address,"
    " station, sent_number, closed_at_ms FROM channels"
)


def find(tx: Transaction, number: int) -> Channel | None:
    """The channel of this number."""
    rows = tx.query(f"{_SELECT} WHERE number = ?", (number,))
    return _channel(rows[0]) if rows else None


def channel_of(tx: Transaction, wallet: str) -> Channel | None:
    """The open channel of a wallet."""
    rows = tx.query(f"{_SELECT} WHERE wallet = ? AND closed_at_ms IS NULL", (wallet,))
    return _channel(rows[0]) if rows else None


def hear(tx: Transaction, channel: Channel, station: str, address: str) -> Channel:
    """A new message of this channel came by way of this station from this address."""
    tx.execute(
        "UPDATE channels SET station = ?, address = ? WHERE number = ?",
        (station, address, channel.number),
    )
    return replace(channel, station=station, address=address)


def next_number(tx: Transaction, channel: Channel) -> int:
    """The number of the next message down, used by no other. `Refusal` too_large at the end."""
    [[number]] = tx.query(
        "UPDATE channels SET sent_number = sent_number + 1 WHERE number = ? RETURNING sent_number",
        (channel.number,),
    )
    if number > MAX_MESSAGE_NUMBER:
        raise Refusal(Outcome.TOO_LARGE, "expected the wallet to register a new channel")
    return int(number)


def _channel(row: Row) -> Channel:
    return Channel(*row)
