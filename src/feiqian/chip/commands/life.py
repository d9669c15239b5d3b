"""The commands of a chip's life: from blank to operational, and what it says of itself."""

from enum import IntEnum
from typing import Annotated, ClassVar

from msgspec import Meta

from feiqian.chip.commands.command import Command, Count, Data, Instruction
from feiqian.chip.commands.pin import Pin
from feiqian.crypto.certificates import PublicKey, UnixMs
from feiqian.money.amounts import AmountOrZeroMinor
from feiqian.money.limits import Limits
from feiqian.timing.moment import Moment
from feiqian.wire.control import Groups, OrderKind
from feiqian.wire.items import RawCertificate

ExecutedNumbers = Annotated[
    tuple[Count, ...], Meta(min_length=len(OrderKind), max_length=len(OrderKind))
]
"""Of each kind of order, in the order of `OrderKind`, the highest number executed; 0 for none."""
NOTHING_EXECUTED = (0,) * len(OrderKind)


class LifeCycle(IntEnum):
    """Where a chip stands in its life."""

    BLANK = 0
    INITIALISED = 1
    """It has its key and PIN, and may ask to be certified."""
    OPERATIONAL = 2


class InitialiseAnswer(Data, frozen=True, kw_only=True):
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


class StatusAnswer(Data, frozen=True, kw_only=True):
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
    frozen: bool = False
    """By an order of the platform: no value leaves, none is asked for."""
    limits: Limits | None = None
    """In force; None until the chip is operational."""
    has_ordered_limits: bool = False
    """They are the platform's, in place of the tier's."""
    floor_ms: UnixMs = 0
    """The latest moment that is certainly past, by what platform and institution have signed."""
    executed_numbers: ExecutedNumbers = NOTHING_EXECUTED
    groups: Groups = ()
    report_number: Count = 0
    """Of the last key information set signed."""
    authorisation_count: Count = 0
    """How many live authorisations it has."""
    message_number: Count = 0
    """The last that was given to the host for a message by satellite."""


class GetStatus(Command, frozen=True):
    """Ask for the status; always allowed."""

    INSTRUCTION: ClassVar = Instruction.STATUS
    ANSWER: ClassVar = StatusAnswer
