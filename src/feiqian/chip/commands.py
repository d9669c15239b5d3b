"""The commands of the security chip: what each carries and what each answers.

Command and answer data are CBOR arrays, version first, inside ISO 7816-4 APDUs with extended
length. Host session and applet share only this module. At most two commands make one payment on
each chip after selection: the payer's chip pays; the payee's chip offers, then accepts or loads.
"""

from enum import IntEnum
from typing import Annotated, ClassVar

from msgspec import Meta, Struct

from feiqian.crypto.cbor import VERSION
from feiqian.crypto.certificates import PublicKey, UnixMs
from feiqian.money.amounts import AmountMinor, AmountOrZeroMinor
from feiqian.money.identifiers import Fingerprint, Identifier
from feiqian.money.transfer import Acceptor, Nonce
from feiqian.timing.moment import Moment
from feiqian.wire.items import MAX_ITEMS, RawCertificate, RawCurrency, RawTransfer
from feiqian.wire.payment import RawOffer, RawReceipt
from feiqian.wire.synchronisation import RawSynchronisation

AID = bytes.fromhex("F0464549514941 4E01".replace(" ", ""))
"""The applet's identifier: proprietary (F0), FEIQIAN, 01."""

MAX_PIECES = 128
"""Pieces that a chip holds."""
MAX_OFFERS = 1_024
"""Newest offline sessions of a chip that can be accepted in; older ones are closed."""
MAX_EXPORT_RECORDS = 16
"""Last exports that a chip remembers one by one; their count and sum it remembers for ever."""
SELECT_BY_NAME = 0x04
"""P1 of SELECT; every other command has P1 and P2 zero."""
PIN_TRIES = 3
PUK_TRIES = 10

Count = Annotated[int, Meta(ge=0, le=2**32 - 1)]
Pin = Annotated[bytes, Meta(min_length=4, max_length=12)]


class Instruction(IntEnum):
    """INS bytes; class byte 00 for ISO commands, 80 for our own."""

    VERIFY_PIN = 0x20
    CHANGE_PIN = 0x24
    UNBLOCK_PIN = 0x2C
    INITIALISE = 0x46
    PERSONALISE = 0xDA
    SELECT = 0xA4
    LOCK = 0xE6
    STATUS = 0xF2
    PIECES = 0xCA
    LOAD = 0x40
    OFFER = 0x42
    PAY = 0x44
    ACCEPT = 0x48
    EXPORT = 0x4A
    EXPORTS = 0xCC
    SIGN_REQUEST = 0x88
    SYNCHRONISE = 0x4C

    @property
    def class_byte(self) -> int:
        """CLA of a command with this instruction."""
        return 0x00 if self in _ISO_INSTRUCTIONS else 0x80


_ISO_INSTRUCTIONS = frozenset(
    {
        Instruction.SELECT,
        Instruction.VERIFY_PIN,
        Instruction.CHANGE_PIN,
        Instruction.UNBLOCK_PIN,
    }
)


class LifeCycle(IntEnum):
    """Where a chip stands in its life."""

    BLANK = 0
    INITIALISED = 1
    """It has its key and PIN, and may ask to be certified."""
    OPERATIONAL = 2


class _Data(Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    version: int = VERSION


class Empty(_Data, frozen=True):
    """No data."""


class Command(_Data, frozen=True):
    """A command's data; the class knows its instruction and the shape of its answer."""

    INSTRUCTION: ClassVar[Instruction]
    ANSWER: ClassVar[type[Struct]] = Empty

    def __repr__(self) -> str:
        """Only the name: PINs are among the data, and what is shown may end in a log."""
        return f"<{type(self).__name__}>"


class InitialiseAnswer(_Data, frozen=True, kw_only=True):
    """The chip's new public key."""

    public_key: PublicKey


class Initialise(Command, frozen=True, kw_only=True):
    """Make the chip's key, set PIN and PUK, pin the platform's root key. Once in a life."""

    INSTRUCTION: ClassVar = Instruction.INITIALISE
    ANSWER: ClassVar = InitialiseAnswer
    root_public_key: PublicKey
    pin: Pin
    puk: Pin


class Personalise(Command, frozen=True, kw_only=True):
    """Give the chip its certificate and its institution's; the chip verifies both.

    An operational chip takes newer ones for the same wallet; the same again changes nothing.
    """

    INSTRUCTION: ClassVar = Instruction.PERSONALISE
    institution_certificate: RawCertificate
    chip_certificate: RawCertificate


class VerifyPin(Command, frozen=True, kw_only=True):
    """Unlock for PAY, EXPORT and SIGN REQUEST until LOCK, reset or deselection."""

    INSTRUCTION: ClassVar = Instruction.VERIFY_PIN
    pin: Pin


class ChangePin(Command, frozen=True, kw_only=True):
    """Replace the PIN, knowing the old one (its tries count)."""

    INSTRUCTION: ClassVar = Instruction.CHANGE_PIN
    pin: Pin
    new_pin: Pin


class UnblockPin(Command, frozen=True, kw_only=True):
    """Set a new PIN and its full try counter, knowing the PUK (its tries count, too)."""

    INSTRUCTION: ClassVar = Instruction.UNBLOCK_PIN
    puk: Pin
    new_pin: Pin


class Lock(Command, frozen=True):
    """Forget that the PIN was verified."""

    INSTRUCTION: ClassVar = Instruction.LOCK


class StatusAnswer(_Data, frozen=True, kw_only=True):
    """All that a host may know of a chip; nothing secret."""

    life_cycle: LifeCycle
    unlocked: bool
    pin_tries: Count
    puk_tries: Count
    fingerprint: bytes
    """Of the chip's key (32 bytes); empty while blank."""
    certificate: bytes
    institution_certificate: bytes
    counter: Count
    """Of the last transfer signed."""
    loaded_sequence: Count
    """Of the last currency loaded; the next must be one more."""
    balance_minor: AmountOrZeroMinor
    piece_count: Count
    exported_count: Count
    exported_minor: AmountOrZeroMinor
    """In its life."""
    public_key: bytes = b""
    """The chip's (33 bytes), so that a lost answer to INITIALISE loses nothing; empty while blank."""
    offline_paid_minor: AmountOrZeroMinor = 0
    """Since the last synchronisation, like the next."""
    offline_received_minor: AmountOrZeroMinor = 0
    synchronised_at: Moment | None = None
    """None before the first synchronisation."""
    synchronised_number: Count = 0


class GetStatus(Command, frozen=True):
    """Ask for the status; always allowed."""

    INSTRUCTION: ClassVar = Instruction.STATUS
    ANSWER: ClassVar = StatusAnswer


class HeldPiece(Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """What the chip keeps of a piece; the host keeps the chain."""

    identifier: Identifier
    amount_minor: AmountMinor


class PiecesAnswer(_Data, frozen=True, kw_only=True):
    """All pieces held."""

    pieces: Annotated[tuple[HeldPiece, ...], Meta(max_length=MAX_PIECES)]


class GetPieces(Command, frozen=True):
    """Ask which pieces the chip holds."""

    INSTRUCTION: ClassVar = Instruction.PIECES
    ANSWER: ClassVar = PiecesAnswer


class ExportRecord(Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """What the chip keeps of an export (C-19)."""

    nonce: Nonce
    amount_minor: AmountMinor
    moment: Moment
    counter: Count
    """Of its last transfer."""


class ExportsAnswer(_Data, frozen=True, kw_only=True):
    """The last exports, oldest first."""

    exports: Annotated[tuple[ExportRecord, ...], Meta(max_length=MAX_EXPORT_RECORDS)]


class GetExports(Command, frozen=True):
    """Ask for the records of the last exports."""

    INSTRUCTION: ClassVar = Instruction.EXPORTS
    ANSWER: ClassVar = ExportsAnswer


class LoadAnswer(_Data, frozen=True, kw_only=True):
    """Whether this load was one done before (nothing happened), and the balance now."""

    repeated: bool
    balance_minor: AmountOrZeroMinor


class Load(Command, frozen=True, kw_only=True):
    """Take in a new currency of the chip's own institution (C-19), each sequence once, in order."""

    INSTRUCTION: ClassVar = Instruction.LOAD
    ANSWER: ClassVar = LoadAnswer
    currency: RawCurrency


class OfferAnswer(_Data, frozen=True, kw_only=True):
    """A signed `wire.payment.Offer`, whose nonce the chip made and remembers."""

    offer: RawOffer


class MakeOffer(Command, frozen=True, kw_only=True):
    """Open a session as payee. No PIN: receiving is free. Only offline sessions are remembered."""

    INSTRUCTION: ClassVar = Instruction.OFFER
    ANSWER: ClassVar = OfferAnswer
    amount_minor: AmountMinor | None
    moment: Moment
    expires_at_ms: UnixMs
    acceptor: Acceptor = Acceptor.MANAGER
    """Chip: what is paid in this session will be taken in by ACCEPT."""
    ceiling_minor: AmountMinor | None = None
    """Most that the host's own policy allows now; the chip's limits hold in any case."""


class TransfersAnswer(_Data, frozen=True, kw_only=True):
    """Signed transfers, one for each input, in the order of the inputs."""

    transfers: Annotated[tuple[RawTransfer, ...], Meta(max_length=MAX_ITEMS)]


class Pay(Command, frozen=True, kw_only=True):
    """Sign transfers of exactly `amount_minor` to `payee`; only the last input leaves change.

    Every input but the last is spent whole. The same data again gives the same bytes again.
    """

    INSTRUCTION: ClassVar = Instruction.PAY
    ANSWER: ClassVar = TransfersAnswer
    payee: Fingerprint
    amount_minor: AmountMinor
    nonce: Nonce
    moment: Moment
    inputs: Annotated[tuple[Identifier, ...], Meta(min_length=1, max_length=MAX_ITEMS)]
    acceptor: Acceptor = Acceptor.MANAGER
    """As the payee's offer says."""


class AcceptAnswer(_Data, frozen=True, kw_only=True):
    """Whether it was accepted before, the balance now, and the same receipt either time."""

    repeated: bool
    balance_minor: AmountOrZeroMinor
    receipt: RawReceipt
    """A signed `wire.payment.Receipt`."""


class Accept(Command, frozen=True, kw_only=True):
    """Take in a transfer made to this chip in one of its open sessions (offline payment).

    The chip knows its own offer by its signature, verifies the payer's certificates and the
    transfers; the host verified the history.
    """

    INSTRUCTION: ClassVar = Instruction.ACCEPT
    ANSWER: ClassVar = AcceptAnswer
    offer: RawOffer
    institution_certificate: RawCertificate
    payer_certificate: RawCertificate
    transfers: Annotated[tuple[RawTransfer, ...], Meta(min_length=1, max_length=MAX_ITEMS)]


class Export(Command, frozen=True, kw_only=True):
    """Sign transfers of exactly `amount_minor` to the chip's own institution, and record it."""

    INSTRUCTION: ClassVar = Instruction.EXPORT
    ANSWER: ClassVar = TransfersAnswer
    amount_minor: AmountMinor
    nonce: Nonce
    moment: Moment
    inputs: Annotated[tuple[Identifier, ...], Meta(min_length=1, max_length=MAX_ITEMS)]


class SynchroniseAnswer(_Data, frozen=True, kw_only=True):
    """Whether this statement, or a newer one, was taken before; then nothing happened."""

    repeated: bool


class Synchronise(Command, frozen=True, kw_only=True):
    """Take the own institution's word that it was in touch: the offline totals begin anew."""

    INSTRUCTION: ClassVar = Instruction.SYNCHRONISE
    ANSWER: ClassVar = SynchroniseAnswer
    statement: RawSynchronisation


class SignedRequestAnswer(_Data, frozen=True, kw_only=True):
    """The request as a COSE_Sign1 of kind `wire.request_envelope.WALLET_REQUEST`."""

    signed: bytes


class SignRequest(Command, frozen=True, kw_only=True):
    """Sign the payload of a `wire.request_envelope.Request` (deterministic CBOR)."""

    INSTRUCTION: ClassVar = Instruction.SIGN_REQUEST
    ANSWER: ClassVar = SignedRequestAnswer
    payload: Annotated[bytes, Meta(max_length=61_440)]
