"""What each client checks of what the other, or its own manager, sends; pure, static, by name.

A client trusts its chip and the platform's root, never the counterparty: every field that matters is
either signed by a key that chains to the root or compared with what this side asked for (C-20).
"""

from collections.abc import Sequence
from dataclasses import dataclass

from feiqian.crypto.certificates import SignedCertificate
from feiqian.crypto.suites import Suite
from feiqian.crypto.trust import TrustStore
from feiqian.money.currency import SignedCurrency, parse_currency, verify_currency
from feiqian.money.limits import check_offline_payment, check_payment, limits_of
from feiqian.money.offline_policy import check_piece
from feiqian.money.transfer import Acceptor, SignedTransfer, parse_transfer
from feiqian.outcomes import Outcome, Refusal
from feiqian.timing.moment import Moment
from feiqian.wire.items import ReadItem, check_item, read_item
from feiqian.wire.payment import (
    CONFIRMATION,
    OFFER,
    RECEIPT,
    Confirmation,
    Offer,
    OfferMessage,
    PaymentRequest,
    PaymentResult,
    Receipt,
)


@dataclass(frozen=True, slots=True)
class Agreement:
    """What both sides of a session are bound to."""

    nonce: bytes
    payee: SignedCertificate
    amount_minor: int
    acceptor: Acceptor = Acceptor.MANAGER


def check_offer(
    trust: TrustStore, message: OfferMessage, now: Moment, *, offline_only: bool = False
) -> tuple[Offer, SignedCertificate]:
    """The offer and its maker. Raises `Refusal`: certificates' names, bad_signature,
    wrong_session when a manager would take the payment in but must not, expired.
    """
    payee = trust.verify_chip(message.payee_certificate, now.midpoint_ms)
    offer = OFFER.read(trust.suite, message.offer, payee.value.public_key)
    if offline_only and offer.acceptor is not Acceptor.CHIP:
        raise Refusal(Outcome.WRONG_SESSION, "expected an offer to take the payment in by chip")
    if now.certainly_after(offer.expires_at_ms):
        raise Refusal(Outcome.EXPIRED, "expected an offer that still stands")
    return offer, payee


def agree_amount(offer: Offer, wanted_minor: int | None, tier: int) -> int:
    """The amount to pay: the payer's (C-02), or the payee's (C-03); both only if equal (C-07).

    Raises `Refusal`: amount_mismatch, over_payment_limit, over_offline_limit, over_holding_limit.
    """
    amount_minor = wanted_minor if offer.amount_minor is None else offer.amount_minor
    if amount_minor is None:
        raise Refusal(Outcome.AMOUNT_MISMATCH, "expected one side to set the amount")
    if wanted_minor not in (None, amount_minor):
        raise Refusal(
            Outcome.AMOUNT_MISMATCH, f"expected {wanted_minor}, the payee asks {amount_minor}"
        )
    check_payment(limits_of(tier), amount_minor)
    if offer.acceptor is Acceptor.CHIP:
        check_offline_payment(limits_of(tier), amount_minor)
    if amount_minor > offer.ceiling_minor:
        raise Refusal(_over(offer), f"the payee can take at most {offer.ceiling_minor}")
    return amount_minor


def _over(offer: Offer) -> Outcome:
    offline = offer.acceptor is Acceptor.CHIP
    return Outcome.OVER_OFFLINE_LIMIT if offline else Outcome.OVER_HOLDING_LIMIT


def check_request(
    trust: TrustStore,
    request: PaymentRequest,
    offer: Offer,
    payee: SignedCertificate,
    now: Moment,
) -> int:
    """The amount that a request to us pays in the session of `offer`, all of it verified (D-09).

    By identifier only, the payer's certificate and signature are all there is to verify; the
    issuer's record decides the rest. Offline, everything goes in full. Raises `Refusal` by name.
    """
    items = [read_item(trust.suite, item) for item in request.items]
    if request.nonce != offer.nonce:
        raise Refusal(Outcome.WRONG_SESSION, "expected a request in the session we offered")
    for item in items:
        _check_binding(item.payment, offer, payee.fingerprint)
    if len({item.payment.value.consumed for item in items}) != len(items):
        raise Refusal(Outcome.DOUBLE_SPENT, "expected each state to be consumed once")
    amount_minor = _check_sum(items, offer)
    for item in items:
        trust.institution(item.item.issuer)
        check_item(trust, item.item, now.midpoint_ms)
        if offer.acceptor is Acceptor.CHIP:
            _check_policy(item, payee.value.tier, now)
    return amount_minor


def _check_policy(item: ReadItem, tier: int, now: Moment) -> None:
    if item.piece is None:
        raise Refusal(Outcome.HISTORY_REQUIRED, "expected the full piece: no manager is asked")
    check_piece(tier, item.piece.currency.value, item.transfers, now)


def _check_binding(payment: SignedTransfer, offer: Offer, payee_fingerprint: bytes) -> None:
    if (payment.value.nonce, payment.value.acceptor) != (offer.nonce, offer.acceptor):
        raise Refusal(Outcome.WRONG_SESSION, "expected transfers bound to our session")
    if payment.value.payee != payee_fingerprint:
        raise Refusal(Outcome.WRONG_ADDRESSEE, "expected transfers to our chip")


def _check_sum(items: Sequence[ReadItem], offer: Offer) -> int:
    total_minor = sum(item.payment.value.amount_minor for item in items)
    if offer.amount_minor is not None and total_minor != offer.amount_minor:
        raise Refusal(Outcome.AMOUNT_MISMATCH, f"expected {offer.amount_minor}, got {total_minor}")
    if total_minor > offer.ceiling_minor:
        raise Refusal(_over(offer), f"expected at most {offer.ceiling_minor}")
    return total_minor


def payer_of(trust: TrustStore, request: PaymentRequest, now: Moment) -> str:
    """The wallet number of who pays by a checked request."""
    return trust.verify_chip(request.items[0].certificates[-1], now.midpoint_ms).value.subject


def paying_transfers(suite: Suite, request: PaymentRequest) -> tuple[SignedTransfer, ...]:
    """The transfers of a request that pay, in its order."""
    return tuple(parse_transfer(suite, item.transfers[-1]) for item in request.items)


def check_confirmation(
    trust: TrustStore, raw: bytes, agreement: Agreement, transfers: Sequence[SignedTransfer]
) -> Confirmation:
    """The payee's manager's word that exactly these transfers were cashed (C-24).

    Raises `Refusal`: malformed and its kin, wrong_addressee, bad_signature, wrong_session,
    amount_mismatch.
    """
    manager = trust.institution(agreement.payee.value.issuer)
    confirmation = CONFIRMATION.read(trust.suite, raw, manager.value.public_key)
    if (confirmation.manager, confirmation.payee) != (
        manager.value.subject,
        agreement.payee.fingerprint,
    ):
        raise Refusal(Outcome.WRONG_ADDRESSEE, "expected a confirmation for the payee")
    names = tuple(transfer.name for transfer in transfers)
    if confirmation.nonce != agreement.nonce or confirmation.transfers != names:
        raise Refusal(Outcome.WRONG_SESSION, "expected a confirmation of this payment's transfers")
    if confirmation.amount_minor != agreement.amount_minor:
        raise Refusal(Outcome.AMOUNT_MISMATCH, f"expected {agreement.amount_minor}")
    return confirmation


def check_receipt(
    suite: Suite, raw: bytes, agreement: Agreement, transfers: Sequence[SignedTransfer]
) -> Receipt:
    """The payee's chip's word that it took exactly these transfers in (C-24).

    Raises `Refusal`: malformed and its kin, bad_signature, wrong_session, amount_mismatch.
    """
    receipt = RECEIPT.read(suite, raw, agreement.payee.value.public_key)
    names = tuple(transfer.name for transfer in transfers)
    if (receipt.nonce, receipt.transfers) != (agreement.nonce, names):
        raise Refusal(Outcome.WRONG_SESSION, "expected a receipt for this payment's transfers")
    if receipt.amount_minor != agreement.amount_minor:
        raise Refusal(Outcome.AMOUNT_MISMATCH, f"expected {agreement.amount_minor}")
    return receipt


def check_result(
    trust: TrustStore,
    result: PaymentResult,
    agreement: Agreement,
    transfers: Sequence[SignedTransfer],
) -> None:
    """The second currency: ours, by our own manager, worth exactly the amount (C-10)."""
    check_confirmation(trust, result.confirmation, agreement, transfers)
    currencies = [check_issued(trust, raw, agreement.payee) for raw in result.currencies]
    total_minor = sum(currency.value.amount_minor for currency in currencies)
    if total_minor != agreement.amount_minor:
        raise Refusal(
            Outcome.AMOUNT_MISMATCH, f"expected {agreement.amount_minor}, got {total_minor}"
        )


def check_issued(trust: TrustStore, raw: bytes, owner: SignedCertificate) -> SignedCurrency:
    """New currency issued to `owner` by the institution that certified it."""
    currency = parse_currency(trust.suite, raw)
    if currency.value.issuer != owner.value.issuer:
        raise Refusal(Outcome.UNKNOWN_ISSUER, f"expected currency of {owner.value.issuer}")
    if currency.value.owner != owner.fingerprint:
        raise Refusal(Outcome.WRONG_OWNER, "expected currency issued to this chip")
    if currency.value.renewal_of is not None:
        raise Refusal(Outcome.MALFORMED, "expected new currency, got a renewal")
    verify_currency(trust, currency)
    return currency


def check_renewal(
    trust: TrustStore, raw: bytes, held: dict[bytes, int], owner: bytes
) -> SignedCurrency:
    """A renewal of a state in `held` (amount by identifier) that `owner` holds."""
    renewal = parse_currency(trust.suite, raw)
    if held.get(renewal.value.renewal_of or b"") != renewal.value.amount_minor:
        raise Refusal(Outcome.AMOUNT_MISMATCH, "expected the renewal of a state held, at its worth")
    if renewal.value.owner != owner:
        raise Refusal(Outcome.WRONG_OWNER, "expected a renewal for the same owner")
    verify_currency(trust, renewal)
    return renewal


def change_of(transfers: Sequence[SignedTransfer]) -> dict[bytes, int]:
    """The change that transfers leave: amount by identifier."""
    return {
        transfer.change_output: transfer.value.change_minor
        for transfer in transfers
        if transfer.change_output is not None
    }


def paid_by(transfers: Sequence[SignedTransfer]) -> dict[bytes, int]:
    """What transfers pay their payee: amount by identifier."""
    return {transfer.payee_output: transfer.value.amount_minor for transfer in transfers}


def sound_renewals(
    trust: TrustStore, raws: Sequence[bytes], held: dict[bytes, int], owner: bytes
) -> tuple[bytes, ...]:
    """Those renewals that verify; a false one only means that the chain stays longer."""
    return tuple(raw for raw in raws if _is_sound(trust, raw, held, owner))


def _is_sound(trust: TrustStore, raw: bytes, held: dict[bytes, int], owner: bytes) -> bool:
    try:
        check_renewal(trust, raw, held, owner)
    except Refusal:
        return False
    return True
