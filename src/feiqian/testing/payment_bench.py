"""A bench for the payment machines: both sides' keys in the test's hands, and no ports at all.

It makes every message, chip answer and server answer that a session needs, honest by default; a test
replaces a field to make a dishonest one. Payer A-PAYER1 pays payee B-PAYEE1 12.50 out of 20.00.
"""

from dataclasses import dataclass, field

from msgspec.structs import replace

from feiqian.chip.commands import Pay
from feiqian.crypto import cbor
from feiqian.crypto.cbor import VERSION
from feiqian.money.currency import SignedCurrency
from feiqian.money.transfer import Acceptor, SignedTransfer, Transfer, parse_transfer, sign_transfer
from feiqian.outcomes import Outcome, Refusal
from feiqian.protocol.payment.chain import Chain
from feiqian.protocol.payment.checks import paying_transfers
from feiqian.protocol.payment.payee import PayeeMachine
from feiqian.protocol.payment.payer import PayerMachine
from feiqian.protocol.payment.records import (
    HandoverTaken,
    PaymentIntended,
    PaymentSigned,
    RequestTaken,
)
from feiqian.protocol.payment.setup import EarlierSession, PayeeSetup, PayerPast, PayerSetup
from feiqian.protocol.payment.verification import Judgement
from feiqian.testing.keys import NOW_MS, CertifiedParty, TrustWorld
from feiqian.timing.moment import Moment
from feiqian.wire.double_spending import HeldList
from feiqian.wire.envelope import encode_message
from feiqian.wire.items import PaymentItem
from feiqian.wire.payment import (
    CONFIRMATION,
    OFFER,
    RECEIPT,
    Confirmation,
    Offer,
    OfferMessage,
    PaymentConfirmed,
    PaymentReceipt,
    PaymentRequest,
    PaymentResult,
    Receipt,
)
from feiqian.wire.request_envelope import ANSWER, Answer
from feiqian.wire.verification import VERDICT, Verdict, VerificationResult, VerifiedItem
from feiqian.wire.wallet_requests import IssuedResult

NOW = Moment(NOW_MS, 500)
NONCE = b"N" * 16
EARLIER_NONCE = b"E" * 16
FETCH_ID = b"F" * 16
AMOUNT_MINOR = 12_50
HELD_MINOR = 20_00
"""In one piece of the payer's."""


@dataclass
class PaymentBench:
    """Keys and honest makers."""

    world: TrustWorld = field(default_factory=TrustWorld)
    acceptor: Acceptor = Acceptor.MANAGER
    """Chip: every session is offline."""
    listed: HeldList | None = None
    """What the payee holds."""
    payer: CertifiedParty = field(init=False)
    payee: CertifiedParty = field(init=False)
    held: SignedCurrency = field(init=False)

    def __post_init__(self) -> None:
        self.payer = self.world.chip("A", "A-PAYER1")
        self.payee = self.world.chip("B", "B-PAYEE1")
        self.held = self.world.issue("A", self.payer.fingerprint, HELD_MINOR)

    # Machines ------------------------------------------------------------------------------------
    def payer_setup(
        self, amount_minor: int | None = None, *, by_identifier: bool = False
    ) -> PayerSetup:
        """The payer's, who holds one piece."""
        return PayerSetup(
            self.world.trust_store(),
            self.payer.certificate,
            self._choose,
            amount_minor,
            by_identifier,
        )

    def _choose(self, amount_minor: int, _: int | None) -> tuple[Chain, ...]:
        if amount_minor > HELD_MINOR:
            raise Refusal(Outcome.INSUFFICIENT_BALANCE, f"expected at most {HELD_MINOR}")
        return (self.chain(),)

    def payer_machine(
        self, past: PayerPast | None = None, *, by_identifier: bool = False
    ) -> PayerMachine:
        """A payer that takes the payee's amount."""
        return PayerMachine(self.payer_setup(by_identifier=by_identifier), past)

    def payee_machine(self, past: RequestTaken | None = None) -> PayeeMachine:
        """A payee that asks for the amount; a session of before was confirmed."""
        return PayeeMachine(self.payee_setup(), past)

    def payee_setup(self) -> PayeeSetup:
        """The payee's."""
        offered = self.offer_message(nonce=EARLIER_NONCE).offer
        earlier = EarlierSession(self.offer(nonce=EARLIER_NONCE), offered, self.answered())
        return PayeeSetup(
            trust=self.world.trust_store(),
            certificate=self.payee.certificate,
            loaded_sequence=3,
            fetch_id=FETCH_ID,
            amount_minor=AMOUNT_MINOR,
            acceptor=self.acceptor,
            listed=self.listed,
            earlier={EARLIER_NONCE: earlier},
        )

    def past(self, *, signed: bool = False, on_link: bool = False) -> PayerPast:
        """What the payer's records hold after a crash."""
        pay = Pay(
            payee=self.payee.fingerprint,
            amount_minor=AMOUNT_MINOR,
            nonce=NONCE,
            moment=NOW,
            inputs=(self.held.identifier,),
            acceptor=self.acceptor,
        )
        intent = PaymentIntended(pay, self.payee.certificate.raw, by_identifier=False)
        kept = PaymentSigned(NONCE, self.request(), self.request()) if signed else None
        return PayerPast(intent, self.payee.certificate, (self.chain(),), kept, on_link)

    def handed(self, judgement: Judgement | None = None) -> HandoverTaken:
        """What an offline payee's records hold after a crash."""
        offer = self.offer_message().offer
        return HandoverTaken(NONCE, self.request(), AMOUNT_MINOR, "A-PAYER1", offer, judgement)

    def taken(self) -> RequestTaken:
        """What the payee's records hold after a crash."""
        return RequestTaken(NONCE, self.request(), AMOUNT_MINOR, "A-PAYER1")

    # Messages ------------------------------------------------------------------------------------
    def chain(self) -> Chain:
        """The payer's one piece."""
        held = self.held
        return Chain(VERSION, held.identifier, HELD_MINOR, "A", held.raw, (), ())

    def offer(self, **changed: object) -> Offer:
        """An offer of the payee's chip."""
        offer = Offer(VERSION, NONCE, AMOUNT_MINOR, 1_000_00, NOW, NOW_MS + 60_000, self.acceptor)
        return replace(offer, **changed)

    def offer_message(self, by: CertifiedParty | None = None, **changed: object) -> OfferMessage:
        """The offer, signed by the payee (or by another), under the payee's certificate."""
        key = (by or self.payee).key
        raw = OFFER.sign(self.world.suite, key, self.offer(**changed))
        return OfferMessage(raw, self.payee.certificate.raw)

    def transfer(self, by: CertifiedParty | None = None, **changed: object) -> SignedTransfer:
        """The paying transfer, signed by the payer's chip (or by another)."""
        transfer = Transfer(
            version=VERSION,
            consumed=self.held.identifier,
            payee=self.payee.fingerprint,
            amount_minor=AMOUNT_MINOR,
            change_minor=HELD_MINOR - AMOUNT_MINOR,
            counter=1,
            moment=NOW,
            nonce=NONCE,
            acceptor=self.acceptor,
        )
        key = (by or self.payer).key
        return sign_transfer(self.world.suite, key, replace(transfer, **changed))

    def item(
        self, transfer: SignedTransfer | None = None, *, by_identifier: bool = False
    ) -> PaymentItem:
        """The payment item of a transfer."""
        raw = (transfer or self.transfer()).raw
        own = self.payer.certificate.raw
        return self.chain().item(raw, own, by_identifier=by_identifier)

    def request(self, *items: PaymentItem, nonce: bytes = NONCE) -> PaymentRequest:
        """A payment request."""
        return PaymentRequest(nonce, items or (self.item(),))

    def confirmation(self, by: str = "B", **changed: object) -> bytes:
        """The word of the payee's manager (or of another)."""
        confirmation = Confirmation(
            version=VERSION,
            manager="B",
            nonce=NONCE,
            payee=self.payee.fingerprint,
            amount_minor=AMOUNT_MINOR,
            transfers=tuple(
                each.name for each in paying_transfers(self.world.suite, self.request())
            ),
            confirmed_at_ms=NOW_MS,
        )
        key = self.world.institutions[by].key
        return CONFIRMATION.sign(self.world.suite, key, replace(confirmation, **changed))

    def confirmed(self, by: str = "B", **changed: object) -> PaymentConfirmed:
        """What the payee sends the payer at the end."""
        return PaymentConfirmed(self.confirmation(by, **changed), ())

    def receipt(self, by: CertifiedParty | None = None, **changed: object) -> bytes:
        """The word of the payee's chip (or of another)."""
        names = tuple(each.name for each in paying_transfers(self.world.suite, self.request()))
        receipt = replace(Receipt(VERSION, NONCE, AMOUNT_MINOR, names), **changed)
        return RECEIPT.sign(self.world.suite, (by or self.payee).key, receipt)

    def answered(self) -> PaymentConfirmed | PaymentReceipt:
        """What an earlier session was answered."""
        if self.acceptor is Acceptor.CHIP:
            return PaymentReceipt(self.receipt())
        return self.confirmed()

    def verified(
        self, outcome: Outcome = Outcome.ACCEPTED, by: str = "A", **changed: object
    ) -> bytes:
        """The back end's answer: the issuer's verdict (or another's) on the request."""
        verdict = Verdict(VERSION, by, self.transfer().name, outcome, "as decided", None, NOW_MS)
        raw = VERDICT.sign(
            self.world.suite, self.world.institutions[by].key, replace(verdict, **changed)
        )
        return encode_message(VerificationResult((VerifiedItem(raw, None),)))

    def second_currencies(self) -> tuple[bytes, ...]:
        """What the payee gets: two currencies worth the amount, numbered 5 and 6."""
        return self.issued(5, 5_00), self.issued(6, AMOUNT_MINOR - 5_00)

    def issued(self, sequence: int, amount_minor: int = 1_00) -> bytes:
        """New currency for the payee by its own manager."""
        return self.world.issue("B", self.payee.fingerprint, amount_minor, sequence).raw

    def result(self, **changed: object) -> PaymentResult:
        """The payee's manager's answer."""
        result = PaymentResult(self.confirmation(), self.second_currencies(), ())
        return replace(result, **changed)

    def missing(self) -> bytes:
        """The signed answer with everything issued to the payee after number 3."""
        result = IssuedResult(VERSION, (self.issued(4), *self.second_currencies()))
        answer = Answer(VERSION, FETCH_ID, Outcome.ACCEPTED, "", NOW_MS, cbor.encode(result))
        return ANSWER.sign(self.world.suite, self.world.institutions["B"].key, answer)

    def parse(self, raw: bytes) -> SignedTransfer:
        """A transfer read back."""
        return parse_transfer(self.world.suite, raw)
