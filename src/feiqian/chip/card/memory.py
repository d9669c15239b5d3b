"""The chip's non-volatile memory: one frozen state, written whole or not at all.

A command computes the next state from this one; committing it is the command. Everything in it is
bounded, so that an image always fits `MAX_IMAGE_BYTES`. New fields go to the end with a default:
an image written before they existed then reads as one where nothing of theirs has happened yet.
"""

from typing import Annotated, Protocol

from msgspec import Meta, Struct
from msgspec.structs import replace

from feiqian.chip.card.standing import Standings, of_unknown_scope
from feiqian.chip.commands import (
    MAX_AUTHORISATIONS,
    MAX_CHARGED,
    MAX_EXPORT_RECORDS,
    MAX_OFFERS,
    MAX_PIECES,
    Count,
    ExportRecord,
    HeldPiece,
    LifeCycle,
    LiveAuthorisation,
)
from feiqian.chip.commands.life import NOTHING_EXECUTED, ExecutedNumbers
from feiqian.crypto import cbor
from feiqian.money.amounts import AmountOrZeroMinor
from feiqian.money.limits import Limits
from feiqian.money.transfer import Nonce
from feiqian.timing.moment import Milliseconds, Moment
from feiqian.wire.control import Groups
from feiqian.wire.items import MAX_ITEMS, RawTransfer
from feiqian.wire.payment import RawReceipt

MAX_IMAGE_BYTES = 65_536
MAX_JOURNAL = 16
"""Last payments and exports that the chip answers again with the same bytes."""
MAX_ACCEPTED = 16
"""Last accepted sessions that the chip recognizes when they are presented again."""
CHARGED_BYTES = 8
"""What the chip keeps of a fee order's name."""

Digest = Annotated[bytes, Meta(min_length=32, max_length=32)]


class Memory(Protocol):
    """Where the image is kept."""

    def load(self) -> bytes:
        """The image last committed; empty before the first."""
        ...

    def commit(self, image: bytes) -> None:
        """Replace the image atomically and durably.

        Raises `Refusal` unavailable when it cannot; either image may then be found on return.
        """
        ...


class _Record(Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    pass


class Code(_Record, frozen=True):
    """A PIN or PUK: salted digest and what is left of its tries."""

    salt: Annotated[bytes, Meta(min_length=16, max_length=16)]
    digest: Digest
    tries: int

    def __repr__(self) -> str:
        return f"<Code with {self.tries} tries>"


class SignedPayment(_Record, frozen=True):
    """Transfers that were signed, and the digest of the command that asked for them."""

    nonce: Nonce
    command: Digest
    transfers: Annotated[tuple[RawTransfer, ...], Meta(max_length=MAX_ITEMS)]


class AcceptedSession(_Record, frozen=True):
    """A session that was accepted, the digest of its transfers' names, and what was answered."""

    nonce: Nonce
    transfers: Digest
    receipt: RawReceipt


class CardState(_Record, frozen=True):
    """All that a chip remembers without power."""

    version: int = cbor.VERSION
    life_cycle: LifeCycle = LifeCycle.BLANK
    secret: bytes = b""
    public_key: bytes = b""
    root_public_key: bytes = b""
    pin: Code | None = None
    puk: Code | None = None
    institution_certificate: bytes = b""
    chip_certificate: bytes = b""
    counter: int = 0
    loaded_sequence: int = 0
    pieces: Annotated[tuple[HeldPiece, ...], Meta(max_length=MAX_PIECES)] = ()
    session_count: Count = 0
    """Number of the newest offline session opened."""
    taken_sessions: Annotated[bytes, Meta(max_length=MAX_OFFERS // 8)] = b""
    """A bit for each of the newest `MAX_OFFERS` sessions, set once it was accepted."""
    journal: Annotated[tuple[SignedPayment, ...], Meta(max_length=MAX_JOURNAL)] = ()
    accepted: Annotated[tuple[AcceptedSession, ...], Meta(max_length=MAX_ACCEPTED)] = ()
    exports: Annotated[tuple[ExportRecord, ...], Meta(max_length=MAX_EXPORT_RECORDS)] = ()
    exported_count: int = 0
    exported_minor: AmountOrZeroMinor = 0
    offline_paid_minor: AmountOrZeroMinor = 0
    offline_received_minor: AmountOrZeroMinor = 0
    synchronised_at: Moment | None = None
    synchronised_number: Count = 0
    frozen: bool = False
    """By all registers of `standing` that count; so are the limits."""
    ordered_limits: Limits | None = None
    """In place of the tier's."""
    floor_ms: Milliseconds = 0
    """The latest moment that is certainly past."""
    executed_numbers: ExecutedNumbers = NOTHING_EXECUTED
    groups: Groups = ()
    report_number: Count = 0
    """Of the last key information set."""
    authorisation_number: Count = 0
    """Of the last authorisation."""
    authorisations: Annotated[
        tuple[LiveAuthorisation, ...], Meta(max_length=MAX_AUTHORISATIONS)
    ] = ()
    charged: Annotated[bytes, Meta(max_length=MAX_CHARGED * CHARGED_BYTES)] = b""
    """First bytes of the digests of the newest fee orders that were charged, oldest first."""
    standing: Standings = ()
    """Orders to freeze and of limits, by scope."""
    forgotten_number: Count = 0
    """The highest number of a register of `standing` that had to make room."""
    message_number: Count = 0
    """The last that was given to the host for a message by satellite."""

    def __repr__(self) -> str:
        """Nothing of the content: it holds the private key."""
        return f"<CardState {self.life_cycle.name}>"

    @property
    def balance_minor(self) -> int:
        """What all pieces are worth."""
        return sum(piece.amount_minor for piece in self.pieces)


def encode_state(state: CardState) -> bytes:
    """The image of `state`."""
    return cbor.encode(state)


def decode_state(image: bytes) -> CardState:
    """The state of an image; of an empty one, a blank chip's. An older image lacks later fields."""
    if not image:
        return CardState()
    state = cbor.convert(cbor.read_array(image, limit=MAX_IMAGE_BYTES), CardState)
    if state.standing:
        return state
    number = max(state.executed_numbers)
    return replace(state, standing=of_unknown_scope(number, state.frozen, state.ordered_limits))
