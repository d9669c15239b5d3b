"""Loading: new currency of the chip's own institution enters, each sequence number once, in order.

The number is what makes a replayed LOAD harmless for ever, with one integer of memory. A renewal
restates value already in circulation and has no number; loading it would mint, so it is refused.
"""

from msgspec.structs import replace

from feiqian.chip.card.purse import Card, Step, receipt, take_in
from feiqian.chip.commands import HeldPiece, Load
from feiqian.money.currency import CURRENCY, SignedCurrency, parse_currency
from feiqian.outcomes import Outcome, Refusal


def load(card: Card, command: Load) -> Step:
    """LOAD (C-16, C-19).

    Raises `Refusal`: malformed and its kin, unknown_issuer, bad_signature, wrong_owner,
    over_holding_limit, sequence_gap, chip_full.
    """
    currency = parse_currency(card.suite, command.currency)
    _check_issued_to_us(card, currency)
    state, value = card.state, currency.value
    if value.sequence <= state.loaded_sequence:
        return state, receipt(state, repeated=True)
    if value.sequence != state.loaded_sequence + 1:
        raise Refusal(Outcome.SEQUENCE_GAP, f"expected number {state.loaded_sequence + 1} first")
    following = take_in(card, (HeldPiece(currency.identifier, value.amount_minor),))
    following = replace(following, loaded_sequence=value.sequence)
    return following, receipt(following, repeated=False)


def _check_issued_to_us(card: Card, currency: SignedCurrency) -> None:
    institution = card.owner.institution.value
    if currency.value.renewal_of is not None:
        raise Refusal(Outcome.MALFORMED, "expected new value, not a renewal")
    if currency.value.issuer != institution.subject:
        raise Refusal(Outcome.UNKNOWN_ISSUER, f"expected a currency of {institution.subject}")
    CURRENCY.verify(card.suite, institution.public_key, currency.signed)
    if currency.value.owner != card.owner.fingerprint:
        raise Refusal(Outcome.WRONG_OWNER, "expected a currency issued to this chip")
