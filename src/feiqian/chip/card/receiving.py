"""Receiving: the chip opens a session, and takes in transfers made to it in that session, once.

The chip knows its own offer again by its signature, so the host keeps the offers and the chip only
which sessions were paid (`sessions`): a transfer enters at most once, and one that was under way for
long still enters. The chip verifies the payer's certificates and the transfers itself; its host
cannot mint. The receipt is part of the commit: accepting again answers the same receipt.
"""

from msgspec.structs import replace

from feiqian.chip.card.memory import MAX_ACCEPTED, AcceptedSession, CardState
from feiqian.chip.card.purse import Card, Step, check_not_frozen, take_in
from feiqian.chip.card.sessions import NONCE_BYTES, open_session, take_session
from feiqian.chip.card.verification import verified_chip, verified_institution
from feiqian.chip.commands import Accept, AcceptAnswer, HeldPiece, MakeOffer, OfferAnswer
from feiqian.crypto.cbor import VERSION
from feiqian.crypto.certificates import SignedCertificate, check_validity
from feiqian.money.limits import check_holding, check_offline_total
from feiqian.money.transfer import Acceptor, SignedTransfer, parse_transfer, verify_transfer
from feiqian.outcomes import Outcome, Refusal
from feiqian.wire.payment import OFFER, RECEIPT, Offer, Receipt


def offer(card: Card, command: MakeOffer) -> Step:
    """OFFER.

    Raises `Refusal`: malformed when it ends before it begins, wallet_frozen, over_holding_limit without
    room, and over_offline_limit when an offline session could not take the amount in.
    """
    if command.expires_at_ms <= command.moment.midpoint_ms:
        raise Refusal(Outcome.MALFORMED, "expected an offer that ends after its moment")
    check_not_frozen(card)
    ceiling_minor = _ceiling(card, command)
    if command.acceptor is Acceptor.CHIP:
        state, nonce = open_session(card.state, card.entropy)
    else:
        state, nonce = card.state, card.entropy(NONCE_BYTES)
    value = Offer(
        version=VERSION,
        nonce=nonce,
        amount_minor=command.amount_minor,
        ceiling_minor=ceiling_minor,
        moment=command.moment,
        expires_at_ms=command.expires_at_ms,
        acceptor=command.acceptor,
    )
    return state, OfferAnswer(offer=OFFER.sign(card.suite, card.owner.key, value))


def _ceiling(card: Card, command: MakeOffer) -> int:
    """Most that can be taken in this session."""
    state, limits = card.state, card.limits
    wanted_minor = command.amount_minor or 1
    check_holding(limits, state.balance_minor, wanted_minor)
    rooms = [limits.holding_minor - state.balance_minor]
    if command.acceptor is Acceptor.CHIP:
        check_offline_total(limits, state.offline_received_minor, wanted_minor)
        rooms.append(limits.offline_total_minor - state.offline_received_minor)
    if command.ceiling_minor is not None:
        rooms.append(command.ceiling_minor)
    if wanted_minor > min(rooms):
        raise Refusal(Outcome.OVER_OFFLINE_LIMIT, f"expected at most {command.ceiling_minor}")
    return min(rooms)


def accept(card: Card, command: Accept) -> Step:
    """ACCEPT (C-16, C-17, C-20).

    Raises `Refusal`: malformed and its kin, bad_certificate, wrong_role, bad_signature,
    wrong_addressee, wrong_session, double_spent, then `_check_agreed`'s, over_holding_limit,
    over_offline_limit, chip_full.
    """
    state = card.state
    institution, payer = _payer(card, command)
    transfers = tuple(parse_transfer(card.suite, raw) for raw in command.transfers)
    for transfer in transfers:
        verify_transfer(card.suite, payer.value.public_key, transfer)
    opened = OFFER.read(card.suite, command.offer, state.public_key)
    _check_session(card, opened, transfers)
    names = card.suite.digest(b"".join(one.name for one in transfers))
    for earlier in state.accepted:
        if (earlier.nonce, earlier.transfers) == (opened.nonce, names):
            return state, _answer(state, earlier.receipt, repeated=True)
    _check_agreed(opened, transfers)
    for certificate in (institution, payer):
        check_validity(certificate.value, opened.moment.midpoint_ms)
    following = _take_in(card, opened, transfers)
    receipt = RECEIPT.sign(card.suite, card.owner.key, _receipt(opened, transfers))
    entry = AcceptedSession(opened.nonce, names, receipt)
    following = replace(following, accepted=(*state.accepted, entry)[-MAX_ACCEPTED:])
    return following, _answer(following, receipt, repeated=False)


def _payer(card: Card, command: Accept) -> tuple[SignedCertificate, SignedCertificate]:
    institution = verified_institution(card.suite, card.state, command.institution_certificate)
    return institution, verified_chip(card.suite, institution, command.payer_certificate)


def _check_session(card: Card, opened: Offer, transfers: tuple[SignedTransfer, ...]) -> None:
    if any(one.value.payee != card.owner.fingerprint for one in transfers):
        raise Refusal(Outcome.WRONG_ADDRESSEE, "expected transfers to this chip")
    if any(one.value.nonce != opened.nonce for one in transfers):
        raise Refusal(Outcome.WRONG_SESSION, "expected transfers of the session of the offer")
    if len({one.value.consumed for one in transfers}) != len(transfers):
        raise Refusal(Outcome.DOUBLE_SPENT, "expected each transfer to consume another identifier")


def _check_agreed(opened: Offer, transfers: tuple[SignedTransfer, ...]) -> None:
    """Raise `Refusal` wrong_session, amount_mismatch, expired unless the transfers keep to the offer."""
    if {opened.acceptor, *(one.value.acceptor for one in transfers)} != {Acceptor.CHIP}:
        raise Refusal(
            Outcome.WRONG_SESSION, "expected an offline session: managers cash the others"
        )
    total_minor = _total_minor(transfers)
    if opened.amount_minor not in (None, total_minor) or total_minor > opened.ceiling_minor:
        raise Refusal(Outcome.AMOUNT_MISMATCH, f"expected what was offered, got {total_minor}")
    if any(one.value.moment.certainly_after(opened.expires_at_ms) for one in transfers):
        raise Refusal(Outcome.EXPIRED, "expected transfers made before the offer ended")


def _take_in(card: Card, opened: Offer, transfers: tuple[SignedTransfer, ...]) -> CardState:
    state, total_minor = card.state, _total_minor(transfers)
    closed = take_session(state, opened.nonce)
    received = [HeldPiece(one.payee_output, one.value.amount_minor) for one in transfers]
    held = take_in(card, received)
    check_offline_total(card.limits, state.offline_received_minor, total_minor)
    return replace(
        closed,
        pieces=held.pieces,
        offline_received_minor=state.offline_received_minor + total_minor,
    )


def _receipt(opened: Offer, transfers: tuple[SignedTransfer, ...]) -> Receipt:
    names = tuple(one.name for one in transfers)
    return Receipt(VERSION, opened.nonce, _total_minor(transfers), names)


def _total_minor(transfers: tuple[SignedTransfer, ...]) -> int:
    return sum(one.value.amount_minor for one in transfers)


def _answer(state: CardState, receipt: bytes, *, repeated: bool) -> AcceptAnswer:
    return AcceptAnswer(repeated=repeated, balance_minor=state.balance_minor, receipt=receipt)
