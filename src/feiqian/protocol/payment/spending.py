"""What a payer has decided: how much to whom, out of which pieces, and in which form it goes over.

All of it is settled before the chip is asked for anything, and none of it changes afterwards: the
intent that is kept, the command to the chip and both forms of the request are made from it alone.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from feiqian.chip.commands import Pay, PayFee
from feiqian.crypto.trust import TrustStore
from feiqian.money.transfer import Acceptor
from feiqian.outcomes import Outcome, Refusal
from feiqian.protocol.payment.chain import Chain
from feiqian.protocol.payment.checks import Agreement, agree_amount, check_offer
from feiqian.protocol.payment.records import PaymentSigned
from feiqian.protocol.payment.setup import FeeTerms, PayerPast, PayerSetup
from feiqian.timing.moment import Moment
from feiqian.wire.payment import OfferMessage, PaymentRequest


@dataclass(frozen=True, slots=True)
class Spending:
    """One payment, as its payer wants it."""

    agreement: Agreement
    chains: tuple[Chain, ...]
    """Of the pieces that it consumes, in order."""
    by_identifier: bool
    """Whether identifiers go over in place of full pieces, as far as the issuers know them."""

    @property
    def offline(self) -> bool:
        """Whether the payee's chip takes it in, and no manager."""
        return self.agreement.acceptor is Acceptor.CHIP

    def command(self, now: Moment, fee: FeeTerms | None) -> Pay | PayFee:
        """What the chip is to sign."""
        pay = Pay(
            payee=self.agreement.payee.fingerprint,
            amount_minor=self.agreement.amount_minor,
            nonce=self.agreement.nonce,
            moment=now,
            inputs=tuple(chain.identifier for chain in self.chains),
            acceptor=self.agreement.acceptor,
        )
        return pay if fee is None else _under_authorisation(pay, fee)

    def signed(self, transfers: Sequence[bytes], own_certificate: bytes) -> PaymentSigned:
        """The messages that carry the transfers which the chip signed."""
        return PaymentSigned(
            self.agreement.nonce,
            self._request(transfers, own_certificate, by_identifier=self.by_identifier),
            self._request(transfers, own_certificate, by_identifier=False),
        )

    def _request(
        self, transfers: Sequence[bytes], own_certificate: bytes, *, by_identifier: bool
    ) -> PaymentRequest:
        items = tuple(
            chain.item(transfer, own_certificate, by_identifier=by_identifier)
            for chain, transfer in zip(self.chains, transfers, strict=True)
        )
        return PaymentRequest(self.agreement.nonce, items)


def decide(setup: PayerSetup, message: OfferMessage, now: Moment) -> Spending:
    """What to spend on an offer. `Refusal` as its checks, the amount's and the balance's name it."""
    offer, payee = check_offer(setup.trust, message, now, offline_only=setup.offline_only)
    if setup.fee is not None and payee.fingerprint != setup.fee.payee:
        raise Refusal(Outcome.NOT_AUTHORISED, "expected the offer of the authorised entity")
    amount_minor = agree_amount(offer, setup.amount_minor, setup.certificate.value.tier)
    offline = offer.acceptor is Acceptor.CHIP
    return Spending(
        Agreement(offer.nonce, payee, amount_minor, offer.acceptor),
        tuple(setup.choose(amount_minor, payee.value.tier if offline else None)),
        setup.by_identifier and not offline,
    )


def decided_before(past: PayerPast) -> Spending:
    """What an earlier run decided, from its records."""
    pay = past.intent.pay
    agreement = Agreement(pay.nonce, past.payee, pay.amount_minor, pay.acceptor)
    return Spending(agreement, past.chains, past.intent.by_identifier)


def check_same_payee(
    trust: TrustStore, message: OfferMessage, agreement: Agreement, now: Moment
) -> None:
    """Whether a new offer comes from whom we agreed with. `Refusal` as `check_offer`, or
    wrong_addressee.
    """
    _, payee = check_offer(trust, message, now)
    if payee.fingerprint != agreement.payee.fingerprint:
        expected = agreement.payee.value.subject
        raise Refusal(Outcome.WRONG_ADDRESSEE, f"expected the wallet {expected}")


def _under_authorisation(pay: Pay, terms: FeeTerms) -> PayFee:
    """The same payment, as one that needs no PIN (V-05)."""
    return PayFee(
        payee=pay.payee,
        amount_minor=pay.amount_minor,
        nonce=pay.nonce,
        moment=pay.moment,
        inputs=pay.inputs,
        authorisation=terms.authorisation,
        order_id=terms.order_id,
        statement=terms.statement,
        acceptor=pay.acceptor,
    )
