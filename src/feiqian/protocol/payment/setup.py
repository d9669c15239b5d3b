"""What each side brings to a session, and what its records hold of one to go on with."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from feiqian.crypto.certificates import SignedCertificate
from feiqian.crypto.trust import TrustStore
from feiqian.money.transfer import Acceptor
from feiqian.protocol.payment.chain import Chain, Chooser
from feiqian.protocol.payment.records import PaymentIntended, PaymentSigned
from feiqian.protocol.payment.verification import LocalList
from feiqian.wire.payment import Offer, PaymentConfirmed, PaymentReceipt


@dataclass(frozen=True, slots=True)
class FeeTerms:
    """What makes a payment that of a fee: the chip pays under an authorisation, without PIN (V-05)."""

    payee: bytes
    """Fingerprint of the only wallet that is paid."""
    authorisation: int
    """Its number in the chip."""
    order_id: bytes
    statement: bytes
    """The provider's, about the entity."""


@dataclass(frozen=True, slots=True)
class PayerSetup:
    """What a payer brings to a session."""

    trust: TrustStore
    certificate: SignedCertificate
    """Of our own chip."""
    choose: Chooser
    amount_minor: int | None = None
    """None: take the payee's (C-03)."""
    by_identifier: bool = False
    """Send circulation identifiers instead of full pieces where the issuer knows the history."""
    offline_only: bool = False
    """Pay only what the payee's chip takes in."""
    fee: FeeTerms | None = None


@dataclass(frozen=True, slots=True)
class PayerPast:
    """What the records hold of a payment to go on with."""

    intent: PaymentIntended
    payee: SignedCertificate
    chains: tuple[Chain, ...]
    """Of the intent's inputs, in order; needed until the payment is signed."""
    signed: PaymentSigned | None = None
    on_link: bool = False
    """Present it to the payee over a link, instead of to the payee's institution."""


@dataclass(frozen=True, slots=True)
class EarlierSession:
    """A session we opened before: a payer may still present its request over a later link."""

    offer: Offer
    offer_raw: bytes
    """As our chip signed it."""
    answered: PaymentConfirmed | PaymentReceipt | None
    """What we answered, once our manager had confirmed or our chip had accepted."""


@dataclass(frozen=True, slots=True)
class PayeeSetup:
    """What a payee brings to a session."""

    trust: TrustStore
    certificate: SignedCertificate
    """Of our own chip."""
    loaded_sequence: int
    """Of the last currency that the chip holds or held."""
    fetch_id: bytes
    """16 fresh bytes, should missing currencies have to be asked for."""
    amount_minor: int | None = None
    """None: the payer sets the amount (C-02)."""
    acceptor: Acceptor = Acceptor.MANAGER
    """Who is to take the payment in."""
    ceiling_minor: int | None = None
    """Most that our own policy takes now; None: whatever the chip can hold."""
    listed: LocalList | None = None
    """Our double-spending list, should there be no connection when a payment is checked."""
    fee_order: bytes | None = None
    """The id of the fee order that is to be paid (V-05); its amount is `amount_minor`."""
    earlier: Mapping[bytes, EarlierSession] = field(default_factory=dict)
    """By nonce."""
