"""The commands of payment authorisations: to give, look at and take back, and to pay a fee under one."""

from typing import Annotated, ClassVar

from msgspec import Meta, Struct

from feiqian.chip.commands.command import Command, Count, Data, Instruction
from feiqian.chip.commands.value import Inputs, TransfersAnswer
from feiqian.money.amounts import AmountMinor
from feiqian.money.identifiers import Fingerprint
from feiqian.money.transfer import Acceptor, Nonce
from feiqian.timing.moment import Moment
from feiqian.wire.authorisation import (
    AuthorisationNumber,
    Grant,
    OrderId,
    RawAuthorisation,
    RawEntityStatement,
)

MAX_AUTHORISATIONS = 16
"""Live authorisations of a chip."""
MAX_CHARGED = 1_024
"""Newest fee orders that a chip knows to be charged: as many as its live authorisations can be of
use for."""


class AuthoriseAnswer(Data, frozen=True, kw_only=True):
    """A signed `wire.authorisation.Authorisation`."""

    authorisation: RawAuthorisation


class Authorise(Command, frozen=True, kw_only=True):
    """Let the chip pay fees without its PIN (V-02). The same grant and moment again answer alike."""

    INSTRUCTION: ClassVar = Instruction.AUTHORISE
    ANSWER: ClassVar = AuthoriseAnswer
    grant: Grant
    moment: Moment


class LiveAuthorisation(Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """An authorisation that the chip keeps to."""

    authorisation: RawAuthorisation
    uses_left: Count


class AuthorisationsAnswer(Data, frozen=True, kw_only=True):
    """All live authorisations, oldest first; those whose time is over may be among them."""

    authorisations: Annotated[tuple[LiveAuthorisation, ...], Meta(max_length=MAX_AUTHORISATIONS)]


class GetAuthorisations(Command, frozen=True):
    """Ask for the live authorisations."""

    INSTRUCTION: ClassVar = Instruction.AUTHORISATIONS
    ANSWER: ClassVar = AuthorisationsAnswer


class Revoke(Command, frozen=True, kw_only=True):
    """End an authorisation. No PIN: less is allowed afterwards. One that is none changes nothing."""

    INSTRUCTION: ClassVar = Instruction.REVOKE
    number: AuthorisationNumber


class PayFee(Command, frozen=True, kw_only=True):
    """Pay a fee under an authorisation, without PIN (V-05); as PAY in all other respects.

    The same data again give the same bytes again.
    """

    INSTRUCTION: ClassVar = Instruction.PAY_FEE
    ANSWER: ClassVar = TransfersAnswer
    payee: Fingerprint
    amount_minor: AmountMinor
    nonce: Nonce
    moment: Moment
    inputs: Inputs
    authorisation: AuthorisationNumber
    order_id: OrderId
    """The fee order that is charged by this, once."""
    statement: RawEntityStatement
    """The provider's word that `payee` is the wallet of a service entity."""
    acceptor: Acceptor = Acceptor.MANAGER
