"""Receiving: the chip opens a session, and takes in transfers made to it in that session, once.

The nonce is the chip's own and is forgotten with the first acceptance, so a transfer enters at most
once. The chip verifies the payer's certificates and the transfers itself; its host cannot mint.
A session that has left the ring of `MAX_OFFERS` is closed: newer ones push it out.
"""

from msgspec.structs import replace

from feiqian.chip.card.memory import MAX_ACCEPTED, AcceptedSession, OpenOffer
from feiqian.chip.card.purse import Card, Step, receipt, take_in
from feiqian.chip.card.verification import verified_chip, verified_institution
from feiqian.chip.commands import MAX_OFFERS, Accept, HeldPiece, MakeOffer, OfferAnswer
from feiqian.crypto.cbor import VERSION
from feiqian.crypto.certificates import SignedCertificate, check_validity
from feiqian.money.limits import check_holding
from feiqian.money.transfer import Acceptor, SignedTransfer, parse_transfer, verify_transfer
from feiqian.outcomes import Outcome, Refusal
from feiqian.wire.payment import OFFER, Offer

_NONCE_BYTES = 16


def offer(card: Card, command: MakeOffer) -> Step:
    """OFFER. `Refusal` malformed when it ends before it begins, over_holding_limit without room."""
    state, owner = card.state, card.owner
    if command.expires_at_ms <= command.moment.midpoint_ms:
        raise Refusal(Outcome.MALFORMED, "expected an offer that ends after its moment")
    check_holding(owner.limits, state.balance_minor, command.amount_minor or 1)
    opened = OpenOffer(
        nonce=card.entropy(_NONCE_BYTES),
        amount_minor=command.amount_minor,
        ceiling_minor=owner.limits.holding_minor - state.balance_minor,
        opened_at_ms=command.moment.midpoint_ms,
        expires_at_ms=command.expires_at_ms,
        acceptor=command.acceptor,
    )
    signed = OFFER.sign(
        card.suite,
        owner.key,
        Offer(
            version=VERSION,
            nonce=opened.nonce,
            amount_minor=opened.amount_minor,
            ceiling_minor=opened.ceiling_minor,
            moment=command.moment,
            expires_at_ms=opened.expires_at_ms,
            acceptor=opened.acceptor,
        ),
    )
    offers = (*state.offers, opened)[-MAX_OFFERS:]
    return replace(state, offers=offers), OfferAnswer(offer=signed)


def accept(card: Card, command: Accept) -> Step:
    """ACCEPT (C-16, C-17, C-20).

    Raises `Refusal`: malformed and its kin, bad_certificate, wrong_role, bad_signature,
    wrong_addressee, wrong_session, double_spent, then `_check_agreed`'s, over_holding_limit,
    chip_full.
    """
    state = card.state
    institution, payer = _payer(card, command)
    transfers = tuple(parse_transfer(card.suite, raw) for raw in command.transfers)
    for transfer in transfers:
        verify_transfer(card.suite, payer.value.public_key, transfer)
    nonce = _common_nonce(card, transfers)
    session = AcceptedSession(nonce, _names(card, transfers))
    if session in state.accepted:
        return state, receipt(state, repeated=True)
    opened = _open_offer(card, nonce)
    _check_agreed(opened, transfers)
    for certificate in (institution, payer):
        check_validity(certificate.value, opened.opened_at_ms)
    received = [HeldPiece(one.payee_output, one.value.amount_minor) for one in transfers]
    following = replace(
        take_in(card, received),
        offers=tuple(other for other in state.offers if other is not opened),
        accepted=(*state.accepted, session)[-MAX_ACCEPTED:],
    )
    return following, receipt(following, repeated=False)


def _payer(card: Card, command: Accept) -> tuple[SignedCertificate, SignedCertificate]:
    institution = verified_institution(card.suite, card.state, command.institution_certificate)
    return institution, verified_chip(card.suite, institution, command.payer_certificate)


def _common_nonce(card: Card, transfers: tuple[SignedTransfer, ...]) -> bytes:
    if any(one.value.payee != card.owner.fingerprint for one in transfers):
        raise Refusal(Outcome.WRONG_ADDRESSEE, "expected transfers to this chip")
    nonces = {one.value.nonce for one in transfers}
    if len(nonces) != 1:
        raise Refusal(Outcome.WRONG_SESSION, "expected transfers of one session")
    if len({one.value.consumed for one in transfers}) != len(transfers):
        raise Refusal(Outcome.DOUBLE_SPENT, "expected each transfer to consume another identifier")
    return nonces.pop()


def _names(card: Card, transfers: tuple[SignedTransfer, ...]) -> bytes:
    return card.suite.digest(b"".join(one.identifier for one in transfers))


def _open_offer(card: Card, nonce: bytes) -> OpenOffer:
    for opened in card.state.offers:
        if opened.nonce == nonce:
            return opened
    raise Refusal(Outcome.WRONG_SESSION, "expected a session that this chip has open")


def _check_agreed(opened: OpenOffer, transfers: tuple[SignedTransfer, ...]) -> None:
    """Raise `Refusal` wrong_session, amount_mismatch, expired unless the transfers keep to the offer."""
    if {opened.acceptor, *(one.value.acceptor for one in transfers)} != {Acceptor.CHIP}:
        raise Refusal(
            Outcome.WRONG_SESSION, "expected an offline session: managers cash the others"
        )
    total_minor = sum(one.value.amount_minor for one in transfers)
    if opened.amount_minor not in (None, total_minor) or total_minor > opened.ceiling_minor:
        raise Refusal(Outcome.AMOUNT_MISMATCH, f"expected what was offered, got {total_minor}")
    if any(one.value.moment.certainly_after(opened.expires_at_ms) for one in transfers):
        raise Refusal(Outcome.EXPIRED, "expected transfers made before the offer ended")
