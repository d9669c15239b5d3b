"""Signed messages, delivered until they are acknowledged, and taken in once.

What is to be said is signed and stored in the transaction that decided it, so nothing is said that
did not happen, and nothing that happened goes unsaid. A message is known by the digest of its bytes:
it is sent again, the very same, less and less often, until its recipient acknowledges that digest
with its own signature. Who carried a message does not matter; whose it is says the signature.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

from feiqian.crypto.cbor import VERSION
from feiqian.crypto.suites import PrivateKey, Suite
from feiqian.outcomes import Outcome, Refusal
from feiqian.ports import Transaction
from feiqian.timing.moment import Moment
from feiqian.wire.service import (
    MEMBERSHIP,
    Acknowledged,
    Member,
    Said,
    ServiceRequest,
)
from feiqian.wire.service_kinds import KIND_OF, KINDS, UNACKNOWLEDGED

FIRST_RETRY_MS = 2_000
LAST_RETRY_MS = 60_000
GIVEN_UP_AFTER_MS = 30 * 24 * 3600 * 1000
"""How long a message is said to somebody who never acknowledges it, and how long one is remembered."""
SENT_AT_ONCE = 64
"""Messages sent in one round."""
_DIGEST = b"feiqian/said\x00"


@dataclass(frozen=True, slots=True)
class Letter:
    """A message that verified."""

    kind: str
    message: Said
    raw: bytes
    digest: bytes


@dataclass(frozen=True, slots=True)
class Parcel:
    """Bytes for the bus."""

    recipient: str
    kind: str
    raw: bytes


@dataclass(slots=True)
class Post:
    """One party's correspondence."""

    name: str
    key: PrivateKey
    suite: Suite
    managements: dict[str, bytes]
    """Whose word on members counts, by name."""
    keys: dict[str, bytes] = field(default_factory=dict)
    """Of other parties, by name."""

    def open(self, kind: str, raw: bytes, now: Moment) -> Letter:
        """Verify a message for us. Raises `Refusal`: malformed and its kin, unknown_name,
        bad_signature, wrong_addressee.
        """
        if kind not in KINDS:
            raise Refusal(Outcome.MALFORMED, f"expected a message of a service, got {kind[:32]!r}")
        signed, message = KINDS[kind].parse(self.suite, raw)
        if self.name not in message.recipients:
            raise Refusal(Outcome.WRONG_ADDRESSEE, f"expected a message for {self.name}")
        KINDS[kind].verify(self.suite, self._key_of(message, now), signed)
        return Letter(kind, message, raw, self.digest(raw))

    def _key_of(self, message: Said, now: Moment) -> bytes:
        key = self.keys.get(message.sender) or self.managements.get(message.sender)
        if key is not None:
            return key
        if isinstance(message, ServiceRequest):
            return self._introduced(message, now)
        raise Refusal(Outcome.UNKNOWN_NAME, f"{message.sender} is not known here")

    def _introduced(self, request: ServiceRequest, now: Moment) -> bytes:
        """The key of a vehicle whom a management server that we trust knows."""
        raw, name = request.membership, request.sender
        management = self.managements.get(MEMBERSHIP.peek(self.suite, raw).management)
        if management is None:
            raise Refusal(Outcome.UNKNOWN_NAME, "expected a membership of a server known here")
        membership = MEMBERSHIP.read(self.suite, raw, management)
        if (membership.name, membership.member) != (name, Member.VEHICLE):
            raise Refusal(Outcome.WRONG_ADDRESSEE, f"expected the membership of {name}")
        if not now.certainly_before(membership.not_after_ms):
            raise Refusal(Outcome.EXPIRED, "expected a membership in force")
        return membership.public_key

    def digest(self, raw: bytes) -> bytes:
        """What a message is known by."""
        return self.suite.digest(_DIGEST + raw)

    def sign(self, message: Said) -> Parcel:
        """A message for its first recipient, signed and not stored."""
        kind = KIND_OF[type(message)]
        return Parcel(message.recipients[0], kind, KINDS[kind].sign(self.suite, self.key, message))

    def acknowledgement(self, letter: Letter) -> Parcel | None:
        """What the sender is told when a letter is stored; None for those never acknowledged."""
        if type(letter.message) in UNACKNOWLEDGED:
            return None
        return self.sign(Acknowledged(VERSION, self.name, (letter.message.sender,), letter.digest))

    # In a transaction ----------------------------------------------------------------------------
    def say(self, tx: Transaction, messages: Sequence[Said], now_ms: int) -> None:
        """Store what is to be delivered, for each recipient."""
        for message in messages:
            parcel = self.sign(message)
            for recipient in message.recipients:
                tx.execute(
                    "INSERT INTO outbox (digest, recipient, kind, raw, said_at_ms, next_at_ms,"
                    " tries) VALUES (?, ?, ?, ?, ?, ?, 0) ON CONFLICT (digest, recipient) DO NOTHING",
                    (self.digest(parcel.raw), recipient, parcel.kind, parcel.raw, now_ms, now_ms),
                )

    def take(self, tx: Transaction, letter: Letter, now_ms: int) -> bool:
        """Whether this letter is new; from now on it is not."""
        if isinstance(letter.message, Acknowledged):
            self._delivered(tx, letter.message)
            return False
        if isinstance(letter.message, ServiceRequest):
            self._remember(tx, letter.message)
        return bool(
            tx.execute(
                "INSERT INTO inbox (digest, heard_at_ms) VALUES (?, ?)"
                " ON CONFLICT (digest) DO NOTHING",
                (letter.digest, now_ms),
            )
        )

    def _remember(self, tx: Transaction, request: ServiceRequest) -> None:
        """Know whoever was introduced, also after a restart."""
        membership = MEMBERSHIP.peek(self.suite, request.membership)
        self.keys[membership.name] = membership.public_key
        tx.execute(
            "INSERT INTO acquaintances (name, public_key) VALUES (?, ?)"
            " ON CONFLICT (name) DO UPDATE SET public_key = excluded.public_key",
            (membership.name, membership.public_key),
        )

    def recall(self, tx: Transaction) -> None:
        """Read back who was introduced."""
        rows = tx.query("SELECT name, public_key FROM acquaintances")
        self.keys.update({str(name): bytes(key) for name, key in rows})

    def _delivered(self, tx: Transaction, acknowledged: Acknowledged) -> None:
        tx.execute(
            "DELETE FROM outbox WHERE digest = ? AND recipient = ?",
            (acknowledged.digest, acknowledged.sender),
        )


def due(tx: Transaction, now_ms: int) -> list[Parcel]:
    """What is to be sent now; each is due again later, unless it is acknowledged."""
    rows = tx.query(
        "SELECT digest, recipient, kind, raw, tries FROM outbox WHERE next_at_ms <= ?"
        " ORDER BY said_at_ms, next_at_ms LIMIT ?",
        (now_ms, SENT_AT_ONCE),
    )
    for digest, recipient, _, _, tries in rows:
        wait_ms = min(FIRST_RETRY_MS << min(int(tries), 16), LAST_RETRY_MS)
        tx.execute(
            "UPDATE outbox SET tries = tries + 1, next_at_ms = ? WHERE digest = ? AND recipient = ?",
            (now_ms + wait_ms, digest, recipient),
        )
    return [Parcel(str(recipient), str(kind), bytes(raw)) for _, recipient, kind, raw, _ in rows]


def waiting(tx: Transaction, limit: int) -> list[Parcel]:
    """The oldest messages that are not acknowledged, whether or not they are due."""
    rows = tx.query("SELECT recipient, kind, raw FROM outbox ORDER BY said_at_ms LIMIT ?", (limit,))
    return [Parcel(str(recipient), str(kind), bytes(raw)) for recipient, kind, raw in rows]


def forget(tx: Transaction, now_ms: int) -> None:
    """Drop what nobody ever acknowledged, and what was heard too long ago to come again."""
    before_ms = now_ms - GIVEN_UP_AFTER_MS
    tx.execute("DELETE FROM outbox WHERE said_at_ms < ?", (before_ms,))
    tx.execute("DELETE FROM inbox WHERE heard_at_ms < ?", (before_ms,))
