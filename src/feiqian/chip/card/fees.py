"""Fees: a payment without PIN, which the chip itself holds to what the holder authorised (V-05, V-07).

The authorisation says whose statements count; the statement says whose wallet a service entity is
paid into; the fee order's name says what is charged, once. Only what all of them allow is signed, and
signing, using the authorisation and remembering the order are one commit. The host could have paid
nobody else, no more, and no more often, whoever controls it.
"""

from msgspec.structs import replace

from feiqian.chip.card.authorising import read_authorisation
from feiqian.chip.card.memory import CHARGED_BYTES, CardState
from feiqian.chip.card.paying import sign_payment, signed_before
from feiqian.chip.card.purse import Card, Step, latest_ms
from feiqian.chip.commands import MAX_CHARGED, LiveAuthorisation, PayFee
from feiqian.outcomes import Outcome, Refusal
from feiqian.wire.authorisation import ENTITY_STATEMENT, EntityStatement, Grant


def pay_fee(card: Card, command: PayFee) -> Step:
    """PAY FEE.

    Raises `Refusal`: key_reused for an order that was charged, pin_blocked, not_authorised, malformed
    and its kin and bad_signature for the statement, expired, over_ceiling, then as PAY.
    """
    earlier = signed_before(card, command)
    if earlier is not None:
        return earlier
    charge = card.suite.digest(command.order_id)[:CHARGED_BYTES]
    _check_not_charged(card.state, charge)
    _check_pin(card.state)
    live = _find(card, command.authorisation)
    grant = read_authorisation(card, live).grant
    statement = ENTITY_STATEMENT.read(card.suite, command.statement, grant.provider)
    _check_payee(grant, statement, command)
    _check_time(grant, statement, latest_ms(card, command.moment))
    if command.amount_minor > grant.ceiling_minor:
        raise Refusal(Outcome.OVER_CEILING, f"expected at most {grant.ceiling_minor}")
    state, answer = sign_payment(card, command)
    following = replace(
        state,
        authorisations=_used(state, live),
        charged=(state.charged + charge)[-MAX_CHARGED * CHARGED_BYTES :],
    )
    return following, answer


def _check_not_charged(state: CardState, charge: bytes) -> None:
    charged = state.charged
    known = {charged[at : at + CHARGED_BYTES] for at in range(0, len(charged), CHARGED_BYTES)}
    if charge in known:
        raise Refusal(Outcome.KEY_REUSED, "expected a fee order that was not charged before")


def _check_pin(state: CardState) -> None:
    """A blocked PIN means that the wallet may be in wrong hands: what it authorised rests."""
    if state.pin is None or state.pin.tries == 0:
        raise Refusal(Outcome.PIN_BLOCKED, "expected a PIN that is not blocked")


def _find(card: Card, number: int) -> LiveAuthorisation:
    for live in card.state.authorisations:
        if read_authorisation(card, live).number == number:
            return live
    raise Refusal(Outcome.NOT_AUTHORISED, "expected an authorisation with a use left")


def _check_payee(grant: Grant, statement: EntityStatement, command: PayFee) -> None:
    if statement.service is not grant.service:
        raise Refusal(Outcome.NOT_AUTHORISED, f"expected an entity for {grant.service}")
    if command.payee != statement.wallet or grant.payee not in (None, command.payee):
        raise Refusal(Outcome.NOT_AUTHORISED, "expected the wallet of the entity authorised")


def _check_time(grant: Grant, statement: EntityStatement, now_ms: int) -> None:
    """It may have begun, and it is certainly not over."""
    if now_ms < grant.valid_from_ms:
        raise Refusal(Outcome.NOT_AUTHORISED, "expected an authorisation that has begun")
    if now_ms > min(grant.valid_until_ms, statement.not_after_ms):
        raise Refusal(Outcome.EXPIRED, "expected authorisation and statement to be in force")


def _used(state: CardState, used: LiveAuthorisation) -> tuple[LiveAuthorisation, ...]:
    """The authorisations after one use of this one."""
    counted = (
        replace(live, uses_left=live.uses_left - 1) if live is used else live
        for live in state.authorisations
    )
    return tuple(live for live in counted if live.uses_left)
