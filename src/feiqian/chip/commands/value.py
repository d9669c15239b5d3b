"""The commands that move value with a network, and those that tell what is there."""

from typing import Annotated, ClassVar

from msgspec import Meta, Struct

from feiqian.chip.commands.command import Command, Count, Data, Instruction
from feiqian.money.amounts import AmountMinor, AmountOrZeroMinor
from feiqian.money.identifiers import Fingerprint, Identifier
from feiqian.money.transfer import Acceptor, Nonce
from feiqian.timing.moment import Moment
from feiqian.wire.items import MAX_ITEMS, RawCurrency, RawTransfer

MAX_PIECES = 128
"""Pieces that a chip holds."""
MAX_EXPORT_RECORDS = 16
"""Last exports that a chip remembers one by one; their count and sum it remembers for ever."""

Inputs = Annotated[tuple[Identifier, ...], Meta(min_length=1, max_length=MAX_ITEMS)]


class HeldPiece(Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """What the chip keeps of a piece; the host keeps the chain."""

    identifier: Identifier
    amount_minor: AmountMinor


class PiecesAnswer(Data, frozen=True, kw_only=True):
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


class ExportsAnswer(Data, frozen=True, kw_only=True):
    """The last exports, oldest first."""

    exports: Annotated[tuple[ExportRecord, ...], Meta(max_length=MAX_EXPORT_RECORDS)]


class GetExports(Command, frozen=True):
    """Ask for the records of the last exports."""

    INSTRUCTION: ClassVar = Instruction.EXPORTS
    ANSWER: ClassVar = ExportsAnswer


class LoadAnswer(Data, frozen=True, kw_only=True):
    """Whether this load was one done before (nothing happened), and the balance now."""

    repeated: bool
    balance_minor: AmountOrZeroMinor


class Load(Command, frozen=True, kw_only=True):
    """Take in a new currency of the chip's own institution (C-19), each sequence once, in order."""

    INSTRUCTION: ClassVar = Instruction.LOAD
    ANSWER: ClassVar = LoadAnswer
    currency: RawCurrency


class TransfersAnswer(Data, frozen=True, kw_only=True):
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
    inputs: Inputs
    acceptor: Acceptor = Acceptor.MANAGER
    """As the payee's offer says."""


class Export(Command, frozen=True, kw_only=True):
    """Sign transfers of exactly `amount_minor` to the chip's own institution, and record it."""

    INSTRUCTION: ClassVar = Instruction.EXPORT
    ANSWER: ClassVar = TransfersAnswer
    amount_minor: AmountMinor
    nonce: Nonce
    moment: Moment
    inputs: Inputs


class SignedRequestAnswer(Data, frozen=True, kw_only=True):
    """The request as a COSE_Sign1 of kind `wire.request_envelope.WALLET_REQUEST`."""

    signed: bytes


class SignRequest(Command, frozen=True, kw_only=True):
    """Sign the payload of a `wire.request_envelope.Request` (deterministic CBOR)."""

    INSTRUCTION: ClassVar = Instruction.SIGN_REQUEST
    ANSWER: ClassVar = SignedRequestAnswer
    payload: Annotated[bytes, Meta(max_length=61_440)]
