"""Paying: the chip consumes pieces it holds and signs what becomes of them.

Spending the inputs, keeping the change, moving the counter and remembering the signed bytes are one
commit. The journal answers the same command again with the same bytes, so a lost answer is asked
for again and never signed anew; the same nonce with other data is refused while it is remembered.
Older commands than the journal's meet inputs that are gone: nothing is ever signed twice.
"""

from itertools import accumulate

from msgspec.structs import replace

from feiqian.chip.card.memory import MAX_JOURNAL, CardState, SignedPayment
from feiqian.chip.card.purse import Card, Step, check_not_frozen
from feiqian.chip.commands import (
    MAX_EXPORT_RECORDS,
    Export,
    ExportRecord,
    HeldPiece,
    Pay,
    PayFee,
    TransfersAnswer,
)
from feiqian.chip.status_words import StatusError, StatusWord
from feiqian.crypto import cbor
from feiqian.money.limits import check_offline_payment, check_offline_total, check_payment
from feiqian.money.transfer import Acceptor, SignedTransfer, Transfer, sign_transfer
from feiqian.outcomes import Outcome, Refusal

MAX_COUNTER = 2**32 - 1

Spending = Pay | PayFee | Export


def pay(card: Card, command: Pay) -> Step:
    """PAY (C-13, C-15, C-17).

    Raises `Refusal`: malformed for an input named twice, wrong_addressee, wrong_owner,
    amount_mismatch, key_reused, wallet_frozen, over_payment_limit, over_offline_limit,
    insufficient_balance.
    """
    return signed_before(card, command) or sign_payment(card, command)


def sign_payment(card: Card, command: Pay | PayFee) -> Step:
    """Pay another wallet, for the first time; errors as in `pay`."""
    check_not_frozen(card)
    check_payee(card, command.payee)
    check_payment(card.limits, command.amount_minor)
    if command.acceptor is Acceptor.CHIP:
        check_offline_payment(card.limits, command.amount_minor)
        check_offline_total(card.limits, card.state.offline_paid_minor, command.amount_minor)
    state, answer = _spend(card, command, command.payee, command.acceptor)
    if command.acceptor is Acceptor.CHIP:
        paid_minor = state.offline_paid_minor + command.amount_minor
        state = replace(state, offline_paid_minor=paid_minor)
    return state, answer


def export(card: Card, command: Export) -> Step:
    """EXPORT (C-19): pay the own institution and record it. Errors as in `pay`, no payment limit."""
    return signed_before(card, command) or _sign_export(card, command)


def _sign_export(card: Card, command: Export) -> Step:
    check_not_frozen(card)
    state, answer = _spend(card, command, card.owner.institution.fingerprint, Acceptor.MANAGER)
    record = ExportRecord(command.nonce, command.amount_minor, command.moment, state.counter)
    following = replace(
        state,
        exports=(*state.exports, record)[-MAX_EXPORT_RECORDS:],
        exported_count=state.exported_count + 1,
        exported_minor=state.exported_minor + command.amount_minor,
    )
    return following, answer


def check_payee(card: Card, payee: bytes) -> None:
    """Raise `Refusal` wrong_addressee unless it is another's wallet."""
    if payee in (card.owner.fingerprint, card.owner.institution.fingerprint):
        raise Refusal(Outcome.WRONG_ADDRESSEE, "expected another wallet; EXPORT pays institutions")


def signed_before(card: Card, command: Spending) -> Step | None:
    """The answer to this very command, if it is among the last; also when the chip is frozen now.

    Raises `Refusal` key_reused when its nonce stands for another command.
    """
    for earlier in card.state.journal:
        if earlier.nonce != command.nonce:
            continue
        if earlier.command != _digest(card, command):
            raise Refusal(Outcome.KEY_REUSED, "expected a nonce not used for another payment")
        return card.state, TransfersAnswer(transfers=earlier.transfers)
    return None


def _digest(card: Card, command: Spending) -> bytes:
    return card.suite.digest(cbor.encode(command))


def _spend(
    card: Card, command: Spending, payee: bytes, acceptor: Acceptor
) -> tuple[CardState, TransfersAnswer]:
    state = card.state
    amounts = _input_amounts(state, command)
    if state.counter + len(amounts) > MAX_COUNTER:
        raise StatusError(StatusWord.WRONG_STATE)
    left_minor = [command.amount_minor - before for before in accumulate(amounts, initial=0)]
    signed = [
        sign_transfer(
            card.suite,
            card.owner.key,
            Transfer(
                version=cbor.VERSION,
                consumed=consumed,
                payee=payee,
                amount_minor=min(held_minor, wanted_minor),
                change_minor=max(0, held_minor - wanted_minor),
                counter=counter,
                moment=command.moment,
                nonce=command.nonce,
                acceptor=acceptor,
            ),
        )
        for counter, (consumed, held_minor, wanted_minor) in enumerate(
            zip(command.inputs, amounts, left_minor, strict=False), start=state.counter + 1
        )
    ]
    raw = tuple(one.raw for one in signed)
    entry = SignedPayment(command.nonce, _digest(card, command), raw)
    following = replace(
        state,
        counter=state.counter + len(signed),
        pieces=_pieces_after(state, command, signed[-1]),
        journal=(*state.journal, entry)[-MAX_JOURNAL:],
    )
    return following, TransfersAnswer(transfers=raw)


def _input_amounts(state: CardState, command: Spending) -> list[int]:
    """What each input is worth; together they cover the amount, without the last they do not."""
    held = {piece.identifier: piece.amount_minor for piece in state.pieces}
    if len(set(command.inputs)) != len(command.inputs):
        raise Refusal(Outcome.MALFORMED, "expected each input once")
    if not held.keys() >= set(command.inputs):
        raise Refusal(Outcome.WRONG_OWNER, "expected inputs that this chip holds")
    amounts = [held[identifier] for identifier in command.inputs]
    if sum(amounts[:-1]) >= command.amount_minor:
        raise Refusal(Outcome.AMOUNT_MISMATCH, "expected no more inputs than the amount needs")
    if sum(amounts) < command.amount_minor:
        raise Refusal(Outcome.INSUFFICIENT_BALANCE, f"expected inputs of {command.amount_minor}")
    return amounts


def _pieces_after(
    state: CardState, command: Spending, last: SignedTransfer
) -> tuple[HeldPiece, ...]:
    kept = tuple(piece for piece in state.pieces if piece.identifier not in command.inputs)
    if last.change_output is None:
        return kept
    return (*kept, HeldPiece(last.change_output, last.value.change_minor))
