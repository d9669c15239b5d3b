"""The commands of payments from chip to chip: offer, accept, and the end of being offline."""

from typing import Annotated, ClassVar

from msgspec import Meta

from feiqian.chip.commands.command import Command, Data, Instruction
from feiqian.crypto.certificates import UnixMs
from feiqian.money.amounts import AmountMinor, AmountOrZeroMinor
from feiqian.money.transfer import Acceptor
from feiqian.timing.moment import Moment
from feiqian.wire.items import MAX_ITEMS, RawCertificate, RawTransfer
from feiqian.wire.payment import RawOffer, RawReceipt
from feiqian.wire.synchronisation import RawSynchronisation

MAX_OFFERS = 1_024
"""Newest offline sessions of a chip that can be accepted in; older ones are closed."""


class OfferAnswer(Data, frozen=True, kw_only=True):
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


class AcceptAnswer(Data, frozen=True, kw_only=True):
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


class SynchroniseAnswer(Data, frozen=True, kw_only=True):
    """Whether this statement, or a newer one, was taken before; then nothing happened."""

    repeated: bool


class Synchronise(Command, frozen=True, kw_only=True):
    """Take the own institution's word that it was in touch: the offline totals begin anew."""

    INSTRUCTION: ClassVar = Instruction.SYNCHRONISE
    ANSWER: ClassVar = SynchroniseAnswer
    statement: RawSynchronisation
